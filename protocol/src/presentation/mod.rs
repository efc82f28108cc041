//! Presentation: a verifier asks, a holder answers
//! ([OpenID4VP 1.0](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html), profile HAIP 1.0; specs/presentation.md).
//!
//! Both sides of every message live here. The verifier signs [`RequestParameters`] and opens an
//! [`UnverifiedResponse`]; the wallet reads a [`RequestLink`], verifies an [`UnverifiedRequest`], lets
//! [`dcql`] select what to give, and encrypts an [`AuthorizationResponse`]. Nothing here fetches or stores:
//! what was fetched is passed in.

mod client_id;
mod client_metadata;
pub mod dcql;
pub mod endpoint;
mod error_response;
pub mod form;
mod link;
mod nonce;
mod request;
mod response;
mod transaction_data;
mod verifier_info;
mod vp_token;
mod wallet_metadata;

pub use client_id::{ClientId, ClientIdError};
pub use client_metadata::{ClientMetadata, ClientMetadataError};
pub use endpoint::LoopbackHttp;
pub use error_response::{ErrorCode, ErrorResponse};
pub use link::{LinkError, RequestLink, RequestUriMethod};
pub use nonce::{Nonce, NonceError, State, WalletNonce};
pub use request::{
    AuthenticationError, REQUEST_MEDIA_TYPE, Refusal, RefusalReason, RegisteredClient, ReplyTo,
    RequestError, RequestExpectation, RequestParameters, RequestTrust, UnverifiedRequest,
    VerifiedRequest,
};
pub use response::{
    AuthorizationResponse, EncryptedResponse, RESPONSE_BYTES_MAX, ResponseError,
    ResponseExpectation, UnverifiedResponse,
};
pub use transaction_data::{TransactionData, TransactionDataError, TransactionDataType};
pub use verifier_info::{VerifierInfo, VerifierInfoError};
pub use vp_token::{MissingOrExtra, VpToken, VpTokenError};
pub use wallet_metadata::{RequestUriPost, RequestUriPostError};
