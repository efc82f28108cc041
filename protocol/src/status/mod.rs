//! Whether a credential still holds: Token Status Lists, made by the issuer and read by everyone.
//!
//! Follows draft-ietf-oauth-status-list-20 in its JWT form; specs/status.md says the rules in words. The status of a
//! credential is asked only after the credential was verified, and what cannot be read is never taken for valid.

mod list;
mod reference;
mod token;

pub use list::{INFLATED_BYTES_MAX, Status, StatusBits, StatusList, StatusListError};
pub use reference::{StatusReference, StatusReferenceError};
pub use token::{
    MEDIA_TYPE, REFRESH_SECONDS, SeenStatusList, StatusListClaims, StatusListExpectation,
    StatusListTokenError, TOKEN_BYTES_MAX, UnverifiedStatusListToken, VerifiedStatusList,
    token_digest,
};
