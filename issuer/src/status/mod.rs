//! Status lists: entries are given out at random and never again; versions are anchored before they are served.
//!
//! Keys: kind `status-entry`, id `LIST/INDEX`, for every entry ever given out; kind `status-list`, id the list's number.
//! Atomicity: an entry is taken in the transaction that issues, conditional on being free; a new version is queued for the
//! registry in the transaction that makes it. Restart: an entry whose credential was lost stays taken.

pub(crate) mod api;

use protocol::{
    Timestamp,
    registry::{
        ContentDigest, ListId,
        record::{Body, StatusListVersion},
    },
    status::{
        Status, StatusBits, StatusList, StatusListClaims, StatusReference, StatusReferenceError,
        token_digest,
    },
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use vault::{Changes, Kind};

use crate::{
    case::StatusEntry,
    issuer::Issuer,
    registry::Lane,
    store::{self, Attempt, Committed, SCHEMA, StoreError},
};

const LIST: Kind = Kind::ordinary("status-list");
const ENTRY: Kind = Kind::ordinary("status-entry");
/// Entries of a list: enough that an index says nothing.
const ENTRIES: u32 = 1 << 17;
/// Random draws for one free entry. At half a list full, one in 2^64 allocations fails.
const DRAWS_MAX: usize = 64;

/// One status list.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The sequence of the next version.
    next: u64,
    revoked: Vec<u32>,
    /// What stands on the registry and is served.
    published: Option<Version>,
    /// What waits for the registry.
    pending: Option<Version>,
}

/// One version of a list.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    sequence: u64,
    pub(crate) token: String,
    issued: Timestamp,
}

/// No free entry was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AllocationError {
    /// The lists are too full: configure more.
    #[error("the status lists are full")]
    Full,
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Draws free entries at random. They are not taken until [`take`] is committed.
pub(crate) fn allocate(
    issuer: &Issuer,
    count: usize,
    rng: &mut impl CryptoRng,
) -> Result<Vec<StatusEntry>, AllocationError> {
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        let mut free = None;
        for _ in 0..DRAWS_MAX {
            let entry = draw(issuer.config.status_lists, rng);
            let taken = issuer
                .vault
                .get(ENTRY, &id(entry))
                .map_err(StoreError::Read)?
                .is_some();
            if !taken && !entries.contains(&entry) {
                free = Some(entry);
                break;
            }
        }
        entries.push(free.ok_or(AllocationError::Full)?);
    }
    Ok(entries)
}

/// Takes entries for ever, if all of them are free.
pub(crate) fn take(changes: Changes, entries: &[StatusEntry]) -> Changes {
    entries.iter().fold(changes, |changes, entry| {
        let id = id(*entry);
        changes
            .only_if_absent(ENTRY, &id)
            .put(ENTRY, &id, SCHEMA, b"")
    })
}

/// How a credential refers to an entry.
pub(crate) fn reference(
    issuer: &Issuer,
    entry: StatusEntry,
) -> Result<StatusReference, StatusReferenceError> {
    StatusReference::new(&uri(issuer, entry.list), u64::from(entry.index))
}

/// Makes a new version of a list with more revoked entries, and queues it for the registry.
pub(crate) fn publish(
    issuer: &Issuer,
    list: u16,
    revoked: &[u32],
    now: Timestamp,
) -> Result<Lane, StoreError> {
    let uri = uri(issuer, list);
    let lane = Lane::StatusList(ListId::of_uri(&uri));
    store::decide(|| {
        let found = store::read::<List>(&issuer.vault, LIST, &list.to_string())?;
        let mut changes = Changes::new();
        let mut fresh = List::default();
        let mut existing = found;
        let state = existing
            .as_mut()
            .map_or(&mut fresh, |found| &mut found.value);
        for index in revoked {
            if !state.revoked.contains(index) {
                state.revoked.push(*index);
            }
        }
        let token = sign(issuer, &uri, &state.revoked, now);
        let version = StatusListVersion {
            list: ListId::of_uri(&uri),
            sequence: state.next,
            digest: ContentDigest::from_bytes(token_digest(&token)),
        };
        let record = issuer.author.sign(Body::StatusListVersion(version));
        state.pending = Some(Version {
            sequence: state.next,
            token,
            issued: now,
        });
        state.next += 1;
        changes = issuer.queue(changes, lane, version.sequence, &record)?;
        changes = match &existing {
            Some(found) => store::replace(changes, LIST, &list.to_string(), found)?,
            None => store::create(changes, LIST, &list.to_string(), &fresh)?,
        };
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(lane)),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}

/// Publishes every list that has no version, or one past half its life.
pub(crate) fn refresh(issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    for list in 0..issuer.config.status_lists {
        let found = store::read::<List>(&issuer.vault, LIST, &list.to_string())?;
        let newest = found.and_then(|found| found.value.pending.or(found.value.published));
        let half_life = issuer.config.status_lifetime_s / 2;
        if newest.is_none_or(|version| version.issued.plus_seconds(half_life) <= now) {
            publish(issuer, list, &[], now)?;
        }
    }
    Ok(())
}

/// The version of a list that stands on the registry.
pub(crate) fn published(issuer: &Issuer, list: u16) -> Result<Option<Version>, StoreError> {
    let found = store::read::<List>(&issuer.vault, LIST, &list.to_string())?;
    Ok(found.and_then(|found| found.value.published))
}

/// The number of a list.
pub(crate) fn number(issuer: &Issuer, id: ListId) -> Option<u16> {
    (0..issuer.config.status_lists).find(|list| ListId::of_uri(&uri(issuer, *list)) == id)
}

/// Notes that a version stands on the registry: from now on it is served.
pub(crate) fn note_version(
    issuer: &Issuer,
    changes: Changes,
    version: &StatusListVersion,
) -> Result<Changes, StoreError> {
    let Some(list) = number(issuer, version.list) else {
        return Ok(changes);
    };
    let Some(mut found) = store::read::<List>(&issuer.vault, LIST, &list.to_string())? else {
        return Ok(changes);
    };
    // A newer version may be waiting behind this one; then this one's token is not needed any more.
    let pending = found
        .value
        .pending
        .take_if(|pending| pending.sequence == version.sequence);
    if pending.is_none() {
        return Ok(changes);
    }
    found.value.published = pending;
    store::replace(changes, LIST, &list.to_string(), &found)
}

fn sign(issuer: &Issuer, uri: &str, revoked: &[u32], now: Timestamp) -> String {
    const DRAWN: &str = "an index was drawn below the number of entries";
    let mut list = StatusList::new(StatusBits::Two, u64::from(ENTRIES)).expect(DRAWN);
    for index in revoked {
        list.set(u64::from(*index), Status::Invalid).expect(DRAWN);
    }
    let claims = StatusListClaims {
        uri: uri.to_owned(),
        issued_at: now,
        expires: now.plus_seconds(issuer.config.status_lifetime_s),
        ttl_seconds: (issuer.config.status_lifetime_s / 4).max(60),
    };
    let key = issuer.credential_keys.of_status_lists();
    list.to_token(&claims, &key.key, &key.extras)
}

fn uri(issuer: &Issuer, list: u16) -> String {
    format!(
        "{}/status/{list}",
        issuer.config.id.as_str().trim_end_matches('/')
    )
}

fn id(entry: StatusEntry) -> String {
    format!("{}/{}", entry.list, entry.index)
}

fn draw(lists: u16, rng: &mut impl CryptoRng) -> StatusEntry {
    let mut bytes = [0; 8];
    rng.fill_bytes(&mut bytes);
    let random = u64::from_be_bytes(bytes);
    // Both moduli are far below 2^32: the bias is below 2^-16 of one entry.
    let list = u16::try_from((random >> 32) % u64::from(lists.max(1))).unwrap_or(0);
    let index = u32::try_from(random & u64::from(ENTRIES - 1)).unwrap_or(0);
    StatusEntry { list, index }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    #[test]
    fn neg_t15_entries_are_drawn_evenly_and_in_no_order() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let draws: Vec<StatusEntry> = (0..4_096).map(|_| draw(2, &mut rng)).collect();
        assert!(
            draws
                .iter()
                .all(|entry| entry.index < ENTRIES && entry.list < 2)
        );
        let rises = draws
            .windows(2)
            .filter(|pair| pair[0].index < pair[1].index)
            .count();
        assert!((1_850..2_250).contains(&rises), "{rises}");
        // Chi-squared over 64 equal parts of the list: 63 degrees of freedom, 0.1 % beyond 103.
        let mut parts = [0_u32; 64];
        for entry in &draws {
            parts[usize::try_from(entry.index / (ENTRIES / 64)).unwrap()] += 1;
        }
        let expected = 4_096.0 / 64.0;
        let chi: f64 = parts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum();
        assert!(chi < 103.0, "{chi}");
    }
}
