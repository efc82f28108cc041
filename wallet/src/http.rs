//! HTTP with bounds: no redirects, no proxies from the environment, a deadline, a largest answer.
//!
//! The wallet speaks only to the services of the network that its user trusts ([`crate::network`]); no URL from a link, an offer or
//! a request is followed to anywhere else.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;
use url::Url;

use crate::failure::Advise;

/// Bytes of an ordinary answer.
pub const ANSWER_BYTES_MAX: usize = 512 * 1024;
const CONNECT_SECONDS_MAX: u64 = 5;
/// From the first byte sent to the last byte read.
const EXCHANGE_SECONDS_MAX: u64 = 5;
/// The same where the wallet sends images.
const UPLOAD_SECONDS_MAX: u64 = 60;

/// A client for one command.
pub struct Http {
    client: reqwest::Client,
}

/// What a service answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The media type, without parameters, in lower case.
    pub media_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A request with a body.
pub struct Post<'a> {
    /// Where to.
    pub url: &'a Url,
    /// The type of the body.
    pub media_type: &'a str,
    /// The body.
    pub body: Vec<u8>,
    /// The type of answer that is wanted.
    pub accept: &'a str,
    /// A bearer token.
    pub bearer: Option<&'a str>,
    /// The largest answer.
    pub answer_bytes_max: usize,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// This machine cannot make TLS connections.
    #[error("no HTTP client can be made on this machine")]
    Client(#[source] reqwest::Error),
    /// No connection, or it broke, or it took too long.
    #[error("{host} does not answer")]
    Connection {
        /// Whom the wallet spoke to.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is larger than its bound.
    #[error("{0} answers with too much")]
    TooLarge(String),
    /// The service asks the wallet to go elsewhere.
    #[error("{0} redirects, which is not followed")]
    Redirect(String),
    /// The service refuses.
    #[error("{host} refuses with status {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// The error code in the body, if it is one.
        code: Option<String>,
    },
    /// The answer has another type than was asked for.
    #[error("{0} answers with something else than was asked for")]
    MediaType(String),
}

impl HttpError {
    /// Whether the service has understood and will say the same again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 400..=499,
                ..
            }
        )
    }

    /// The error code that the service gave, if it refused with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            Self::Client(_)
            | Self::Connection { .. }
            | Self::TooLarge(_)
            | Self::Redirect(_)
            | Self::MediaType(_) => None,
        }
    }
}

impl Advise for HttpError {
    fn advice(&self) -> String {
        match self {
            Self::Client(_) => "install the certificates of your system (ca-certificates)",
            Self::Connection { .. } => "check your connection and run the command again",
            Self::TooLarge(_) | Self::Redirect(_) | Self::MediaType(_) => {
                "tell the operator of the service; nothing was accepted from it"
            }
            Self::Refused { .. } => "read the reason; run the command again if it may have passed",
        }
        .into()
    }
}

impl Http {
    /// A client.
    pub fn new() -> Result<Self, HttpError> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .user_agent("tegata")
            .build()
            .map_err(HttpError::Client)?;
        Ok(Self { client })
    }

    /// Fetches a document that must exist.
    pub async fn get(
        &self,
        url: &Url,
        accept: &str,
        bearer: Option<&str>,
    ) -> Result<Answer, HttpError> {
        let request = self.client.get(url.clone()).header(ACCEPT, accept);
        let request =
            with_bearer(request, bearer).timeout(Duration::from_secs(EXCHANGE_SECONDS_MAX));
        let answer = exchange(request, url, ANSWER_BYTES_MAX).await?;
        success(answer, url)
    }

    /// Sends something that must be accepted.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, HttpError> {
        let seconds = if post.body.len() > ANSWER_BYTES_MAX {
            UPLOAD_SECONDS_MAX
        } else {
            EXCHANGE_SECONDS_MAX
        };
        let request = self
            .client
            .post(post.url.clone())
            .header(CONTENT_TYPE, post.media_type)
            .header(ACCEPT, post.accept)
            .body(post.body);
        let request = with_bearer(request, post.bearer).timeout(Duration::from_secs(seconds));
        let answer = exchange(request, post.url, post.answer_bytes_max).await?;
        success(answer, post.url)
    }
}

impl Answer {
    /// The body, if it is of this type.
    pub fn of_type(self, media_type: &str, url: &Url) -> Result<Vec<u8>, HttpError> {
        if self.media_type == media_type {
            Ok(self.body)
        } else {
            Err(HttpError::MediaType(host(url)))
        }
    }
}

fn with_bearer(request: reqwest::RequestBuilder, bearer: Option<&str>) -> reqwest::RequestBuilder {
    match bearer {
        Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
    url: &Url,
    bytes_max: usize,
) -> Result<Answer, HttpError> {
    let broken = |source: reqwest::Error| HttpError::Connection {
        host: host(url),
        // The URL can hold a token in its path.
        source: source.without_url(),
    };
    let mut response = request.send().await.map_err(broken)?;
    let status = response.status().as_u16();
    let media_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(HttpError::TooLarge(host(url)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        media_type,
        body,
    })
}

fn success(answer: Answer, url: &Url) -> Result<Answer, HttpError> {
    match answer.status {
        200..=299 => Ok(answer),
        300..=399 => Err(HttpError::Redirect(host(url))),
        status => Err(HttpError::Refused {
            host: host(url),
            status,
            code: error_code(&answer.body),
        }),
    }
}

/// `error` (OAuth) or `code` (problem details), if it looks like a code.
fn error_code(body: &[u8]) -> Option<String> {
    let value = protocol::json::parse(body, &protocol::json::Limits::DEFAULT).ok()?;
    let code = value.get("error").or_else(|| value.get("code"))?.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (code.len() <= 64 && code.bytes().all(plain)).then(|| code.to_owned())
}

/// Host and port, for messages.
#[must_use]
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
