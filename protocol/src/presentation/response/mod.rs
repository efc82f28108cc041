//! The authorization response, encrypted and posted to the verifier (`direct_post.jwt`)
//! ([OpenID4VP 1.0, sections 8.2 and 8.3](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#response_encryption)).

use std::fmt;

use rand_core::CryptoRng;
use serde_json::{Map, Value};

use super::dcql::Query;
use super::error_response::ErrorResponse;
use super::form::{self, Form};
use super::nonce::State;
use super::request::RequestParameters;
use super::vp_token::{VpToken, VpTokenError};
use crate::envelope::jwe::{self, DecryptionKey, UnverifiedJwe};
use crate::json::{self, Limits};

/// Bytes of a posted response; document images may travel in it.
pub const RESPONSE_BYTES_MAX: usize = 12 * 1024 * 1024;
/// The payload holds whole presentations and images as strings.
const PAYLOAD_LIMITS: Limits = Limits::DEFAULT
    .with_bytes(RESPONSE_BYTES_MAX)
    .with_string(RESPONSE_BYTES_MAX);

/// A successful response.
#[derive(Clone, PartialEq)]
pub struct AuthorizationResponse {
    /// The presentations.
    pub vp_token: VpToken,
    /// The request's `state`.
    pub state: Option<State>,
    /// Parameters beside those of the specification, by name; whoever does not know one ignores it.
    pub extensions: Map<String, Value>,
}

/// A posted body.
#[derive(Debug)]
pub enum UnverifiedResponse {
    /// An encrypted response.
    Encrypted(EncryptedResponse),
    /// The wallet reports an error, which it may do in clear.
    Error(ErrorResponse),
}

/// A response that only the key of its request opens.
#[derive(Debug)]
pub struct EncryptedResponse {
    jwe: UnverifiedJwe,
}

/// What the verifier knows of the request that a response belongs to.
#[derive(Clone, Copy, Debug)]
pub struct ResponseExpectation<'a> {
    /// The request's own decryption key.
    pub key: &'a DecryptionKey,
    /// The name that it had in the request.
    pub kid: &'a str,
    /// The request's state.
    pub state: &'a State,
    /// The request's query.
    pub query: &'a Query,
}

/// Why a response is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The form cannot be read, or has several answers.
    #[error("the form of the response cannot be read")]
    Form,
    /// The response came in clear.
    #[error("the response is not encrypted")]
    NotEncrypted,
    /// Not encrypted to the key of this request with an offered cipher, or altered.
    #[error("the response cannot be decrypted")]
    Decryption,
    /// The payload is no acceptable JSON object.
    #[error("the payload of the response is not acceptable")]
    Payload,
    /// Another request's state.
    #[error("the response belongs to another request")]
    State,
    /// The VP token is rejected.
    #[error("the VP token is rejected")]
    VpToken(#[source] VpTokenError),
}

impl AuthorizationResponse {
    /// The form body to post to the request's response URI.
    #[must_use]
    pub fn encrypt(&self, request: &RequestParameters, rng: &mut impl CryptoRng) -> String {
        let mut payload = self.extensions.clone();
        payload.insert("vp_token".to_owned(), self.vp_token.to_value());
        if let Some(state) = &self.state {
            payload.insert("state".to_owned(), Value::from(state.as_str()));
        }
        let metadata = &request.client_metadata;
        let jwe = jwe::encrypt(
            metadata.key(),
            metadata.encryption(),
            &[],
            request.nonce.as_str().as_bytes(),
            Value::Object(payload).to_string().as_bytes(),
            rng,
        );
        form::encode(&[("response", &jwe)])
    }
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationResponse({:?})", self.vp_token)
    }
}

impl UnverifiedResponse {
    /// Reads a posted body.
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        if body.len() > RESPONSE_BYTES_MAX {
            return Err(ResponseError::Form);
        }
        let mut form = Form::parse(body).map_err(|_| ResponseError::Form)?;
        match (form.take("response"), ErrorResponse::from_form(&form)) {
            (Some(jwe), None) => {
                let jwe = UnverifiedJwe::parse(&jwe, RESPONSE_BYTES_MAX)
                    .map_err(|_| ResponseError::Decryption)?;
                Ok(Self::Encrypted(EncryptedResponse { jwe }))
            }
            (None, Some(error)) => Ok(Self::Error(error)),
            (None, None) if form.get("vp_token").is_some() => Err(ResponseError::NotEncrypted),
            (Some(_), Some(_)) | (None, None) => Err(ResponseError::Form),
        }
    }
}

impl EncryptedResponse {
    /// Decrypts the response, and checks that it belongs to the request and answers its query.
    pub fn open(
        &self,
        expected: &ResponseExpectation<'_>,
    ) -> Result<AuthorizationResponse, ResponseError> {
        if self.jwe.kid() != Some(expected.kid) {
            return Err(ResponseError::Decryption);
        }
        let plaintext = self
            .jwe
            .decrypt(expected.key)
            .map_err(|_| ResponseError::Decryption)?;
        let payload =
            json::parse(&plaintext, &PAYLOAD_LIMITS).map_err(|_| ResponseError::Payload)?;
        let Value::Object(mut payload) = payload else {
            return Err(ResponseError::Payload);
        };
        let state = payload.remove("state");
        if state.as_ref().and_then(Value::as_str) != Some(expected.state.as_str()) {
            return Err(ResponseError::State);
        }
        let vp_token = payload
            .remove("vp_token")
            .ok_or(ResponseError::VpToken(VpTokenError::Malformed))?;
        Ok(AuthorizationResponse {
            vp_token: VpToken::parse(&vp_token, expected.query).map_err(ResponseError::VpToken)?,
            state: Some(expected.state.clone()),
            extensions: payload,
        })
    }
}

#[cfg(test)]
mod tests;
