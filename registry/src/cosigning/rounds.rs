//! The checkpoints that wait for signatures, by the height of their blocks.

use super::Cosigned;
use bytes::Bytes;
use protocol::{
    Timestamp,
    registry::{
        NetworkId,
        checkpoint::{Checkpoint, Committees, VerifiedCheckpoint, write_checkpoint},
        note::{NoteError, NoteSignature, UnverifiedNote},
    },
};
use registry_consensus::PeerKey;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Checkpoints that wait; a block that is this far behind gets its receipt from a later checkpoint.
const ROUNDS_MAX: usize = 256;
/// Notes of one member about blocks that this node has not committed yet.
const EARLY_MAX: usize = 64;

/// A note from another member, read but not checked.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) checkpoint: Checkpoint,
    /// One of each key.
    pub(super) signatures: Vec<NoteSignature>,
}

/// A note's signatures that are members'.
#[derive(Clone, Debug)]
struct VerifiedNote {
    checkpoint: Checkpoint,
    signatures: Vec<(Timestamp, NoteSignature)>,
}

/// A signature in a member's name is not that member's: who tells it lies, because members check what they pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature in a member's name is not that member's")]
pub(super) struct Forged;

impl Note {
    pub(super) fn parse(bytes: &Bytes, network: NetworkId) -> Option<Self> {
        let note = UnverifiedNote::parse(bytes).ok()?;
        let checkpoint = Checkpoint::parse(note.dangerous_text()).ok()?;
        if checkpoint.network != network {
            return None;
        }
        let signatures = str::from_utf8(bytes)
            .ok()?
            .strip_prefix(note.dangerous_text())?;
        let signatures = signatures.trim_matches('\n').lines();
        let signatures: Result<Vec<_>, _> = signatures.map(NoteSignature::parse).collect();
        let mut keys = HashSet::new();
        let mut signatures = signatures.ok()?;
        signatures
            .retain(|signature| keys.insert((signature.name().to_owned(), signature.key_id())));
        Some(Self {
            checkpoint,
            signatures,
        })
    }

    /// Checks the signatures up to the first that is forged.
    fn verify(&self, committees: &Committees) -> Result<VerifiedNote, Forged> {
        let mut signatures = Vec::new();
        for signature in &self.signatures {
            if let Some(time) = signed_at(&self.checkpoint, signature, committees)? {
                signatures.push((time, signature.clone()));
            }
        }
        Ok(VerifiedNote {
            checkpoint: self.checkpoint,
            signatures,
        })
    }
}

/// When a member signed a checkpoint; none if the signature is in the name of no member.
fn signed_at(
    checkpoint: &Checkpoint,
    signature: &NoteSignature,
    committees: &Committees,
) -> Result<Option<Timestamp>, Forged> {
    match committees
        .at(checkpoint.height)
        .verify(checkpoint, signature)
    {
        Ok(time) => Ok(Some(time)),
        Err(NoteError::Unsigned) => Ok(None),
        Err(_) => Err(Forged),
    }
}

/// One checkpoint and the signatures collected for it.
pub(super) struct Round {
    pub(super) checkpoint: Checkpoint,
    document: Arc<str>,
    /// The newest signature of each member.
    signatures: BTreeMap<String, (Timestamp, NoteSignature)>,
    accused: BTreeSet<PeerKey>,
}

impl Round {
    pub(super) fn new(checkpoint: &Checkpoint, document: Arc<str>) -> Self {
        Self {
            checkpoint: *checkpoint,
            document,
            signatures: BTreeMap::new(),
            accused: BTreeSet::new(),
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
    pub(super) fn add(
        &mut self,
        signature: &NoteSignature,
        committees: &Committees,
    ) -> Result<(), Forged> {
        let known = self.signatures.get(signature.name());
        if known.is_some_and(|(_, known)| known == signature) {
            return Ok(());
        }
        if let Some(time) = signed_at(&self.checkpoint, signature, committees)? {
            self.take(time, signature);
        }
        Ok(())
    }

    fn take(&mut self, time: Timestamp, signature: &NoteSignature) {
        let known = self.signatures.get(signature.name());
        if known.is_none_or(|(known, _)| *known < time) {
            let name = signature.name().to_owned();
            self.signatures.insert(name, (time, signature.clone()));
        }
    }

    /// Adds the signatures of a member's note, if it is of the same checkpoint.
    pub(super) fn merge(
        &mut self,
        from: PeerKey,
        note: &Note,
        committees: &Committees,
    ) -> Result<(), Forged> {
        if note.checkpoint == self.checkpoint {
            let mut signatures = note.signatures.iter();
            return signatures.try_for_each(|signature| self.add(signature, committees));
        }
        if !self.accused.contains(&from) {
            self.merge_verified(from, &note.verify(committees)?);
        }
        Ok(())
    }

    fn merge_verified(&mut self, from: PeerKey, note: &VerifiedNote) {
        if note.checkpoint == self.checkpoint {
            for (time, signature) in &note.signatures {
                self.take(*time, signature);
            }
        } else if !note.signatures.is_empty() && self.accused.insert(from) {
            // Two ledgers at one height: the note is the evidence, and holds no personal data.
            let (ours, theirs) = (self.checkpoint.to_string(), note.checkpoint.to_string());
            let signatures = note.signatures.iter();
            let signatures: String = signatures.map(|(_, it)| it.to_string()).collect();
            tracing::error!(%from, ours, theirs, signatures, "a member signs another ledger");
        }
    }

    /// Who told members' signatures on another ledger of this height.
    #[cfg(test)]
    pub(super) const fn accused(&self) -> &BTreeSet<PeerKey> {
        &self.accused
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
    early: HashMap<PeerKey, VecDeque<VerifiedNote>>,
    /// The height and size of what each member signed last before it was committed here.
    ahead: BTreeMap<String, (u64, u64)>,
}

impl Rounds {
    /// Begins to collect for a checkpoint, with what came early.
    pub(super) fn open(&mut self, checkpoint: &Checkpoint, document: Arc<str>) {
        let height = checkpoint.height;
        if self.rounds.contains_key(&height) {
            return;
        }
        let mut round = Round::new(checkpoint, document);
        for (from, notes) in &mut self.early {
            for note in notes.iter().filter(|it| it.checkpoint.height == height) {
                round.merge_verified(*from, note);
            }
            notes.retain(|note| note.checkpoint.height > height);
        }
        self.rounds.insert(height, round);
        if self.rounds.len() > ROUNDS_MAX {
            self.rounds.pop_first();
        }
    }

    /// Forgets what came early: it was checked with the keys of other members. It will be told again.
    pub(super) fn forget_early(&mut self) {
        self.early.clear();
    }

    /// Takes a member's note: into its round, or aside until the block is committed here.
    pub(super) fn receive(
        &mut self,
        from: PeerKey,
        note: &Note,
        committees: &Committees,
    ) -> Result<(), Forged> {
        let height = note.checkpoint.height;
        if let Some(round) = self.rounds.get_mut(&height) {
            return round.merge(from, note, committees);
        }
        if height <= self.newest_height() {
            return Ok(());
        }
        let note = note.verify(committees)?;
        for (_, signature) in &note.signatures {
            let claim = (height, note.checkpoint.size);
            let known = self.ahead.entry(signature.name().to_owned()).or_default();
            *known = claim.max(*known);
        }
        let early = self.early.entry(from).or_default();
        if early.len() >= EARLY_MAX {
            early.pop_front();
        }
        early.push_back(note);
        Ok(())
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

    /// The largest size that more members signed than may lie.
    pub(super) fn dangerous_largest_size(&self, committees: &Committees) -> u64 {
        let cosigners = committees.at(self.newest_height());
        let claims = cosigners
            .members()
            .filter_map(|(name, _)| self.ahead.get(&name));
        let mut sizes: Vec<u64> = claims.map(|(_, size)| *size).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let liars = cosigners.count().saturating_sub(cosigners.quorum());
        sizes.get(liars).copied().unwrap_or(0)
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
