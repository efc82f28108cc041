//! The two files in which entries stand: themselves, in frames, and where each of them begins.

use super::{
    Entry, StoreError,
    disk::Disk,
    frame::{
        ENTRY_HEAD_BYTES, FILE_HEAD_BYTES, FRAME_HEAD_BYTES, FRAME_MAGIC, FrameHead, entry_length,
        file_head, read_entries, read_entry, read_file_head,
    },
};
use bytes::Bytes;
use protocol::registry::NetworkId;
use std::{io, sync::Arc};

/// The entries: the truth, from which all other files are derived.
pub(super) const ENTRIES: &str = "entries";
/// Where each entry begins, and how far before it its frame does.
pub(super) const OFFSETS: &str = "offsets";

/// An offset of six bytes and a distance of four.
pub(super) const ROW_BYTES: u64 = 10;
/// Most entries are read at once.
const READ_BYTES: u64 = 512;
/// A search for frames reads this much at a time.
const SEARCH_BYTES: u64 = 64 * 1024;

/// The files of entries.
#[derive(Clone, Debug)]
pub(super) struct Log(Arc<dyn Disk>);

/// Where the entries of a frame begin that stands at `at`, as it is written.
pub(super) fn rows(at: u64, starts: &[u32]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(starts.len() * 10);
    for &start in starts {
        let offset = (at + u64::from(start)).to_be_bytes();
        rows.extend_from_slice(offset.get(2..).unwrap_or_default());
        rows.extend_from_slice(&start.to_be_bytes());
    }
    rows
}

/// A frame that was read whole.
pub(super) struct Block {
    pub(super) head: FrameHead,
    pub(super) entries: Vec<(u32, Entry)>,
    /// Where the next one begins.
    pub(super) end: u64,
}

impl Log {
    pub(super) const fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// Makes the file of entries.
    pub(super) fn begin(&self, network: NetworkId) -> Result<(), StoreError> {
        self.0.remove(ENTRIES)?;
        self.0.append(ENTRIES, &file_head(network))?;
        Ok(self.0.sync(ENTRIES)?)
    }

    /// The network whose entries these are; none if the head cannot be read.
    pub(super) fn network(&self) -> Result<Option<NetworkId>, StoreError> {
        let mut head = [0; FILE_HEAD_BYTES];
        match self.0.read_at(ENTRIES, 0, &mut head) {
            Ok(()) => Ok(read_file_head(&head)),
            Err(error) if is_end(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How long the file of entries is.
    pub(super) fn length(&self) -> Result<u64, StoreError> {
        Ok(self.0.length(ENTRIES)?.unwrap_or(0))
    }

    /// Writes frames at the end, which is at `end`, and waits until they are on the disk.
    pub(super) fn append(&self, end: u64, frames: &[u8]) -> Result<(), StoreError> {
        let written = self.0.append(ENTRIES, frames);
        let written = written.and_then(|()| self.0.sync(ENTRIES));
        if written.is_err() {
            // What may not be on the disk must not be found by the next who opens it. If this fails too, it may: a block
            // that nobody was told of, which is delivered again.
            let _cut_or_not = self.0.truncate(ENTRIES, end);
        }
        Ok(written?)
    }

    /// Writes frames at the end without waiting.
    pub(super) fn note(&self, _end: u64, frames: &[u8]) -> Result<(), StoreError> {
        Ok(self.0.append(ENTRIES, frames)?)
    }

    /// Cuts off what does not belong to the ledger.
    pub(super) fn cut(&self, end: u64) -> Result<(), StoreError> {
        Ok(self.0.truncate(ENTRIES, end)?)
    }

    /// Writes where entries begin: [`rows`].
    pub(super) fn append_rows(&self, rows: &[u8]) -> Result<(), StoreError> {
        Ok(self.0.append(OFFSETS, rows)?)
    }

    /// The entry of an index, if it ends before `end`.
    pub(super) fn entry(&self, index: u64, end: u64) -> Result<Entry, StoreError> {
        match self.read(index, end) {
            Ok(Some(entry)) => Ok(entry),
            Ok(None) => Err(StoreError::Rotten { index }),
            Err(error) if is_end(&error) => Err(StoreError::Rotten { index }),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, index: u64, end: u64) -> io::Result<Option<Entry>> {
        let Some((offset, frame)) = self.row(index)? else {
            return Ok(None);
        };
        let mut head = [0; FRAME_HEAD_BYTES];
        self.0.read_at(ENTRIES, frame, &mut head)?;
        let holds = |head: &FrameHead| {
            let behind = index.checked_sub(head.first);
            behind.is_some_and(|behind| behind < u64::from(head.count))
        };
        let Some(head) = FrameHead::decode(&head).filter(holds) else {
            return Ok(None);
        };
        let Some(rest) = end.checked_sub(offset) else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(rest.min(READ_BYTES)).unwrap_or(0)];
        self.0.read_at(ENTRIES, offset, &mut bytes)?;
        let Some(length) = entry_length(&bytes) else {
            return Ok(None);
        };
        if length > bytes.len() {
            bytes.resize(length, 0);
            self.0.read_at(ENTRIES, offset, &mut bytes)?;
        }
        let length = read_entry(index, &bytes).map(<[u8]>::len);
        Ok(length.map(|length| Entry {
            height: head.height,
            time: head.time,
            record: Bytes::from(bytes).slice(ENTRY_HEAD_BYTES..ENTRY_HEAD_BYTES + length),
        }))
    }

    /// Where an entry and its frame begin, as far as the derived file says.
    pub(super) fn offset(&self, index: u64) -> Result<Option<(u64, u64)>, StoreError> {
        match self.row(index) {
            Ok(row) => Ok(row),
            Err(error) if is_end(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where an entry and its frame begin.
    fn row(&self, index: u64) -> io::Result<Option<(u64, u64)>> {
        let mut row = [0; 10];
        self.0.read_at(OFFSETS, index * ROW_BYTES, &mut row)?;
        let [a, b, c, d, e, f, back @ ..] = row;
        let offset = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let frame = offset.checked_sub(u32::from_be_bytes(back).into());
        Ok(frame.map(|frame| (offset, frame)))
    }

    /// The frame that begins here, the next after `size` entries and a block of this height; none if there is none that
    /// is whole.
    pub(super) fn block(&self, at: u64, size: u64, height: u64) -> io::Result<Option<Block>> {
        let end = self.0.length(ENTRIES)?.unwrap_or(0);
        let Some(head) = self.head(at, end)? else {
            return Ok(None);
        };
        let payload_at = at + FRAME_HEAD_BYTES as u64;
        let after = payload_at + u64::from(head.length);
        if head.first != size || head.height < height || after > end {
            return Ok(None);
        }
        let mut payload = vec![0; usize::try_from(head.length).unwrap_or(0)];
        self.0.read_at(ENTRIES, payload_at, &mut payload)?;
        let entries = read_entries(&head, &payload);
        Ok(entries.map(|entries| Block {
            head,
            entries,
            end: after,
        }))
    }

    fn head(&self, at: u64, end: u64) -> io::Result<Option<FrameHead>> {
        if at + FRAME_HEAD_BYTES as u64 > end {
            return Ok(None);
        }
        let mut head = [0; FRAME_HEAD_BYTES];
        self.0.read_at(ENTRIES, at, &mut head)?;
        Ok(FrameHead::decode(&head))
    }

    /// The first whole frame with entries that begins at `from` or after it. Only the last frame of a file can have been
    /// torn when the power failed: one that lies behind something else shows that the disk changed it.
    pub(super) fn next_block(&self, from: u64, size: u64) -> io::Result<Option<Block>> {
        let end = self.0.length(ENTRIES)?.unwrap_or(0);
        let mut at = from;
        while at + FRAME_HEAD_BYTES as u64 <= end {
            let mut bytes = vec![0; usize::try_from((end - at).min(SEARCH_BYTES)).unwrap_or(0)];
            self.0.read_at(ENTRIES, at, &mut bytes)?;
            for (start, _) in (0_u64..)
                .zip(bytes.windows(FRAME_MAGIC.len()))
                .filter(|(_, window)| window == FRAME_MAGIC)
            {
                let Some(head) = self.head(at + start, end)? else {
                    continue;
                };
                let found = self.block(at + start, head.first, head.height)?;
                if head.first >= size
                    && let Some(block) = found.filter(|block| block.head.count > 0)
                {
                    return Ok(Some(block));
                }
            }
            // A magic number may lie across two reads.
            at += (bytes.len() - FRAME_MAGIC.len() + 1) as u64;
        }
        Ok(None)
    }
}

pub(super) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound
    )
}
