//! The ledger on disk: the entries in one file that only grows, and files derived from it.
//!
//! | file | what | waited for |
//! | --- | --- | --- |
//! | `entries` | the entries in frames, one for each block with records (`frame.rs`) | at every block |
//! | `offsets` | where each entry begins | at a mark |
//! | `hashes` | hashes of the Merkle tree, in the layout of `protocol::registry::merkle` | at a mark |
//! | `run-…` `merged-…` `partial-…` | in which entries a case, an application or a record id occurs (`index/`) | when written |
//! | `mark-<n>` | up to where all of these are on the disk, and a snapshot of the small part of the state | when written |
//! | `cosigned-<n>` | the latest checkpoint that a quorum signed, with its trusted parties document | never |
//! | `handovers` | the checkpoints by which committees were handed over | when written |
//! | `list-<digest>` | a status list token | when written |
//! | `unchecked-<mark>-<length>` | that the entries beyond this length are not to be believed yet (`unchecked.rs`) | when written |
//!
//! **Atomicity.** All that a block adds to the truth is one frame. [`Store::append`] waits until it is on the disk; only then
//! is the block acknowledged to consensus. The rest is derived, and written without waiting until enough has come together for
//! a mark. After a write or a sync that failed, nothing is written any more ([`StoreError::Stopped`]): a sync that is tried
//! again may succeed without having written. The node ends, and the next start finds what is on the disk.
//!
//! **Restart.** [`Store::open`] takes the files as the latest mark names them, checks that the hashes lead to its root, and
//! derives the rest from the entries behind it: a few thousand at most. If anything about the derived files is not as it must be,
//! they are all derived again. A last frame that is not whole was torn when the power failed: it is cut off, and consensus
//! delivers the block again. A frame that is not whole before one that is shows that the disk changed it: the store is not
//! opened, because what it said before would be unsaid ([`StoreError::Rotten`]).
//!
//! **Rot.** Every entry, hash and posting carries a sum over itself and its place, which each read checks. What was changed
//! is not served.

pub mod disk;
mod frame;
pub mod fsck;
mod hashes;
mod index;
mod log;
mod marker;
mod mirror;
mod notes;
mod recovery;
mod subjects;
#[cfg(test)]
mod tests;
mod unchecked;

pub use index::Grain;
pub use mirror::{Mirror, STATUS_LIST_BYTES_MAX};
pub use unchecked::Unchecked;

use bytes::Bytes;
use disk::{Directory, Disk};
use frame::Frame;
use hashes::{HASHES, Hashes};
use index::Index;
use log::{ENTRIES, Log, OFFSETS};
use marker::Marker;
use notes::Notes;
use protocol::{
    Timestamp,
    registry::{
        NetworkId,
        merkle::{self, Frontier, TreeError, TreeHash},
        record::Record,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// Heights of empty blocks are noted this often; they cost a restart a few more deliveries.
const HEIGHT_NOTED_EVERY: u64 = 64;

/// The store cannot be read or written, or is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk failed.
    #[error("the ledger's disk failed")]
    Disk(#[from] io::Error),
    /// The store was written for another genesis file.
    #[error("the ledger's store belongs to another network")]
    WrongNetwork,
    /// Something that must be there is missing or unreadable.
    #[error("the ledger's store is damaged: {0}")]
    Damaged(&'static str),
    /// The disk changed an entry.
    #[error("entry {index} of the ledger's store was changed by the disk")]
    Rotten {
        /// Which one.
        index: u64,
    },
    /// A write failed before: nobody knows what it wrote.
    #[error("the ledger's store takes nothing more since a write failed")]
    Stopped,
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

/// The records of a block, or of a part of one.
#[derive(Clone, Copy, Debug)]
pub struct BlockRecords<'r> {
    /// The block's height.
    pub height: u64,
    /// Its time.
    pub time: Timestamp,
    /// The records in their order.
    pub records: &'r [Arc<Record>],
}

/// Where the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The height of a block that is stored, or empty and passed.
    pub height: u64,
    /// How many entries there are.
    pub size: u64,
    /// The root of the tree over them.
    pub root: TreeHash,
}

impl Tip {
    /// Before the first block.
    pub const EMPTY: Self = Self {
        height: 0,
        size: 0,
        root: TreeHash::EMPTY,
    };
}

/// The open store. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Arc<dyn Disk>,
    network: NetworkId,
    log: Log,
    hashes: Hashes,
    index: Index,
    /// What readers see, and where its last frame ends.
    tip: RwLock<(Tip, u64)>,
    writer: Mutex<Writer>,
    mirror: Mirror,
    notes: Notes,
}

/// What only one may change at a time.
#[derive(Debug)]
struct Writer {
    frontier: Frontier,
    /// The number of the latest mark.
    mark: u64,
    /// The size and the snapshot of the mark that the store was opened by.
    marked: (u64, Value),
    is_mark_due: bool,
    has_failed: bool,
}

impl Store {
    /// Opens or creates the store in a directory. A second process is kept out by a lock.
    ///
    /// # Errors
    ///
    /// Fails if the directory is in use, unreadable, damaged, or belongs to another network.
    pub fn open(directory: &Path, network: NetworkId) -> Result<Self, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(Directory::open(directory)?);
        Self::on(&disk, network, Grain::NODE)
    }

    /// Opens or creates the store on a disk.
    ///
    /// # Errors
    ///
    /// Fails if the disk is unreadable, damaged, or has the store of another network.
    pub fn on(disk: &Arc<dyn Disk>, network: NetworkId, grain: Grain) -> Result<Self, StoreError> {
        let (inner, dropped) = recovery::open(disk, network, grain)?;
        let store = Self(Arc::new(inner));
        if dropped {
            store.mark_again()?;
        }
        Ok(store)
    }

    /// Height, size and root that the store stands at.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.published().0
    }

    /// The tip, and where its last frame ends.
    fn published(&self) -> (Tip, u64) {
        *self.0.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, tip: Tip, end: u64) {
        *self.0.tip.write().unwrap_or_else(PoisonError::into_inner) = (tip, end);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something on the disk, if no such change has failed before.
    fn write<T>(
        &self,
        change: impl FnOnce(&Inner, &mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        if writer.has_failed {
            return Err(StoreError::Stopped);
        }
        let changed = change(&self.0, &mut writer);
        writer.has_failed = changed.is_err();
        changed
    }

    /// Appends the records of a block and returns the new root. The block is on disk when this returns.
    ///
    /// # Errors
    ///
    /// Fails if the store does; nothing of the block is stored then, or all of it. Every later change fails.
    pub fn append(
        &self,
        height: u64,
        time: Timestamp,
        records: &[Arc<Record>],
    ) -> Result<TreeHash, StoreError> {
        let block = BlockRecords {
            height,
            time,
            records,
        };
        self.add(&[block], Log::append)
    }

    /// Writes blocks in one go, and all that is derived from them.
    fn add(
        &self,
        blocks: &[BlockRecords<'_>],
        write: fn(&Log, u64, &[u8]) -> Result<(), StoreError>,
    ) -> Result<TreeHash, StoreError> {
        self.write(|inner, writer| {
            let (before, end) = self.published();
            let mut tip = before;
            let (mut frames, mut rows, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
            for block in blocks {
                let bytes = block.records.iter().map(|record| record.as_bytes());
                let frame = Frame::of_block(tip.size, block.height, block.time, bytes);
                let frame = frame.ok_or(StoreError::Damaged("a block that is too long"))?;
                rows.extend(log::rows(end + frames.len() as u64, frame.starts()));
                frames.extend_from_slice(frame.as_bytes());
                for record in block.records {
                    let stored = |hash| hashes.push(hash);
                    writer.frontier.append(record.leaf_hash(), stored);
                }
                (tip.height, tip.size) = (block.height, writer.frontier.size());
            }
            write(&inner.log, end, &frames)?;
            inner.log.append_rows(&rows)?;
            let first = merkle::stored_hashes(before.size);
            inner.hashes.append(first, &hashes)?;
            let records = blocks.iter().flat_map(|block| block.records);
            inner
                .index
                .add(before.size, records.map(|record| &**record));
            writer.is_mark_due |= inner.index.roll(tip.size)?;
            tip.root = writer.frontier.root();
            self.publish(tip, end + frames.len() as u64);
            Ok(tip.root)
        })
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
        self.write(|inner, _writer| self.pass(inner, height))
    }

    /// Writes that all blocks up to a height were empty.
    fn pass(&self, inner: &Inner, height: u64) -> Result<(), StoreError> {
        let (tip, end) = self.published();
        let time = Timestamp::from_unix(0);
        let frame = Frame::of_block(tip.size, height, time, std::iter::empty());
        let frame = frame.ok_or(StoreError::Damaged("an empty block"))?;
        inner.log.note(end, frame.as_bytes())?;
        let end = end + frame.as_bytes().len() as u64;
        self.publish(Tip { height, ..tip }, end);
        Ok(())
    }

    /// Whether so much came since the last mark that it is time for the next one.
    #[must_use]
    pub fn is_mark_due(&self) -> bool {
        let writer = self.writer();
        writer.is_mark_due && !writer.has_failed
    }

    /// Brings all that was derived to the disk, so that the next start need not derive it, with a snapshot of what the state
    /// says at this size.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn mark(&self, snapshot: Value) -> Result<(), StoreError> {
        self.write(|inner, writer| self.mark_by(inner, writer, snapshot))
    }

    fn mark_by(
        &self,
        inner: &Inner,
        writer: &mut Writer,
        snapshot: Value,
    ) -> Result<(), StoreError> {
        let (tip, end) = self.published();
        inner.index.write_partial(tip.size)?;
        for file in [ENTRIES, OFFSETS, HASHES] {
            if inner.disk.length(file)?.is_some() {
                inner.disk.sync(file)?;
            }
        }
        let marker = Marker::new(inner.network, &tip, end, inner.index.files(), snapshot);
        writer.mark += 1;
        marker.write(&*inner.disk, writer.mark)?;
        writer.is_mark_due = false;
        for file in inner.index.take_obsolete() {
            inner.disk.remove(&file)?;
        }
        Ok(())
    }

    /// The size and the snapshot of the mark that the store was opened by.
    #[must_use]
    pub fn marked(&self) -> (u64, Value) {
        self.writer().marked.clone()
    }

    /// The record at an index, if the ledger is that long.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, StoreError> {
        let (tip, end) = self.published();
        if index >= tip.size {
            return Ok(None);
        }
        self.0.log.entry(index, end).map(Some)
    }

    /// A stored hash of the tree.
    #[must_use]
    pub fn hash(&self, index: u64) -> Option<TreeHash> {
        self.0.hashes.read(index)
    }

    /// The right edge of the tree of the first `size` entries.
    ///
    /// # Errors
    ///
    /// Fails if the store lacks a hash of it.
    pub fn frontier(&self, size: u64) -> Result<Frontier, TreeError> {
        Frontier::read(size, |index| self.hash(index))
    }

    /// The latest cosigned checkpoint that was remembered.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn cosigned(&self) -> Result<Option<CosignedNote>, StoreError> {
        self.0.notes.cosigned()
    }

    /// Remembers a cosigned checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn remember_cosigned(&self, cosigned: &CosignedNote) -> Result<(), StoreError> {
        self.0.notes.remember_cosigned(cosigned)
    }

    /// The checkpoints by which committees were handed over, in the order in which they were kept.
    #[must_use]
    pub fn handovers(&self) -> Vec<CosignedNote> {
        self.0.notes.handovers()
    }

    /// Keeps a checkpoint by which a committee was handed over.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn keep_handover(&self, handover: &CosignedNote) -> Result<(), StoreError> {
        self.0.notes.keep_handover(handover)
    }

    /// The status list tokens kept for readers.
    #[must_use]
    pub fn mirror(&self) -> &Mirror {
        &self.0.mirror
    }
}
