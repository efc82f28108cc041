//! Which record stands in which block: a digest of all heights and times.

use sha2::{Digest as _, Sha256};

use crate::Timestamp;
use crate::registry::BlocksDigest;

const TAG: &[u8] = b"tegata/blocks/v1\0";

impl BlocksDigest {
    /// Before the first block.
    pub const START: Self = Self::from_bytes([0; 32]);

    /// The digest with one more block, whose first record stands at index `first`. Blocks without records do not count.
    #[must_use]
    pub fn then(&self, first: u64, height: u64, time: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(TAG);
        hash.update(self.as_bytes());
        hash.update(first.to_be_bytes());
        hash.update(height.to_be_bytes());
        hash.update(time.as_unix().to_be_bytes());
        Self::from_bytes(hash.finalize().into())
    }
}
