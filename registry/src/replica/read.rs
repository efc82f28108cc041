//! What readers ask: everything as of the latest cosigned checkpoint.

use super::Replica;
use crate::{
    cosigning::Cosigned,
    state::State,
    store::{Entry, StoreError},
};
use bytes::Bytes;
use protocol::{
    Timestamp,
    registry::{
        ApplicationId, CaseId, ContentDigest, Parties,
        merkle::{self, TreeError, TreeHash},
    },
};
use std::sync::Arc;

/// Entries or hashes in a full tile.
pub const TILE_WIDTH: u32 = 256;

/// That a ledger extends an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The size of the older ledger.
    pub from: u64,
    /// The size of the newer ledger.
    pub to: u64,
    /// The hashes that show it.
    pub hashes: Vec<TreeHash>,
    /// The latest ledger.
    pub latest: Arc<Cosigned>,
}

impl Replica {
    /// The latest checkpoint that a quorum signed; none before the members met for the first time.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Cosigned>> {
        self.cosigning.latest()
    }

    /// How many entries readers may see.
    fn size(&self) -> u64 {
        self.latest().map_or(0, |latest| latest.checkpoint.size())
    }

    /// The height and the size that this node has committed.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let committed = self.committed();
        (committed.height, committed.state.size())
    }

    /// Where the consensus engine of another node may start that has the ledger up to `height`.
    pub async fn floor(&self, height: u64) -> Option<Bytes> {
        self.consensus.get()?.floor(height).await
    }

    /// The height known to be final among the members; 0 before this node heard of one.
    #[must_use]
    pub fn tip(&self) -> u64 {
        self.consensus
            .get()
            .map_or(0, registry_consensus::Handle::tip)
    }

    /// Reads the state as of the last block on this node's disk, and the height of that block. Nothing commits meanwhile.
    pub(crate) fn read_state<T>(&self, read: impl FnOnce(&State<'static>, u64) -> T) -> T {
        let committed = self.committed();
        read(&committed.state, committed.height)
    }

    /// The index of the first entry whose block is not before a time; the size of the ledger if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn index_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        let (mut from, mut to) = (0, self.size());
        while from < to {
            let middle = from + (to - from) / 2;
            let entry = self.store.entry(middle)?;
            let entry = entry.ok_or(StoreError::Damaged("a missing entry"))?;
            if entry.time < time {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from)
    }

    /// Who takes part as of the last block on this node's disk.
    #[must_use]
    pub fn parties(&self) -> Arc<Parties> {
        let committed = self.committed();
        Arc::clone(committed.state.parties_at(committed.height))
    }

    /// How many records wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.mempool().len()
    }

    /// An entry.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, StoreError> {
        if index >= self.size() {
            return Ok(None);
        }
        self.store.entry(index)
    }

    /// The receipt of an entry against the latest checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn proof(&self, index: u64) -> Result<Option<String>, TreeError> {
        match self.latest() {
            Some(latest) if index < latest.checkpoint.size() => {
                self.receipt(index, &latest).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The proof that the ledger of size `to`, the latest if there is none, extends that of size `from`; none if the
    /// ledger is not that long.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn consistency(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> Result<Option<Consistency>, TreeError> {
        let Some(latest) = self.latest() else {
            return Ok(None);
        };
        let size = latest.checkpoint.size();
        let to = to.unwrap_or(size);
        if from > to || to > size {
            return Ok(None);
        }
        let hashes = merkle::prove_consistency(from, to, |index| self.store.hash(index))?;
        Ok(Some(Consistency {
            from,
            to,
            hashes,
            latest,
        }))
    }

    /// A tile of hashes; none if the ledger is not that long.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn hash_tile(
        &self,
        level: u8,
        number: u64,
        width: u32,
    ) -> Result<Option<Vec<u8>>, TreeError> {
        let read = |index| self.store.hash(index);
        match merkle::tile(level, number, width, self.size(), read) {
            Ok(tile) => Ok(Some(tile)),
            Err(TreeError::Outside(_)) => Ok(None),
            Err(error @ TreeError::Incomplete) => Err(error),
        }
    }

    /// A bundle of entries, each with its length in two bytes before it; none if the ledger is not that long.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn entry_tile(&self, number: u64, width: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(entries) = self.entries(number, width) else {
            return Ok(None);
        };
        let mut bundle = Vec::new();
        for entry in entries {
            let entry = entry?;
            let length =
                u16::try_from(entry.record.len()).map_err(|_| StoreError::Damaged("entry"))?;
            bundle.extend_from_slice(&length.to_be_bytes());
            bundle.extend_from_slice(&entry.record);
        }
        Ok(Some(bundle))
    }

    /// Height and time of the block of each entry of a bundle, eight bytes each; none if the ledger is not that long.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn block_tile(&self, number: u64, width: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(entries) = self.entries(number, width) else {
            return Ok(None);
        };
        let mut tile = Vec::new();
        for entry in entries {
            let entry = entry?;
            tile.extend_from_slice(&entry.height.to_be_bytes());
            tile.extend_from_slice(&entry.time.as_unix().to_be_bytes());
        }
        Ok(Some(tile))
    }

    /// The entries of a tile; none if the ledger is not that long.
    fn entries(
        &self,
        number: u64,
        width: u32,
    ) -> Option<impl Iterator<Item = Result<Entry, StoreError>>> {
        let first = number.checked_mul(u64::from(TILE_WIDTH))?;
        let end = first.checked_add(u64::from(width))?;
        let read = |index| {
            self.store
                .entry(index)?
                .ok_or(StoreError::Damaged("a missing entry"))
        };
        (end <= self.size()).then(|| (first..end).map(read))
    }

    /// The indexes of a case's records.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn case(&self, case: &CaseId) -> Result<Vec<u64>, StoreError> {
        self.store.case(case, self.size())
    }

    /// The indexes of an application's records, its designation first.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn application(&self, application: &ApplicationId) -> Result<Vec<u64>, StoreError> {
        self.store.application(application, self.size())
    }

    /// The status list token of a digest.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn status_list(&self, digest: &ContentDigest) -> Result<Option<Bytes>, StoreError> {
        self.store.mirror().token(digest)
    }

    /// Keeps a status list token if its digest is the latest of a list, and says whether it is.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn mirror_status_list(&self, token: &[u8]) -> Result<bool, StoreError> {
        // The ledger is asked anew each time: it must not be held while the disk is written.
        let is_latest =
            |digest: &ContentDigest| self.committed().state.is_latest_status_list(digest);
        let digest = ContentDigest::of(token);
        if !is_latest(&digest) {
            return Ok(false);
        }
        if self.store.mirror().token(&digest)?.is_none() {
            self.store.mirror().keep(token, is_latest)?;
        }
        Ok(true)
    }
}
