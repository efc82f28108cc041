//! The configuration file: one TOML, secrets by path. `issuer.example.toml` shows every key.

use std::path::{Path, PathBuf};

use protocol::registry::ServiceUrl;
use serde::{Deserialize, Serialize};
use service::config::{ConfigError, SecretPath, ServiceConfig};

/// Instances of one offer.
const BATCH_SIZE_MAX: usize = 20;

/// Settings of the issuer service. Paths are relative to the folder of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The credential issuer identifier: `iss` of every credential, and the address of the service.
    pub id: ServiceUrl,
    /// The name that wallets show.
    pub name: String,
    /// Folder of the vault and of the evidence.
    pub data: PathBuf,
    /// Key file of the vault.
    pub vault_key: SecretPath,
    /// Ed25519 key that signs records, PKCS #8 PEM.
    pub record_key: SecretPath,
    /// The reviewers' key, wrapped for each member of staff.
    pub staff: PathBuf,
    /// Whether staff see the offer that goes to the applicant. With the transaction code from the letter it can be
    /// redeemed, so only a sandbox shows it.
    #[serde(default)]
    pub offers_shown_to_staff: bool,
    /// Seconds for which an offer can be redeemed: the letter takes days.
    #[serde(default = "offer_lifetime_default")]
    pub offer_lifetime_s: u64,
    /// Seconds for which credentials can be requested once an offer was redeemed.
    #[serde(default = "access_token_lifetime_default")]
    pub access_token_lifetime_s: u64,
    /// Seconds after which a case is closed, whatever its state.
    #[serde(default = "case_lifetime_default")]
    pub case_lifetime_s: u64,
    /// Cases under way at one time.
    #[serde(default = "cases_open_default")]
    pub cases_open_max: usize,
    /// Credential instances for one offer.
    #[serde(default = "batch_size_default")]
    pub batch_size: usize,
    /// Milliseconds between two batches of anchors.
    #[serde(default = "anchor_interval_default")]
    pub anchor_interval_ms: u64,
    /// Over how many batches the instances of one issuance are spread.
    #[serde(default = "anchor_spread_default")]
    pub anchor_spread: u32,
    /// Status lists in use at one time.
    #[serde(default = "status_lists_default")]
    pub status_lists: u16,
    /// Seconds for which a status list token is good.
    #[serde(default = "status_lifetime_default")]
    pub status_lifetime_s: u64,
    /// How the service listens.
    pub service: ServiceConfig,
    /// The keys that sign credentials.
    pub credential: CredentialConfig,
    /// The registry.
    pub registry: RegistryConfig,
}

/// Keys that sign credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialConfig {
    /// For configuration `jp_kyc`.
    pub es256: CredentialKeyConfig,
    /// For configuration `jp_kyc_ed25519`.
    pub ed25519: CredentialKeyConfig,
}

/// One key that signs credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialKeyConfig {
    /// Private key, PKCS #8 PEM.
    pub key: SecretPath,
    /// Certificate chain, PEM, leaf first, without the root. Without it readers need the key from the registry or from
    /// `/.well-known/jwt-vc-issuer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<PathBuf>,
}

/// Where the registry is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// The genesis file: the network, and whom to believe.
    pub genesis: PathBuf,
    /// Certificate authorities of the nodes, PEM; without them, the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<PathBuf>,
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A value is out of its bounds.
    #[error("{0} is out of bounds")]
    Bounds(&'static str),
}

impl Config {
    /// A configuration with paths as `setup` lays them out, and defaults.
    pub(crate) fn new(
        id: ServiceUrl,
        name: String,
        service: ServiceConfig,
        credential: CredentialConfig,
        registry: RegistryConfig,
    ) -> Self {
        Self {
            id,
            name,
            data: "data".into(),
            vault_key: SecretPath::new("keys/vault.key"),
            record_key: SecretPath::new("keys/record.pem"),
            staff: "keys/staff.json".into(),
            offers_shown_to_staff: false,
            offer_lifetime_s: offer_lifetime_default(),
            access_token_lifetime_s: access_token_lifetime_default(),
            case_lifetime_s: case_lifetime_default(),
            cases_open_max: cases_open_default(),
            batch_size: batch_size_default(),
            anchor_interval_ms: anchor_interval_default(),
            anchor_spread: anchor_spread_default(),
            status_lists: status_lists_default(),
            status_lifetime_s: status_lifetime_default(),
            service,
            credential,
            registry,
        }
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigurationError> {
        let mut config: Self = service::config::load(path)?;
        config.check()?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        config.resolve(folder);
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        let bounds = [
            (
                "batch_size",
                (2..=BATCH_SIZE_MAX).contains(&self.batch_size),
            ),
            ("anchor_interval_ms", self.anchor_interval_ms >= 10),
            ("anchor_spread", (1..=64).contains(&self.anchor_spread)),
            ("status_lists", (1..=64).contains(&self.status_lists)),
            (
                "status_lifetime_s",
                (60..=7 * 24 * 3_600).contains(&self.status_lifetime_s),
            ),
            (
                "access_token_lifetime_s",
                (1..=300).contains(&self.access_token_lifetime_s),
            ),
            (
                "offer_lifetime_s",
                (1..=90 * 24 * 3_600).contains(&self.offer_lifetime_s),
            ),
        ];
        match bounds.into_iter().find(|(_, within)| !within) {
            Some((name, _)) => Err(ConfigurationError::Bounds(name)),
            None => Ok(()),
        }
    }

    fn resolve(&mut self, folder: &Path) {
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
        absolute(&mut self.data);
        absolute(&mut self.staff);
        absolute(&mut self.registry.genesis);
        if let Some(certificates) = &mut self.registry.certificates {
            absolute(certificates);
        }
        let secret = |path: &mut SecretPath| *path = SecretPath::new(folder.join(path.path()));
        secret(&mut self.vault_key);
        secret(&mut self.record_key);
        for credential in [&mut self.credential.es256, &mut self.credential.ed25519] {
            secret(&mut credential.key);
            if let Some(certificates) = &mut credential.certificates {
                absolute(certificates);
            }
        }
    }
}

const fn offer_lifetime_default() -> u64 {
    14 * 24 * 3_600
}

const fn access_token_lifetime_default() -> u64 {
    300
}

const fn case_lifetime_default() -> u64 {
    90 * 24 * 3_600
}

const fn cases_open_default() -> usize {
    1_000
}

const fn batch_size_default() -> usize {
    10
}

const fn anchor_interval_default() -> u64 {
    600_000
}

const fn anchor_spread_default() -> u32 {
    3
}

const fn status_lists_default() -> u16 {
    2
}

const fn status_lifetime_default() -> u64 {
    24 * 3_600
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("issuer.example.toml")
    }

    #[test]
    fn the_example_is_read() {
        let config = Config::load(&example()).unwrap();
        assert_eq!(config.id.as_str(), "https://consortium.example");
        assert_eq!(config.data, example().parent().unwrap().join("data"));
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.toml");
        let text = std::fs::read_to_string(example()).unwrap();
        std::fs::write(&path, text.replacen("anchor_spread", "anchor_spred", 1)).unwrap();
        assert!(matches!(
            Config::load(&path),
            Err(ConfigurationError::File(_))
        ));
    }

    #[test]
    fn a_value_out_of_its_bounds_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.toml");
        let text = std::fs::read_to_string(example()).unwrap();
        std::fs::write(&path, text.replacen("batch_size = 10", "batch_size = 1", 1)).unwrap();
        assert!(matches!(
            Config::load(&path),
            Err(ConfigurationError::Bounds("batch_size"))
        ));
    }
}
