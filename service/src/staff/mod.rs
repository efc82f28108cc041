//! Staff log-in: names with Argon2id hashes from a file, sessions in memory.
//!
//! A session may hold something of the role's own (`T`), for example a key that the passphrase unwrapped; it is dropped
//! with the session. Restarting a service ends all sessions.

mod sessions;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::config::{ConfigError, load};
pub use sessions::{SessionError, Sessions};

/// Argon2id: 64 MiB, three passes, one lane.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Hashes that are computed at one time; each takes 64 MiB.
const CONCURRENT_HASHES: usize = 2;
/// Longest passphrase that is hashed.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// One member of staff in the staff file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffMember {
    /// The name that is typed at log-in and stands in the service's records.
    pub name: String,
    /// Salt of the passphrase's hash, base64url.
    salt: String,
    /// Argon2id hash of the passphrase, base64url.
    hash: String,
}

impl StaffMember {
    /// Hashes a passphrase for the staff file. Takes some hundred milliseconds.
    ///
    /// # Panics
    ///
    /// Never: the parameters of the hash are constants that fit.
    pub fn enrol(name: &str, passphrase: &str, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0u8; 16];
        rng.fill_bytes(&mut salt);
        let hash = hash(passphrase, &salt);
        Self {
            name: name.to_owned(),
            salt: protocol::base64url::encode(&salt),
            hash: protocol::base64url::encode(&hash),
        }
    }
}

/// The staff file: TOML with a `[[staff]]` table for each.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffFile {
    /// Everyone who may log in.
    pub staff: Vec<StaffMember>,
}

/// Who may log in, ready to check passphrases.
#[derive(Clone)]
pub struct Staff {
    members: Arc<BTreeMap<String, Expected>>,
    hashing: Arc<Semaphore>,
}

struct Expected {
    salt: [u8; 16],
    hash: [u8; 32],
}

/// Name or passphrase is wrong; which of them is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("name or passphrase is wrong")]
pub struct LogInRefused;

impl Staff {
    /// Reads the staff file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or an entry's salt or hash is not 16 or 32 bytes of base64url.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file: StaffFile = load(path)?;
        Self::new(&file.staff).ok_or_else(|| ConfigError::StaffMalformed {
            path: path.to_owned(),
        })
    }

    /// From the entries of a staff file; `None` if one of them is malformed or a name occurs twice.
    #[must_use]
    pub fn new(members: &[StaffMember]) -> Option<Self> {
        let mut expected = BTreeMap::new();
        for member in members {
            let salt = protocol::base64url::decode_array(&member.salt).ok()?;
            let hash = protocol::base64url::decode_array(&member.hash).ok()?;
            if expected
                .insert(member.name.clone(), Expected { salt, hash })
                .is_some()
            {
                return None;
            }
        }
        Some(Self {
            members: Arc::new(expected),
            hashing: Arc::new(Semaphore::new(CONCURRENT_HASHES)),
        })
    }

    /// Checks a passphrase. An unknown name costs the same time as a known one.
    ///
    /// # Errors
    ///
    /// When name or passphrase is wrong.
    pub async fn log_in(&self, name: &str, passphrase: &str) -> Result<(), LogInRefused> {
        if passphrase.len() > PASSPHRASE_BYTES_MAX {
            return Err(LogInRefused);
        }
        let _permit = self.hashing.acquire().await.map_err(|_| LogInRefused)?;
        let member = self.members.get(name);
        let salt = member.map_or([0; 16], |member| member.salt);
        let passphrase = passphrase.to_owned();
        let computed = tokio::task::spawn_blocking(move || hash(&passphrase, &salt))
            .await
            .map_err(|_| LogInRefused)?;
        match member {
            Some(member) if bool::from(member.hash.ct_eq(&computed)) => Ok(()),
            Some(_) | None => Err(LogInRefused),
        }
    }
}

fn hash(passphrase: &str, salt: &[u8; 16]) -> [u8; 32] {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("constants within Argon2's bounds");
    let mut output = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut output)
        .expect("the lengths of salt and output are constants within Argon2's bounds");
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_name_with_the_right_passphrase_logs_in() {
        let member = StaffMember::enrol("sato", "correct horse", &mut crate::random::os());
        let staff = Staff::new(&[member]).unwrap();
        assert_eq!(staff.log_in("sato", "correct horse").await, Ok(()));
        assert_eq!(staff.log_in("sato", "wrong horse").await, Err(LogInRefused));
        assert_eq!(
            staff.log_in("suzuki", "correct horse").await,
            Err(LogInRefused)
        );
    }

    #[test]
    fn a_staff_file_with_a_name_twice_is_refused() {
        let member = StaffMember {
            name: "sato".into(),
            salt: protocol::base64url::encode(&[0; 16]),
            hash: protocol::base64url::encode(&[0; 32]),
        };
        assert!(Staff::new(std::slice::from_ref(&member)).is_some());
        assert!(Staff::new(&[member.clone(), member]).is_none());
    }
}
