//! Bodies, forms and queries, read strictly: the content type is checked, and a name that occurs twice is refused.

mod form;
#[cfg(test)]
mod tests;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use protocol::json::{self, Limits};
use protocol::problem::ProblemType;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
pub use form::{Form, Query};

/// A body as it came, within the route's limit; beyond it is 413.
#[derive(Clone, Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Refusal::of(ProblemType::TooLarge))
            }
            Err(_broken) => Err(Refusal::malformed()),
        }
    }
}

/// A JSON body of `application/json`, read by [`protocol::json`]: 415, 413 or 400 otherwise.
///
/// The bound on the whole is the route's (see [`crate::limits::body_limit`]); all others are [`Limits::DEFAULT`]. A
/// route with longer strings takes [`RawBody`] and calls [`json_body`].
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        require_content_type(&headers, "application/json")?;
        let RawBody(body) = RawBody::from_request(request, state).await?;
        json_body(&headers, &body, &Limits::DEFAULT.with_bytes(body.len())).map(Self)
    }
}

/// Answers with JSON.
impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads a JSON body with limits of its own.
///
/// # Errors
///
/// The refusal to answer with: another content type, or not the JSON that `T` says.
pub fn json_body<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    limits: &Limits,
) -> Result<T, Refusal> {
    require_content_type(headers, "application/json")?;
    json::parse_as(body, limits).map_err(|_| Refusal::malformed())
}

/// Refuses any content type but `expected`; the only parameter that may follow is `charset=utf-8`.
///
/// # Errors
///
/// 415 for another, a missing or a repeated content type.
pub fn require_content_type(headers: &HeaderMap, expected: &str) -> Result<(), Refusal> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::unsupported_media_type());
    };
    let value = value
        .to_str()
        .map_err(|_| Refusal::unsupported_media_type())?;
    let (media_type, parameters) = value.split_once(';').unwrap_or((value, ""));
    let parameters = parameters.trim();
    let plain = parameters.is_empty()
        || parameters.eq_ignore_ascii_case("charset=utf-8")
        || parameters.eq_ignore_ascii_case("charset=\"utf-8\"");
    if media_type.trim().eq_ignore_ascii_case(expected) && plain {
        Ok(())
    } else {
        Err(Refusal::unsupported_media_type())
    }
}
