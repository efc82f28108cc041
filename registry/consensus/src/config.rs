//! With which keys a node takes part, where, and how patiently.

use crate::committee::{CommitteeError, Vote};
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_cryptography::{Signer as _, ed25519};
use std::{io, net::SocketAddr, num::NonZeroU64, path::PathBuf, sync::Arc, time::Duration};

/// The secret with which a member authenticates to its peers and votes.
#[derive(Clone)]
pub struct ConsensusKey(pub(crate) ed25519::PrivateKey);

impl ConsensusKey {
    /// The key of an Ed25519 secret (RFC 8032 seed).
    ///
    /// # Errors
    /// If the library refuses the secret.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, ConfigError> {
        ed25519::PrivateKey::decode(Bytes::copy_from_slice(secret))
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
    /// Takes the 32 bytes of RFC 8032; whether they are a point is checked with the committee.
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

    pub(crate) fn decode(self) -> Result<ed25519::PublicKey, CommitteeError> {
        ed25519::PublicKey::decode(Bytes::copy_from_slice(&self.0))
            .map_err(|_| CommitteeError::Key(self))
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

/// The greatest [`Timing::idle_ms`] while a change of the committee is decided and not yet in force.
const HURRIED_IDLE_MS: u64 = 50;

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

    /// How long a leader without records waits.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    /// The same while a change of the committee is decided and not yet in force.
    pub(crate) fn hurried_idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms.min(HURRIED_IDLE_MS))
    }

    pub(crate) fn leader_timeout(&self) -> Duration {
        Duration::from_millis(self.leader_timeout_ms)
    }
}

/// Decides whether this node may vote in an epoch.
///
/// Two copies of a node's data with the same key could contradict each other. So the permission is given to one of
/// them, is on disk before it is given, and outlives the engine's directory.
pub trait Ballot: Send + Sync + 'static {
    /// [`Vote::Validator`] if no vote of `key` in `epoch` can exist that this node's directory does not hold.
    ///
    /// # Errors
    /// If the permission cannot be read or noted: then the node stops.
    fn admit(&self, key: &PeerKey, epoch: u64) -> io::Result<Vote>;
}

/// Everything a node needs to take part.
pub struct Config {
    /// This node's keys, of which at most one is a member's in any epoch. A second one waits for its epoch.
    pub keys: Vec<ConsensusKey>,
    /// Identifies the network: messages and votes of another network are not understood.
    pub network: [u8; 32],
    /// Blocks in an epoch, equal on every node.
    pub epoch_blocks: NonZeroU64,
    /// Where this node accepts connections.
    pub listen: SocketAddr,
    /// The engine's own directory: votes, blocks, certificates.
    pub directory: PathBuf,
    /// How patient the engine is.
    pub timing: Timing,
    /// Whether this node may vote.
    pub ballot: Arc<dyn Ballot>,
}

/// The configuration cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The secret is not an Ed25519 key.
    #[error("the consensus secret is not an Ed25519 key")]
    Secret,
    /// There is no key.
    #[error("a node needs a consensus key")]
    NoKey,
    /// An idle leader would be taken for a dead one.
    #[error("leader_timeout_ms must be greater than idle_ms")]
    Timing,
}

impl Config {
    /// Checks what can be checked before anything starts.
    ///
    /// # Errors
    /// If the timing contradicts itself or there is no key.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.timing.leader_timeout_ms <= self.timing.idle_ms {
            return Err(ConfigError::Timing);
        }
        if self.keys.is_empty() {
            return Err(ConfigError::NoKey);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always;

    impl Ballot for Always {
        fn admit(&self, _: &PeerKey, _: u64) -> io::Result<Vote> {
            Ok(Vote::Validator)
        }
    }

    fn config() -> Config {
        Config {
            keys: vec![ConsensusKey::from_secret(&[1; 32]).unwrap()],
            network: [0; 32],
            epoch_blocks: NonZeroU64::MIN,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory: PathBuf::new(),
            timing: Timing::DEFAULT,
            ballot: Arc::new(Always),
        }
    }

    #[test]
    fn a_node_with_a_key_and_patience_is_accepted() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn a_node_without_a_key_is_refused() {
        let mut keyless = config();
        keyless.keys.clear();
        assert_eq!(keyless.check(), Err(ConfigError::NoKey));
    }

    #[test]
    fn a_leader_timeout_within_the_idle_time_is_refused() {
        let mut hasty = config();
        hasty.timing.leader_timeout_ms = hasty.timing.idle_ms;
        assert_eq!(hasty.check(), Err(ConfigError::Timing));
    }

    #[test]
    fn empty_blocks_come_quickly_while_a_change_awaits_and_never_more_slowly() {
        let mut timing = Timing::DEFAULT;
        assert!(timing.hurried_idle() < timing.idle());
        timing.idle_ms = 5;
        assert_eq!(timing.hurried_idle(), timing.idle());
    }

    #[test]
    fn the_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", config().keys[0]), "ConsensusKey");
    }
}
