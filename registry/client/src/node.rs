//! One node over HTTP: bounded answers, no redirects, timeouts.

use std::time::Duration;

use protocol::registry::ServiceUrl;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, StatusCode};

use crate::{Fault, Options};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A node waits up to 20 seconds for a record to become final.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(25);
/// Problem bodies and acknowledgements.
const SMALL_BYTES_MAX: usize = 64 * 1024;

/// An HTTP client with the bounds that all requests share.
pub(crate) fn http(options: &Options) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent("tegata");
    // In development there may be no certificates on the machine, and none are needed on loopback.
    if !options.certificates.is_empty() || options.reach == crate::Reach::DevelopmentLoopbackHttp {
        let certificates = options.certificates.iter();
        let certificates = certificates.map(|der| Certificate::from_der(der));
        builder = builder.tls_certs_only(certificates.collect::<Result<Vec<_>, _>>()?);
    }
    builder.build()
}

/// A member's node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    name: String,
    base: String,
    http: Client,
    own: bool,
}

impl Node {
    pub(crate) fn new(name: &str, url: &ServiceUrl, http: Client) -> Self {
        Self {
            name: name.to_owned(),
            base: url.as_str().trim_end_matches('/').to_owned(),
            http,
            own: false,
        }
    }

    /// The node of the caller's own member: it is believed for what it leaves out, and no other is asked beside it.
    pub(crate) fn of_own_member(self) -> Self {
        Self { own: true, ..self }
    }

    /// Whether it is the node of the caller's own member.
    pub(crate) const fn is_own(&self) -> bool {
        self.own
    }

    /// The member's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Fetches a resource; none if the node says that there is no such thing.
    pub(crate) async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, Fault> {
        let request = self.http.get(format!("{}{path}", self.base));
        let (status, body) = self.send(request.timeout(READ_TIMEOUT), bytes_max).await?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(Fault::Status(other.as_u16())),
        }
    }

    /// Hands a record to the node at `/records` or `/relay`, and says what the node answered.
    pub(crate) async fn post_record(
        &self,
        path: &str,
        record: &[u8],
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), Fault> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/cbor"))
            .body(record.to_vec());
        self.send(request.timeout(SUBMIT_TIMEOUT), bytes_max).await
    }

    /// Gives the node a status list token to mirror.
    pub(crate) async fn put_status_list(&self, path: &str, token: &str) -> Result<(), Fault> {
        let content_type = HeaderValue::from_static("application/statuslist+jwt");
        let request = self
            .http
            .put(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, content_type)
            .body(token.to_owned());
        let sent = self.send(request.timeout(SUBMIT_TIMEOUT), SMALL_BYTES_MAX);
        let (status, _body) = sent.await?;
        if status.is_success() {
            return Ok(());
        }
        Err(Fault::Status(status.as_u16()))
    }

    async fn send(
        &self,
        request: RequestBuilder,
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), Fault> {
        let mut response = request.send().await.map_err(Fault::Unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Fault::Unreachable)? {
            if chunk.len() > bytes_max.saturating_sub(body.len()) {
                return Err(Fault::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}
