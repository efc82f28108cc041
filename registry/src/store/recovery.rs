//! Opening a store: what a mark names is taken as it is, everything else is derived from the entries again.

use super::{
    Inner, StoreError, Tip, Writer,
    disk::Disk,
    frame::FILE_HEAD_BYTES,
    hashes::{HASH_BYTES, HASHES, Hashes},
    index::{Grain, Index},
    log::{Block, Log, OFFSETS, ROW_BYTES, rows},
    marker::{self, Marker},
    mirror::Mirror,
    notes::Notes,
    unchecked::Flag,
};
use protocol::registry::{
    NetworkId,
    merkle::{self, Frontier, TreeHash},
    record::UnverifiedRecord,
};
use serde_json::Value;
use std::sync::{Arc, Mutex, RwLock};

/// A store that is being opened: it stands at a mark, or at the beginning, and goes on along the entries.
struct Opening {
    disk: Arc<dyn Disk>,
    network: NetworkId,
    log: Log,
    hashes: Hashes,
    index: Index,
    frontier: Frontier,
    height: u64,
    /// Where the next frame begins.
    entries: u64,
    mark: Mark,
}

/// The mark that the files were opened by.
struct Mark {
    number: u64,
    size: u64,
    snapshot: Value,
}

/// Opens or creates the store of a network. The answer also says whether entries were cut off that were not to be believed yet:
/// then a new mark is due at once.
pub(super) fn open(
    disk: &Arc<dyn Disk>,
    network: NetworkId,
    grain: Grain,
) -> Result<(Inner, bool), StoreError> {
    let log = Log::new(disk.clone());
    let marked = Marker::latest(&**disk)?;
    begin(&log, network, marked.is_some())?;
    let marked = marked.filter(|(_, marker)| marker.network == network);
    let mut number = marked.as_ref().map_or(0, |(number, _)| *number);
    let raised = Flag::raised(&**disk, number)?;
    if let Some(flag) = raised {
        flag.cut(&**disk)?;
        number = flag.mark();
    }
    let opening = match marked {
        Some((_, marker)) => Opening::at_mark(disk, &log, grain, number, marker)?,
        None => None,
    };
    let mut opening = match opening {
        Some(opening) => opening,
        None => Opening::at_beginning(disk, &log, grain, network, number)?,
    };
    opening.remove_strangers()?;
    if raised.is_none() {
        Flag::lower_all(&**disk)?;
    }
    opening.derive_rest()?;
    Ok((opening.finish()?, raised.is_some()))
}

/// Makes the file of entries if there was none, or checks whose it is.
fn begin(log: &Log, network: NetworkId, is_marked: bool) -> Result<(), StoreError> {
    match log.network()? {
        Some(found) if found == network => Ok(()),
        Some(_other) => Err(StoreError::WrongNetwork),
        // Nothing can stand behind a head that never reached the disk.
        None if !is_marked && log.length()? <= FILE_HEAD_BYTES as u64 => log.begin(network),
        None => Err(StoreError::Damaged("the head of the entries")),
    }
}

impl Opening {
    /// The store as a mark says it is; none if the derived files are not what it says.
    fn at_mark(
        disk: &Arc<dyn Disk>,
        log: &Log,
        grain: Grain,
        number: u64,
        marker: Marker,
    ) -> Result<Option<Self>, StoreError> {
        if log.length()? < marker.entries {
            // These entries were on the disk: without them nothing that was said of them holds.
            return Err(StoreError::Damaged("entries that were on the disk"));
        }
        let hashes = Hashes::new(disk.clone());
        let rows = marker.size * ROW_BYTES;
        let stored = merkle::stored_hashes(marker.size) * HASH_BYTES;
        if disk.length(OFFSETS)?.unwrap_or(0) < rows || disk.length(HASHES)?.unwrap_or(0) < stored {
            return Ok(None);
        }
        let frontier = Frontier::read(marker.size, |index| hashes.read(index)).ok();
        let same = |frontier: &Frontier| Some(frontier.root()) == marker.root();
        let Some(frontier) = frontier.filter(same) else {
            return Ok(None);
        };
        let Some(index) = Index::open(disk.clone(), grain, &marker.runs, marker.size)? else {
            return Ok(None);
        };
        // What is behind the mark was perhaps written and perhaps not.
        for (file, length) in [(OFFSETS, rows), (HASHES, stored)] {
            if disk.length(file)?.is_some_and(|found| found > length) {
                disk.truncate(file, length)?;
            }
        }
        Ok(Some(Self {
            disk: disk.clone(),
            network: marker.network,
            log: log.clone(),
            hashes,
            index,
            frontier,
            height: marker.height,
            entries: marker.entries,
            mark: Mark {
                number,
                size: marker.size,
                snapshot: marker.snapshot,
            },
        }))
    }

    /// The store with nothing but entries.
    fn at_beginning(
        disk: &Arc<dyn Disk>,
        log: &Log,
        grain: Grain,
        network: NetworkId,
        number: u64,
    ) -> Result<Self, StoreError> {
        marker::remove_but(&**disk, None)?;
        disk.remove(OFFSETS)?;
        disk.remove(HASHES)?;
        Ok(Self {
            disk: disk.clone(),
            network,
            log: log.clone(),
            hashes: Hashes::new(disk.clone()),
            index: Index::new(disk.clone(), grain),
            frontier: Frontier::default(),
            height: 0,
            entries: FILE_HEAD_BYTES as u64,
            mark: Mark {
                number,
                size: 0,
                snapshot: Value::Null,
            },
        })
    }

    /// Removes runs and marks that the mark does not name: a crash came between one and the other.
    fn remove_strangers(&self) -> Result<(), StoreError> {
        let named = self.index.files();
        for name in self.disk.list()? {
            if Index::is_file(&name) && !named.contains(&name) {
                self.disk.remove(&name)?;
            }
        }
        marker::remove_but(&*self.disk, Some(self.mark.number))
    }

    /// Follows the entries to their end, and cuts off what was not wholly written.
    fn derive_rest(&mut self) -> Result<(), StoreError> {
        while let Some(block) = self.next()? {
            self.derive(&block)?;
        }
        let length = self.log.length()?;
        if length == self.entries {
            return Ok(());
        }
        let index = self.frontier.size();
        if self.log.next_block(self.entries, index)?.is_some() {
            return Err(StoreError::Rotten { index });
        }
        tracing::warn!(
            index,
            height = self.height,
            "a block that was not wholly written is cut off"
        );
        self.log.cut(self.entries)
    }

    fn next(&self) -> Result<Option<Block>, StoreError> {
        let size = self.frontier.size();
        Ok(self.log.block(self.entries, size, self.height)?)
    }

    fn derive(&mut self, block: &Block) -> Result<(), StoreError> {
        let first = self.frontier.size();
        let (mut records, mut hashes, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (start, entry)) in (first..).zip(&block.entries) {
            let record = UnverifiedRecord::decode(&entry.record)
                .and_then(|record| record.dangerous_without_signature(&self.network));
            records.push(record.map_err(|_cause| StoreError::Rotten { index })?);
            let leaf = TreeHash::of_leaf(&entry.record);
            self.frontier.append(leaf, |hash| hashes.push(hash));
            starts.push(*start);
        }
        self.index.add(first, records.iter());
        self.log.append_rows(&rows(self.entries, &starts))?;
        self.hashes.append(merkle::stored_hashes(first), &hashes)?;
        self.index.roll(self.frontier.size())?;
        self.entries = block.end;
        self.height = block.head.height;
        Ok(())
    }

    fn finish(self) -> Result<Inner, StoreError> {
        let tip = Tip {
            height: self.height,
            size: self.frontier.size(),
            root: self.frontier.root(),
        };
        let rolled = self.index.end() > self.mark.size;
        Ok(Inner {
            mirror: Mirror::new(self.disk.clone()),
            notes: Notes::open(self.disk.clone())?,
            network: self.network,
            log: self.log,
            hashes: self.hashes,
            index: self.index,
            tip: RwLock::new((tip, self.entries)),
            writer: Mutex::new(Writer {
                frontier: self.frontier,
                mark: self.mark.number,
                marked: (self.mark.size, self.mark.snapshot),
                is_mark_due: rolled,
                has_failed: false,
            }),
            disk: self.disk,
        })
    }
}
