//! Revoking the credentials of a case: new versions of the status lists that they are in.

use std::collections::BTreeSet;

use protocol::{Timestamp, registry::CaseId};
use vault::Changes;

use super::withdraw;
use crate::{
    case::{self, CASE, StatusEntry},
    issuer::Issuer,
    registry::Lane,
    status,
    store::{self, Attempt, Committed, StoreError},
};

/// Revokes all credentials of a case, ends its offers and grants, and names the lanes in which the new versions wait.
/// `None` if there is no such case.
pub(crate) fn revoke(
    issuer: &Issuer,
    id: CaseId,
    now: Timestamp,
) -> Result<Option<Vec<Lane>>, StoreError> {
    // First no more are issued, then those that were are revoked.
    let entries = store::decide::<_, StoreError>(|| {
        let Some(mut found) = case::load(&issuer.vault, id)? else {
            return Ok(Attempt::Done(None));
        };
        let changes = withdraw(Changes::new(), &mut found.value);
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(Some(found.value.statuses))),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })?;
    let Some(entries) = entries else {
        return Ok(None);
    };
    mark_revoked(issuer, &entries, now).map(Some)
}

/// Revokes entries of status lists.
pub(crate) fn mark_revoked(
    issuer: &Issuer,
    entries: &[StatusEntry],
    now: Timestamp,
) -> Result<Vec<Lane>, StoreError> {
    let lists: BTreeSet<u16> = entries.iter().map(|entry| entry.list).collect();
    let mut lanes = Vec::new();
    for list in lists {
        let indices: Vec<u32> = entries
            .iter()
            .filter(|entry| entry.list == list)
            .map(|entry| entry.index)
            .collect();
        lanes.push(status::publish(issuer, list, &indices, now)?);
    }
    Ok(lanes)
}
