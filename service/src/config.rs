//! Configuration: one TOML file per program, unknown keys refused, secrets by path.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::limits;

/// Longest configuration file that is read.
const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Longest secret or certificate file that is read.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is longer than any honest one.
    #[error("{path} is longer than {bytes_max} bytes")]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// A file is not the TOML that the program expects; unknown keys count.
    #[error("{path} is not a valid configuration")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Others than the owner may read a secret.
    #[error("{path} is a secret that other users can read; run: chmod 600 {path}")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// An entry of the staff file has no usable salt or hash, or its name occurs twice.
    #[error("{path} is not a valid staff file")]
    StaffMalformed {
        /// Which file.
        path: PathBuf,
    },
    /// A PEM file holds no certificate.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads a TOML file into `T`. Put `#[serde(deny_unknown_fields)]` on `T`: a misspelt key must not go unnoticed.
///
/// # Errors
///
/// When the file is missing, too long, or not what `T` says.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let bytes = read_bounded(path, CONFIG_BYTES_MAX)?;
    let malformed = |source| ConfigError::Malformed {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let text =
        str::from_utf8(&bytes).map_err(|_| malformed(serde::de::Error::custom("not UTF-8")))?;
    toml::from_str(text).map_err(malformed)
}

/// The path of a secret. The file must be readable by its owner alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretPath(PathBuf);

impl SecretPath {
    /// Names a file without opening it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the secret is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the secret; the bytes are wiped when dropped.
    ///
    /// # Errors
    ///
    /// When the file is missing, too long, or readable by others.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        use std::os::unix::fs::PermissionsExt;
        let unreadable = |source| ConfigError::Unreadable {
            path: self.0.clone(),
            source,
        };
        let mode = std::fs::metadata(&self.0)
            .map_err(unreadable)?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(ConfigError::Exposed {
                path: self.0.clone(),
            });
        }
        read_bounded(&self.0, SECRET_BYTES_MAX).map(Zeroizing::new)
    }

    /// Writes a new secret, readable by its owner alone. An existing file is left as it is.
    ///
    /// # Errors
    ///
    /// When the file exists or cannot be written.
    pub fn create(&self, secret: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.0)?;
        file.write_all(secret)?;
        file.sync_all()
    }
}

/// How a service listens; the `[service]` table of its configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key. Without them the service starts only on loopback and in development.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Speak plain HTTP on a loopback address. For one machine only.
    #[serde(default)]
    pub development_loopback_http: bool,
    /// Connections from one address.
    #[serde(default = "connections_per_address_default")]
    pub connections_per_address_max: usize,
    /// Where the operator's own monitoring asks for `/metrics`: plain HTTP, on loopback or a private network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations_listen: Option<SocketAddr>,
}

impl ServiceConfig {
    /// Plain HTTP on 127.0.0.1, for tests and development.
    #[must_use]
    pub const fn loopback_for_development(port: u16) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            tls: None,
            development_loopback_http: true,
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            operations_listen: None,
        }
    }
}

const fn connections_per_address_default() -> usize {
    limits::CONNECTIONS_PER_ADDRESS_MAX
}

/// Where a service's certificate and key are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate chain, PEM, leaf first.
    pub certificates: PathBuf,
    /// Private key, PEM (PKCS #8).
    pub key: SecretPath,
}

/// Reads the certificates of a PEM file.
///
/// # Errors
///
/// When the file cannot be read or holds none.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = read_bounded(path, SECRET_BYTES_MAX)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(ConfigError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = file
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > bytes_max {
        return Err(ConfigError::TooLong {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Program {
        service: ServiceConfig,
    }

    fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_configuration_is_read_with_its_defaults() {
        let (_folder, path) = write("[service]\nlisten = \"127.0.0.1:0\"\n");
        let program: Program = load(&path).unwrap();
        assert_eq!(
            program.service.connections_per_address_max,
            limits::CONNECTIONS_PER_ADDRESS_MAX
        );
        assert!(!program.service.development_loopback_http);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let (_folder, path) = write("[service]\nlisten = \"127.0.0.1:0\"\nlissten = 1\n");
        assert!(matches!(
            load::<Program>(&path),
            Err(ConfigError::Malformed { .. })
        ));
    }

    #[test]
    fn a_configuration_beyond_the_limit_is_refused() {
        let padding = "#".repeat(usize::try_from(CONFIG_BYTES_MAX).unwrap());
        let (_folder, path) = write(&padding);
        assert!(matches!(
            load::<Program>(&path),
            Err(ConfigError::Malformed { .. })
        ));
        std::fs::write(&path, format!("{padding}#")).unwrap();
        assert!(matches!(
            load::<Program>(&path),
            Err(ConfigError::TooLong { .. })
        ));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretPath::new(folder.path().join("key"));
        secret.create(b"secret").unwrap();
        assert_eq!(secret.read().unwrap().as_slice(), b"secret");
        std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(secret.read(), Err(ConfigError::Exposed { .. })));
    }

    #[test]
    fn a_secret_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretPath::new(folder.path().join("key"));
        secret.create(b"first").unwrap();
        assert!(secret.create(b"second").is_err());
        assert_eq!(secret.read().unwrap().as_slice(), b"first");
    }
}
