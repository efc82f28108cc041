//! How keys and values are spelt in the tree of the ledger.

use super::Entry;
use bytes::Bytes;
use protocol::{
    Timestamp,
    registry::{ApplicationId, CaseId, NetworkId, merkle::TreeHash},
};

const ENTRY: u8 = b'e';
const HASH: u8 = b'h';
const CASE: u8 = b'c';
const APPLICATION: u8 = b'a';

/// What a key stands for.
pub(super) enum Key {
    Entry(u64),
    Hash(u64),
    Case(CaseId, u64),
    Application(ApplicationId, u64),
    Tip,
    Cosigned,
}

impl Key {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Entry(index) => [&[ENTRY], index.to_be_bytes().as_slice()].concat(),
            Self::Hash(index) => [&[HASH], index.to_be_bytes().as_slice()].concat(),
            Self::Case(case, index) => {
                [Self::of_case(case).as_slice(), &index.to_be_bytes()].concat()
            }
            Self::Application(application, index) => [
                Self::of_application(application).as_slice(),
                &index.to_be_bytes(),
            ]
            .concat(),
            Self::Tip => b"mtip".to_vec(),
            Self::Cosigned => b"mcosigned".to_vec(),
        }
    }

    /// The beginning of all keys of a case.
    pub(super) fn of_case(case: &CaseId) -> Vec<u8> {
        [&[CASE], case.as_bytes().as_slice()].concat()
    }

    /// The beginning of all keys of an application.
    pub(super) fn of_application(application: &ApplicationId) -> Vec<u8> {
        [&[APPLICATION], application.as_bytes().as_slice()].concat()
    }
}

/// The index at the end of a key.
pub(super) fn index_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|index| u64::from_be_bytes(*index))
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

    pub(super) fn encode(&self, network: NetworkId) -> Vec<u8> {
        [
            network.as_bytes().as_slice(),
            &self.height.to_be_bytes(),
            &self.size.to_be_bytes(),
            self.root.as_bytes(),
        ]
        .concat()
    }

    pub(super) fn decode(value: &[u8]) -> Option<(NetworkId, Self)> {
        let (network, rest) = value.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let root: [u8; 32] = rest.try_into().ok()?;
        let tip = Self {
            height: u64::from_be_bytes(*height),
            size: u64::from_be_bytes(*size),
            root: TreeHash::from_bytes(root),
        };
        Some((NetworkId::from_bytes(*network), tip))
    }
}

pub(super) fn encode_entry(height: u64, time: Timestamp, record: &[u8]) -> Vec<u8> {
    let time = time.as_unix().to_be_bytes();
    [height.to_be_bytes().as_slice(), &time, record].concat()
}

pub(super) fn decode_entry(value: &[u8]) -> Option<Entry> {
    let (height, rest) = value.split_first_chunk()?;
    let (time, record) = rest.split_first_chunk()?;
    Some(Entry {
        height: u64::from_be_bytes(*height),
        time: Timestamp::from_unix(u64::from_be_bytes(*time)),
        record: Bytes::copy_from_slice(record),
    })
}
