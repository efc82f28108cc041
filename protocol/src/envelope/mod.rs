//! What only the addressee can read.
//!
//! [`jwe`] carries presentations to a verifier, as OpenID4VP has it. [`hpke`] carries applications to an issuer's
//! reviewers and offers back to an applicant.

pub mod hpke;
pub mod jwe;
