//! Each signature is checked once, and together with as many others as there are: that takes a third of the time.

use super::{Replica, verified::Verified};
use bytes::Bytes;
use protocol::registry::{
    merkle::TreeHash,
    record::{Record, RecordError, UnverifiedRecord},
};
use std::sync::Arc;

impl Replica {
    /// The record of these bytes, its signature checked now or before.
    pub(super) fn record(&self, bytes: &[u8]) -> Result<Arc<Record>, RecordError> {
        let leaf = TreeHash::of_leaf(bytes);
        if let Some(record) = self.checked(&leaf) {
            return Ok(record);
        }
        let record = UnverifiedRecord::decode(bytes)?.verify(&self.genesis.network())?;
        let record = Arc::new(record);
        self.remember(std::slice::from_ref(&record));
        Ok(record)
    }

    /// As [`Self::record`] of each of them.
    ///
    /// # Errors
    ///
    /// Fails if one of them is no record of this network.
    pub(super) fn records(&self, all: &[Bytes]) -> Result<Vec<Arc<Record>>, RecordError> {
        let mut records = Vec::with_capacity(all.len());
        let (mut places, mut unchecked) = (Vec::new(), Vec::new());
        for (place, bytes) in all.iter().enumerate() {
            let known = self.checked(&TreeHash::of_leaf(bytes));
            if known.is_none() {
                places.push(place);
                unchecked.push(UnverifiedRecord::decode(bytes)?);
            }
            records.push(known);
        }
        let checked = self.check_together(unchecked)?;
        for (place, record) in places.into_iter().zip(checked) {
            if let Some(place) = records.get_mut(place) {
                *place = Some(record);
            }
        }
        // Every place was filled: an iterator over options that are all there.
        Ok(records.into_iter().flatten().collect())
    }

    fn check_together(
        &self,
        unchecked: Vec<UnverifiedRecord>,
    ) -> Result<Vec<Arc<Record>>, RecordError> {
        let mut rng = service::random::os();
        let checked = UnverifiedRecord::verify_all(unchecked, &self.genesis.network(), &mut rng)
            .map_err(|refused| refused.error)?;
        let checked: Vec<_> = checked.into_iter().map(Arc::new).collect();
        self.remember(&checked);
        Ok(checked)
    }

    fn checked(&self, leaf: &TreeHash) -> Option<Arc<Record>> {
        let waiting = self.mempool().by_leaf(leaf);
        waiting.or_else(|| self.verified().get(leaf))
    }

    fn remember(&self, records: &[Arc<Record>]) {
        let mut verified = self.verified();
        for record in records {
            verified.insert(record.clone());
        }
    }

    pub(super) fn verified(&self) -> std::sync::MutexGuard<'_, Verified> {
        self.verified
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
