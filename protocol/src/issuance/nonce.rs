//! The nonce response (OpenID4VCI section 7.2).

use serde_json::Value;

use crate::json::{self, Limits};

/// Bytes of a nonce.
pub const NONCE_BYTES_MAX: usize = 512;

/// A challenge for key proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceResponse {
    /// The challenge. It is no secret.
    pub c_nonce: String,
}

/// A body that is no nonce response.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the nonce response holds no usable c_nonce")]
pub struct NonceResponseError;

impl NonceResponse {
    /// Reads a response.
    pub fn parse(body: &[u8]) -> Result<Self, NonceResponseError> {
        let value = json::parse(body, &Limits::DEFAULT).map_err(|_| NonceResponseError)?;
        let c_nonce = value
            .get("c_nonce")
            .and_then(Value::as_str)
            .filter(|nonce| !nonce.is_empty() && nonce.len() <= NONCE_BYTES_MAX)
            .ok_or(NonceResponseError)?;
        Ok(Self {
            c_nonce: c_nonce.to_owned(),
        })
    }

    /// The body of the response.
    pub fn to_json(&self) -> Value {
        serde_json::json!({"c_nonce": self.c_nonce})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_back() {
        let response = NonceResponse {
            c_nonce: "wKI4LT17ac15ES9bw8ac4".to_owned(),
        };
        assert_eq!(
            NonceResponse::parse(response.to_json().to_string().as_bytes()),
            Ok(response)
        );
    }

    #[test]
    fn a_response_without_a_usable_nonce_is_refused() {
        let long = format!(r#"{{"c_nonce":"{}"}}"#, "a".repeat(NONCE_BYTES_MAX + 1));
        for body in [
            "{}",
            r#"{"c_nonce":""}"#,
            r#"{"c_nonce":1}"#,
            "[]",
            "",
            &long,
        ] {
            assert_eq!(
                NonceResponse::parse(body.as_bytes()),
                Err(NonceResponseError)
            );
        }
    }
}
