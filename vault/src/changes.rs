//! What a transaction changes, and under which conditions.

use zeroize::Zeroizing;

use crate::engine::EngineError;
use crate::record::{ID_BYTES_MAX, Kind};

/// The largest content of a record: 64 MiB.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most changes in one transaction.
const CHANGES_MAX: usize = 4096;

/// Changes that become durable together or not at all.
#[derive(Default)]
pub struct Changes {
    pub(crate) changes: Vec<Change>,
    pub(crate) conditions: Vec<Condition>,
}

pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) action: Action,
}

pub(crate) enum Action {
    Put {
        schema: u32,
        body: Zeroizing<Vec<u8>>,
    },
    Delete,
}

pub(crate) struct Condition {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) expected: Option<u64>,
}

/// Why a transaction was not made. Nothing of it was, except after [`CommitError::Engine`], when it may or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A condition does not hold: somebody else was first.
    #[error("a record was changed by somebody else")]
    Conflict,
    /// An id is empty or longer than [`ID_BYTES_MAX`], a content is too large, or there are too many changes.
    #[error("a change is beyond the limits of the store")]
    Limit,
    /// One record is changed twice.
    #[error("one record is changed twice in one transaction")]
    Twice,
    /// A sensitive kind was written without [`crate::Vault::sensitive`], or a kind with another sensitivity than before.
    #[error("the kind of a record is sensitive and its key was not unlocked")]
    Sensitive,
    /// The store failed. The vault must be opened again.
    #[error("the store failed")]
    Engine(#[from] EngineError),
}

impl Changes {
    /// No changes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record, whether it exists or not.
    #[must_use]
    pub fn put(mut self, kind: Kind, id: &str, schema: u32, body: &[u8]) -> Self {
        let body = Zeroizing::new(body.to_vec());
        self.push(kind, id, Action::Put { schema, body });
        self
    }

    /// Writes a record whose content is `value` as JSON.
    pub fn put_json<T: serde::Serialize>(
        mut self,
        kind: Kind,
        id: &str,
        schema: u32,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        let body = Zeroizing::new(serde_json::to_vec(value)?);
        self.push(kind, id, Action::Put { schema, body });
        Ok(self)
    }

    /// Removes a record, whether it exists or not. Its ciphertext stays in the log until the engine reuses the space.
    #[must_use]
    pub fn delete(mut self, kind: Kind, id: &str) -> Self {
        self.push(kind, id, Action::Delete);
        self
    }

    /// Makes the whole transaction depend on a record still having this version.
    #[must_use]
    pub fn only_if_version(self, kind: Kind, id: &str, version: u64) -> Self {
        self.only_if(kind, id, Some(version))
    }

    /// Makes the whole transaction depend on a record not existing.
    #[must_use]
    pub fn only_if_absent(self, kind: Kind, id: &str) -> Self {
        self.only_if(kind, id, None)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn only_if(mut self, kind: Kind, id: &str, expected: Option<u64>) -> Self {
        self.conditions.push(Condition {
            kind,
            id: id.to_owned(),
            expected,
        });
        self
    }

    fn push(&mut self, kind: Kind, id: &str, action: Action) {
        self.changes.push(Change {
            kind,
            id: id.to_owned(),
            action,
        });
    }

    pub(crate) fn check_limits(&self) -> Result<(), CommitError> {
        let count_fits = self.changes.len() <= CHANGES_MAX;
        let each_fits = self.changes.iter().all(|change| {
            let id_fits = (1..=ID_BYTES_MAX).contains(&change.id.len());
            let body_fits = match &change.action {
                Action::Put { body, .. } => body.len() <= BODY_BYTES_MAX,
                Action::Delete => true,
            };
            id_fits && body_fits
        });
        if !count_fits || !each_fits {
            return Err(CommitError::Limit);
        }
        let mut names: Vec<_> = self
            .changes
            .iter()
            .map(|change| (change.kind.name, change.id.as_str()))
            .collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair.first() == pair.last());
        if twice {
            Err(CommitError::Twice)
        } else {
            Ok(())
        }
    }
}
