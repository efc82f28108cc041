//! Closing a case: the last event, then the evidence, then the receipt that it is gone.
//!
//! Each phase is one transaction and can be repeated. [`begin`] queues the closed event and removes the claims that wait
//! for bearer values; once the registry confirmed it, [`erase`] destroys the evidence and queues the erasure receipt; once
//! that is confirmed, the case forgets everything but its status list entries.

use protocol::{
    Timestamp,
    kyc::CLOSED,
    registry::{
        CaseId, ErasureContent, Salt,
        record::{Body, Erasure},
    },
};
use vault::Changes;

use crate::{
    case::{self, CASE, Case, EventContent, Outcome, Progress, StepError},
    evidence::EvidenceError,
    issuance,
    issuer::Issuer,
    registry::Lane,
    store::{self, Attempt, Committed, StoreError},
};

/// The pseudonym of steps that no person takes.
pub(crate) const SERVICE: &str = "service";

/// Why a case cannot be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseError {
    /// No such case.
    #[error("there is no such case")]
    Unknown,
    /// The process definition does not allow it now.
    #[error("the case cannot be closed")]
    Step(#[from] StepError),
    /// The evidence cannot be destroyed.
    #[error("the evidence cannot be destroyed")]
    Evidence(#[from] EvidenceError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Adds the end of a case to changes: its last event, and the end of every offer and grant.
pub(crate) fn begin(
    issuer: &Issuer,
    changes: Changes,
    id: CaseId,
    case: &mut Case,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Changes, CloseError> {
    let content = EventContent {
        step: CLOSED,
        judgement: None,
        completed_at: now.date_in_japan(),
        reviewer: SERVICE.to_owned(),
        evidence: &[],
        salt: Salt::random(&mut service::random::os()),
    };
    let event = case.append(content, &issuer.definition())?;
    let record = issuer.author.sign(event.body(id));
    let changes = issuer.queue(changes, Lane::Case(id), u64::from(event.sequence), &record)?;
    case.progress = Progress::Closing(outcome);
    Ok(issuance::withdraw(changes, case))
}

/// Closes a case that is still open.
pub(crate) fn close(
    issuer: &Issuer,
    id: CaseId,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), CloseError> {
    store::decide(|| {
        let mut found = case::load(&issuer.vault, id)?.ok_or(CloseError::Unknown)?;
        if found.value.is_over() {
            return Ok(Attempt::Done(()));
        }
        let changes = begin(issuer, Changes::new(), id, &mut found.value, outcome, now)?;
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}

/// Destroys the evidence of a case whose closed event is on the registry, and queues the erasure receipt.
pub(crate) fn erase(issuer: &Issuer, id: CaseId, now: Timestamp) -> Result<(), CloseError> {
    store::decide(|| {
        let mut found = case::load(&issuer.vault, id)?.ok_or(CloseError::Unknown)?;
        let Progress::Closing(outcome) = found.value.progress else {
            return Ok(Attempt::Done(()));
        };
        if !found.value.is_recorded() {
            return Ok(Attempt::Done(()));
        }
        issuer.evidence.destroy(id)?;
        let content = ErasureContent {
            evidence_count: 1,
            time: now,
        };
        let commitment = content.commit(&Salt::random(&mut service::random::os()));
        let record = issuer.author.sign(Body::Erasure(Erasure {
            case: id,
            commitment,
        }));
        let sequence = u64::try_from(found.value.events.len()).unwrap_or(u64::MAX);
        found.value.progress = Progress::Erasing(outcome);
        let changes = issuer.queue(Changes::new(), Lane::Case(id), sequence, &record)?;
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}

/// Takes up cases that were being closed when the service stopped.
pub(crate) fn resume(issuer: &Issuer, now: Timestamp) -> Result<(), CloseError> {
    for (id, case) in case::load_all(&issuer.vault)? {
        if matches!(case.progress, Progress::Closing(_)) {
            go_on(id, erase(issuer, id, now));
        }
    }
    Ok(())
}

/// Closes what nobody will finish: issued cases whose grants have ended, and cases past their lifetime. Ends offers and
/// grants that have expired.
pub(crate) fn sweep(issuer: &Issuer, now: Timestamp) -> Result<(), CloseError> {
    issuance::sweep(issuer, now)?;
    for (id, case) in case::load_all(&issuer.vault)? {
        let lapsed = now > case.received.plus_seconds(issuer.config.case_lifetime_s);
        if case.progress == Progress::Issued && case.grants.is_empty() && case.offer.is_none() {
            go_on(id, close(issuer, id, Outcome::Issued, now));
        } else if lapsed && !case.is_over() {
            go_on(id, close(issuer, id, Outcome::Lapsed, now));
        }
    }
    Ok(())
}

/// A case that cannot be closed now must not keep the evidence of others from being erased; the next sweep tries it again.
fn go_on(case: CaseId, closed: Result<(), CloseError>) {
    if let Err(error) = closed {
        tracing::error!(%case, %error, "case not closed");
    }
}
