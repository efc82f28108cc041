//! The ledger on disk: one sled tree, written once per block.
//!
//! Keys begin with one byte that says what they are; numbers are big-endian, so that a scan is in order.
//!
//! | key | value |
//! | --- | --- |
//! | `e` index | height, block time, record: the entry |
//! | `h` stored hash index | hash of the Merkle tree, in the layout of `protocol::registry::merkle` |
//! | `c` case, index | nothing: the entry belongs to the case |
//! | `a` application, index | nothing: the entry belongs to the application |
//! | `m` `tip` | network, height, size, root |
//! | `m` `cosigned` | the latest checkpoint that a quorum signed, with its trusted parties document |
//!
//! **Atomicity.** All that a block adds, the new tip included, is one batch in one tree. [`Store::append`]
//! flushes before it returns; only then is the block acknowledged to consensus. The cosigned checkpoint
//! is a key of its own and needs no flush: after a crash the members' signatures are collected again.
//!
//! **Restart.** Everything but the entries is derived from them. [`Store::open`] refuses a store of another
//! network or format; the replica folds the entries into the state again and compares the root. A
//! block that was stored but not acknowledged is delivered again and skipped by its height. If the
//! whole store is lost, its height is 0 and consensus delivers every block again.
//!
//! The mirror of status list tokens has a tree of its own: it can be fetched again by anyone.

pub mod disk;
mod keys;
mod mirror;
#[cfg(test)]
mod tests;

pub use keys::Tip;
pub use mirror::{Mirror, STATUS_LIST_BYTES_MAX};

use bytes::Bytes;
use keys::Key;
use protocol::{
    Timestamp,
    registry::{
        ApplicationId, CaseId, NetworkId,
        merkle::{self, TreeError, TreeHash},
        record::{Body, Record},
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const LOG: &str = "log/1";
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Heights of empty blocks are noted this often; they cost a restart a few more deliveries.
const HEIGHT_NOTED_EVERY: u64 = 64;

/// The store cannot be read or written, or is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the database under it failed.
    #[error("the ledger's store failed")]
    Database(#[from] sled::Error),
    /// The store was written for another genesis file.
    #[error("the ledger's store belongs to another network")]
    WrongNetwork,
    /// Something that must be there is missing or unreadable.
    #[error("the ledger's store is damaged: {0}")]
    Damaged(&'static str),
}

impl From<TreeError> for StoreError {
    fn from(_cause: TreeError) -> Self {
        Self::Damaged("hashes of the tree")
    }
}

/// A record in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The height of its block.
    pub height: u64,
    /// The time of its block.
    pub time: Timestamp,
    /// The record.
    pub record: Bytes,
}

/// A checkpoint that a quorum signed, and the document it vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosignedNote {
    /// The note.
    pub checkpoint: String,
    /// The trusted parties document.
    pub document: String,
}

/// The open store.
#[derive(Clone, Debug)]
pub struct Store {
    database: sled::Db,
    log: sled::Tree,
    mirror: Mirror,
    network: NetworkId,
}

impl Store {
    /// Opens or creates the store in a directory. A second process is kept out by the database's lock.
    ///
    /// # Errors
    ///
    /// Fails if the directory is in use, unreadable, or belongs to another network.
    pub fn open(directory: &Path, network: NetworkId) -> Result<Self, StoreError> {
        let database = sled::Config::new()
            .path(directory)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()?;
        let store = Self {
            log: database.open_tree(LOG)?,
            mirror: Mirror::open(&database)?,
            database,
            network,
        };
        store.tip()?;
        Ok(store)
    }

    /// Height, size and root that the store stands at.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable or belongs to another network.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        let Some(value) = self.log.get(Key::Tip.bytes())? else {
            return Ok(Tip::EMPTY);
        };
        let (network, tip) = Tip::decode(&value).ok_or(StoreError::Damaged("tip"))?;
        if network != self.network {
            return Err(StoreError::WrongNetwork);
        }
        Ok(tip)
    }

    /// Appends the records of a block and returns the new root. The block is on disk when this returns.
    ///
    /// # Errors
    ///
    /// Fails if the store does; nothing of the block is stored then, or all of it.
    pub fn append(
        &self,
        height: u64,
        time: Timestamp,
        records: &[Arc<Record>],
    ) -> Result<TreeHash, StoreError> {
        let mut size = self.tip()?.size;
        let mut batch = sled::Batch::default();
        let mut hashes: BTreeMap<u64, TreeHash> = BTreeMap::new();
        for record in records {
            let read = |index| hashes.get(&index).copied().or_else(|| self.hash(index));
            let added = merkle::append(size, record.leaf_hash(), read)?;
            for (index, hash) in added {
                hashes.insert(index, hash);
                batch.insert(Key::Hash(index).bytes(), hash.as_bytes());
            }
            let entry = keys::encode_entry(height, time, record.as_bytes());
            batch.insert(Key::Entry(size).bytes(), entry);
            for key in subjects(record.body(), size) {
                batch.insert(key.bytes(), &[]);
            }
            size += 1;
        }
        let root = merkle::root(size, |index| {
            hashes.get(&index).copied().or_else(|| self.hash(index))
        })?;
        let tip = Tip { height, size, root };
        batch.insert(Key::Tip.bytes(), tip.encode(self.network));
        self.log.apply_batch(batch)?;
        self.database.flush()?;
        Ok(root)
    }

    /// Remembers now and then that empty blocks passed; nothing depends on it.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn note_height(&self, height: u64) -> Result<(), StoreError> {
        if !height.is_multiple_of(HEIGHT_NOTED_EVERY) {
            return Ok(());
        }
        let tip = Tip {
            height,
            ..self.tip()?
        };
        self.log
            .insert(Key::Tip.bytes(), tip.encode(self.network))?;
        Ok(())
    }

    /// The record at an index, if the ledger is that long.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, StoreError> {
        let Some(value) = self.log.get(Key::Entry(index).bytes())? else {
            return Ok(None);
        };
        keys::decode_entry(&value)
            .map(Some)
            .ok_or(StoreError::Damaged("entry"))
    }

    /// A stored hash of the tree.
    #[must_use]
    pub fn hash(&self, index: u64) -> Option<TreeHash> {
        let value = self.log.get(Key::Hash(index).bytes()).ok()??;
        let bytes: [u8; 32] = value.as_ref().try_into().ok()?;
        Some(TreeHash::from_bytes(bytes))
    }

    /// The indexes of a case's records below `size`, in order.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn case(&self, case: &CaseId, size: u64) -> Result<Vec<u64>, StoreError> {
        self.indexes(&Key::of_case(case), size)
    }

    /// The indexes of an application's records below `size`: the designation, then the outcomes.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn application(
        &self,
        application: &ApplicationId,
        size: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.indexes(&Key::of_application(application), size)
    }

    fn indexes(&self, prefix: &[u8], size: u64) -> Result<Vec<u64>, StoreError> {
        let mut indexes = Vec::new();
        for key in self.log.scan_prefix(prefix).keys() {
            let key = key?;
            let index = keys::index_of(&key).ok_or(StoreError::Damaged("index"))?;
            if index < size {
                indexes.push(index);
            }
        }
        Ok(indexes)
    }

    /// The latest cosigned checkpoint that was remembered.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn cosigned(&self) -> Result<Option<CosignedNote>, StoreError> {
        let Some(value) = self.log.get(Key::Cosigned.bytes())? else {
            return Ok(None);
        };
        serde_json::from_slice(&value)
            .map(Some)
            .map_err(|_cause| StoreError::Damaged("cosigned checkpoint"))
    }

    /// Remembers a cosigned checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn remember_cosigned(&self, cosigned: &CosignedNote) -> Result<(), StoreError> {
        let value = serde_json::to_vec(cosigned).expect("two strings have a JSON form");
        self.log.insert(Key::Cosigned.bytes(), value)?;
        Ok(())
    }

    /// The status list tokens kept for readers.
    #[must_use]
    pub const fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Writes what is in memory to the disk, at the end of the process.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.database.flush()?;
        Ok(())
    }
}

/// The cases or the application that an entry belongs to; the same one perhaps more than once.
fn subjects(body: &Body, index: u64) -> Vec<Key> {
    match body {
        Body::CaseEvent(_) | Body::CaseEventGroup(_) => {
            let events = body.case_events().iter();
            events.map(|event| Key::Case(event.case, index)).collect()
        }
        Body::Erasure(erasure) => vec![Key::Case(erasure.case, index)],
        Body::Designation(designation) => vec![Key::Application(designation.application, index)],
        Body::Outcome(outcome) => vec![Key::Application(outcome.application, index)],
        Body::CredentialBatch(_)
        | Body::StatusListVersion(_)
        | Body::Proposal(_)
        | Body::Approval(_) => Vec::new(),
    }
}
