//! Records outside the mempool whose signatures need not be checked twice: the latest ones, as many as fit.

use protocol::registry::{merkle::TreeHash, record::Record};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bytes of records that are kept, whoever sent them.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Checked records, by the hashes of their leaves.
#[derive(Debug, Default)]
pub(super) struct Verified {
    records: BTreeMap<u64, Arc<Record>>,
    by_leaf: HashMap<TreeHash, u64>,
    bytes: usize,
    next: u64,
}

impl Verified {
    pub(super) fn get(&self, leaf: &TreeHash) -> Option<Arc<Record>> {
        self.records.get(self.by_leaf.get(leaf)?).cloned()
    }

    /// Keeps a record, and forgets the oldest for it if need be.
    pub(super) fn insert(&mut self, record: Arc<Record>) {
        let leaf = record.leaf_hash();
        if self.by_leaf.contains_key(&leaf) {
            return;
        }
        self.bytes += record.as_bytes().len();
        self.by_leaf.insert(leaf, self.next);
        self.records.insert(self.next, record);
        self.next += 1;
        while self.bytes > BYTES_MAX
            && let Some((_, oldest)) = self.records.pop_first()
        {
            self.bytes -= oldest.as_bytes().len();
            self.by_leaf.remove(&oldest.leaf_hash());
        }
    }

    pub(super) fn remove(&mut self, leaf: &TreeHash) {
        let place = self.by_leaf.remove(leaf);
        if let Some(record) = place.and_then(|place| self.records.remove(&place)) {
            self.bytes -= record.as_bytes().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Network;

    #[test]
    fn checked_records_take_no_more_room_than_they_may_and_the_oldest_goes_first() {
        let network = Network::of(1);
        let records: Vec<_> = (0..40)
            .map(|sequence| Arc::new(network.event(1, sequence, 1)))
            .collect();
        let mut verified = Verified::default();
        for record in &records {
            verified.insert(record.clone());
            verified.insert(record.clone());
        }
        let bytes: usize = records.iter().map(|record| record.as_bytes().len()).sum();
        assert_eq!(verified.bytes, bytes);
        // As if there were room for ten of them.
        verified.bytes += BYTES_MAX - bytes / 4;
        verified.insert(Arc::new(network.event(2, 0, 1)));
        assert!(verified.bytes <= BYTES_MAX);
        assert_eq!(verified.get(&records[0].leaf_hash()), None);
        assert!(verified.get(&records[39].leaf_hash()).is_some());
        assert_eq!(verified.records.len(), verified.by_leaf.len());
        verified.remove(&records[39].leaf_hash());
        assert_eq!(verified.get(&records[39].leaf_hash()), None);
        assert_eq!(verified.records.len(), verified.by_leaf.len());
    }
}
