//! What the members signed lately, as far as this node heard: for people who watch. Nothing is decided by it.

use super::rounds::{Note, Round};
use protocol::{
    Timestamp,
    registry::checkpoint::{Checkpoint, Committees},
};
use registry_consensus::PeerKey;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

/// A member's notes are looked at this often. Most of them come late for a checkpoint that has its quorum, and would not
/// be looked at otherwise.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Checkpoints that are remembered.
const CHECKPOINTS_MAX: usize = 100;
/// Of checkpoints that are not further apart than this, the last is remembered.
const CHECKPOINT_SECONDS: u64 = 10;

/// The newest signature of a member that this node heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSigned {
    /// When the member says it signed.
    pub at: Timestamp,
    /// The height of what it signed.
    pub height: u64,
    /// How many records it had then.
    pub size: u64,
}

/// A checkpoint that a quorum signed, and who did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The members whose signatures this node has, with their times.
    pub signers: BTreeMap<String, Timestamp>,
}

#[derive(Default)]
pub(super) struct Attendance {
    members: BTreeMap<String, LastSigned>,
    looked: HashMap<PeerKey, Instant>,
    checkpoints: VecDeque<Signed>,
}

impl Attendance {
    /// Looks at what a member told, now and then.
    pub(super) fn hear(
        &mut self,
        from: PeerKey,
        note: &Note,
        committees: &Committees,
        now: Instant,
    ) {
        let looked = self.looked.get(&from);
        if looked.is_some_and(|at| now.saturating_duration_since(*at) < LOOK_INTERVAL) {
            return;
        }
        self.looked.insert(from, now);
        let checkpoint = &note.checkpoint;
        let cosigners = committees.at(checkpoint.height);
        for signature in &note.signatures {
            if let Ok(at) = cosigners.verify(checkpoint, signature) {
                self.signed(signature.name(), at, checkpoint);
            }
        }
    }

    /// Takes a verified signature.
    pub(super) fn signed(&mut self, member: &str, at: Timestamp, checkpoint: &Checkpoint) {
        let last = LastSigned {
            at,
            height: checkpoint.height,
            size: checkpoint.size,
        };
        match self.members.get_mut(member) {
            Some(known) if (known.at, known.height) >= (last.at, last.height) => {}
            Some(known) => *known = last,
            None => {
                self.members.insert(member.to_owned(), last);
            }
        }
    }

    /// Remembers a checkpoint that a quorum signed, or who signed it since.
    pub(super) fn cosigned(&mut self, round: &Round) {
        let signers: BTreeMap<String, Timestamp> = round.signers().collect();
        for (member, at) in &signers {
            self.signed(member, *at, &round.checkpoint);
        }
        let signed = Signed {
            checkpoint: round.checkpoint,
            signers,
        };
        let mut newest = self.checkpoints.iter().rev().map(|known| known.checkpoint);
        let (last, before) = (newest.next(), newest.next());
        let same = last.is_some_and(|last| last.height == signed.checkpoint.height);
        let close = last
            .zip(before)
            .is_some_and(|(last, before)| last.time < before.time.plus_seconds(CHECKPOINT_SECONDS));
        if same || close {
            self.checkpoints.pop_back();
        }
        self.checkpoints.push_back(signed);
        if self.checkpoints.len() > CHECKPOINTS_MAX {
            self.checkpoints.pop_front();
        }
    }

    /// Whether more members signed the last checkpoint than were remembered.
    pub(super) fn has_grown(&self, round: &Round) -> bool {
        self.checkpoints.back().is_some_and(|last| {
            last.checkpoint.height == round.checkpoint.height
                && last.signers.len() < round.signers().count()
        })
    }

    pub(super) fn members(&self) -> BTreeMap<String, LastSigned> {
        self.members.clone()
    }

    /// The newest first.
    pub(super) fn checkpoints(&self) -> Vec<Signed> {
        self.checkpoints.iter().rev().cloned().collect()
    }
}
