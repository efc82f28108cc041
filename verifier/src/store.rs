//! Records of the vault as values with versions.
//!
//! Keys: each module names its kinds; ids are random. Atomicity: what must change together is one [`Changes`],
//! conditional on the versions that were read or on absence. Restart: a commit that returned is durable; one that did
//! not leaves the records as they were.

use serde::Serialize;
use serde::de::DeserializeOwned;
use service::random;
use vault::{Changes, CommitError, Kind, ReadError, Vault};

/// Version of the JSON forms.
pub(crate) const SCHEMA: u32 = 1;

/// A value and the version under which it was read.
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    pub(crate) version: u64,
}

/// The vault could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A record is not the one that was written.
    #[error("a record cannot be read")]
    Read(#[from] ReadError),
    /// The store failed, or a change is beyond its limits.
    #[error("changes cannot be made")]
    Commit(#[source] CommitError),
    /// A value has no JSON form, or a record another one.
    #[error("a record cannot be encoded")]
    Encode(#[source] serde_json::Error),
}

/// What became of conditional changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// They are durable.
    Yes,
    /// A condition did not hold; nothing was changed.
    No,
}

/// Reads a value.
pub(crate) fn read<T: DeserializeOwned>(
    vault: &Vault,
    kind: Kind,
    id: &str,
) -> Result<Option<Versioned<T>>, StoreError> {
    // An id from a URL may be longer than any record's.
    if id.is_empty() || id.len() > vault::ID_BYTES_MAX {
        return Ok(None);
    }
    let Some(record) = vault.get(kind, id)? else {
        return Ok(None);
    };
    let value = record.json().map_err(StoreError::Encode)?;
    Ok(Some(Versioned {
        value,
        version: record.version(),
    }))
}

/// All values of a kind with their ids.
pub(crate) fn read_all<T: DeserializeOwned>(
    vault: &Vault,
    kind: Kind,
) -> Result<Vec<(String, Versioned<T>)>, StoreError> {
    let mut values = Vec::new();
    for (id, record) in vault.records(kind)? {
        let value = record.json().map_err(StoreError::Encode)?;
        values.push((
            id,
            Versioned {
                value,
                version: record.version(),
            },
        ));
    }
    Ok(values)
}

/// Adds a value to changes.
pub(crate) fn set<T: Serialize>(
    changes: Changes,
    kind: Kind,
    id: &str,
    value: &T,
) -> Result<Changes, StoreError> {
    changes
        .put_json(kind, id, SCHEMA, value)
        .map_err(StoreError::Encode)
}

/// Adds a value that must not exist yet.
pub(crate) fn create<T: Serialize>(
    changes: Changes,
    kind: Kind,
    id: &str,
    value: &T,
) -> Result<Changes, StoreError> {
    set(changes.only_if_absent(kind, id), kind, id, value)
}

/// Adds a value that replaces the version that was read.
pub(crate) fn replace<T: Serialize>(
    changes: Changes,
    kind: Kind,
    id: &str,
    version: u64,
    value: &T,
) -> Result<Changes, StoreError> {
    set(changes.only_if_version(kind, id, version), kind, id, value)
}

/// Makes the changes if their conditions hold.
pub(crate) fn commit(vault: &Vault, changes: &Changes) -> Result<Committed, StoreError> {
    match vault.commit(changes, &mut random::os()) {
        Ok(_generation) => Ok(Committed::Yes),
        Err(CommitError::Conflict) => Ok(Committed::No),
        Err(error) => Err(StoreError::Commit(error)),
    }
}

/// Writes one value, whatever was there.
pub(crate) fn put<T: Serialize>(
    vault: &Vault,
    kind: Kind,
    id: &str,
    value: &T,
) -> Result<(), StoreError> {
    commit(vault, &set(Changes::new(), kind, id, value)?).map(|_| ())
}
