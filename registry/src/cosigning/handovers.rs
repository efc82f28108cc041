//! Checkpoints with which a change of the committee was announced (`specs/registry.md`, "Handovers").
//!
//! Readers get from one committee to the next by one of them, so they are not passed over when newer checkpoints have their
//! signatures: each is signed again until a quorum's are there. Whoever is no member of the committee that
//! signs, or came later, asks the others for them.

use super::{
    Cosigned, Cosigning, Note,
    rounds::{Forged, Round, Rounds},
};
use crate::store::{CosignedNote, Store, StoreError};
use bytes::Bytes;
use protocol::{
    Timestamp,
    registry::checkpoint::{Checkpoint, Committees, UnverifiedCheckpoint},
};
use registry_consensus::PeerKey;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// Handovers in one answer to a reader: at most so many, and no further ones beyond so many bytes.
const PAGE_MAX: usize = 16;
const PAGE_BYTES: usize = 1024 * 1024;
/// Handovers that are repeated or asked for at one time, the oldest first.
const REPEATED_MAX: usize = 4;

/// What is to be told to all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A note with this node's signature.
    Note(Bytes),
    /// The height of a handover that this node cannot sign.
    Wanted(u64),
}

/// The handovers that the store has, by height.
///
/// # Errors
///
/// Fails if one of them is none.
pub fn kept_handovers(store: &Store) -> Result<BTreeMap<u64, CosignedNote>, StoreError> {
    let kept = store.handovers().into_iter().map(|note| {
        let parsed = UnverifiedCheckpoint::parse(note.checkpoint.as_bytes()).ok();
        let checkpoint = parsed.and_then(|parsed| parsed.dangerous_claim());
        let checkpoint = checkpoint.ok_or(StoreError::Damaged("handovers"))?;
        Ok((checkpoint.height, note))
    });
    kept.collect()
}

/// Those that wait follow from the entries, and are announced again when the node starts.
pub(super) struct Handovers {
    pending: BTreeMap<u64, Round>,
    kept: BTreeMap<u64, CosignedNote>,
}

impl Handovers {
    pub(super) fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            pending: BTreeMap::new(),
            kept: kept_handovers(store)?,
        })
    }

    /// Takes a member's note about a checkpoint that waits here.
    pub(super) fn receive(
        &mut self,
        from: PeerKey,
        note: &Note,
        committees: &Committees,
    ) -> Result<(), Forged> {
        match self.pending.get_mut(&note.checkpoint.height) {
            Some(round) => round.merge(from, note, committees),
            None => Ok(()),
        }
    }

    /// The handovers that a quorum has signed by now.
    pub(super) fn complete(&mut self, rounds: &Rounds, committees: &Committees) -> Vec<Cosigned> {
        for (height, round) in &mut self.pending {
            if let Some(live) = rounds.at(*height) {
                round.absorb(live);
            }
        }
        let complete = self.pending.values().filter_map(|round| {
            round.quorum_time(committees)?;
            round.cosigned(committees)
        });
        complete.collect()
    }

    fn keep(&mut self, height: u64, note: CosignedNote) {
        self.pending.remove(&height);
        self.kept.insert(height, note);
    }

    pub(super) fn has(&self, height: u64) -> bool {
        self.kept.contains_key(&height)
    }

    /// The note of a handover that has its signatures.
    pub(super) fn note(&self, height: u64) -> Option<Bytes> {
        let kept = self.kept.get(&height)?;
        Some(Bytes::copy_from_slice(kept.checkpoint.as_bytes()))
    }
}

impl Cosigning {
    /// Whether a handover of this height is known, signed or not.
    pub fn knows_handover(&self, height: u64) -> bool {
        let collected = self.lock();
        collected.handovers.has(height) || collected.handovers.pending.contains_key(&height)
    }

    /// The handovers from a height on, the oldest first, as many as fit into one answer.
    #[must_use]
    pub fn handovers(&self, from: u64) -> Vec<CosignedNote> {
        let collected = self.lock();
        let mut page = Vec::new();
        let mut bytes = 0;
        for (_height, note) in collected.handovers.kept.range(from..).take(PAGE_MAX) {
            bytes += note.checkpoint.len() + note.document.len();
            if bytes > PAGE_BYTES && !page.is_empty() {
                break;
            }
            page.push(note.clone());
        }
        page
    }

    /// Takes the checkpoint of a block in which a change of the committee is decided.
    pub fn announce(&self, checkpoint: &Checkpoint, document: Arc<str>) {
        let height = checkpoint.height;
        if !self.knows_handover(height) {
            let round = Round::new(checkpoint, document);
            self.lock().handovers.pending.insert(height, round);
        }
    }

    /// Called every second: what all members are to be told, so that no handover stays without its signatures.
    pub fn repeat_handovers(&self, now: Timestamp) -> Vec<Told> {
        let mut collected = self.lock();
        let super::Collected {
            handovers,
            committees,
            ..
        } = &mut *collected;
        let mut told = Vec::new();
        for (height, round) in handovers.pending.iter_mut().take(REPEATED_MAX) {
            let signature = self.signature(&round.checkpoint, committees, now);
            let note = signature.as_ref().and_then(|own| round.note_with(own));
            if let Some(signature) = &signature {
                let _own_holds = round.add(signature, committees);
            }
            told.push(match note {
                Some(note) => Told::Note(note.into()),
                None => Told::Wanted(*height),
            });
        }
        self.settle_handovers(&mut collected);
        told
    }

    /// Answers a member that asks for a handover.
    pub fn wanted(&self, from: PeerKey, height: u64, now: Instant) -> Option<Bytes> {
        let mut collected = self.lock();
        if !collected.handovers.has(height) || !collected.may_reply(from, now) {
            return None;
        }
        collected.handovers.note(height)
    }

    /// Keeps the handovers that have their signatures now.
    pub(super) fn settle_handovers(&self, collected: &mut super::Collected) {
        let super::Collected {
            handovers,
            rounds,
            committees,
            ..
        } = collected;
        for cosigned in handovers.complete(rounds, committees) {
            let height = cosigned.checkpoint.checkpoint().height;
            let note = cosigned.to_note();
            match self.store.keep_handover(&note) {
                Ok(()) => handovers.keep(height, note),
                // It stays pending, and is tried again.
                Err(error) => tracing::error!(%error, "a handover could not be kept"),
            }
        }
    }
}
