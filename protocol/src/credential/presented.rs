//! Presented credentials: SD-JWT+KB as verifiers receive them (RFC 9901, section 7.3).

use super::issuer_verification::IssuerVerification;
use super::sd_jwt::{KeyBindingExpectation, UnverifiedSdJwtKb};
use super::verified::{CredentialError, VerifiedCredential, issuer_key};
use crate::Timestamp;
use crate::identity::Purpose;

/// A presented credential whose form is right and whose signatures nobody has checked.
#[derive(Debug, Clone)]
pub struct UnverifiedPresentedCredential(UnverifiedSdJwtKb);

/// A credential of a trusted issuer that its holder presented to this verifier for this request.
#[derive(Debug, Clone)]
pub struct VerifiedPresentedCredential {
    credential: VerifiedCredential,
    presented_at: Timestamp,
}

impl UnverifiedPresentedCredential {
    /// Reads a presented credential; one without Key Binding is refused.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        UnverifiedSdJwtKb::parse(text)
            .map(Self)
            .map_err(CredentialError::SdJwt)
    }

    /// The issuer that the sender claims: to choose an [`IssuerVerification`] with.
    pub fn claimed_iss(&self) -> Option<&str> {
        self.0.sd_jwt().claimed("iss")
    }

    /// Checks the issuer's signature and rules, then the holder's. The status is a second question, asked only about
    /// what was verified: see [`crate::status`].
    pub fn verify(
        self,
        issuer: &IssuerVerification,
        expected: &KeyBindingExpectation,
        now: Timestamp,
    ) -> Result<VerifiedPresentedCredential, CredentialError> {
        let key = issuer_key(self.0.sd_jwt(), issuer, now)?;
        let presented = self
            .0
            .verify(Purpose::Credential.typ(), &key, expected, now)
            .map_err(CredentialError::SdJwt)?;
        let presented_at = presented.presented_at();
        Ok(VerifiedPresentedCredential {
            credential: VerifiedCredential::new(presented.into_sd_jwt(), issuer)?,
            presented_at,
        })
    }
}

impl VerifiedPresentedCredential {
    /// The credential, with no more claims than were disclosed.
    pub fn credential(&self) -> &VerifiedCredential {
        &self.credential
    }

    /// When the holder says to have presented it.
    pub fn presented_at(&self) -> Timestamp {
        self.presented_at
    }
}
