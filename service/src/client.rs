//! Requests that a service makes: no redirects, five seconds, a bounded answer, https.

use std::net::IpAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use reqwest::{Certificate, Client, RequestBuilder};
use url::{Host, Url};

use crate::limits::{FETCH_TIMEOUT, FETCHED_BYTES};

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https` only.
    HttpsOnly,
    /// `https`, and plain `http` to a loopback address: for one machine only.
    DevelopmentLoopbackHttp,
}

impl Reach {
    /// From the setting of the same name.
    #[must_use]
    pub const fn from_development_setting(development_loopback_http: bool) -> Self {
        if development_loopback_http {
            Self::DevelopmentLoopbackHttp
        } else {
            Self::HttpsOnly
        }
    }

    /// Whether `url` may be asked: no credentials in it, and a scheme that fits.
    #[must_use]
    pub fn allows(self, url: &Url) -> bool {
        let bare = url.username().is_empty() && url.password().is_none();
        let scheme_fits = match url.scheme() {
            "https" => url.host().is_some(),
            "http" => self == Self::DevelopmentLoopbackHttp && is_loopback(url),
            _ => false,
        };
        bare && scheme_fits
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of trusted certificates is not usable.
    #[error("the certificates to trust cannot be used")]
    Certificates(#[source] anyhow::Error),
    /// The TLS library refused the settings.
    #[error("the HTTP client cannot be built")]
    Build(#[source] reqwest::Error),
}

/// Why a request brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is neither https nor, in development, loopback.
    #[error("the address is not allowed")]
    AddressRefused,
    /// No connection, no answer in time, or a broken one.
    #[error("no answer")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is longer than the caller's limit.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
}

/// An answer, whole and bounded.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// An HTTP client with bounds.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: Client,
    reach: Reach,
}

impl Outbound {
    /// A client that trusts the system's certificates or, where `certificates` names a PEM file, those in it alone. In
    /// development without a file it trusts none, and so speaks to loopback only.
    ///
    /// # Errors
    ///
    /// When the file or the system's certificates cannot be used.
    pub fn new(reach: Reach, certificates: Option<&Path>) -> Result<Self, ClientError> {
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .timeout(FETCH_TIMEOUT)
            .connect_timeout(FETCH_TIMEOUT)
            .user_agent("tegata");
        if certificates.is_some() || reach == Reach::DevelopmentLoopbackHttp {
            builder = builder.tls_certs_only(read_roots(certificates)?);
        }
        let client = builder.build().map_err(ClientError::Build)?;
        Ok(Self { client, reach })
    }

    /// Starts a GET request; give it to [`Outbound::send`].
    pub fn get(&self, url: &Url) -> RequestBuilder {
        self.client.get(url.clone())
    }

    /// Starts a POST request; give it to [`Outbound::send`].
    pub fn post(&self, url: &Url) -> RequestBuilder {
        self.client.post(url.clone())
    }

    /// Starts a PUT request; give it to [`Outbound::send`].
    pub fn put(&self, url: &Url) -> RequestBuilder {
        self.client.put(url.clone())
    }

    /// Sends a request and reads at most `bytes_max` of its answer ([`FETCHED_BYTES`] where there is no better number).
    ///
    /// # Errors
    ///
    /// When the address is not allowed, nothing answers, or the answer is too long.
    pub async fn send(
        &self,
        request: RequestBuilder,
        bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let request = request.build().map_err(FetchError::Unreachable)?;
        if !self.reach.allows(request.url()) {
            return Err(FetchError::AddressRefused);
        }
        let mut response = self
            .client
            .execute(request)
            .await
            .map_err(FetchError::Unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Unreachable)? {
            if body.len().saturating_add(chunk.len()) > bytes_max {
                return Err(FetchError::TooLong { bytes_max });
            }
            body.extend_from_slice(&chunk);
        }
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok(Answer {
            status,
            headers,
            body: body.into(),
        })
    }

    /// Fetches a document of at most [`FETCHED_BYTES`].
    ///
    /// # Errors
    ///
    /// As [`Outbound::send`].
    pub async fn fetch(&self, url: &Url) -> Result<Answer, FetchError> {
        self.send(self.get(url), FETCHED_BYTES).await
    }
}

fn read_roots(path: Option<&Path>) -> Result<Vec<Certificate>, ClientError> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let certificates = crate::config::read_certificates(path)
        .map_err(|error| ClientError::Certificates(error.into()))?;
    let parse = |der: &rustls_pki_types::CertificateDer<'static>| Certificate::from_der(der);
    certificates
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map_err(|error| ClientError::Certificates(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn https_is_always_allowed() {
        assert!(Reach::HttpsOnly.allows(&url("https://issuer.example/x")));
        assert!(Reach::DevelopmentLoopbackHttp.allows(&url("https://issuer.example/x")));
    }

    #[test]
    fn plain_http_is_allowed_on_loopback_in_development_only() {
        for loopback in [
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
            "http://localhost:1/",
        ] {
            assert!(
                Reach::DevelopmentLoopbackHttp.allows(&url(loopback)),
                "{loopback}"
            );
            assert!(!Reach::HttpsOnly.allows(&url(loopback)), "{loopback}");
        }
        for elsewhere in [
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "ftp://127.0.0.1/",
        ] {
            assert!(
                !Reach::DevelopmentLoopbackHttp.allows(&url(elsewhere)),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn an_address_with_credentials_is_refused() {
        assert!(!Reach::HttpsOnly.allows(&url("https://user:word@issuer.example/")));
    }
}
