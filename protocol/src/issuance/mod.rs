//! OpenID4VCI 1.0: the messages between a wallet and an issuer ([specification](../../../specs/issuance.md)).
//!
//! Pre-authorised code with a transaction code, nonce, key proofs, batches, notification: what
//! [OpenID for Verifiable Credential Issuance 1.0](https://openid.net/specs/openid-4-verifiable-credential-issuance-1_0.html)
//! defines and Tegata uses. Parameters that the specification tells a reader to ignore are ignored; everything else is
//! parsed once, with bounds.

mod anchors;
mod credential_request;
mod credential_response;
mod error;
mod key_proof;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod secret;
mod token;
mod well_known;

pub use anchors::{
    AnchorProof, AnchorsError, AnchorsResponse, IssuedAnchor, anchors_request,
    parse_anchors_request,
};
pub use credential_request::{CredentialRequest, PROOFS_MAX, RequestError};
pub use credential_response::{CREDENTIALS_MAX, CredentialResponse, ResponseError};
pub use error::{CredentialErrorCode, NotificationErrorCode, TokenErrorCode};
pub use key_proof::{
    KeyProof, KeyProofError, KeyProofExpectation, KeyReference, PROOF_AGE_SECONDS_MAX,
    UnverifiedKeyProof, VerifiedKeyProof,
};
pub use metadata::{
    AuthorizationServerMetadata, CredentialConfiguration, Display, FORMAT, IssuerMetadata,
    MetadataError,
};
pub use nonce::{NONCE_BYTES_MAX, NonceResponse, NonceResponseError};
pub use notification::{NotificationError, NotificationEvent, NotificationRequest};
pub use offer::{
    CredentialOffer, OFFER_SCHEME, OfferError, OfferLink, PreAuthorizedGrant, TransactionCodeInput,
    TransactionCodeRequirement,
};
pub use secret::{
    AccessToken, NotificationId, PreAuthorizedCode, SECRET_BYTES_MAX, SecretError, TransactionCode,
};
pub use token::{
    GRANT_TYPE_PRE_AUTHORIZED, TokenRequest, TokenRequestError, TokenResponse, TokenResponseError,
};
pub use well_known::{WellKnown, WellKnownError};
