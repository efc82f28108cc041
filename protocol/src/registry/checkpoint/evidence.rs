//! Evidence that members signed two ledgers: two signed checkpoints that cannot both be true. Anyone can check it with the
//! genesis file, and the handovers if members have changed since (`specs/registry.md`, "Evidence").

use serde::{Deserialize, Serialize};

use super::{Checkpoint, CheckpointError, Committees, UnverifiedCheckpoint};
use crate::json::{self, Limits};
use crate::registry::merkle::{PROOF_HASHES_MAX, TreeHash, verify_consistency};
use crate::registry::note::NOTE_BYTES_MAX;

const FORMAT: &str = "evidence/1";
/// No evidence is longer: two notes with their line ends escaped, and a path.
pub const EVIDENCE_BYTES_MAX: usize = 4 * NOTE_BYTES_MAX;

/// Why a text is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not the form of evidence.
    #[error("not evidence in its one form")]
    Malformed,
    /// One of the two is not a checkpoint that members signed.
    #[error("one of the two is no signed checkpoint of this network")]
    Checkpoint(#[from] CheckpointError),
    /// It is of a time whose members are not known: whoever signed may have been none any more.
    #[error("who the members were at height {0} is not known without their handovers")]
    UnknownMembers(u64),
    /// Both can be true.
    #[error("the two checkpoints do not contradict each other")]
    NoContradiction,
    /// They contradict each other, and nobody signed both.
    #[error("no member signed both checkpoints")]
    NobodySignedBoth,
}

/// Two checkpoints as they came, and what shows that they contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedEvidence {
    tegata: String,
    /// The note of the smaller ledger.
    first: String,
    /// The note of the larger ledger.
    second: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<Prefix>,
}

/// What the larger ledger was at the smaller one's size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefix {
    root: String,
    hashes: Vec<String>,
}

/// What members did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvidence {
    /// Those that signed both.
    pub members: Vec<String>,
    /// The smaller ledger.
    pub first: Checkpoint,
    /// The larger ledger, or the other one of the same size.
    pub second: Checkpoint,
}

impl UnverifiedEvidence {
    /// Puts two notes together, the smaller ledger first.
    #[must_use]
    pub fn new(first: &str, second: &str) -> Self {
        Self {
            tegata: FORMAT.to_owned(),
            first: first.to_owned(),
            second: second.to_owned(),
            prefix: None,
        }
    }

    /// Adds what the larger ledger was at the smaller one's size: its root then, and the consistency proof from it.
    #[must_use]
    pub fn with_prefix(mut self, root: TreeHash, proof: &[TreeHash]) -> Self {
        self.prefix = Some(Prefix {
            root: root.to_string(),
            hashes: proof.iter().map(ToString::to_string).collect(),
        });
        self
    }

    /// Reads evidence.
    ///
    /// # Errors
    ///
    /// Fails unless it has the form of evidence.
    pub fn parse(text: &[u8]) -> Result<Self, EvidenceError> {
        let limits = Limits::DEFAULT
            .with_bytes(EVIDENCE_BYTES_MAX)
            .with_string(NOTE_BYTES_MAX);
        let evidence: Self =
            json::parse_as(text, &limits).map_err(|_cause| EvidenceError::Malformed)?;
        if evidence.tegata != FORMAT {
            return Err(EvidenceError::Malformed);
        }
        Ok(evidence)
    }

    /// The text that [`UnverifiedEvidence::parse`] reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("plain structures of text have a JSON form");
        text.push('\n');
        text
    }

    /// Checks that members signed both, and that both cannot be true.
    ///
    /// # Errors
    ///
    /// Fails unless exactly that is shown, and the members of both heights are known for sure.
    pub fn verify(&self, committees: &Committees) -> Result<VerifiedEvidence, EvidenceError> {
        let signed = |note: &str| {
            let note = UnverifiedCheckpoint::parse(note.as_bytes())?;
            match note.dangerous_claim() {
                Some(claim) if claim.height > committees.settled_until() => {
                    Err(EvidenceError::UnknownMembers(claim.height))
                }
                _ => Ok(note.signed_by(committees)?),
            }
        };
        let (first, first_members) = signed(&self.first)?;
        let (second, second_members) = signed(&self.second)?;
        let shown = match &self.prefix {
            None => first.contradicts(&second),
            Some(prefix) => prefix.contradicts(&first, &second)?,
        };
        if !shown {
            return Err(EvidenceError::NoContradiction);
        }
        let both = first_members.into_iter();
        let members: Vec<String> = both.filter(|name| second_members.contains(name)).collect();
        if members.is_empty() {
            return Err(EvidenceError::NobodySignedBoth);
        }
        Ok(VerifiedEvidence {
            members,
            first,
            second,
        })
    }
}

impl Prefix {
    fn contradicts(&self, first: &Checkpoint, second: &Checkpoint) -> Result<bool, EvidenceError> {
        let hash = |text: &String| TreeHash::from_base64(text).ok_or(EvidenceError::Malformed);
        let root = hash(&self.root)?;
        if self.hashes.len() > PROOF_HASHES_MAX {
            return Err(EvidenceError::Malformed);
        }
        let proof: Vec<TreeHash> = self.hashes.iter().map(hash).collect::<Result<_, _>>()?;
        let holds = verify_consistency(&proof, first.size, root, second.size, second.root).is_ok();
        Ok(holds && root != first.root)
    }
}

impl Checkpoint {
    /// Whether two checkpoints of a network cannot both be true, as far as their texts show: one height has one checkpoint, one
    /// size has one ledger, and later blocks neither take records away nor are older. (That a larger ledger holds other
    /// records takes a proof.)
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        if self.height == other.height {
            return self != other;
        }
        if self.size == other.size && (self.root != other.root || self.blocks != other.blocks) {
            return true;
        }
        let (earlier, later) = if self.height < other.height {
            (self, other)
        } else {
            (other, self)
        };
        earlier.size > later.size || earlier.time > later.time
    }
}
