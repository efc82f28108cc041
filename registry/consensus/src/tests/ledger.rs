//! A ledger that keeps records in a list: enough of an application to see what the engine does.

use crate::{
    Handle,
    application::{Application, CommitError, OrderedBlock, Verdict},
    config::PeerKey,
    gossip::Recipients,
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// How a node treats its turn as leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Honest,
    ProposesInvalid,
}

const INVALID: &[u8] = b"invalid";

pub(super) fn is_invalid(record: &Bytes) -> bool {
    record.as_ref() == INVALID
}

#[derive(Default)]
struct Disk {
    blocks: BTreeMap<u64, OrderedBlock>,
    broken: bool,
}

/// What survives a crash.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Disk>>);

impl Ledger {
    pub(super) fn height(&self) -> u64 {
        self.0
            .lock()
            .unwrap()
            .blocks
            .keys()
            .last()
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn blocks(&self) -> BTreeMap<u64, OrderedBlock> {
        self.0.lock().unwrap().blocks.clone()
    }

    pub(super) fn records(&self) -> Vec<Bytes> {
        self.blocks()
            .into_values()
            .flat_map(|block| block.records)
            .collect()
    }

    pub(super) fn forget(&self) {
        self.0.lock().unwrap().blocks.clear();
    }

    pub(super) fn break_disk(&self) {
        self.0.lock().unwrap().broken = true;
    }
}

/// A running application over a [`Ledger`].
pub(super) struct Member {
    ledger: Ledger,
    handle: Handle,
    behaviour: Behaviour,
    waiting: Mutex<Vec<Bytes>>,
}

impl Member {
    pub(super) fn new(ledger: Ledger, handle: Handle, behaviour: Behaviour) -> Self {
        Self {
            ledger,
            handle,
            behaviour,
            waiting: Mutex::default(),
        }
    }

    pub(super) fn submit(&self, record: Bytes) {
        self.handle.gossip(Recipients::All, record.clone()).unwrap();
        self.accept(record);
    }

    fn accept(&self, record: Bytes) {
        self.waiting.lock().unwrap().push(record);
        self.handle.wake();
    }

    fn known(&self, ancestors: &[OrderedBlock]) -> Vec<Bytes> {
        let pending = ancestors
            .iter()
            .flat_map(|block| block.records.iter().cloned());
        self.ledger.records().into_iter().chain(pending).collect()
    }
}

impl Application for Member {
    fn committed_height(&self) -> u64 {
        self.ledger.height()
    }

    fn propose(&self, ancestors: &[OrderedBlock], height: u64, _time_ms: u64) -> Vec<Bytes> {
        assert!(
            ancestors
                .windows(2)
                .all(|pair| pair[0].height + 1 == pair[1].height)
        );
        assert!(
            ancestors
                .last()
                .is_none_or(|parent| parent.height + 1 == height)
        );
        let known = self.known(ancestors);
        let mut records: Vec<Bytes> = self.waiting.lock().unwrap().clone();
        records.retain(|record| !known.contains(record));
        if self.behaviour == Behaviour::ProposesInvalid {
            records.push(Bytes::from_static(INVALID));
        }
        records
    }

    fn validate(&self, ancestors: &[OrderedBlock], block: &OrderedBlock) -> Verdict {
        let known = self.known(ancestors);
        let acceptable = |record: &Bytes| !is_invalid(record) && !known.contains(record);
        if block.height <= self.ledger.height() {
            Verdict::Passed
        } else if block.records.iter().all(acceptable) {
            Verdict::Valid
        } else {
            Verdict::Invalid
        }
    }

    fn commit(&self, block: &OrderedBlock) -> Result<(), CommitError> {
        let mut disk = self.ledger.0.lock().unwrap();
        if disk.broken {
            return Err(CommitError {
                height: block.height,
                source: "no space left".into(),
            });
        }
        let known = disk
            .blocks
            .entry(block.height)
            .or_insert_with(|| block.clone());
        assert_eq!(known, block, "a height was delivered with two blocks");
        Ok(())
    }

    fn on_gossip(&self, _from: PeerKey, message: Bytes) {
        self.accept(message);
    }
}
