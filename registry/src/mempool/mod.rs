//! Records on their way into a block, bounded and each once.

use protocol::registry::{RecordId, merkle::TreeHash, record::Record};
use registry_consensus::PeerKey;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// Records that wait, from everywhere.
pub const RECORDS_MAX: usize = 8192;
/// Records of one other node that wait.
pub const RECORDS_PER_PEER_MAX: usize = 2048;
/// A record that found its way into no block is forgotten after this time.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// A record of this node is told to the others again after this time.
const REPEAT_AFTER: Duration = Duration::from_secs(2);
/// Records told again at once.
const REPEATED_MAX: usize = 256;

/// Bytes of records that wait: proposals may be longer than other records.
pub const RECORDS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It was submitted here: this node tells the others.
    Here,
    /// Another node told.
    Peer(PeerKey),
}

/// No more records can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many records are waiting")]
pub struct Full;

#[derive(Debug)]
struct Waiting {
    record: Arc<Record>,
    origin: Origin,
    since: Instant,
    told: Instant,
}

/// The records that wait, in the order in which they came.
#[derive(Debug, Default)]
pub struct Mempool {
    waiting: BTreeMap<u64, Waiting>,
    by_id: HashMap<RecordId, u64>,
    by_leaf: HashMap<TreeHash, u64>,
    per_origin: HashMap<Origin, usize>,
    bytes: usize,
    next: u64,
}

/// What became of an offered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits now.
    New,
    /// The same statement waits already.
    Known,
}

impl Mempool {
    /// Lets a record wait.
    ///
    /// # Errors
    ///
    /// Fails if too many wait already.
    pub fn offer(
        &mut self,
        record: Arc<Record>,
        origin: Origin,
        now: Instant,
    ) -> Result<Offered, Full> {
        if self.by_id.contains_key(&record.id()) {
            return Ok(Offered::Known);
        }
        let count = self.per_origin.entry(origin).or_default();
        // Half of the room is for this node's own clients, whatever the peers send.
        let full_of_origin = origin != Origin::Here
            && (*count >= RECORDS_PER_PEER_MAX
                || self.waiting.len() >= RECORDS_MAX / 2
                || self.bytes >= RECORDS_BYTES_MAX / 2);
        let full = self.waiting.len() >= RECORDS_MAX || self.bytes >= RECORDS_BYTES_MAX;
        if full_of_origin || full {
            return Err(Full);
        }
        *count += 1;
        self.bytes += record.as_bytes().len();
        self.by_id.insert(record.id(), self.next);
        self.by_leaf.insert(record.leaf_hash(), self.next);
        let waiting = Waiting {
            record,
            origin,
            since: now,
            told: now,
        };
        self.waiting.insert(self.next, waiting);
        self.next += 1;
        Ok(Offered::New)
    }

    /// Whether a statement waits.
    #[must_use]
    pub fn contains(&self, id: &RecordId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The waiting record of these bytes: its signature is checked already.
    #[must_use]
    pub fn by_leaf(&self, leaf: &TreeHash) -> Option<Arc<Record>> {
        let waiting = self.waiting.get(self.by_leaf.get(leaf)?)?;
        Some(waiting.record.clone())
    }

    /// All waiting records, the oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<Record>> {
        let waiting = self.waiting.values();
        waiting.map(|waiting| waiting.record.clone()).collect()
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets a statement: it is final, or never will be.
    pub fn remove(&mut self, id: &RecordId) {
        let Some(place) = self.by_id.remove(id) else {
            return;
        };
        if let Some(waiting) = self.waiting.remove(&place) {
            self.by_leaf.remove(&waiting.record.leaf_hash());
            self.bytes -= waiting.record.as_bytes().len();
            if let Some(count) = self.per_origin.get_mut(&waiting.origin) {
                *count -= 1;
                if *count == 0 {
                    self.per_origin.remove(&waiting.origin);
                }
            }
        }
    }

    /// Forgets what waited too long, and returns the records of this node that the others should be told again.
    pub fn tick(&mut self, now: Instant) -> Vec<Arc<Record>> {
        let waited = |since: Instant| now.saturating_duration_since(since);
        let expired = self
            .waiting
            .values()
            .filter(|waiting| waited(waiting.since) > LIFETIME);
        let expired: Vec<RecordId> = expired.map(|waiting| waiting.record.id()).collect();
        for id in expired {
            self.remove(&id);
        }
        let mut again = Vec::new();
        for waiting in self.waiting.values_mut() {
            let due = waiting.origin == Origin::Here && waited(waiting.told) > REPEAT_AFTER;
            if due && again.len() < REPEATED_MAX {
                waiting.told = now;
                again.push(waiting.record.clone());
            }
        }
        again
    }
}

#[cfg(test)]
mod tests;
