//! Who takes part in an epoch.

use crate::config::PeerKey;
use commonware_cryptography::ed25519;
use commonware_p2p::Address;
use commonware_utils::ordered::Set;
use std::{collections::BTreeMap, net::SocketAddr};

/// Most members of one network: it sizes messages and queues.
pub const MEMBERS_MAX: usize = 64;

/// Whether a member votes on blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// A validator proposes and votes.
    Validator,
    /// An observer follows the chain and replays it.
    Observer,
}

/// A member of the network.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its key.
    pub key: PeerKey,
    /// Where it accepts connections of its peers.
    pub address: SocketAddr,
    /// Whether it votes.
    pub vote: Vote,
}

/// The members of one epoch: who connects to whom, and whose votes count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    validators: Set<ed25519::PublicKey>,
    addresses: BTreeMap<ed25519::PublicKey, SocketAddr>,
}

/// These members make no committee.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommitteeError {
    /// A member's key is no Ed25519 point.
    #[error("{0} is not an Ed25519 public key")]
    Key(PeerKey),
    /// Two members share a key.
    #[error("{0} is listed twice")]
    Duplicate(PeerKey),
    /// There is nobody to vote, or more members than the engine is sized for.
    #[error("a committee has at least one validator and at most {MEMBERS_MAX} members")]
    Size,
}

impl Committee {
    /// Takes the members in any order.
    ///
    /// # Errors
    /// If a key is no key or stands twice, nobody votes, or there are too many.
    pub fn new(members: impl IntoIterator<Item = Peer>) -> Result<Self, CommitteeError> {
        let mut validators = Vec::new();
        let mut addresses = BTreeMap::new();
        for peer in members {
            let key = peer.key.decode()?;
            if peer.vote == Vote::Validator {
                validators.push(key.clone());
            }
            if addresses.insert(key, peer.address).is_some() {
                return Err(CommitteeError::Duplicate(peer.key));
            }
        }
        if validators.is_empty() || addresses.len() > MEMBERS_MAX {
            return Err(CommitteeError::Size);
        }
        Ok(Self {
            validators: Set::from_iter_dedup(validators),
            addresses,
        })
    }

    /// Those whose votes count, in the order of their keys.
    pub(crate) fn validators(&self) -> &Set<ed25519::PublicKey> {
        &self.validators
    }

    pub(crate) fn has_member(&self, key: &ed25519::PublicKey) -> bool {
        self.addresses.contains_key(key)
    }

    pub(crate) fn votes(&self, key: &ed25519::PublicKey) -> bool {
        self.validators.position(key).is_some()
    }

    /// Where the members are.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (ed25519::PublicKey, Address)> {
        let known = self.addresses.iter();
        known.map(|(key, address)| (key.clone(), Address::from(*address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConsensusKey;

    fn peer(seed: u8, vote: Vote) -> Peer {
        Peer {
            key: ConsensusKey::from_secret(&[seed; 32]).unwrap().public_key(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            vote,
        }
    }

    #[test]
    fn observers_connect_and_do_not_vote() {
        let [validator, observer] = [peer(1, Vote::Validator), peer(2, Vote::Observer)];
        let committee = Committee::new([validator.clone(), observer.clone()]).unwrap();
        let (validator, observer) = (
            validator.key.decode().unwrap(),
            observer.key.decode().unwrap(),
        );
        assert!(committee.votes(&validator) && !committee.votes(&observer));
        assert!(committee.has_member(&validator) && committee.has_member(&observer));
    }

    #[test]
    fn a_member_listed_twice_is_refused() {
        let twice = peer(2, Vote::Validator);
        assert_eq!(
            Committee::new([peer(1, Vote::Validator), twice.clone(), twice.clone()]),
            Err(CommitteeError::Duplicate(twice.key))
        );
    }

    #[test]
    fn a_committee_in_which_nobody_votes_is_refused() {
        assert_eq!(
            Committee::new([peer(1, Vote::Observer)]),
            Err(CommitteeError::Size)
        );
    }

    #[test]
    fn more_members_than_the_engine_is_sized_for_are_refused() {
        let members = |count: u8| (1..=count).map(|seed| peer(seed, Vote::Validator));
        assert!(Committee::new(members(64)).is_ok());
        assert_eq!(Committee::new(members(65)), Err(CommitteeError::Size));
    }

    #[test]
    fn a_key_that_is_no_point_is_refused() {
        let mut stranger = peer(1, Vote::Validator);
        stranger.key = PeerKey::from_bytes([2; 32]);
        assert_eq!(
            Committee::new([stranger.clone()]),
            Err(CommitteeError::Key(stranger.key))
        );
    }
}
