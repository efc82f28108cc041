//! A run: the sorted postings of a span of entries in one file.
//!
//! Blocks of 4096 bytes hold up to 511 postings of eight bytes, how many there are, and a sum. Behind them the first key of each
//! block and the filter, then the tail: both lengths, and a sum over all three. What is behind the blocks stays in memory.

use super::{DAMAGED_RUN, StoreError, filter::Filter};
use crate::store::{disk::Disk, frame::sum, log::is_end};
use std::{fmt, io};

const BLOCK_BYTES: usize = 4096;
const POSTING_BYTES: usize = 8;
const POSTINGS_PER_BLOCK: usize = 511;
/// Number of blocks 4, length of the filter 4, sum 4.
const TAIL_BYTES: usize = 12;

/// An entry may speak of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    /// 48 bits.
    pub(super) key: u64,
    /// Where the entry stands in the run's span.
    pub(super) place: u16,
}

impl Posting {
    pub(super) fn new(key: u64, place: u64) -> Result<Self, StoreError> {
        let place = u16::try_from(place);
        let place = place.map_err(|_| StoreError::Damaged("the span of a run"))?;
        Ok(Self { key, place })
    }

    fn encode(&self) -> [u8; POSTING_BYTES] {
        (self.key << 16 | u64::from(self.place)).to_be_bytes()
    }

    fn decode(bytes: [u8; POSTING_BYTES]) -> Self {
        let [a, b, c, d, e, f, place @ ..] = bytes;
        Self {
            key: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            place: u16::from_be_bytes(place),
        }
    }
}

/// What made a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// There were enough postings in memory.
    Whole,
    /// Several runs became one.
    Merged,
    /// The node was closed.
    Partial,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Whole => "run",
            Self::Merged => "merged",
            Self::Partial => "partial",
        }
    }
}

/// Which entries a run has, and what made it: the name of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunName {
    pub(super) kind: Kind,
    pub(super) first: u64,
    pub(super) end: u64,
}

impl RunName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let (kind, first, end) = (parts.next()?, parts.next()?, parts.next()?);
        let mut kinds = [Kind::Whole, Kind::Merged, Kind::Partial].into_iter();
        let parsed = Self {
            kind: kinds.find(|known| known.name() == kind)?,
            first: first.parse().ok()?,
            end: end.parse().ok()?,
        };
        let is_name = parsed.to_string() == name && parsed.first < parsed.end;
        is_name.then_some(parsed)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.kind.name(), self.first, self.end)
    }
}

/// An open run.
#[derive(Debug)]
pub(super) struct Run {
    name: RunName,
    file: String,
    /// The first key of each block.
    fences: Vec<u64>,
    filter: Filter,
}

impl Run {
    pub(super) const fn name(&self) -> RunName {
        self.name
    }

    /// Writes a run of sorted postings and waits until it is on the disk.
    pub(super) fn write(disk: &dyn Disk, name: RunName, postings: &[Posting]) -> io::Result<Self> {
        let file = name.to_string();
        let mut bytes = Vec::with_capacity(postings.len() * (POSTING_BYTES + 2) + BLOCK_BYTES);
        let mut fences = Vec::new();
        for (number, block) in (0_u64..).zip(postings.chunks(POSTINGS_PER_BLOCK)) {
            let begin = bytes.len();
            fences.extend(block.first().map(|first| first.key));
            bytes.extend(block.iter().flat_map(Posting::encode));
            bytes.resize(begin + POSTINGS_PER_BLOCK * POSTING_BYTES, 0);
            let count = u32::try_from(block.len()).unwrap_or(0);
            bytes.extend_from_slice(&count.to_be_bytes());
            let content = bytes.get(begin..).unwrap_or_default();
            let sum = sum(&[file.as_bytes(), &number.to_be_bytes(), content]);
            bytes.extend_from_slice(&sum);
        }
        let filter = Filter::of(postings.iter().map(|posting| posting.key));
        let footer = footer(&file, &fences, &filter);
        bytes.extend_from_slice(&footer);
        disk.remove(&file)?;
        disk.append(&file, &bytes)?;
        disk.sync(&file)?;
        Ok(Self {
            name,
            file,
            fences,
            filter,
        })
    }

    /// Opens a run; none if it is not there or not whole.
    pub(super) fn open(disk: &dyn Disk, name: RunName) -> Result<Option<Self>, StoreError> {
        match Self::read_footer(disk, name) {
            Ok(run) => Ok(run),
            Err(error) if is_end(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read_footer(disk: &dyn Disk, name: RunName) -> io::Result<Option<Self>> {
        let file = name.to_string();
        let length = disk.length(&file)?.unwrap_or(0);
        let mut tail = [0; TAIL_BYTES];
        let Some(tail_at) = length.checked_sub(TAIL_BYTES as u64) else {
            return Ok(None);
        };
        disk.read_at(&file, tail_at, &mut tail)?;
        let [a, b, c, d, e, f, g, h, ..] = tail;
        let blocks = u64::from(u32::from_be_bytes([a, b, c, d]));
        let filter_bytes = u64::from(u32::from_be_bytes([e, f, g, h]));
        let footer_at = blocks * BLOCK_BYTES as u64;
        let footer_bytes = blocks * 8 + filter_bytes + TAIL_BYTES as u64;
        if footer_at + footer_bytes != length {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(footer_bytes).unwrap_or(0)];
        disk.read_at(&file, footer_at, &mut bytes)?;
        let fences_end = usize::try_from(blocks * 8).unwrap_or(0);
        let (fences, rest) = bytes.split_at_checked(fences_end).unwrap_or_default();
        let (fences, _) = fences.as_chunks();
        let fences: Vec<u64> = fences.iter().map(|key| u64::from_be_bytes(*key)).collect();
        let filter = rest.get(..rest.len().saturating_sub(TAIL_BYTES));
        let Some(filter) = filter.and_then(Filter::from_bytes) else {
            return Ok(None);
        };
        let whole = footer(&file, &fences, &filter) == bytes;
        Ok(whole.then_some(Self {
            name,
            file,
            fences,
            filter,
        }))
    }

    /// Adds the indexes of the entries that may speak of a subject with this key.
    pub(super) fn find(
        &self,
        disk: &dyn Disk,
        key: u64,
        found: &mut Vec<u64>,
    ) -> Result<(), StoreError> {
        if !self.filter.may_have(key) {
            return Ok(());
        }
        // Postings of one key may begin in the block before the first one that begins with it.
        let from = self.fences.partition_point(|first| *first < key);
        for number in from.saturating_sub(1)..self.fences.len() {
            if self.fences.get(number).is_some_and(|first| *first > key) {
                break;
            }
            let block = self.block(disk, number)?;
            let block = block.ok_or(DAMAGED_RUN)?;
            let same = block.iter().filter(|posting| posting.key == key);
            found.extend(same.map(|posting| self.name.first + u64::from(posting.place)));
        }
        Ok(())
    }

    /// All postings; none if a block is damaged.
    pub(super) fn postings(&self, disk: &dyn Disk) -> Result<Option<Vec<Posting>>, StoreError> {
        let mut postings = Vec::new();
        for number in 0..self.fences.len() {
            match self.block(disk, number)? {
                Some(block) => postings.extend(block),
                None => return Ok(None),
            }
        }
        Ok(Some(postings))
    }

    fn block(&self, disk: &dyn Disk, number: usize) -> Result<Option<Vec<Posting>>, StoreError> {
        let mut bytes = [0; BLOCK_BYTES];
        let number = number as u64;
        disk.read_at(&self.file, number * BLOCK_BYTES as u64, &mut bytes)?;
        let Some((content, expected)) = bytes.split_last_chunk::<4>() else {
            return Ok(None);
        };
        if sum(&[self.file.as_bytes(), &number.to_be_bytes(), content]) != *expected {
            return Ok(None);
        }
        let Some((postings, count)) = content.split_last_chunk::<4>() else {
            return Ok(None);
        };
        let count = usize::try_from(u32::from_be_bytes(*count)).unwrap_or(0);
        let (postings, _) = postings.as_chunks();
        let postings = postings.iter().take(count);
        Ok(Some(
            postings.map(|bytes| Posting::decode(*bytes)).collect(),
        ))
    }
}

fn footer(file: &str, fences: &[u64], filter: &Filter) -> Vec<u8> {
    let mut footer: Vec<u8> = fences.iter().flat_map(|key| key.to_be_bytes()).collect();
    footer.extend_from_slice(filter.as_bytes());
    let blocks = u32::try_from(fences.len()).unwrap_or(0);
    let filter_bytes = u32::try_from(filter.as_bytes().len()).unwrap_or(0);
    footer.extend_from_slice(&blocks.to_be_bytes());
    footer.extend_from_slice(&filter_bytes.to_be_bytes());
    let sum = sum(&[file.as_bytes(), &footer]);
    footer.extend_from_slice(&sum);
    footer
}
