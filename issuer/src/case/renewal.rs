//! Events that were queued when the members activated another process definition: they are made anew by it.

use protocol::registry::CaseId;
use vault::Changes;

use super::{CASE, StepError, load};
use crate::{
    issuer::Issuer,
    registry::{self, Lane},
    store::{self, Attempt, Committed, StoreError},
};

/// Why an event cannot be made anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewError {
    /// The new definition does not know the step: the members have to decide what becomes of the case.
    #[error("the new process definition has no such step")]
    Step(#[from] StepError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Signs the events of a case that wait for the registry by the definition that is active now.
pub(crate) fn renew(issuer: &Issuer, id: CaseId) -> Result<(), RenewError> {
    let definition = issuer.definition();
    store::decide(|| {
        let Some(mut found) = load(&issuer.vault, id)? else {
            return Ok(Attempt::Done(()));
        };
        let mut changes = Changes::new();
        for event in found
            .value
            .events
            .iter_mut()
            .filter(|event| event.recorded.is_none())
        {
            event.renew(&definition)?;
            let sequence = u64::from(event.sequence);
            if let Some(queued) = registry::find(&issuer.vault, Lane::Case(id), sequence)? {
                let record = issuer.author.sign(event.body(id));
                changes = registry::requeue(changes, queued, &record)?;
            }
        }
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}
