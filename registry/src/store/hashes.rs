//! The file of the tree's hashes, in the layout of `protocol::registry::merkle`: 32 bytes each, and a sum over the index and
//! the hash. Derived from the entries.

use super::{StoreError, disk::Disk, frame::sum};
use protocol::registry::merkle::TreeHash;
use std::sync::Arc;

pub(super) const HASHES: &str = "hashes";
pub(super) const HASH_BYTES: u64 = 36;

/// The file of hashes.
#[derive(Clone, Debug)]
pub(super) struct Hashes(Arc<dyn Disk>);

impl Hashes {
    pub(super) const fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// A stored hash; none if there is none or the disk has changed it.
    pub(super) fn read(&self, index: u64) -> Option<TreeHash> {
        let mut row = [0; 36];
        let at = index.checked_mul(HASH_BYTES)?;
        self.0.read_at(HASHES, at, &mut row).ok()?;
        let (hash, expected) = row.split_first_chunk::<32>()?;
        let whole = sum(&[&index.to_be_bytes(), hash]) == expected;
        whole.then(|| TreeHash::from_bytes(*hash))
    }

    /// Appends hashes, of which the first one gets the index `first`.
    pub(super) fn append(&self, first: u64, hashes: &[TreeHash]) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(hashes.len() * 36);
        for (index, hash) in (first..).zip(hashes) {
            rows.extend_from_slice(hash.as_bytes());
            rows.extend_from_slice(&sum(&[&index.to_be_bytes(), hash.as_bytes()]));
        }
        Ok(self.0.append(HASHES, &rows)?)
    }
}
