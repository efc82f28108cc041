//! A refusal on its way to the client: an RFC 9457 problem, or the OAuth error body where a specification asks for that.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::problem::{OAuthError, Problem, ProblemType};

/// An answer that refuses. It never quotes what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Refusal {
    /// A problem of a kind, without further words.
    #[must_use]
    pub fn of(kind: ProblemType) -> Self {
        Problem::new(kind).into()
    }

    /// 400: the message is not what its format says.
    #[must_use]
    pub fn malformed() -> Self {
        Self::of(ProblemType::InvalidRequest)
    }

    /// 401: no bearer token, or one that opens nothing.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::of(ProblemType::Unauthorized)
    }

    /// 404: no such thing, or none that this caller may know about.
    #[must_use]
    pub fn not_found() -> Self {
        Self::of(ProblemType::NotFound)
    }

    /// 415: the content type, charset or encoding is not read here.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        Self::of(ProblemType::UnsupportedMediaType)
    }

    /// 500, with nothing about the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::of(ProblemType::Internal)
    }

    /// 503 with `Retry-After`: the same request may succeed later.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::of(ProblemType::Unavailable)
    }

    /// The OAuth error body with the status that its specification gives.
    #[must_use]
    pub fn oauth(status: StatusCode, error: &OAuthError) -> Self {
        let body = serde_json::to_vec(error).unwrap_or_default();
        Self {
            status,
            content_type: "application/json",
            body,
        }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            status: StatusCode::from_u16(problem.status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            content_type: Problem::MEDIA_TYPE,
            body: serde_json::to_vec(&problem).unwrap_or_default(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, [(CONTENT_TYPE, self.content_type)], self.body).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
