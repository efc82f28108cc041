//! Reading an application: only in a session, only while its case is open.

use protocol::{
    Timestamp,
    envelope::hpke::Sealed,
    kyc::{Application, ApplicationError, UnverifiedApplication, open_application},
    registry::CaseId,
};

use super::Reviewer;
use crate::{
    case::{self, Outcome},
    closing::{self, CloseError},
    evidence::EvidenceError,
    issuer::Issuer,
    store::StoreError,
};

/// Why an application cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviewError {
    /// No such case.
    #[error("there is no such case")]
    Unknown,
    /// The case is over and its evidence gone.
    #[error("the evidence of the case is gone")]
    Gone,
    /// It holds a My Number. The case is being closed and nothing of it is kept.
    #[error("the application held a My Number and was destroyed")]
    MyNumber,
    /// It was not sealed to the reviewers' key of this issuer.
    #[error("the application was not sealed for this issuer")]
    Sealed,
    /// It breaks a rule of applications.
    #[error("the application breaks a rule")]
    Application(#[source] ApplicationError),
    /// The files cannot be read.
    #[error("the evidence cannot be read")]
    Evidence(#[source] EvidenceError),
    /// The case with the My Number could not be closed.
    #[error("the case cannot be closed")]
    Close(#[from] CloseError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Opens the application of a case. One with a My Number ends its case here, because nobody could look earlier.
pub(crate) fn open(
    issuer: &Issuer,
    id: CaseId,
    reviewer: &Reviewer,
    now: Timestamp,
) -> Result<Application, ReviewError> {
    let case = case::load(&issuer.vault, id)?.ok_or(ReviewError::Unknown)?;
    if case.value.is_over() {
        return Err(ReviewError::Gone);
    }
    let evidence = issuer.evidence.read(id, &issuer.secret);
    let evidence = evidence.map_err(|error| match error {
        EvidenceError::Gone => ReviewError::Gone,
        EvidenceError::Io(_) | EvidenceError::Damaged => ReviewError::Evidence(error),
    })?;
    let sealed: Sealed = serde_json::from_slice(&evidence).map_err(|_| ReviewError::Sealed)?;
    let plaintext = open_application(&sealed, &reviewer.key, issuer.config.id.as_str())
        .map_err(|_| ReviewError::Sealed)?;
    let application = UnverifiedApplication::parse(&plaintext).and_then(|read| read.verify(now));
    match application {
        Ok(application) => Ok(application),
        Err(error) if error.is_my_number() => {
            tracing::warn!(case = %id, "application held a My Number");
            closing::close(issuer, id, Outcome::MyNumber, now)?;
            Err(ReviewError::MyNumber)
        }
        Err(error) => Err(ReviewError::Application(error)),
    }
}
