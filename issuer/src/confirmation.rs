//! What follows from a receipt: the registry has a record, so what it says is now known to all.

use protocol::{
    Timestamp,
    registry::{
        CaseId,
        record::{Body, UnverifiedRecord},
    },
};
use vault::Changes;

use crate::{
    anchor,
    case::{self, CASE, Progress},
    closing::{self, CloseError},
    issuer::Issuer,
    registry::{self, QueuedRecord, Recorded},
    status,
    store::{self, Attempt, Committed, StoreError},
};

/// Why a receipt could not be noted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    /// A queued record is not a record: the vault holds what we did not write.
    #[error("a queued record cannot be read")]
    Record,
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
    /// The next step of closing the case failed.
    #[error("closing the case cannot go on")]
    Close(#[from] CloseError),
}

/// Notes a receipt: the record leaves the queue in the transaction that changes what it is about. Noting it again is
/// harmless.
pub(crate) fn confirm(
    issuer: &Issuer,
    queued: &QueuedRecord,
    recorded: &Recorded,
    now: Timestamp,
) -> Result<(), ConfirmError> {
    let record = UnverifiedRecord::decode(&queued.record)
        .and_then(|record| record.verify(&issuer.author.network))
        .map_err(|_| ConfirmError::Record)?;
    let closing = store::decide(|| {
        let Some(entry) = registry::find(&issuer.vault, queued.lane, queued.sequence)? else {
            return Ok(Attempt::Done(None));
        };
        let changes = registry::unqueue(Changes::new(), &entry);
        let (changes, closing) = match record.body() {
            Body::CaseEvent(event) => {
                note_event(issuer, changes, event.case, event.sequence, recorded)?
            }
            Body::Erasure(erasure) => (note_erasure(issuer, changes, erasure.case)?, None),
            Body::CredentialBatch(batch) => (
                anchor::note_batch(issuer, changes, batch.sequence, recorded)?,
                None,
            ),
            Body::StatusListVersion(version) => {
                (status::note_version(issuer, changes, version)?, None)
            }
            Body::Designation(_)
            | Body::Outcome(_)
            | Body::Proposal(_)
            | Body::Approval(_)
            | Body::CaseEventGroup(_) => return Err(ConfirmError::Record),
        };
        match store::commit(&issuer.vault, &changes)? {
            Committed::Yes => Ok(Attempt::Done(closing)),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })?;
    if let Some(case) = closing {
        closing::erase(issuer, case, now)?;
    }
    issuer.outbox.announce_confirmed();
    Ok(())
}

/// Notes an event of a case; names the case if that was its last.
fn note_event(
    issuer: &Issuer,
    changes: Changes,
    id: CaseId,
    sequence: u32,
    recorded: &Recorded,
) -> Result<(Changes, Option<CaseId>), StoreError> {
    let Some(mut found) = case::load(&issuer.vault, id)? else {
        return Ok((changes, None));
    };
    for event in found
        .value
        .events
        .iter_mut()
        .filter(|event| event.sequence == sequence)
    {
        event.recorded = Some(recorded.index);
    }
    let closing = matches!(found.value.progress, Progress::Closing(_)) && found.value.is_recorded();
    let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
    Ok((changes, closing.then_some(id)))
}

fn note_erasure(issuer: &Issuer, changes: Changes, id: CaseId) -> Result<Changes, StoreError> {
    let Some(mut found) = case::load(&issuer.vault, id)? else {
        return Ok(changes);
    };
    if let Progress::Erasing(outcome) = found.value.progress {
        found.value.forget(outcome);
        tracing::info!(case = %id, "case closed and evidence erased");
    }
    store::replace(changes, CASE, &id.to_string(), &found)
}
