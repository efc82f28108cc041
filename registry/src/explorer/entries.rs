//! An entry of the ledger as pages need it: read, and its place known.

use crate::{replica::Replica, store::StoreError};
use protocol::{
    Timestamp,
    registry::record::{Record, UnverifiedRecord},
};

/// A record where it stands.
pub(super) struct Read {
    pub(super) index: u64,
    pub(super) height: u64,
    pub(super) time: Timestamp,
    pub(super) record: Record,
}

impl Read {
    /// An entry that readers may see. Its signature is checked again: a page shows no record that a damaged disk made.
    ///
    /// # Errors
    ///
    /// Fails if the store does, or has no such entry.
    pub(super) fn at(replica: &Replica, index: u64) -> Result<Self, StoreError> {
        let entry = replica.entry(index)?;
        let entry = entry.ok_or(StoreError::Damaged("a missing entry"))?;
        let record = UnverifiedRecord::decode(&entry.record)
            .and_then(|record| record.verify(&replica.genesis().network()))
            .map_err(|_cause| StoreError::Damaged("entry"))?;
        Ok(Self {
            index,
            height: entry.height,
            time: entry.time,
            record,
        })
    }
}
