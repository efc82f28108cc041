//! Which members sign which checkpoints, and how a reader learns that others follow them (`specs/registry.md`, "Handovers").
//!
//! The genesis file names the first committee. Before another one takes over, the checkpoints of the committee in force say
//! so: the trusted parties document that they name lists it. A reader who checks such a checkpoint and its document under
//! the committee that it knows knows the next one, and so from the genesis file through the log alone.

use serde::{Deserialize, Serialize};

use super::{CheckpointError, Cosigners, UnverifiedCheckpoint, VerifiedCheckpoint};
use crate::json::{self, Limits};
use crate::planted::{Bug, planted};
use crate::registry::{
    Epochs, Genesis, KeyBytes, Member, NetworkId, TrustedParties, TrustedPartiesError,
};

/// Committees that a memory may hold.
const COMMITTEES_MAX: usize = 10_000;
const MEMORY_LIMITS: Limits = Limits {
    bytes: 128 * 1024 * 1024,
    elements: COMMITTEES_MAX,
    ..Limits::DEFAULT
};

/// The committees of a network, as far as they are known: who signs the checkpoint of which height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committees {
    epochs: Epochs,
    /// From which height on, and who; the first from height 0.
    terms: Vec<(u64, Cosigners)>,
    /// The height of the newest checkpoint whose document was followed.
    followed: u64,
}

/// A checkpoint and its document, as they came, that announce another committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The note of the checkpoint.
    pub checkpoint: String,
    /// The trusted parties document that it names.
    pub document: String,
}

/// Why a handover is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// The checkpoint is not signed by the committee in force.
    #[error("the handover's checkpoint is invalid")]
    Checkpoint(#[from] CheckpointError),
    /// The document is not the one that the checkpoint names.
    #[error("the handover's document is invalid")]
    Document(#[from] TrustedPartiesError),
    /// The document names other members than the committee in force, or epochs of another length.
    #[error("the handover contradicts what is known")]
    Contradiction,
}

/// A text that is no memory of this network's committees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a memory of this network's committees")]
pub struct MemoryError;

impl Committees {
    pub(in crate::registry) fn starting_with(cosigners: Cosigners, epochs: Epochs) -> Self {
        Self {
            epochs,
            terms: vec![(0, cosigners)],
            followed: 0,
        }
    }

    /// Who signs the checkpoint of a height, as far as is known.
    #[must_use]
    pub fn at(&self, height: u64) -> &Cosigners {
        let height = if planted(Bug::FormerCommittee) {
            height.saturating_sub(self.epochs.blocks())
        } else {
            height
        };
        let term = self.terms.iter().rfind(|(from, _)| *from <= height);
        &term.expect("the first committee signs from height 0").1
    }

    /// The network whose checkpoints they sign.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.at(0).network()
    }

    /// From which heights on committees take part, and who they are.
    pub fn terms(&self) -> impl DoubleEndedIterator<Item = (u64, &Cosigners)> {
        self.terms
            .iter()
            .map(|(from, cosigners)| (*from, cosigners))
    }

    /// The height of the newest checkpoint whose document was followed.
    #[must_use]
    pub const fn followed(&self) -> u64 {
        self.followed
    }

    /// The last height whose committee cannot be another one than is known: what is decided after the newest document takes
    /// effect above it.
    #[must_use]
    pub const fn settled_until(&self) -> u64 {
        let epoch = self.epochs.of(self.followed).saturating_add(1);
        self.epochs.last_height(epoch)
    }

    /// Learns from a checkpoint and its document who will sign.
    ///
    /// # Errors
    ///
    /// Fails unless the committee in force at the checkpoint's height, as known, signed it.
    pub fn follow(&mut self, handover: &Handover) -> Result<VerifiedCheckpoint, HandoverError> {
        let checkpoint = UnverifiedCheckpoint::parse(handover.checkpoint.as_bytes())?;
        let checkpoint = checkpoint.verify(self)?;
        let trusted = TrustedParties::verify(&handover.document, &checkpoint)?;
        self.learn(&checkpoint, &trusted)?;
        Ok(checkpoint)
    }

    /// Learns from a verified document who will sign. An older one than was followed before says nothing new.
    ///
    /// # Errors
    ///
    /// Fails if it names other members than those that signed its checkpoint.
    pub fn learn(
        &mut self,
        checkpoint: &VerifiedCheckpoint,
        trusted: &TrustedParties,
    ) -> Result<(), HandoverError> {
        let height = checkpoint.checkpoint().height;
        let members = Cosigners::of(self.network(), trusted.parties().members());
        if members != *self.at(height) || trusted.epochs() != self.epochs {
            return Err(HandoverError::Contradiction);
        }
        if height < self.followed {
            return Ok(());
        }
        // What was scheduled before and is not any more was changed by a later decision of the same members.
        self.terms.retain(|(from, _)| *from <= height);
        for committee in trusted.scheduled() {
            let cosigners = Cosigners::of(self.network(), &committee.members);
            self.terms.push((committee.height, cosigners));
        }
        self.followed = height;
        Ok(())
    }

    /// The committees as whoever replays the ledger derives them: from which height on, and all members then.
    #[must_use]
    pub fn dangerous_derived<'a>(
        genesis: &Genesis,
        terms: impl Iterator<Item = (u64, &'a [Member])>,
    ) -> Self {
        let mut committees = genesis.committees().clone();
        for (from, members) in terms.filter(|(from, _)| *from > 0) {
            let cosigners = Cosigners::of(genesis.network(), members);
            committees.terms.push((from, cosigners));
        }
        committees
    }

    /// The same for whoever has all decisions that there are: of a later height nothing else is decided.
    #[must_use]
    pub const fn dangerous_complete(mut self) -> Self {
        self.followed = u64::MAX;
        self
    }

    /// What is known, to be kept by whom it belongs to: whoever can change it decides whose signatures count.
    #[must_use]
    pub fn to_memory(&self) -> String {
        let terms = self.terms().map(|(from, cosigners)| Term {
            from,
            members: cosigners.members().collect(),
        });
        let memory = Memory {
            network: self.network(),
            followed: self.followed,
            terms: terms.collect(),
        };
        serde_json::to_string(&memory)
            .expect("plain structures of text and numbers have a JSON form")
    }

    /// Recalls what was known before; the genesis file still says how it began.
    ///
    /// # Errors
    ///
    /// Fails if the text is no memory of this network.
    pub fn recall(&self, memory: &str) -> Result<Self, MemoryError> {
        let memory: Memory =
            json::parse_as(memory.as_bytes(), &MEMORY_LIMITS).map_err(|_cause| MemoryError)?;
        let terms = memory.terms.into_iter().map(|term| {
            let members = term.members.iter();
            let keys = members.map(|(name, key)| (name.as_str(), *key.as_bytes()));
            let cosigners = Cosigners::new(memory.network, keys).map_err(|_cause| MemoryError)?;
            Ok((term.from, cosigners))
        });
        let terms: Vec<(u64, Cosigners)> = terms.collect::<Result<_, _>>()?;
        if terms.first() != self.terms.first() || !terms.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(MemoryError);
        }
        Ok(Self {
            epochs: self.epochs,
            terms,
            followed: memory.followed,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    network: NetworkId,
    followed: u64,
    terms: Vec<Term>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    from: u64,
    members: Vec<(String, KeyBytes)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::receipt::verify_receipt;
    use crate::registry::vectors::{flipped_texts, genesis, hex, list, number, read, text};

    /// The vectors: a member changes its cosigning key at a height.
    fn handover() -> Handover {
        let vectors = read("handovers");
        let first = list(&vectors, "handovers").first().unwrap();
        serde_json::from_value(first.clone()).unwrap()
    }

    fn verify(note: &str, committees: &Committees) -> Result<VerifiedCheckpoint, CheckpointError> {
        UnverifiedCheckpoint::parse(note.as_bytes())?.verify(committees)
    }

    #[test]
    fn a_reader_of_the_genesis_file_follows_the_committee_through_the_log() {
        let vectors = read("handovers");
        let (record, receipt) = (hex(text(&vectors, "record")), text(&vectors, "receipt"));
        let mut committees = genesis().committees().clone();
        let unknown = verify(text(&vectors, "checkpoint"), &committees);
        assert!(
            unknown.is_err(),
            "the genesis file alone does not know the new key"
        );
        assert!(verify_receipt(receipt, &record, &committees).is_err());

        let before = committees.follow(&handover()).unwrap();
        let from: Vec<u64> = committees.terms().map(|(from, _)| from).collect();
        assert_eq!(from, [0, number(&vectors, "changed_at")]);
        let after = verify(text(&vectors, "checkpoint"), &committees).unwrap();
        assert!(verify_receipt(receipt, &record, &committees).is_ok());
        // What was signed before stays valid, and the old key signs nothing that comes after.
        assert!(verify(before.as_note(), &committees).is_ok());
        assert!(verify(text(&vectors, "by_the_old_committee"), &committees).is_err());

        let trusted = TrustedParties::verify(text(&vectors, "document"), &after).unwrap();
        committees.learn(&after, &trusted).unwrap();
        assert_eq!(committees.followed(), after.checkpoint().height);
        // An older handover that is shown again takes nothing back.
        let known = committees.clone();
        committees.follow(&handover()).unwrap();
        assert_eq!(committees, known);
    }

    #[test]
    fn a_document_settles_its_epoch_and_the_one_after_it() {
        let mut committees = genesis().committees().clone();
        assert_eq!(genesis().epochs().blocks(), 50);
        assert_eq!(committees.settled_until(), 99);
        let checkpoint = committees.follow(&handover()).unwrap();
        assert_eq!(checkpoint.checkpoint().height, 40);
        assert_eq!(committees.settled_until(), 99);
        assert!(number(&read("handovers"), "changed_at") > committees.settled_until());
    }

    #[test]
    fn a_handover_that_the_committee_in_force_did_not_sign_is_refused() {
        let good = handover();
        let mut committees = genesis().committees().clone();
        let known = committees.clone();
        for (at, document) in flipped_texts(&good.document).step_by(97) {
            let forged = Handover {
                document,
                ..good.clone()
            };
            assert!(committees.follow(&forged).is_err(), "byte {at}");
        }
        let vectors = read("handovers");
        for (checkpoint, document) in [
            (text(&vectors, "checkpoint"), text(&vectors, "document")),
            (good.checkpoint.as_str(), text(&vectors, "document")),
            (
                good.checkpoint.split("\n\n").next().unwrap(),
                &good.document,
            ),
        ] {
            let forged = Handover {
                checkpoint: checkpoint.to_owned(),
                document: document.to_owned(),
            };
            assert!(committees.follow(&forged).is_err());
        }
        assert_eq!(committees, known, "a refused handover changes nothing");
    }

    #[test]
    fn a_document_with_other_members_than_those_in_force_is_a_contradiction() {
        let vectors = read("handovers");
        // A quorum that can be believed under both committees: as if a handover had been left out.
        let mut committees = genesis().committees().clone();
        let checkpoint = committees.follow(&handover()).unwrap();
        let after = verify(text(&vectors, "checkpoint"), &committees).unwrap();
        let trusted = TrustedParties::verify(text(&vectors, "document"), &after).unwrap();
        let refused = genesis().committees().clone().learn(&checkpoint, &trusted);
        assert_eq!(refused, Err(HandoverError::Contradiction));
    }

    #[test]
    fn what_was_followed_is_remembered_for_this_network_alone() {
        let mut committees = genesis().committees().clone();
        committees.follow(&handover()).unwrap();
        let memory = committees.to_memory();
        assert_eq!(genesis().committees().recall(&memory), Ok(committees));
        let elsewhere = crate::registry::Genesis::parse(
            crate::registry::vectors::file("genesis.json")
                .replace("\"Vectors\"", "\"Others\"")
                .as_bytes(),
        );
        let elsewhere = elsewhere.unwrap();
        assert_eq!(elsewhere.committees().recall(&memory), Err(MemoryError));
        for text in ["", "{}", "[]"] {
            assert_eq!(genesis().committees().recall(text), Err(MemoryError));
        }
    }
}
