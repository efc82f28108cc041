//! Whether a presentation was meant for this company: anchor, designation and opening, checked offline.

use super::extension::UnverifiedConsent;
use crate::Timestamp;
use crate::credential::{CLOCK_SKEW_SECONDS, VerifiedPresentedCredential};
use crate::registry::checkpoint::Committees;
use crate::registry::merkle::ProofError;
use crate::registry::receipt::{ReceiptError, VerifiedEntry, verify_receipt};
use crate::registry::record::{Author, Body, Designation};
use crate::registry::{ApplicationId, Issuer};

/// What a company knows of the request that a consent must belong to.
#[derive(Clone, Copy, Debug)]
pub struct ConsentExpectation<'a> {
    /// Whose signatures count on the network's checkpoints.
    pub committees: &'a Committees,
    /// The trusted issuer of the presented credential.
    pub issuer: &'a Issuer,
    /// The company's registered identifier.
    pub verifier: &'a str,
    /// The purpose of the request.
    pub purpose: &'a str,
    /// The key that the request offered.
    pub outcome_key: &'a [u8; 32],
    /// The credential that was presented with the consent.
    pub presented: &'a VerifiedPresentedCredential,
}

/// A consent that the registry holds: for this company, this purpose, this key and the claims that were disclosed.
#[derive(Clone, Debug)]
pub struct VerifiedConsent {
    application: ApplicationId,
    expires: Timestamp,
    index: u64,
}

/// Why a consent does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The receipt of the batch is not one of this network.
    #[error("the receipt of the credential's batch is not acceptable")]
    BatchReceipt(#[source] ReceiptError),
    /// The record is not a batch of the credential's issuer at the index that the anchor names.
    #[error("the record is not the batch of the credential's issuer")]
    Batch,
    /// The credential does not stand at its leaf.
    #[error("the credential is not anchored in the batch")]
    Anchor(#[source] ProofError),
    /// The receipt of the designation is not one of this network.
    #[error("the receipt of the designation is not acceptable")]
    DesignationReceipt(#[source] ReceiptError),
    /// The record is not a designation by the holder of this credential with its anchor.
    #[error("the record is not a designation by the holder of the credential")]
    Designation,
    /// The company, the purpose or the claims are not those that were committed to.
    #[error("the opening does not open the designation for this company and purpose")]
    Opening,
    /// The designated key is not the one that this request offered.
    #[error("the designation names another outcome key")]
    OutcomeKey,
    /// The holder did not agree to a claim that was disclosed.
    #[error("a claim was disclosed that the holder did not agree to")]
    Claims,
    /// The designation has expired, or came after the data.
    #[error("the designation is expired or later than the presentation")]
    Time,
}

impl UnverifiedConsent {
    /// Checks the consent against the request and the credential that it came with.
    pub fn verify(
        &self,
        expected: &ConsentExpectation<'_>,
        now: Timestamp,
    ) -> Result<VerifiedConsent, ConsentError> {
        self.verify_anchor(expected)?;
        let entry = verify_receipt(
            &self.designation_receipt,
            &self.designation_record,
            expected.committees,
        )
        .map_err(ConsentError::DesignationReceipt)?;
        let designation = self.verify_designation(&entry, expected)?;
        let cosigned_at = entry.checkpoint().cosigned_at();
        let before = expected
            .presented
            .presented_at()
            .plus_seconds(CLOCK_SKEW_SECONDS);
        if cosigned_at > before || designation.expires <= now {
            return Err(ConsentError::Time);
        }
        Ok(VerifiedConsent {
            application: designation.application,
            expires: designation.expires,
            index: entry.index(),
        })
    }

    fn verify_anchor(&self, expected: &ConsentExpectation<'_>) -> Result<(), ConsentError> {
        let anchor = &self.anchor;
        let entry = verify_receipt(&anchor.receipt, &anchor.record, expected.committees)
            .map_err(ConsentError::BatchReceipt)?;
        let Body::CredentialBatch(batch) = entry.record().body() else {
            return Err(ConsentError::Batch);
        };
        let by_issuer = expected.issuer.is_author(entry.record().author());
        if !by_issuer || entry.index() != anchor.batch {
            return Err(ConsentError::Batch);
        }
        let credential = expected.presented.credential();
        anchor
            .opening(credential.signing_input_hash())
            .verify(credential.holder_key().thumbprint(), batch)
            .map_err(ConsentError::Anchor)
    }

    fn verify_designation<'e>(
        &self,
        entry: &'e VerifiedEntry,
        expected: &ConsentExpectation<'_>,
    ) -> Result<&'e Designation, ConsentError> {
        let credential = expected.presented.credential();
        let Body::Designation(designation) = entry.record().body() else {
            return Err(ConsentError::Designation);
        };
        let by_holder = *entry.record().author() == Author::of(credential.holder_key());
        if !by_holder || designation.anchor != self.anchor.opening(credential.signing_input_hash())
        {
            return Err(ConsentError::Designation);
        }
        if designation.commitment != self.opening.commit(expected.verifier, expected.purpose) {
            return Err(ConsentError::Opening);
        }
        if designation.outcome_key != *expected.outcome_key {
            return Err(ConsentError::OutcomeKey);
        }
        if !credential
            .disclosed_paths()
            .all(|path| self.opening.allows(path))
        {
            return Err(ConsentError::Claims);
        }
        Ok(designation)
    }
}

impl VerifiedConsent {
    /// The application that the holder began with the designation.
    #[must_use]
    pub const fn application(&self) -> ApplicationId {
        self.application
    }

    /// No outcome is accepted after this time.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Where the designation stands on the registry.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
}
