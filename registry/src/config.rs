//! The configuration of a node: `node.toml`. Paths are relative to the file.

use crate::votes::Votes;
use protocol::{
    identity::{Algorithm, KeyError, SigningKey},
    registry::{Genesis, GenesisError},
};
use registry_consensus::{BLOCKS_FETCHED_MAX, Config as ConsensusConfig, ConsensusKey, Timing};
use serde::{Deserialize, Serialize};
use service::config::{SecretPath, ServiceConfig};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The least that [`NodeConfig::keep_blocks`] may say: members that restart must find what they missed, while the others go on.
pub const KEEP_BLOCKS_MIN: u64 = 2 * BLOCKS_FETCHED_MAX;

const KEEP_BLOCKS_DEFAULT: u64 = 4096;

const GENESIS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a node needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The name of the member that this node belongs to.
    pub member: String,
    /// The genesis file.
    pub genesis: PathBuf,
    /// Where the ledger and the engine's stores are.
    pub data: PathBuf,
    /// Consensus keeps this many blocks below the latest cosigned checkpoint for peers that are behind; a peer that is further
    /// behind takes the records. At least [`KEEP_BLOCKS_MIN`].
    #[serde(default = "keep_blocks_default")]
    pub keep_blocks: u64,
    /// Certificate authorities of the members' nodes, PEM; the system's if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_certificates: Option<PathBuf>,
    /// The node follows without a vote in all epochs before this one, in which its keys may have voted elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub votes_from_epoch: Option<u64>,
    /// The Ed25519 key, PKCS #8 in PEM, with which the node meets the others and votes.
    pub consensus_key: SecretPath,
    /// The key that takes the place of `consensus_key` in the epoch in which the members know this node by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_consensus_key: Option<SecretPath>,
    /// The Ed25519 key, PKCS #8 in PEM, with which it signs checkpoints.
    pub cosigning_key: SecretPath,
    /// The key that takes the place of `cosigning_key` from the height on at which the members know this node by it. Until
    /// then, and for checkpoints below that height, the old one signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cosigning_key: Option<SecretPath>,
    /// Where it accepts connections of other nodes.
    pub peer_listen: SocketAddr,
    /// How long consensus waits for what.
    #[serde(default)]
    pub timing: TimingConfig,
    /// How it passes on outcomes without showing where they come from.
    #[serde(default)]
    pub relay: RelayConfig,
    /// How it answers readers and takes records.
    pub service: ServiceConfig,
}

/// What [`NodeConfig::keep_blocks`] is if nothing is said.
#[must_use]
pub const fn keep_blocks_default() -> u64 {
    KEEP_BLOCKS_DEFAULT
}

/// How outcomes are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayConfig {
    /// Milliseconds from one slot to the next, 100 to 60,000; the same at all members.
    pub slot_ms: u64,
}

impl RelayConfig {
    const SLOT_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self { slot_ms: 10_000 }
    }
}

/// How long consensus waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimingConfig {
    /// A leader without records proposes an empty block after this time.
    pub idle_ms: u64,
    /// A leader that proposes nothing for this time is passed over; greater than `idle_ms`.
    pub leader_timeout_ms: u64,
    /// Blocks from clocks that are further ahead wait.
    pub skew_ms_max: u64,
}

impl Default for TimingConfig {
    fn default() -> Self {
        let Timing {
            idle_ms,
            leader_timeout_ms,
            skew_ms_max,
        } = Timing::DEFAULT;
        Self {
            idle_ms,
            leader_timeout_ms,
            skew_ms_max,
        }
    }
}

/// The configuration names something that is not usable.
#[derive(Debug, thiserror::Error)]
pub enum NodeConfigError {
    /// The file, or a secret that it names.
    #[error(transparent)]
    File(#[from] service::config::ConfigError),
    /// The genesis file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not a genesis file.
    #[error("the genesis file is not valid")]
    Genesis(#[from] GenesisError),
    /// A key file holds no Ed25519 key.
    #[error("{path} holds no Ed25519 key")]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why, if it is no key at all.
        #[source]
        source: Option<KeyError>,
    },
    /// The relay's slots are too short or too long.
    #[error("relay.slot_ms is out of bounds")]
    Slot,
    /// Members that restart would not find what they missed.
    #[error("keep_blocks must be at least {KEEP_BLOCKS_MIN}")]
    KeepBlocks,
    /// Consensus cannot work with this.
    #[error(transparent)]
    Consensus(#[from] registry_consensus::ConfigError),
}

impl NodeConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    ///
    /// Fails unless it is one.
    pub fn load(path: &Path) -> Result<Self, NodeConfigError> {
        let mut config: Self = service::config::load(path)?;
        if !RelayConfig::SLOT_MS.contains(&config.relay.slot_ms) {
            return Err(NodeConfigError::Slot);
        }
        if config.keep_blocks < KEEP_BLOCKS_MIN {
            return Err(NodeConfigError::KeepBlocks);
        }
        let base = path.parent().unwrap_or_else(|| Path::new("."));
        config.genesis = base.join(&config.genesis);
        config.data = base.join(&config.data);
        config.peer_certificates = config.peer_certificates.map(|path| base.join(path));
        config.consensus_key = SecretPath::new(base.join(config.consensus_key.path()));
        config.next_consensus_key = config
            .next_consensus_key
            .map(|key| SecretPath::new(base.join(key.path())));
        config.cosigning_key = SecretPath::new(base.join(config.cosigning_key.path()));
        config.next_cosigning_key = config
            .next_cosigning_key
            .map(|key| SecretPath::new(base.join(key.path())));
        if let Some(tls) = &mut config.service.tls {
            tls.certificates = base.join(&tls.certificates);
            tls.key = SecretPath::new(base.join(tls.key.path()));
        }
        Ok(config)
    }

    /// Reads the genesis file.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub fn read_genesis(&self) -> Result<Genesis, NodeConfigError> {
        let unreadable = |source| NodeConfigError::Unreadable {
            path: self.genesis.clone(),
            source,
        };
        let length = std::fs::metadata(&self.genesis).map_err(unreadable)?.len();
        if length > GENESIS_BYTES_MAX {
            return Err(GenesisError::Shape.into());
        }
        let file = std::fs::read(&self.genesis).map_err(unreadable)?;
        Ok(Genesis::parse(&file)?)
    }

    /// Reads the keys that sign checkpoints.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be read.
    pub fn read_cosigning_keys(&self) -> Result<Vec<SigningKey>, NodeConfigError> {
        let paths = std::iter::once(&self.cosigning_key).chain(&self.next_cosigning_key);
        paths.map(read_key).collect()
    }

    /// What consensus needs: the keys, the network, the notes on votes.
    ///
    /// # Errors
    ///
    /// Fails if a key cannot be read.
    pub fn consensus(
        &self,
        genesis: &Genesis,
    ) -> Result<(ConsensusConfig, Arc<Votes>), NodeConfigError> {
        let mut keys = Vec::new();
        let mut notes = Vec::new();
        for path in std::iter::once(&self.consensus_key).chain(&self.next_consensus_key) {
            let key = ConsensusKey::from_secret(&read_key(path)?.secret())?;
            let directory = path.path().parent().unwrap_or_else(|| Path::new("."));
            notes.push((key.public_key(), directory.to_owned()));
            keys.push(key);
        }
        let votes = Votes::new(notes, &self.data, self.consensus_directory());
        let votes = Arc::new(votes.from_epoch(self.votes_from_epoch.unwrap_or(0)));
        let config = ConsensusConfig {
            keys,
            network: *genesis.network().as_bytes(),
            epoch_blocks: genesis.epochs().length(),
            listen: self.peer_listen,
            directory: self.consensus_directory(),
            timing: Timing {
                idle_ms: self.timing.idle_ms,
                leader_timeout_ms: self.timing.leader_timeout_ms,
                skew_ms_max: self.timing.skew_ms_max,
            },
            ballot: votes.clone(),
        };
        Ok((config, votes))
    }

    /// Where the ledger's own store is.
    #[must_use]
    pub fn ledger_directory(&self) -> PathBuf {
        self.data.join("ledger")
    }

    /// Where the consensus engine keeps blocks and votes.
    #[must_use]
    pub fn consensus_directory(&self) -> PathBuf {
        self.data.join("consensus")
    }
}

fn read_key(path: &SecretPath) -> Result<SigningKey, NodeConfigError> {
    let not_a_key = |source| NodeConfigError::Key {
        path: path.path().to_owned(),
        source,
    };
    let pem = path.read()?;
    let text = str::from_utf8(&pem).map_err(|_| not_a_key(None))?;
    let key = SigningKey::from_pkcs8_pem(text).map_err(|source| not_a_key(Some(source)))?;
    if key.public_key().algorithm() != Algorithm::EdDsa {
        return Err(not_a_key(None));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_configuration_is_read() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("node.example.toml");
        let config = NodeConfig::load(&example).unwrap();
        assert_eq!(config.member, "consortium.example");
        assert_eq!(config.timing, TimingConfig::default());
        assert_eq!(config.relay, RelayConfig::default());
        assert!(config.genesis.is_absolute());
    }

    #[test]
    fn slots_have_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.toml");
        let example = include_str!("../node.example.toml");
        for slot in ["slot_ms = 99", "slot_ms = 60001"] {
            std::fs::write(&path, example.replace("slot_ms = 10000", slot)).unwrap();
            let refused = NodeConfig::load(&path);
            assert!(matches!(refused, Err(NodeConfigError::Slot)), "{slot}");
        }
    }

    #[test]
    fn fewer_blocks_than_a_restart_needs_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.toml");
        let example = include_str!("../node.example.toml");
        std::fs::write(&path, example).unwrap();
        assert_eq!(NodeConfig::load(&path).unwrap().keep_blocks, 4096);
        std::fs::write(&path, format!("keep_blocks = 256\n{example}")).unwrap();
        assert_eq!(NodeConfig::load(&path).unwrap().keep_blocks, 256);
        std::fs::write(&path, format!("keep_blocks = 255\n{example}")).unwrap();
        let refused = NodeConfig::load(&path);
        assert!(matches!(refused, Err(NodeConfigError::KeepBlocks)));
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.toml");
        let example = include_str!("../node.example.toml");
        std::fs::write(&path, format!("membre = 1\n{example}")).unwrap();
        assert!(NodeConfig::load(&path).is_err());
        std::fs::write(&path, example).unwrap();
        assert!(NodeConfig::load(&path).is_ok());
    }
}
