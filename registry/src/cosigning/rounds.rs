//! The checkpoints that wait for signatures, by the height of their blocks.

use super::Cosigned;
use bytes::Bytes;
use protocol::{
    Timestamp,
    registry::{
        NetworkId,
        checkpoint::{Checkpoint, Committees, VerifiedCheckpoint, write_checkpoint},
        note::{NoteSignature, UnverifiedNote},
    },
};
use registry_consensus::PeerKey;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Checkpoints that wait; a block that is this far behind gets its receipt from a later checkpoint.
const ROUNDS_MAX: usize = 256;
/// Notes of one member about blocks that this node has not committed yet.
const EARLY_MAX: usize = 64;

/// A note from another member, read but not checked.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) height: u64,
    pub(super) size: u64,
    pub(super) text: String,
    pub(super) signatures: Vec<NoteSignature>,
}

impl Note {
    pub(super) fn parse(bytes: &Bytes, network: NetworkId) -> Option<Self> {
        let note = UnverifiedNote::parse(bytes).ok()?;
        let text = note.dangerous_text().to_owned();
        let mut lines = text.lines();
        if lines.next()? != format!("tegata/{network}") {
            return None;
        }
        let size = lines.next()?.parse().ok()?;
        let height = lines.nth(1)?.strip_prefix("height ")?.parse().ok()?;
        let signatures = str::from_utf8(bytes).ok()?.strip_prefix(text.as_str())?;
        let signatures = signatures.trim_matches('\n').lines();
        let signatures: Result<_, _> = signatures.map(NoteSignature::parse).collect();
        Some(Self {
            height,
            size,
            text,
            signatures: signatures.ok()?,
        })
    }
}

/// One checkpoint and the signatures collected for it.
pub(super) struct Round {
    pub(super) checkpoint: Checkpoint,
    text: String,
    document: Arc<str>,
    /// The newest signature of each member.
    signatures: BTreeMap<String, (Timestamp, NoteSignature)>,
}

impl Round {
    pub(super) fn new(checkpoint: &Checkpoint, document: Arc<str>) -> Self {
        Self {
            checkpoint: *checkpoint,
            text: checkpoint.to_string(),
            document,
            signatures: BTreeMap::new(),
        }
    }

    /// Adds the signatures of another round of the same checkpoint.
    pub(super) fn absorb(&mut self, other: &Self) {
        if other.checkpoint != self.checkpoint {
            return;
        }
        for (name, (time, signature)) in &other.signatures {
            let known = self.signatures.get(name);
            if known.is_none_or(|(known, _)| known < time) {
                self.signatures
                    .insert(name.clone(), (*time, signature.clone()));
            }
        }
    }

    /// Adds a signature if it is a member's and newer than what is there.
    pub(super) fn add(&mut self, signature: &NoteSignature, committees: &Committees) {
        let known = self.signatures.get(signature.name());
        if known.is_some_and(|(_, known)| known == signature) {
            return;
        }
        let cosigners = committees.at(self.checkpoint.height);
        let Ok(time) = cosigners.verify(&self.checkpoint, signature) else {
            return;
        };
        if known.is_none_or(|(known, _)| *known < time) {
            let name = signature.name().to_owned();
            self.signatures.insert(name, (time, signature.clone()));
        }
    }

    /// Adds the signatures of a member's note, if it is of the same checkpoint.
    pub(super) fn merge(&mut self, from: PeerKey, note: &Note, committees: &Committees) {
        if note.text != self.text {
            // Two ledgers at one height: the note is the evidence, and holds no personal data.
            let ours = self.text.as_str();
            let signatures: String = note.signatures.iter().map(ToString::to_string).collect();
            tracing::error!(%from, ours, theirs = note.text.as_str(), signatures, "a member signs another ledger");
            return;
        }
        for signature in &note.signatures {
            self.add(signature, committees);
        }
    }

    /// The note with one signature.
    pub(super) fn note_with(&self, signature: &NoteSignature) -> Option<String> {
        write_checkpoint(&self.checkpoint, std::slice::from_ref(signature)).ok()
    }

    /// Who signed, and when.
    pub(super) fn signers(&self) -> impl Iterator<Item = (String, Timestamp)> {
        let signatures = self.signatures.iter();
        signatures.map(|(name, (time, _))| (name.clone(), *time))
    }

    /// The latest time by which a quorum had signed.
    pub(super) fn quorum_time(&self, committees: &Committees) -> Option<Timestamp> {
        let quorum = committees.at(self.checkpoint.height).quorum();
        let mut times: Vec<Timestamp> = self.signatures.values().map(|(time, _)| *time).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(quorum.checked_sub(1)?).copied()
    }

    /// The checkpoint with all signatures collected for it.
    pub(super) fn cosigned(&self, committees: &Committees) -> Option<Cosigned> {
        let time = self.quorum_time(committees)?;
        let signatures = self.signatures.values();
        let signatures: Vec<_> = signatures.map(|(_, signature)| signature.clone()).collect();
        let checkpoint =
            VerifiedCheckpoint::dangerous_assembled(&self.checkpoint, time, &signatures).ok()?;
        Some(Cosigned {
            checkpoint,
            document: self.document.clone(),
        })
    }
}

/// All rounds that may still matter.
#[derive(Default)]
pub(super) struct Rounds {
    rounds: BTreeMap<u64, Round>,
    early: HashMap<PeerKey, VecDeque<Note>>,
    largest_size: u64,
}

impl Rounds {
    /// Begins to collect for a checkpoint, with what came early.
    pub(super) fn open(
        &mut self,
        checkpoint: &Checkpoint,
        document: Arc<str>,
        committees: &Committees,
    ) {
        let height = checkpoint.height;
        if self.rounds.contains_key(&height) {
            return;
        }
        let mut round = Round::new(checkpoint, document);
        for (from, notes) in &mut self.early {
            for note in notes.iter().filter(|note| note.height == height) {
                round.merge(*from, note, committees);
            }
            notes.retain(|note| note.height > height);
        }
        self.rounds.insert(height, round);
        if self.rounds.len() > ROUNDS_MAX {
            self.rounds.pop_first();
        }
    }

    /// Takes a member's note: into its round, or aside until the block is committed here.
    pub(super) fn receive(&mut self, from: PeerKey, note: Note, committees: &Committees) {
        self.largest_size = self.largest_size.max(note.size);
        if let Some(round) = self.rounds.get_mut(&note.height) {
            round.merge(from, &note, committees);
        } else if note.height > self.newest_height() {
            let early = self.early.entry(from).or_default();
            if early.len() >= EARLY_MAX {
                early.pop_front();
            }
            early.push_back(note);
        }
    }

    pub(super) fn at(&self, height: u64) -> Option<&Round> {
        self.rounds.get(&height)
    }

    /// The round of the last committed block.
    pub(super) fn newest(&mut self) -> Option<&mut Round> {
        self.rounds
            .last_entry()
            .map(std::collections::btree_map::OccupiedEntry::into_mut)
    }

    pub(super) fn newest_height(&self) -> u64 {
        self.rounds
            .last_key_value()
            .map_or(0, |(height, _)| *height)
    }

    pub(super) fn dangerous_largest_size(&self) -> u64 {
        self.largest_size
    }

    /// The newest checkpoint with a quorum's signatures, and the time by which the quorum had signed.
    pub(super) fn newest_with_quorum(
        &self,
        committees: &Committees,
    ) -> Option<(&Round, Timestamp)> {
        let mut newest_first = self.rounds.values().rev();
        newest_first.find_map(|round| Some((round, round.quorum_time(committees)?)))
    }

    pub(super) fn forget_below(&mut self, height: u64) {
        self.rounds = self.rounds.split_off(&height);
    }
}
