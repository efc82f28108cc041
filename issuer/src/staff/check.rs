//! Completing a check: an event of the case, in the order of the process definition.

use protocol::{
    Timestamp,
    kyc::{Judgement, Process, evidence_of},
    registry::{CaseId, ContentDigest, Salt},
};
use vault::Changes;

use super::{ReviewError, Reviewer, review};
use crate::{
    case::{self, CASE, EventContent, Outcome, Progress, STAFF_CHECKS, StepError},
    closing::{self, CloseError},
    issuer::Issuer,
    registry::Lane,
    store::{self, Attempt, Committed, StoreError},
};

/// Why a check is not completed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// The applicant completes it by redeeming the offer.
    #[error("this check is not for staff to complete")]
    NotByStaff,
    /// The case is over.
    #[error("the case is over")]
    Over,
    /// The process definition does not allow it now.
    #[error("the check cannot be completed")]
    Step(#[from] StepError),
    /// Nobody passes an application that cannot be read.
    #[error("the application cannot be read")]
    Review(#[from] ReviewError),
    /// A failed check ends the case, and that failed.
    #[error("the case cannot be closed")]
    Close(#[from] CloseError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Completes a check of a case. A failed one ends the case.
pub(crate) fn complete(
    issuer: &Issuer,
    reviewer: &Reviewer,
    id: CaseId,
    (process, judgement): (Process, Judgement),
    now: Timestamp,
) -> Result<(), CheckError> {
    if !STAFF_CHECKS.contains(&process) {
        return Err(CheckError::NotByStaff);
    }
    let documents = judged_documents(issuer, reviewer, id, judgement, now)?;
    store::decide(|| {
        let mut found = case::load(&issuer.vault, id)?.ok_or(ReviewError::Unknown)?;
        if found.value.is_over() {
            return Err(CheckError::Over);
        }
        let content = EventContent {
            step: process.name(),
            judgement: Some((process, judgement)),
            completed_at: now.date_in_japan(),
            reviewer: reviewer.pseudonym(id, &issuer.secret),
            evidence: evidence_of(process, &documents),
            salt: Salt::random(&mut service::random::os()),
        };
        let event = found.value.append(content, &issuer.definition())?;
        let (sequence, record) = (event.sequence, issuer.author.sign(event.body(id)));
        let mut changes =
            issuer.queue(Changes::new(), Lane::Case(id), u64::from(sequence), &record)?;
        if judgement == Judgement::Failed {
            let outcome = Outcome::Rejected;
            changes = closing::begin(issuer, changes, id, &mut found.value, outcome, now)?;
        } else if found.value.staff_checks_passed() {
            found.value.progress = Progress::Checked;
        }
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}

/// The digests of the documents. Only who fails a check may do without.
fn judged_documents(
    issuer: &Issuer,
    reviewer: &Reviewer,
    id: CaseId,
    judgement: Judgement,
    now: Timestamp,
) -> Result<Vec<ContentDigest>, CheckError> {
    match (review::open(issuer, id, reviewer, now), judgement) {
        (Ok(application), _) => Ok(application.document_digests()),
        (Err(ReviewError::Gone), _) => Err(CheckError::Over),
        (Err(ReviewError::Application(_) | ReviewError::Sealed), Judgement::Failed) => {
            Ok(Vec::new())
        }
        (Err(error), _) => Err(error.into()),
    }
}
