//! Revoking the credentials of a case: new versions of the status lists that they are in.

use std::collections::BTreeSet;

use protocol::{Timestamp, registry::CaseId};

use crate::{
    case::{self, StatusEntry},
    issuer::Issuer,
    registry::Lane,
    status,
    store::StoreError,
};

/// Revokes all credentials of a case, and names the lanes in which the new versions wait. `None` if there is no such case.
pub(crate) fn revoke(
    issuer: &Issuer,
    id: CaseId,
    now: Timestamp,
) -> Result<Option<Vec<Lane>>, StoreError> {
    let Some(found) = case::load(&issuer.vault, id)? else {
        return Ok(None);
    };
    mark_revoked(issuer, &found.value.statuses, now).map(Some)
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
