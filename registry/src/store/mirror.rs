//! Status list tokens by their digest, so that readers need not ask the issuer: a file each, `list-<digest>`.

use super::{
    StoreError,
    disk::{Disk, read_whole},
};
use bytes::Bytes;
use protocol::registry::ContentDigest;
use std::sync::{Arc, Mutex, PoisonError};

const NAME: &str = "list-";

/// Longest status list token that is kept.
pub const STATUS_LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The tokens whose digests are the latest on the ledger.
#[derive(Clone, Debug)]
pub struct Mirror {
    disk: Arc<dyn Disk>,
    writing: Arc<Mutex<()>>,
}

impl Mirror {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            writing: Arc::default(),
        }
    }

    /// The token of a digest.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn token(&self, digest: &ContentDigest) -> Result<Option<Bytes>, StoreError> {
        let token = read_whole(&*self.disk, &file_name(digest))?;
        // What the disk changed must not go out under the digest of what it was.
        Ok(token
            .filter(|token| ContentDigest::of(token) == *digest)
            .map(Bytes::from))
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
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = file_name(&ContentDigest::of(token));
        // One that a crash left half written goes too.
        self.disk.remove(&kept)?;
        self.disk.append(&kept, token)?;
        self.disk.sync(&kept)?;
        for name in self.disk.list()? {
            let Some(digest) = name.strip_prefix(NAME) else {
                continue;
            };
            let digest: Result<ContentDigest, _> = digest.parse();
            if name != kept && !digest.is_ok_and(|digest| is_latest(&digest)) {
                self.disk.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Whether this is the file of a token that the disk has changed.
    pub(super) fn is_wrong(disk: &dyn Disk, name: &str) -> Result<bool, StoreError> {
        let Some(digest) = name.strip_prefix(NAME) else {
            return Ok(false);
        };
        let token = read_whole(disk, name)?.unwrap_or_default();
        Ok(ContentDigest::of(&token).to_string() != digest)
    }
}

fn file_name(digest: &ContentDigest) -> String {
    format!("{NAME}{digest}")
}
