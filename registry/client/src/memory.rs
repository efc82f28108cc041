//! What is remembered: the newest checkpoint seen, which a ledger may not fall behind and must extend, and who signs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::json::{self, Limits};
use protocol::registry::checkpoint::{
    CheckpointError, MemoryError as CommitteesError, UnverifiedCheckpoint, VerifiedCheckpoint,
};
use protocol::registry::merkle::{PROOF_HASHES_MAX, TreeHash};
use serde::{Deserialize, Serialize};

use crate::following::Contacts;
use crate::node::Node;
use crate::{Fault, RegistryClient};

/// How often a checkpoint is compared anew because another task has seen a newer one meanwhile.
const COMPARISONS_MAX: usize = 8;
const CONSISTENCY_BYTES_MAX: usize = 128 * 1024;

/// Committees and addresses of many years.
const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
const FORMAT: &str = "registry-memory/1";

/// Why a text is no memory of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// It does not have the form.
    #[error("not the memory of a client")]
    Malformed,
    /// The committees are those of another network.
    #[error("the committees are not those of this network")]
    Committees(#[from] CommitteesError),
    /// The committees did not sign the checkpoint.
    #[error("the checkpoint is not one of this network")]
    Checkpoint(#[from] CheckpointError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    tegata: String,
    checkpoint: String,
    committees: String,
    contacts: Vec<Contacts>,
}

impl RegistryClient {
    /// What this client has seen, for its user to keep: it goes to [`RegistryClient::recall`] at the next start. None if it
    /// has seen nothing. Whoever can change it decides what the client believes.
    #[must_use]
    pub fn memory(&self) -> Option<String> {
        // In this order: the committees that are known now have signed what was seen before.
        let seen = self.memory.last()?;
        let (committees, contacts) = self.following.known();
        let remembered = Remembered {
            tegata: FORMAT.to_owned(),
            checkpoint: seen.as_note().to_owned(),
            committees: committees.to_memory(),
            contacts,
        };
        let text = serde_json::to_string(&remembered);
        Some(text.expect("plain structures of text and numbers have a JSON form"))
    }

    /// Recalls what was seen before: the client accepts no older ledger, no other one, and no other members.
    ///
    /// # Errors
    ///
    /// Fails if the text is no memory of this network.
    pub fn recall(&self, memory: &str) -> Result<(), MemoryError> {
        let limits = Limits::DEFAULT
            .with_bytes(MEMORY_BYTES_MAX)
            .with_string(MEMORY_BYTES_MAX);
        let remembered: Remembered =
            json::parse_as(memory.as_bytes(), &limits).map_err(|_cause| MemoryError::Malformed)?;
        if remembered.tegata != FORMAT || remembered.contacts.is_empty() {
            return Err(MemoryError::Malformed);
        }
        let committees = self.genesis.committees().recall(&remembered.committees)?;
        let seen = UnverifiedCheckpoint::parse(remembered.checkpoint.as_bytes())?;
        let seen = seen.verify(&committees)?;
        if committees.followed() >= self.committees().followed() {
            self.following.recall(committees, remembered.contacts);
        }
        self.memory.start(seen);
        Ok(())
    }
}

/// How old a checkpoint may be. One ledger has two of one size where other parties begin to take part in a block without
/// records: the earlier one still names those before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Floor {
    size: u64,
    height: u64,
}

impl Floor {
    pub(crate) fn of(checkpoint: &VerifiedCheckpoint) -> Self {
        Self {
            size: checkpoint.size(),
            height: checkpoint.checkpoint().height,
        }
    }
}

/// The newest checkpoint that a client has seen.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Option<VerifiedCheckpoint>>);

impl Memory {
    pub(crate) fn last(&self) -> Option<VerifiedCheckpoint> {
        self.lock().clone()
    }

    /// Nothing older than this is believed to be the latest.
    pub(crate) fn floor(&self) -> Floor {
        self.lock().as_ref().map(Floor::of).unwrap_or_default()
    }

    /// Starts from a checkpoint of an earlier run, unless a newer one was seen already.
    pub(crate) fn start(&self, checkpoint: VerifiedCheckpoint) {
        let mut last = self.lock();
        if last
            .as_ref()
            .is_none_or(|last| Floor::of(last) < Floor::of(&checkpoint))
        {
            *last = Some(checkpoint);
        }
    }

    /// Makes sure that a checkpoint contradicts nothing seen before, and remembers it if it is newer.
    ///
    /// The node that showed the checkpoint has to show how it fits: with a consistency proof from the smaller ledger to
    /// the larger one.
    pub(crate) async fn admit(&self, seen: &VerifiedCheckpoint, node: &Node) -> Result<(), Fault> {
        for _comparison in 0..COMPARISONS_MAX {
            let Some(last) = self.last() else {
                self.start(seen.clone());
                continue;
            };
            if last.size() == seen.size() {
                return self.same_size(&last, seen);
            }
            if last.size() > seen.size() {
                let proof = consistency(node, seen, &last).await?;
                return Ok(last.verify_extends(seen, &proof)?);
            }
            let proof = consistency(node, &last, seen).await?;
            seen.verify_extends(&last, &proof)?;
            let mut now = self.lock();
            if now.as_ref() == Some(&last) {
                *now = Some(seen.clone());
                return Ok(());
            }
        }
        Err(Fault::Stale)
    }

    fn same_size(&self, last: &VerifiedCheckpoint, seen: &VerifiedCheckpoint) -> Result<(), Fault> {
        // One ledger has a new checkpoint without a new record when other members begin to sign.
        let (before, now) = (last.checkpoint(), seen.checkpoint());
        let same_ledger = before.root == now.root && before.blocks == now.blocks;
        if !same_ledger || (before.height == now.height && before != now) {
            return Err(Fault::Fork {
                seen: last.as_note().to_owned(),
                other: seen.as_note().to_owned(),
            });
        }
        let newer = (before.height, last.cosigned_at()) < (now.height, seen.cosigned_at());
        let mut kept = self.lock();
        if kept.as_ref() == Some(last) && newer {
            *kept = Some(seen.clone());
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<VerifiedCheckpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct ConsistencyAnswer {
    from: u64,
    to: u64,
    hashes: Vec<String>,
}

async fn consistency(
    node: &Node,
    older: &VerifiedCheckpoint,
    newer: &VerifiedCheckpoint,
) -> Result<Vec<TreeHash>, Fault> {
    let (from, to) = (older.size(), newer.size());
    let path = format!("/consistency?from={from}&to={to}");
    let body = node.get(&path, CONSISTENCY_BYTES_MAX).await?;
    let limits = Limits::DEFAULT.with_bytes(CONSISTENCY_BYTES_MAX);
    let answer: ConsistencyAnswer =
        json::parse_as(&body.ok_or(Fault::Stale)?, &limits).map_err(|_cause| Fault::Malformed)?;
    if (answer.from, answer.to) != (from, to) || answer.hashes.len() > PROOF_HASHES_MAX {
        return Err(Fault::Malformed);
    }
    let hashes = answer.hashes.iter().map(|hash| TreeHash::from_base64(hash));
    hashes.collect::<Option<_>>().ok_or(Fault::Malformed)
}
