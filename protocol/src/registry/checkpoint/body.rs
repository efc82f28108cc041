//! The text of a checkpoint.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::CheckpointError;
use crate::Timestamp;
use crate::registry::merkle::TreeHash;
use crate::registry::{BlocksDigest, ContentDigest, NetworkId};

/// What members sign: the ledger's size and root, the block that made it so, and who is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The network; its id is the origin line.
    pub network: NetworkId,
    /// How many records the ledger has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: TreeHash,
    /// The height of the block that holds the last of them.
    pub height: u64,
    /// The time of that block.
    pub time: Timestamp,
    /// SHA-256 of the trusted parties document at that height.
    pub trusted_parties: ContentDigest,
    /// Which records stand in which blocks.
    pub blocks: BlocksDigest,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tegata/{}\n{}\n{}", self.network, self.size, self.root)?;
        writeln!(f, "height {}\ntime {}", self.height, self.time.as_unix())?;
        let digest = BASE64_STANDARD.encode(self.trusted_parties.as_bytes());
        writeln!(f, "trusted-parties {digest}")?;
        let blocks = BASE64_STANDARD.encode(self.blocks.as_bytes());
        writeln!(f, "blocks {blocks}")
    }
}

impl Checkpoint {
    /// Reads the text of a checkpoint: three lines and our four extension lines, nothing else. Who signed it is another question.
    ///
    /// # Errors
    ///
    /// Fails unless it has that form.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        Self::read(text)
            .filter(|checkpoint| checkpoint.to_string() == text)
            .ok_or(CheckpointError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let network = lines.next()?.strip_prefix("tegata/")?.parse().ok()?;
        let size = lines.next()?.parse().ok()?;
        let root = TreeHash::from_base64(lines.next()?)?;
        let height = lines.next()?.strip_prefix("height ")?.parse().ok()?;
        let time = lines.next()?.strip_prefix("time ")?.parse().ok()?;
        let digest = bytes32(lines.next()?.strip_prefix("trusted-parties ")?)?;
        let blocks = bytes32(lines.next()?.strip_prefix("blocks ")?)?;
        (size > 0 || root == TreeHash::EMPTY).then_some(Self {
            network,
            size,
            root,
            height,
            time: Timestamp::from_unix(time),
            trusted_parties: ContentDigest::from_bytes(digest),
            blocks: BlocksDigest::from_bytes(blocks),
        })
    }
}

fn bytes32(base64: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(base64).ok()?.try_into().ok()
}
