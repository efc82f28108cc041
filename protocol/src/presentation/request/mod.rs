//! The signed request object
//! ([OpenID4VP 1.0, section 5](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#vp_token_request), RFC 9101).
//!
//! The verifier fills [`RequestParameters`] and signs them; the wallet reads an [`UnverifiedRequest`] and gets the
//! parameters back only as a [`VerifiedRequest`].

mod read;
#[cfg(test)]
mod tests;
mod verify;

use serde_json::{Map, Value, json};
use url::Url;

pub use read::RefusalReason;
pub use verify::{
    AuthenticationError, Refusal, RegisteredClient, ReplyTo, RequestError, RequestExpectation,
    RequestTrust, UnverifiedRequest, VerifiedRequest,
};

use super::client_id::ClientId;
use super::client_metadata::ClientMetadata;
use super::dcql::Query;
use super::nonce::{Nonce, State, WalletNonce};
use super::transaction_data::TransactionData;
use super::verifier_info::VerifierInfo;
use crate::Timestamp;
use crate::identity::jws::{self, HeaderExtras};
use crate::identity::{Purpose, SigningKey};

/// The media type of a request object.
pub const REQUEST_MEDIA_TYPE: &str = "application/oauth-authz-req+jwt";
/// The audience of a request to a wallet that nobody knows in advance.
const AUDIENCE: &str = "https://self-issued.me/v2";
const RESPONSE_TYPE: &str = "vp_token";
const RESPONSE_MODE: &str = "direct_post.jwt";

/// What a request says.
#[derive(Clone, Debug)]
pub struct RequestParameters {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub response_uri: Url,
    /// Ties the presentation to this request.
    pub nonce: Nonce,
    /// Comes back in the answer.
    pub state: Option<State>,
    /// What is asked for.
    pub query: Query,
    /// What the verifier can read, and the key that the answer is encrypted to.
    pub client_metadata: ClientMetadata,
    /// What the holder is to authorise.
    pub transaction_data: Vec<TransactionData>,
    /// What the verifier says of itself.
    pub verifier_info: Vec<VerifierInfo>,
    /// The wallet's nonce, if it sent one.
    pub wallet_nonce: Option<WalletNonce>,
    /// When the request was made; other verifiers may leave it out.
    pub issued_at: Option<Timestamp>,
    /// When it ends; other verifiers may leave it out.
    pub expires_at: Option<Timestamp>,
}

impl RequestParameters {
    /// Signs the request; `x5c` holds base64 of DER certificates, leaf first, without the root.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, x5c: &[String]) -> String {
        let extras = HeaderExtras {
            x5c: x5c.to_vec(),
            ..HeaderExtras::default()
        };
        jws::sign(key, Purpose::RequestObject, &extras, &self.to_value())
    }

    /// The payload of the request object.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut payload = Map::new();
        let mut set = |name: &str, value: Value| payload.insert(name.to_owned(), value);
        set("aud", json!(AUDIENCE));
        set("response_type", json!(RESPONSE_TYPE));
        set("response_mode", json!(RESPONSE_MODE));
        set("client_id", json!(self.client_id.to_string()));
        set("response_uri", json!(self.response_uri.as_str()));
        set("nonce", json!(self.nonce.as_str()));
        set("dcql_query", self.query.to_value());
        set("client_metadata", self.client_metadata.to_value());
        if let Some(state) = &self.state {
            set("state", json!(state.as_str()));
        }
        if !self.transaction_data.is_empty() {
            set(
                "transaction_data",
                self.transaction_data
                    .iter()
                    .map(|data| json!(data.encoded()))
                    .collect(),
            );
        }
        if !self.verifier_info.is_empty() {
            set(
                "verifier_info",
                self.verifier_info
                    .iter()
                    .map(VerifierInfo::to_value)
                    .collect(),
            );
        }
        if let Some(nonce) = &self.wallet_nonce {
            set("wallet_nonce", json!(nonce.as_str()));
        }
        if let Some(time) = self.issued_at {
            set("iat", json!(time.as_unix()));
        }
        if let Some(time) = self.expires_at {
            set("exp", json!(time.as_unix()));
        }
        Value::Object(payload)
    }
}
