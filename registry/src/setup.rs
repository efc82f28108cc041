//! `tegata-registry setup`: new keys, a configuration to go with them, and the entry for the genesis file.

use crate::config::{NodeConfig, RelayConfig, TimingConfig, keep_blocks_default};
use anyhow::{Context as _, bail, ensure};
use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{KeyBytes, Member, MemberRole, ServiceUrl},
};
use rand_core::CryptoRng;
use service::config::{SecretPath, ServiceConfig, TlsConfig};
use std::{
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
};

/// The key that signs proposals and approvals. The node does not need it: it is kept elsewhere.
pub const GOVERNANCE_KEY: &str = "keys/governance.pem";

/// Whether the node may speak plain HTTP on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// TLS, for every network.
    Tls,
    /// Plain HTTP on loopback.
    LoopbackForDevelopment,
}

/// What the genesis file is to say of a new member.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Its name.
    pub name: String,
    /// What it is in the consortium.
    pub role: MemberRole,
    /// Where its node answers.
    pub url: ServiceUrl,
    /// Where its node meets the others, host and port.
    pub peer_address: String,
    /// Whether it votes.
    pub validator: bool,
}

/// Writes keys (readable by their owner alone), `node.toml` and `member.json` into a directory.
///
/// # Errors
///
/// Fails if something is there already: keys are never overwritten.
pub fn setup(
    directory: &Path,
    member: NewMember,
    exposure: Exposure,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<()> {
    let config_path = directory.join("node.toml");
    let member_path = directory.join("member.json");
    for path in [&config_path, &member_path] {
        ensure!(!path.exists(), "{} exists already", path.display());
    }
    let config = configuration(&member, exposure)?;
    let keys = directory.join("keys");
    std::fs::create_dir_all(&keys).with_context(|| format!("creating {}", keys.display()))?;
    let consensus_key = new_key(&directory.join(config.consensus_key.path()), rng)?;
    let cosigning_key = new_key(&directory.join(config.cosigning_key.path()), rng)?;
    let governance_key = new_key(&directory.join(GOVERNANCE_KEY), rng)?;
    let entry = Member {
        name: member.name,
        role: member.role,
        url: member.url,
        peer_address: member.peer_address,
        consensus_key,
        cosigning_key,
        governance_key,
        validator: member.validator,
        suspended: false,
    };
    let mut entry = serde_json::to_string_pretty(&entry)?;
    entry.push('\n');
    write_new(&member_path, &entry)?;
    write_new(&config_path, &toml::to_string(&config)?)
}

fn configuration(member: &NewMember, exposure: Exposure) -> anyhow::Result<NodeConfig> {
    let url = member.url.url();
    let port = url.port_or_known_default().context("the URL has no port")?;
    let service = match (exposure, url.scheme()) {
        (Exposure::Tls, "https") => ServiceConfig {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            tls: Some(TlsConfig {
                certificates: PathBuf::from("tls/chain.pem"),
                key: SecretPath::new("tls/key.pem"),
            }),
            ..ServiceConfig::loopback_for_development(port)
        },
        (Exposure::LoopbackForDevelopment, "http") => ServiceConfig::loopback_for_development(port),
        (Exposure::Tls, _) => {
            bail!("the URL must be https; for one machine there is --development-loopback-http")
        }
        (Exposure::LoopbackForDevelopment, _) => {
            bail!("with --development-loopback-http the URL must be http")
        }
    };
    let service = ServiceConfig {
        development_loopback_http: exposure == Exposure::LoopbackForDevelopment,
        ..service
    };
    Ok(NodeConfig {
        member: member.name.clone(),
        genesis: PathBuf::from("genesis.json"),
        data: PathBuf::from("data"),
        keep_blocks: keep_blocks_default(),
        peer_certificates: None,
        votes_from_epoch: None,
        consensus_key: SecretPath::new("keys/consensus.pem"),
        next_consensus_key: None,
        cosigning_key: SecretPath::new("keys/cosigning.pem"),
        next_cosigning_key: None,
        peer_listen: peer_listen(&member.peer_address)?,
        timing: TimingConfig::default(),
        relay: match exposure {
            Exposure::Tls => RelayConfig::default(),
            // On one machine somebody watches, and waits.
            Exposure::LoopbackForDevelopment => RelayConfig { slot_ms: 1_000 },
        },
        service,
    })
}

/// Loopback peers listen on loopback, all others on every address.
fn peer_listen(address: &str) -> anyhow::Result<SocketAddr> {
    let (_, port) = address
        .rsplit_once(':')
        .context("the peer address has no port")?;
    let port: u16 = port.parse().context("the peer address has no port")?;
    let mut resolved = address.to_socket_addrs().into_iter().flatten();
    Ok(match resolved.find(|address| address.ip().is_loopback()) {
        Some(loopback) => loopback,
        None => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
    })
}

fn new_key(path: &Path, rng: &mut impl CryptoRng) -> anyhow::Result<KeyBytes> {
    let key = SigningKey::generate(Algorithm::EdDsa, rng);
    SecretPath::new(path)
        .create(key.to_pkcs8_pem().as_bytes())
        .with_context(|| format!("writing {}", path.display()))?;
    let public = key.public_key().to_bytes();
    Ok(KeyBytes::from_bytes(public.as_slice().try_into()?))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let file = std::fs::File::create_new(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use std::os::unix::fs::PermissionsExt as _;

    fn member(url: &str) -> NewMember {
        NewMember {
            name: "a.example".into(),
            role: MemberRole::Company,
            url: url.to_owned().try_into().unwrap(),
            peer_address: "127.0.0.1:7201".into(),
            validator: true,
        }
    }

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    #[test]
    fn the_files_of_a_setup_fit_together() {
        let directory = tempfile::tempdir().unwrap();
        let exposure = Exposure::LoopbackForDevelopment;
        setup(
            directory.path(),
            member("http://127.0.0.1:7101"),
            exposure,
            &mut rng(),
        )
        .unwrap();
        let config = NodeConfig::load(&directory.path().join("node.toml")).unwrap();
        assert_eq!(config.service.listen, "127.0.0.1:7101".parse().unwrap());
        assert_eq!(config.peer_listen, "127.0.0.1:7201".parse().unwrap());
        let entry = std::fs::read(directory.path().join("member.json")).unwrap();
        let entry: Member = serde_json::from_slice(&entry).unwrap();
        assert_eq!(entry.name, "a.example");
        assert_ne!(entry.consensus_key, entry.cosigning_key);
        assert_ne!(entry.governance_key, entry.cosigning_key);
    }

    #[test]
    fn keys_are_readable_by_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        setup(
            directory.path(),
            member("https://a.example"),
            Exposure::Tls,
            &mut rng(),
        )
        .unwrap();
        for key in ["keys/consensus.pem", "keys/cosigning.pem", GOVERNANCE_KEY] {
            let mode = std::fs::metadata(directory.path().join(key))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn a_second_setup_in_the_same_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        setup(
            directory.path(),
            member("https://a.example"),
            Exposure::Tls,
            &mut rng(),
        )
        .unwrap();
        let before = std::fs::read(directory.path().join("keys/consensus.pem")).unwrap();
        assert!(
            setup(
                directory.path(),
                member("https://a.example"),
                Exposure::Tls,
                &mut rng()
            )
            .is_err()
        );
        assert_eq!(
            std::fs::read(directory.path().join("keys/consensus.pem")).unwrap(),
            before
        );
    }

    #[test]
    fn plain_http_needs_the_development_setting() {
        let directory = tempfile::tempdir().unwrap();
        let plain = member("http://127.0.0.1:7101");
        assert!(setup(directory.path(), plain, Exposure::Tls, &mut rng()).is_err());
    }
}
