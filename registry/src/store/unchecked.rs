//! Entries that a peer told and that are not to be believed before the last of them: all of them become part of the ledger at
//! once, or none.
//!
//! A file with no content says so by its name: `unchecked-<mark>-<length>`, the number of the latest mark when it was made, and
//! how long the file of entries was. It is on the disk before the first such entry. As long as no later mark
//! is there, whoever opens the store cuts the entries to this length. The next mark is what accepts
//! them, in one step; it is written only when they agree with what the members signed. A file that came back after a crash
//! (a removal is not waited for) names a mark that is not the latest any more, and says nothing.

use super::{
    BlockRecords, Store, StoreError,
    disk::Disk,
    log::{ENTRIES, Log},
};
use crate::state::Base;
use serde_json::Value;
use std::sync::Arc;

const NAME: &str = "unchecked-";

/// From where on the entries are not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    mark: u64,
    entries: u64,
}

impl Flag {
    fn name(self) -> String {
        format!("{NAME}{}-{}", self.mark, self.entries)
    }

    fn parse(name: &str) -> Option<Self> {
        let (mark, entries) = name.strip_prefix(NAME)?.split_once('-')?;
        let flag = Self {
            mark: mark.parse().ok()?,
            entries: entries.parse().ok()?,
        };
        (flag.name() == name).then_some(flag)
    }

    /// The flag that counts, if the latest mark has this number. Should that mark be lost, the flag still says what it knew.
    pub(super) fn raised(disk: &dyn Disk, latest_mark: u64) -> Result<Option<Self>, StoreError> {
        let names = disk.list()?;
        let flags = names.iter().filter_map(|name| Self::parse(name));
        let raised = flags.filter(|flag| flag.mark >= latest_mark);
        Ok(raised.max_by_key(|flag| flag.mark))
    }

    /// The number of the mark that was the latest when it was raised.
    pub(super) const fn mark(self) -> u64 {
        self.mark
    }

    /// Where the entries end that are to be believed.
    pub(super) const fn entries(self) -> u64 {
        self.entries
    }

    /// Cuts off what is not to be believed, and waits until it is gone.
    pub(super) fn cut(self, disk: &dyn Disk) -> Result<(), StoreError> {
        if disk
            .length(ENTRIES)?
            .is_some_and(|length| length > self.entries)
        {
            tracing::warn!(
                "records that a peer told and that were not checked to the end are cut off"
            );
            disk.truncate(ENTRIES, self.entries)?;
        }
        // The cut of a start that ended here may not be on the disk yet.
        Ok(disk.sync(ENTRIES)?)
    }

    fn raise(self, disk: &dyn Disk) -> Result<(), StoreError> {
        disk.append(&self.name(), &[])?;
        Ok(disk.sync(&self.name())?)
    }

    /// Removes flags that say nothing any more.
    pub(super) fn lower_all(disk: &dyn Disk) -> Result<(), StoreError> {
        for name in disk.list()? {
            if Self::parse(&name).is_some() {
                disk.remove(&name)?;
            }
        }
        Ok(())
    }
}

/// A store that takes entries which are not to be believed yet. Dropped, it leaves them to be cut off when the store is opened
/// the next time: [`Store::on`].
#[derive(Debug)]
pub struct Unchecked(Store);

impl Store {
    /// Begins to take entries that are not to be believed yet, with a snapshot of what the state says before them. Nobody else
    /// may change the store from now on.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn begin_unchecked(self, snapshot: Value) -> Result<Unchecked, StoreError> {
        self.write(|inner, writer| {
            self.mark_by(inner, writer, snapshot)?;
            let (_, entries) = self.published();
            let mark = writer.mark;
            Flag { mark, entries }.raise(&*inner.disk)
        })?;
        Ok(Unchecked(self))
    }

    /// Marks the store after entries were cut off, so that their flag says nothing any more.
    pub(super) fn mark_again(&self) -> Result<(), StoreError> {
        self.write(|inner, writer| {
            let (size, snapshot) = writer.marked.clone();
            let (tip, _) = self.published();
            let snapshot = if size == tip.size {
                snapshot
            } else {
                Value::Null
            };
            self.mark_by(inner, writer, snapshot)?;
            Flag::lower_all(&*inner.disk)
        })
    }
}

impl Unchecked {
    /// Appends the records of blocks, the last of which may go on with the next call. None of it need be on the disk when this
    /// returns.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn append(&self, blocks: &[BlockRecords<'_>]) -> Result<(), StoreError> {
        self.0.add(blocks, Log::note).map(|_root| ())
    }

    /// How many entries there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.tip().size
    }

    /// The height of the last block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.0.tip().height
    }

    /// The entries so far, for a state that is made from them.
    #[must_use]
    pub fn base(&self) -> Arc<dyn Base> {
        Arc::new(self.0.clone())
    }

    /// Makes all of it part of the ledger, which is then known up to a height, with a snapshot of what the state says there. The
    /// ledger is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn accept(self, height: u64, snapshot: Value) -> Result<Store, StoreError> {
        let Self(store) = self;
        store.write(|inner, writer| {
            if height > store.tip().height {
                store.pass(inner, height)?;
            }
            store.mark_by(inner, writer, snapshot)?;
            Flag::lower_all(&*inner.disk)
        })?;
        Ok(store)
    }
}
