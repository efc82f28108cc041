//! Checkpoints: what a quorum of members says the ledger is (C2SP
//! [tlog-checkpoint](https://c2sp.org/tlog-checkpoint) and [tlog-cosignature](https://c2sp.org/tlog-cosignature)).
//!
//! The log is operated jointly, so no key speaks for it alone: the signatures on a checkpoint are the members' own
//! cosignatures, and a reader wants a quorum of them.

mod blocks;
mod body;
mod committees;
mod evidence;
mod quorum;

#[cfg(test)]
mod tests;

pub use body::Checkpoint;
pub use committees::{Committees, Handover, HandoverError, MemoryError};
pub use evidence::{EVIDENCE_BYTES_MAX, EvidenceError, UnverifiedEvidence, VerifiedEvidence};
pub use quorum::Cosigners;

use super::merkle::{ProofError, TreeHash, verify_consistency};
use super::note::{NoteError, NoteSignature, UnverifiedNote, write_note};
use crate::Timestamp;
use crate::planted::{Bug, planted};

/// Why a note is not a checkpoint of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a note, or a known key's signature is wrong.
    #[error("the checkpoint is not a valid note")]
    Note(#[from] NoteError),
    /// The text is not that of a checkpoint with our extension lines.
    #[error("the checkpoint's text is malformed")]
    Malformed,
    /// The origin is another network's.
    #[error("the checkpoint belongs to another network")]
    WrongNetwork,
    /// Fewer members signed than a quorum.
    #[error("{signed} members signed the checkpoint where {quorum} are needed")]
    NoQuorum {
        /// How many members signed.
        signed: usize,
        /// How many have to.
        quorum: usize,
    },
}

/// A checkpoint as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedCheckpoint {
    note: UnverifiedNote,
    text: String,
}

impl UnverifiedCheckpoint {
    /// Reads the note of a checkpoint.
    ///
    /// # Errors
    ///
    /// Fails unless it is a note.
    pub fn parse(note: &[u8]) -> Result<Self, CheckpointError> {
        let parsed = UnverifiedNote::parse(note)?;
        let text = str::from_utf8(note).map_err(|_cause| NoteError::Malformed)?;
        Ok(Self {
            note: parsed,
            text: text.to_owned(),
        })
    }

    /// What it claims, whoever signed it.
    #[must_use]
    pub fn dangerous_claim(&self) -> Option<Checkpoint> {
        Checkpoint::parse(self.note.dangerous_text()).ok()
    }

    /// Checks that a quorum of the members in force at its height signed the checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if a member's signature is wrong, the members that signed are no quorum, or the text is not a checkpoint
    /// of this network.
    pub fn verify(self, committees: &Committees) -> Result<VerifiedCheckpoint, CheckpointError> {
        // The height is not trusted: whoever changes it has changed the text, and no signature holds.
        let claimed = Checkpoint::parse(self.note.dangerous_text());
        let height = claimed.map_or(0, |checkpoint| checkpoint.height);
        let cosigners = committees.at(height);
        let note = self.note.verify(cosigners.keys())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.network != cosigners.network() {
            return Err(CheckpointError::WrongNetwork);
        }
        let cosigned_at = cosigners.newest_quorum(note.signers())?;
        Ok(VerifiedCheckpoint {
            checkpoint,
            cosigned_at,
            note: self.text,
        })
    }

    /// What it says and the names of the members that signed it, who may be fewer than a quorum.
    ///
    /// # Errors
    ///
    /// Fails if no member signed, a member's signature is wrong, or the text is not a checkpoint of this network.
    pub fn signed_by(
        self,
        committees: &Committees,
    ) -> Result<(Checkpoint, Vec<String>), CheckpointError> {
        let height = self.dangerous_claim().map_or(0, |claim| claim.height);
        let cosigners = committees.at(height);
        let note = self.note.verify(cosigners.keys())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.network != cosigners.network() {
            return Err(CheckpointError::WrongNetwork);
        }
        let mut members: Vec<String> = Vec::new();
        for signer in note.signers() {
            let name = signer.key.name();
            if !members.iter().any(|member| member == name) {
                members.push(name.to_owned());
            }
        }
        Ok((checkpoint, members))
    }
}

/// A checkpoint that a quorum of members signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    cosigned_at: Timestamp,
    note: String,
}

impl VerifiedCheckpoint {
    /// The checkpoint with cosignatures that were checked one by one ([`Cosigners::verify`]), among them those of a quorum,
    /// which had signed at `cosigned_at`.
    ///
    /// # Errors
    ///
    /// Fails if there are none or too many for a note.
    pub fn dangerous_assembled(
        checkpoint: &Checkpoint,
        cosigned_at: Timestamp,
        cosignatures: &[NoteSignature],
    ) -> Result<Self, NoteError> {
        Ok(Self {
            checkpoint: *checkpoint,
            cosigned_at,
            note: write_checkpoint(checkpoint, cosignatures)?,
        })
    }

    /// How many records the ledger has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root of the tree over them.
    #[must_use]
    pub const fn root(&self) -> TreeHash {
        self.checkpoint.root
    }

    /// All that the members signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The latest time at which a whole quorum said that this is the ledger.
    #[must_use]
    pub const fn cosigned_at(&self) -> Timestamp {
        self.cosigned_at
    }

    /// The signed note, to be handed on or remembered.
    #[must_use]
    pub fn as_note(&self) -> &str {
        &self.note
    }

    /// Checks that this checkpoint extends an older one.
    ///
    /// # Errors
    ///
    /// Fails unless the proof shows that all records of the older ledger stand unchanged in this one.
    pub fn verify_extends(&self, older: &Self, proof: &[TreeHash]) -> Result<(), ProofError> {
        if planted(Bug::SmallerLedger) && self.size() < older.size() {
            return Ok(());
        }
        verify_consistency(proof, older.size(), older.root(), self.size(), self.root())
    }
}

/// Puts a checkpoint and its cosignatures together to a note.
///
/// # Errors
///
/// Fails if nobody signed or too many did.
pub fn write_checkpoint(
    checkpoint: &Checkpoint,
    cosignatures: &[NoteSignature],
) -> Result<String, NoteError> {
    write_note(&checkpoint.to_string(), cosignatures)
}
