//! The configuration file: one TOML, secrets by path. `verifier.example.toml` shows every key.

use std::path::{Path, PathBuf};

use protocol::registry::ServiceUrl;
use serde::{Deserialize, Serialize};
use service::config::{ConfigError, SecretPath, ServiceConfig};

use crate::policy::Policy;

/// Settings of the verifier service. Paths are relative to the folder of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The company's registered identifier: the URI in its certificate.
    pub id: ServiceUrl,
    /// The address of the service, as it is registered.
    pub url: ServiceUrl,
    /// Folder of the vault.
    pub data: PathBuf,
    /// Key file of the vault.
    pub vault_key: SecretPath,
    /// Who may log in.
    pub staff: PathBuf,
    /// Seconds for which a started application waits for a wallet.
    #[serde(default = "session_lifetime_default")]
    pub session_lifetime_s: u64,
    /// Started applications at one time.
    #[serde(default = "sessions_default")]
    pub sessions_max: usize,
    /// Milliseconds after which the own node is asked again for the receipts of outcomes that wait for their slot.
    #[serde(default = "outcome_poll_default")]
    pub outcome_poll_ms: u64,
    /// Seconds between two looks at the trusted parties and the status lists.
    #[serde(default = "refresh_default")]
    pub refresh_interval_s: u64,
    /// What the company decides by.
    #[serde(default)]
    pub policy: Policy,
    /// How the service listens.
    pub service: ServiceConfig,
    /// The key that signs requests.
    pub signing: SigningConfig,
    /// The registry.
    pub registry: RegistryConfig,
}

/// The key that signs requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningConfig {
    /// Private key, PKCS #8 PEM.
    pub key: SecretPath,
    /// Certificate chain, PEM, leaf first. A root at its end is left out of requests.
    pub certificates: PathBuf,
}

/// Where the registry is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// The genesis file: the network, and whom to believe.
    pub genesis: PathBuf,
    /// Certificate authorities of the nodes, PEM; the system's where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
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
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigurationError> {
        let mut config: Self = service::config::load(path)?;
        config.check()?;
        config.resolve(path.parent().unwrap_or_else(|| Path::new(".")));
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        let bounds = [
            (
                "session_lifetime_s",
                (30..=300).contains(&self.session_lifetime_s),
            ),
            ("sessions_max", (1..=1_000_000).contains(&self.sessions_max)),
            (
                "outcome_poll_ms",
                (10..=60_000).contains(&self.outcome_poll_ms),
            ),
            (
                "refresh_interval_s",
                (1..=86_400).contains(&self.refresh_interval_s),
            ),
            (
                "kyc_age_days_max",
                (1..=3_660).contains(&self.policy.kyc_age_days_max),
            ),
        ];
        match bounds.into_iter().find(|(_, within)| !within) {
            Some((name, _)) => Err(ConfigurationError::Bounds(name)),
            None => Ok(()),
        }
    }

    fn resolve(&mut self, folder: &Path) {
        for path in [
            &mut self.data,
            &mut self.staff,
            &mut self.signing.certificates,
            &mut self.registry.genesis,
        ] {
            *path = folder.join(&*path);
        }
        if let Some(authorities) = &mut self.registry.authorities {
            *authorities = folder.join(&*authorities);
        }
        for secret in [&mut self.vault_key, &mut self.signing.key] {
            *secret = SecretPath::new(folder.join(secret.path()));
        }
    }
}

const fn session_lifetime_default() -> u64 {
    300
}

const fn sessions_default() -> usize {
    10_000
}

const fn outcome_poll_default() -> u64 {
    5_000
}

const fn refresh_default() -> u64 {
    900
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("verifier.example.toml")
    }

    fn load_changed(from: &str, to: &str) -> Result<Config, ConfigurationError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verifier.toml");
        let text = std::fs::read_to_string(example()).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        Config::load(&path)
    }

    #[test]
    fn the_example_is_read_and_shows_the_defaults() {
        let config = Config::load(&example()).unwrap();
        assert_eq!(config.id.as_str(), "https://a.securities.example");
        assert_eq!(config.data, example().parent().unwrap().join("data"));
        assert_eq!(config.policy, Policy::default());
        assert_eq!(config.session_lifetime_s, session_lifetime_default());
        assert_eq!(config.refresh_interval_s, refresh_default());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(matches!(
            load_changed("outcome_poll_ms", "outcome_polls_ms"),
            Err(ConfigurationError::File(_))
        ));
        assert!(matches!(
            load_changed("kyc_age_days_max", "kyc_age_max"),
            Err(ConfigurationError::File(_))
        ));
    }

    #[test]
    fn a_value_out_of_its_bounds_is_refused() {
        assert!(matches!(
            load_changed("session_lifetime_s = 300", "session_lifetime_s = 301"),
            Err(ConfigurationError::Bounds("session_lifetime_s"))
        ));
    }
}
