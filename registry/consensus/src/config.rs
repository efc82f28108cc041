//! Who takes part, with which keys, where, and how patiently.

use commonware_codec::DecodeExt as _;
use commonware_cryptography::{Signer as _, ed25519};
use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

/// Most members of one network: it sizes the queues of every channel.
const MEMBERS_MAX: usize = 64;

/// The secret with which a member authenticates to its peers and votes.
pub struct ConsensusKey(pub(crate) ed25519::PrivateKey);

impl ConsensusKey {
    /// The key of an Ed25519 secret (RFC 8032 seed).
    ///
    /// # Errors
    /// If the library refuses the secret.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, ConfigError> {
        ed25519::PrivateKey::decode(bytes::Bytes::copy_from_slice(secret))
            .map(Self)
            .map_err(|_| ConfigError::Secret)
    }

    /// The public half, as it stands in the genesis.
    pub fn public_key(&self) -> PeerKey {
        PeerKey::of(&self.0.public_key())
    }
}

impl std::fmt::Debug for ConsensusKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ConsensusKey")
    }
}

/// A member's Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey([u8; 32]);

impl PeerKey {
    /// Takes the 32 bytes of RFC 8032; whether they are a point is checked when the node starts.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(key: &ed25519::PublicKey) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(key.as_ref());
        Self(bytes)
    }

    pub(crate) fn decode(self) -> Result<ed25519::PublicKey, ConfigError> {
        ed25519::PublicKey::decode(bytes::Bytes::copy_from_slice(&self.0))
            .map_err(|_| ConfigError::PeerKey(self))
    }
}

impl std::fmt::Debug for PeerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::fmt::Display for PeerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Whether a member votes on blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// A validator proposes and votes.
    Validator,
    /// An observer follows the chain and replays it.
    Observer,
}

/// A member of the network, this node included.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its key.
    pub key: PeerKey,
    /// Where it accepts connections of its peers.
    pub address: SocketAddr,
    /// Whether it votes.
    pub vote: Vote,
}

/// How long the engine waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A leader without records waits this long before it proposes an empty block.
    pub idle_ms: u64,
    /// A view without a proposal is given up after this time; greater than `idle_ms`.
    pub leader_timeout_ms: u64,
    /// Blocks whose time is further ahead of this node's clock wait.
    pub skew_ms_max: u64,
}

impl Timing {
    /// For machines that are a few milliseconds to a few hundred apart.
    pub const DEFAULT: Self = Self {
        idle_ms: 1_000,
        leader_timeout_ms: 2_000,
        skew_ms_max: 5_000,
    };

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub(crate) fn leader_timeout(&self) -> Duration {
        Duration::from_millis(self.leader_timeout_ms)
    }
}

/// Everything a node needs to take part.
#[derive(Debug)]
pub struct Config {
    /// This node's key; its public half must be among `peers`.
    pub key: ConsensusKey,
    /// All members, in any order, equal on every node.
    pub peers: Vec<Peer>,
    /// Identifies the network: messages and votes of another network are not understood.
    pub network: [u8; 32],
    /// Where this node accepts connections.
    pub listen: SocketAddr,
    /// The engine's own directory: votes, blocks, certificates.
    pub directory: PathBuf,
    /// How patient the engine is.
    pub timing: Timing,
    /// Whether a validator still has all votes that it may have cast.
    pub memory: Memory,
}

/// What a validator remembers of its own votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Its directory is the one in which it voted last, or it never voted.
    Whole,
    /// Votes may be missing, and a new one could contradict them: the node follows and does not vote.
    Lost,
}

/// The configuration cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The secret is not an Ed25519 key.
    #[error("the consensus secret is not an Ed25519 key")]
    Secret,
    /// A member's key is no Ed25519 point.
    #[error("{0} is not an Ed25519 public key")]
    PeerKey(PeerKey),
    /// Two members share a key.
    #[error("{0} is listed twice")]
    Duplicate(PeerKey),
    /// This node's key is not among the members.
    #[error("this node's key {0} is not among the members")]
    NotAMember(PeerKey),
    /// There is nobody to vote, or more members than the engine is sized for.
    #[error("a network has at least one validator and at most {MEMBERS_MAX} members")]
    Size,
    /// An idle leader would be taken for a dead one.
    #[error("leader_timeout_ms must be greater than idle_ms")]
    Timing,
}

impl Config {
    /// Checks what can be checked before anything starts.
    ///
    /// # Errors
    /// If the members or the timing contradict themselves.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.timing.leader_timeout_ms <= self.timing.idle_ms {
            return Err(ConfigError::Timing);
        }
        let mut seen = BTreeSet::new();
        for peer in &self.peers {
            peer.key.decode()?;
            if !seen.insert(peer.key) {
                return Err(ConfigError::Duplicate(peer.key));
            }
        }
        if !seen.contains(&self.key.public_key()) {
            return Err(ConfigError::NotAMember(self.key.public_key()));
        }
        let validators = self
            .peers
            .iter()
            .filter(|peer| peer.vote == Vote::Validator);
        if validators.count() == 0 || self.peers.len() > MEMBERS_MAX {
            return Err(ConfigError::Size);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(secrets: &[u8]) -> Config {
        let key = |seed: u8| ConsensusKey::from_secret(&[seed; 32]).unwrap();
        Config {
            key: key(1),
            peers: secrets
                .iter()
                .map(|seed| Peer {
                    key: key(*seed).public_key(),
                    address: SocketAddr::from(([127, 0, 0, 1], 0)),
                    vote: Vote::Validator,
                })
                .collect(),
            network: [0; 32],
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory: PathBuf::new(),
            timing: Timing::DEFAULT,
            memory: Memory::Whole,
        }
    }

    #[test]
    fn a_member_list_with_this_node_is_accepted() {
        assert_eq!(config(&[1, 2, 3, 4]).check(), Ok(()));
    }

    #[test]
    fn a_member_listed_twice_is_refused() {
        let twice = config(&[1, 2, 2]);
        assert_eq!(
            twice.check(),
            Err(ConfigError::Duplicate(twice.peers[1].key))
        );
    }

    #[test]
    fn a_node_that_is_no_member_is_refused() {
        let stranger = config(&[2, 3, 4]);
        assert_eq!(
            stranger.check(),
            Err(ConfigError::NotAMember(stranger.key.public_key()))
        );
    }

    #[test]
    fn a_leader_timeout_within_the_idle_time_is_refused() {
        let mut hasty = config(&[1]);
        hasty.timing.leader_timeout_ms = hasty.timing.idle_ms;
        assert_eq!(hasty.check(), Err(ConfigError::Timing));
    }

    #[test]
    fn the_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", config(&[1]).key), "ConsensusKey");
    }
}
