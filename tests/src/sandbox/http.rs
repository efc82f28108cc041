//! JSON over HTTP to the sandbox's services.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::RequestBuilder;
use serde_json::Value;
use service::client::{Answer, Outbound, Reach};
use url::Url;

/// Answers of the sandbox are not larger than this.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A service may wait for the registry as long as a record takes on a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// An HTTP client for loopback.
#[derive(Clone, Debug)]
pub struct Http {
    client: Outbound,
}

impl Http {
    /// A client that speaks to loopback only.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            client: Outbound::new(Reach::DevelopmentLoopbackHttp, None)?,
        })
    }

    /// Sends whatever was built.
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        Ok(self.client.send(request, ANSWER_BYTES_MAX).await?)
    }

    /// GET.
    pub async fn get(&self, url: &Url) -> anyhow::Result<Answer> {
        self.send(self.getting(url)).await
    }

    /// A GET request to add to.
    pub fn getting(&self, url: &Url) -> RequestBuilder {
        self.client.get(url).timeout(ANSWER_TIMEOUT)
    }

    /// A POST request to add to.
    pub fn posting(&self, url: &Url) -> RequestBuilder {
        self.client.post(url).timeout(ANSWER_TIMEOUT)
    }

    /// GET of a JSON document that has to be there.
    pub async fn get_json(&self, url: &Url) -> anyhow::Result<Value> {
        expect_json(&self.get(url).await?).with_context(|| format!("GET {url}"))
    }

    /// POST of JSON that has to succeed.
    pub async fn post_json(&self, url: &Url, body: &Value) -> anyhow::Result<Value> {
        expect_json(&self.send(self.posting(url).json(body)).await?)
            .with_context(|| format!("POST {url}"))
    }
}

/// The JSON of an answer that says yes; an empty body is `null`.
pub fn expect_json(answer: &Answer) -> anyhow::Result<Value> {
    ensure!(
        answer.status.is_success(),
        "answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&answer.body).context("the answer is not JSON")
}

/// `base` with `path` below it.
pub fn below(base: &Url, path: &str) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!(
        "{}/{path}",
        base.as_str().trim_end_matches('/')
    ))?)
}

/// A member of a JSON object that has to be text.
pub fn text<'a>(value: &'a Value, member: &str) -> anyhow::Result<&'a str> {
    value
        .get(member)
        .and_then(Value::as_str)
        .with_context(|| format!("no text \"{member}\" in {value}"))
}
