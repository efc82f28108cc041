//! How blocks are spelt in the file of entries: a frame each, with sums that show what a disk changed.
//!
//! | part | bytes |
//! | --- | --- |
//! | head of the file | `tegata/entries/1`, network 32, sum 4 |
//! | head of a frame | `TGBK`, index of its first entry 8, height 8, time 8, number of entries 4, length of what follows 4, sum 4 |
//! | entry | length of the record 2, sum over its index and the record 4, record |
//!
//! A frame without entries says that empty blocks passed up to its height. The sums are CRC-32: they find accidents of the
//! disk, also a read from the wrong place. Against forgers there is the root that the members sign.

use super::Entry;
use bytes::Bytes;
use protocol::{Timestamp, registry::NetworkId};

const FILE_MAGIC: &[u8; 16] = b"tegata/entries/1";
/// How long the head of the file is.
pub(super) const FILE_HEAD_BYTES: usize = 52;

/// The beginning of each frame.
pub(super) const FRAME_MAGIC: &[u8; 4] = b"TGBK";
/// How long the head of a frame is.
pub(super) const FRAME_HEAD_BYTES: usize = 40;
/// How long the head of an entry is.
pub(super) const ENTRY_HEAD_BYTES: usize = 6;

/// The head of the file of entries of a network.
pub(super) fn file_head(network: NetworkId) -> Vec<u8> {
    let mut head = [FILE_MAGIC.as_slice(), network.as_bytes()].concat();
    let sum = sum(&[&head]);
    head.extend_from_slice(&sum);
    head
}

/// The network whose entries a file holds; none if it is no such file.
pub(super) fn read_file_head(head: &[u8; FILE_HEAD_BYTES]) -> Option<NetworkId> {
    let network: [u8; 32] = head.get(FILE_MAGIC.len()..48)?.try_into().ok()?;
    let network = NetworkId::from_bytes(network);
    (file_head(network) == head).then_some(network)
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// The index of its first entry.
    pub(super) first: u64,
    /// The height of its block.
    pub(super) height: u64,
    /// The time of its block.
    pub(super) time: Timestamp,
    /// How many entries it has.
    pub(super) count: u32,
    /// How many bytes they take.
    pub(super) length: u32,
}

impl FrameHead {
    fn encode(&self) -> [u8; FRAME_HEAD_BYTES] {
        let parts = [
            FRAME_MAGIC.as_slice(),
            &self.first.to_be_bytes(),
            &self.height.to_be_bytes(),
            &self.time.as_unix().to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.length.to_be_bytes(),
        ];
        let sum = sum(&parts);
        let head = [parts.concat().as_slice(), &sum].concat();
        head.try_into().expect("the parts have this length")
    }

    /// Reads a head; none if its sum is wrong.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (length, _sum) = rest.split_first_chunk()?;
        let head = Self {
            first: u64::from_be_bytes(*first),
            height: u64::from_be_bytes(*height),
            time: Timestamp::from_unix(u64::from_be_bytes(*time)),
            count: u32::from_be_bytes(*count),
            length: u32::from_be_bytes(*length),
        };
        (magic == FRAME_MAGIC && head.encode() == bytes).then_some(head)
    }
}

/// A block as it is appended to the file.
pub(super) struct Frame {
    bytes: Vec<u8>,
    /// Where each entry begins in it.
    starts: Vec<u32>,
}

impl Frame {
    /// The frame of a block whose first entry has the index `first`; none if it is longer than a frame can be.
    pub(super) fn of_block<'r>(
        first: u64,
        height: u64,
        time: Timestamp,
        records: impl Iterator<Item = &'r [u8]>,
    ) -> Option<Self> {
        let mut bytes = vec![0; FRAME_HEAD_BYTES];
        let mut starts = Vec::new();
        for (index, record) in (first..).zip(records) {
            starts.push(u32::try_from(bytes.len()).ok()?);
            let length = u16::try_from(record.len()).ok()?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&sum(&[&index.to_be_bytes(), record]));
            bytes.extend_from_slice(record);
        }
        let head = FrameHead {
            first,
            height,
            time,
            count: u32::try_from(starts.len()).ok()?,
            length: u32::try_from(bytes.len() - FRAME_HEAD_BYTES).ok()?,
        };
        bytes
            .get_mut(..FRAME_HEAD_BYTES)?
            .copy_from_slice(&head.encode());
        Some(Self { bytes, starts })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }
}

/// The record at the beginning of `bytes`, which is the entry of this index; none if it is not, or not whole.
pub(super) fn read_entry(index: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let record = rest.get(..u16::from_be_bytes(*length).into())?;
    (sum(&[&index.to_be_bytes(), record]) == *expected).then_some(record)
}

/// The length of the entry that begins here, its head included.
pub(super) fn entry_length(bytes: &[u8]) -> Option<usize> {
    let (length, _rest) = bytes.split_first_chunk()?;
    Some(ENTRY_HEAD_BYTES + usize::from(u16::from_be_bytes(*length)))
}

/// The entries of a frame, each with the place where it begins in the frame; none unless all are there and nothing else.
pub(super) fn read_entries(head: &FrameHead, payload: &[u8]) -> Option<Vec<(u32, Entry)>> {
    let mut entries = Vec::new();
    let mut at = 0;
    for index in (head.first..).take(usize::try_from(head.count).ok()?) {
        let record = read_entry(index, payload.get(at..)?)?;
        let entry = Entry {
            height: head.height,
            time: head.time,
            record: Bytes::copy_from_slice(record),
        };
        entries.push((u32::try_from(FRAME_HEAD_BYTES + at).ok()?, entry));
        at += ENTRY_HEAD_BYTES + record.len();
    }
    (at == payload.len()).then_some(entries)
}

/// The sum over these bytes.
pub(super) fn sum(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_be_bytes()
}
