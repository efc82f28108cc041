//! Status list tokens by their digest, so that readers need not ask the issuer.

use super::StoreError;
use bytes::Bytes;
use protocol::registry::ContentDigest;

const TREE: &str = "status-lists/1";

/// Longest status list token that is kept.
pub const STATUS_LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The tokens whose digests are the latest on the ledger.
#[derive(Clone, Debug)]
pub struct Mirror(sled::Tree);

impl Mirror {
    pub(super) fn open(database: &sled::Db) -> Result<Self, StoreError> {
        Ok(Self(database.open_tree(TREE)?))
    }

    /// The token of a digest.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn token(&self, digest: &ContentDigest) -> Result<Option<Bytes>, StoreError> {
        let token = self.0.get(digest.as_bytes())?;
        // What the disk changed must not go out under the digest of what it was.
        Ok(token
            .filter(|token| ContentDigest::of(token) == *digest)
            .map(|token| Bytes::copy_from_slice(&token)))
    }

    /// Keeps a token and forgets those that are no longer the latest of a list.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn keep(
        &self,
        token: &[u8],
        is_latest: impl Fn(&ContentDigest) -> bool,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for key in self.0.iter().keys() {
            let key = key?;
            let digest = <[u8; 32]>::try_from(key.as_ref()).map(ContentDigest::from_bytes);
            if !digest.is_ok_and(|digest| is_latest(&digest)) {
                batch.remove(key);
            }
        }
        batch.insert(ContentDigest::of(token).as_bytes(), token);
        self.0.apply_batch(batch)?;
        self.0.flush()?;
        Ok(())
    }
}
