//! Records of the vault as values with versions.
//!
//! Keys: each module names its kinds; ids are random or counted, never personal. Atomicity: what must change together is
//! one [`Changes`], conditional on the versions that were read ([`replace`]) or on absence. Restart: a commit that
//! returned is durable; one that did not leaves the records as they were.

use serde::{Serialize, de::DeserializeOwned};
use vault::{Changes, CommitError, Kind, ReadError, Vault};

/// Version of the JSON forms.
pub(crate) const SCHEMA: u32 = 1;
/// How often a decision is taken anew because somebody else changed what it was based on.
const ATTEMPTS_MAX: usize = 64;

/// A value and the version under which it was read.
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    version: u64,
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
    /// A value has no JSON form.
    #[error("a record cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// Others were faster again and again.
    #[error("a record changes too often")]
    Contention,
}

/// What became of conditional changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// They are durable.
    Yes,
    /// A condition did not hold; nothing was changed.
    Conflict,
}

/// What one attempt at a decision comes to.
pub(crate) enum Attempt<T> {
    /// It stands.
    Done(T),
    /// Something it was based on changed meanwhile: decide again.
    Again,
}

/// Reads a record as JSON.
pub(crate) fn read<T: DeserializeOwned>(
    vault: &Vault,
    kind: Kind,
    id: &str,
) -> Result<Option<Versioned<T>>, StoreError> {
    let Some(record) = vault.get(kind, id)? else {
        return Ok(None);
    };
    Ok(Some(Versioned {
        value: record.json().map_err(ReadError::Form)?,
        version: record.version(),
    }))
}

/// Writes back a value that was read, if nobody else wrote it meanwhile.
pub(crate) fn replace<T: Serialize>(
    changes: Changes,
    kind: Kind,
    id: &str,
    versioned: &Versioned<T>,
) -> Result<Changes, StoreError> {
    changes
        .only_if_version(kind, id, versioned.version)
        .put_json(kind, id, SCHEMA, &versioned.value)
        .map_err(StoreError::Encode)
}

/// Removes a value that was read, if nobody else wrote it meanwhile.
pub(crate) fn remove<T>(
    changes: Changes,
    kind: Kind,
    id: &str,
    versioned: &Versioned<T>,
) -> Changes {
    changes
        .only_if_version(kind, id, versioned.version)
        .delete(kind, id)
}

/// Writes a new value, if there is none.
pub(crate) fn create<T: Serialize>(
    changes: Changes,
    kind: Kind,
    id: &str,
    value: &T,
) -> Result<Changes, StoreError> {
    changes
        .only_if_absent(kind, id)
        .put_json(kind, id, SCHEMA, value)
        .map_err(StoreError::Encode)
}

/// Commits, and tells a conflict from a failure.
pub(crate) fn commit(vault: &Vault, changes: &Changes) -> Result<Committed, StoreError> {
    match vault.commit(changes, &mut service::random::os()) {
        Ok(_generation) => Ok(Committed::Yes),
        Err(CommitError::Conflict) => Ok(Committed::Conflict),
        Err(error) => Err(StoreError::Commit(error)),
    }
}

/// Takes a decision until it stands.
pub(crate) fn decide<T, E: From<StoreError>>(
    mut attempt: impl FnMut() -> Result<Attempt<T>, E>,
) -> Result<T, E> {
    for _ in 0..ATTEMPTS_MAX {
        if let Attempt::Done(value) = attempt()? {
            return Ok(value);
        }
    }
    Err(StoreError::Contention.into())
}
