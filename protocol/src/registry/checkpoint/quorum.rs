//! Who may cosign, and how many of them are enough.

use super::{Checkpoint, CheckpointError};
use crate::Timestamp;
use crate::identity::SigningKey;
use crate::planted::{Bug, planted};
use crate::registry::note::{KeyKind, NoteError, NoteKey, NoteSignature, Signer};
use crate::registry::{KeyBytes, Member, NetworkId};

/// The members of a network as cosigners of its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigners {
    network: NetworkId,
    keys: Vec<NoteKey>,
}

impl Cosigners {
    /// The members that take part. Members' names have been checked and can be key names.
    pub(in crate::registry) fn of(network: NetworkId, members: &[Member]) -> Self {
        let in_force = members.iter().filter(|member| !member.suspended);
        let keys = in_force.map(|member| (member.name.as_str(), *member.cosigning_key.as_bytes()));
        Self::new(network, keys).expect("a member's name can be a key name")
    }

    /// The members with their names and Ed25519 cosigning keys, each name and key once.
    ///
    /// # Errors
    ///
    /// Fails if a name cannot be a key name.
    pub(in crate::registry) fn new<'a>(
        network: NetworkId,
        members: impl Iterator<Item = (&'a str, [u8; 32])>,
    ) -> Result<Self, NoteError> {
        let keys = members
            .map(|(name, key)| NoteKey::new(name, KeyKind::CosignatureV1, key))
            .collect::<Result<_, _>>()?;
        Ok(Self { network, keys })
    }

    /// The network whose checkpoints they sign.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// How many members have to sign: all but the third of them that may be faulty.
    #[must_use]
    pub fn quorum(&self) -> usize {
        let members = self.keys.len();
        if planted(Bug::SmallQuorum) {
            return members.saturating_sub(1) / 3 * 2;
        }
        members - members.saturating_sub(1) / 3
    }

    /// Signs a checkpoint as a member; none if the key is no member's.
    #[must_use]
    pub fn cosign(
        &self,
        checkpoint: &Checkpoint,
        key: &SigningKey,
        now: Timestamp,
    ) -> Option<NoteSignature> {
        let text = checkpoint.to_string();
        self.keys
            .iter()
            .find_map(|known| known.sign(&text, key, now))
    }

    /// Checks the cosignature of one member, as nodes do before they pass it on, and says when it was made.
    ///
    /// # Errors
    ///
    /// Fails unless it is a member's and covers this checkpoint.
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        signature: &NoteSignature,
    ) -> Result<Timestamp, NoteError> {
        let key = self
            .keys
            .iter()
            .find(|key| key.is_of(signature))
            .ok_or(NoteError::Unsigned)?;
        let time = key.verify(&checkpoint.to_string(), signature)?;
        time.ok_or(NoteError::Signature)
    }

    /// How many members there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.keys.len()
    }

    /// The members' names and cosigning keys.
    pub fn members(&self) -> impl Iterator<Item = (String, KeyBytes)> {
        let member = |key: &NoteKey| {
            (
                key.name().to_owned(),
                KeyBytes::from_bytes(*key.public_key()),
            )
        };
        self.keys.iter().map(member)
    }

    pub(super) fn keys(&self) -> &[NoteKey] {
        &self.keys
    }

    /// The latest time by which a whole quorum had signed; a member that signed twice counts once.
    pub(super) fn newest_quorum(
        &self,
        signers: &[Signer<'_>],
    ) -> Result<Timestamp, CheckpointError> {
        let mut newest: Vec<Timestamp> = self
            .keys
            .iter()
            .filter_map(|key| {
                let own = signers.iter().filter(|signer| signer.key == key);
                own.filter_map(|signer| signer.time).max()
            })
            .collect();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        let quorum = self.quorum();
        newest
            .get(quorum - 1)
            .copied()
            .ok_or(CheckpointError::NoQuorum {
                signed: newest.len(),
                quorum,
            })
    }
}
