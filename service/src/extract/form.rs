//! Forms and query strings, where a name may stand once (RFC 6749 section 3.1).

use std::borrow::Cow;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{RawBody, require_content_type};
use crate::refusal::Refusal;

/// Names in one form.
const FIELDS_MAX: usize = 64;

/// A body of `application/x-www-form-urlencoded`. Every field of `T` is text; unknown names are passed over unless `T`
/// denies them, repeated ones are refused.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        require_content_type(request.headers(), "application/x-www-form-urlencoded")?;
        let RawBody(body) = RawBody::from_request(request, state).await?;
        read(&body).map(Self)
    }
}

/// A query string, read like a [`Form`].
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        read(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// Reads `name=value&…` strictly: UTF-8 only, whole escapes only, each name once.
pub(super) fn read<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, Refusal> {
    let mut fields = Map::new();
    for pair in encoded
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut sides = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(sides.next().unwrap_or_default())?;
        let value = decode(sides.next().unwrap_or_default())?;
        let repeated = fields.insert(name, Value::String(value)).is_some();
        if repeated || fields.len() > FIELDS_MAX {
            return Err(Refusal::malformed());
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|_| Refusal::malformed())
}

fn decode(encoded: &[u8]) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = (
                    rest.next().and_then(hex_digit),
                    rest.next().and_then(hex_digit),
                );
                let (Some(high), Some(low)) = digits else {
                    return Err(Refusal::malformed());
                };
                high << 4 | low
            }
            other => other,
        });
    }
    let text = String::from_utf8_lossy(&bytes);
    match text {
        Cow::Borrowed(text) => Ok(text.to_owned()),
        Cow::Owned(_replaced) => Err(Refusal::malformed()),
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
