//! A ledger that keeps records in a list: enough of an application to see what the engine does.
//!
//! A record may name the members of later epochs. It takes effect two epochs after its own.

use crate::{
    Handle,
    application::{Application, CommitError, OrderedBlock, Verdict},
    committee::{Committee, Peer, Vote},
    config::PeerKey,
    gossip::Recipients,
};
use bytes::Bytes;
use commonware_cryptography::{Signer as _, ed25519};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// Blocks in an epoch.
pub(super) const EPOCH: u64 = 20;

/// A key by its seed, and whether it votes.
pub(super) type Seat = (u8, Vote);

const MEMBERS: &[u8] = b"members/";

/// The record that makes `seats` the committee.
pub(super) fn members_record(seats: &[Seat]) -> Vec<u8> {
    let votes = |vote: &Vote| u8::from(*vote == Vote::Validator);
    let seats = seats.iter().flat_map(|(seed, vote)| [*seed, votes(vote)]);
    MEMBERS.iter().copied().chain(seats).collect()
}

fn seats_of(record: &Bytes) -> Option<Vec<Seat>> {
    let seats = record.strip_prefix(MEMBERS)?.chunks_exact(2);
    let vote = |votes| match votes {
        1 => Vote::Validator,
        _ => Vote::Observer,
    };
    Some(seats.map(|seat| (seat[0], vote(seat[1]))).collect())
}

/// Where the keys of seeds are reached on a real network.
static PLACES: Mutex<BTreeMap<u8, SocketAddr>> = Mutex::new(BTreeMap::new());

/// The key of this seed is reached at `address`.
pub(super) fn place(seed: u8, address: SocketAddr) {
    PLACES.lock().unwrap().insert(seed, address);
}

fn committee(seats: &[Seat]) -> Committee {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let places = PLACES.lock().unwrap();
    let peer = |(seed, vote): &Seat| Peer {
        key: PeerKey::of(&ed25519::PrivateKey::from_seed(u64::from(*seed)).public_key()),
        address: places.get(seed).copied().unwrap_or(nowhere),
        vote: *vote,
    };
    Committee::new(seats.iter().map(peer)).unwrap()
}

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

    /// The members of `epoch`, once the last block of the epoch before the previous one is here.
    pub(super) fn seats(&self, founders: &[Seat], epoch: u64) -> Option<Vec<Seat>> {
        let settled = (epoch.saturating_sub(1) * EPOCH).checked_sub(1);
        if settled.is_some_and(|height| self.height() < height) {
            return None;
        }
        let blocks = self.blocks();
        let settled = blocks.range(..=settled.unwrap_or(0));
        let records = settled.flat_map(|(_, block)| &block.records);
        Some(
            records
                .filter_map(seats_of)
                .last()
                .unwrap_or_else(|| founders.to_vec()),
        )
    }

    /// Everything that another node has, as if it had been replayed from its records.
    pub(super) fn copy_from(&self, other: &Self) {
        let blocks = other.blocks();
        self.0.lock().unwrap().blocks = blocks;
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
    founders: Vec<Seat>,
    handle: Handle,
    behaviour: Behaviour,
    waiting: Mutex<Vec<Bytes>>,
}

impl Member {
    pub(super) fn new(
        ledger: Ledger,
        founders: Vec<Seat>,
        handle: Handle,
        behaviour: Behaviour,
    ) -> Self {
        Self {
            ledger,
            founders,
            handle,
            behaviour,
            waiting: Mutex::default(),
        }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
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

    fn waiting(&self) -> usize {
        let committed = self.ledger.records();
        let waiting = self.waiting.lock().unwrap();
        let open = waiting.iter().filter(|record| !committed.contains(record));
        open.count() + usize::from(self.behaviour == Behaviour::ProposesInvalid)
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

    fn committee(&self, epoch: u64) -> Option<Committee> {
        let seats = self.ledger.seats(&self.founders, epoch)?;
        Some(committee(&seats))
    }

    fn change_awaits(&self) -> bool {
        let epoch = (self.ledger.height() + 1) / EPOCH;
        let in_force = self.ledger.seats(&self.founders, epoch);
        let records = self.ledger.records();
        let latest = records.iter().filter_map(seats_of).last();
        latest.is_some_and(|latest| Some(latest) != in_force)
    }

    fn keep_from(&self) -> u64 {
        self.ledger.height().saturating_sub(EPOCH)
    }

    fn on_gossip(&self, _from: PeerKey, message: Bytes) {
        self.accept(message);
    }
}
