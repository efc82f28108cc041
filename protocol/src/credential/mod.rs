//! Credentials: made by the issuer, kept and presented by the holder, checked by the verifier.
//!
//! The format is SD-JWT VC (`dc+sd-jwt`), compact, always bound to a holder key; specs/credential.md says the rules in
//! words. [`sd_jwt`] is the strict RFC 9901 core without any profile. What was received is
//! [`UnverifiedCredential`] or [`UnverifiedPresentedCredential`]; only their `verify` makes the verified types.

mod batch;
mod issue;
mod issuer_verification;
mod path;
mod presented;
pub mod sd_jwt;
pub(crate) mod validity;
mod verified;

pub use batch::{Instance, LinkableError, check_unlinkable};
pub use issue::{
    CredentialTemplate, IssueError, IssuedCredential, disclosable_in_kyc, issue, members_below,
};
pub use issuer_verification::{
    IssuerJwksError, IssuerKeyError, IssuerVerification, RegisteredIssuerError,
};
pub use path::{ClaimPath, ClaimPathElement, ClaimPathError};
pub use presented::{UnverifiedPresentedCredential, VerifiedPresentedCredential};
pub use sd_jwt::{Decoys, KeyBindingExpectation, PresentError, transaction_data_hash};
pub use validity::{CLOCK_SKEW_SECONDS, ValidityError};
pub use verified::{CredentialError, UnverifiedCredential, VerifiedCredential};

/// The type of the KYC credential; an opaque name, never fetched.
pub const VCT_KYC: &str = "https://tegata.example/kyc/jp/1";
