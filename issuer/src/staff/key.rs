//! The reviewers' key: one X25519 key, wrapped for each member of staff under a passphrase of their own.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use protocol::{base64url, envelope::hpke::RecipientKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::secret::SealKey;

/// Argon2id: 64 MiB, three passes, one lane.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Derivations at one time; each takes 64 MiB.
const CONCURRENT_MAX: usize = 2;
/// Bytes of a passphrase.
const PASSPHRASE_BYTES_MAX: usize = 1_024;
/// Bytes of the file.
const FILE_BYTES_MAX: usize = 256 * 1024;
const SALT_BYTES: usize = 16;

/// The file of the reviewers' key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    public_key: String,
    staff: Vec<StaffMember>,
}

/// One member of staff: the reviewers' key under their passphrase.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaffMember {
    name: String,
    salt: String,
    wrapped: String,
}

/// The reviewers' key, locked.
pub(crate) struct ReviewersKey {
    public_key: [u8; 32],
    staff: Vec<StaffMember>,
    derivations: Semaphore,
}

/// Why the file of the reviewers' key is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviewersKeyError {
    /// It cannot be read.
    #[error("the file of the reviewers' key cannot be read")]
    Io(#[source] std::io::Error),
    /// It is not such a file.
    #[error("the file of the reviewers' key is malformed")]
    Malformed,
}

/// Name or passphrase is wrong; which of them is not said.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("name or passphrase is wrong")]
pub(crate) struct UnlockError;

impl StaffMember {
    /// Wraps the key for a member of staff. Takes some hundred milliseconds.
    pub(crate) fn enrol(
        name: &str,
        passphrase: &str,
        key: &RecipientKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let wrapped = derive(passphrase, &salt).seal(name.as_bytes(), key.secret().as_ref(), rng);
        Self {
            name: name.to_owned(),
            salt: base64url::encode(&salt),
            wrapped: base64url::encode(&wrapped),
        }
    }

    fn unlock(&self, passphrase: &str) -> Result<RecipientKey, UnlockError> {
        let salt = base64url::decode_array(&self.salt).map_err(|_| UnlockError)?;
        let wrapped = base64url::decode(&self.wrapped).map_err(|_| UnlockError)?;
        let secret = derive(passphrase, &salt)
            .open(self.name.as_bytes(), &wrapped)
            .map_err(|_| UnlockError)?;
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| UnlockError)?;
        Ok(RecipientKey::from_secret(secret))
    }
}

impl ReviewersKey {
    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, ReviewersKeyError> {
        let bytes = std::fs::read(path).map_err(ReviewersKeyError::Io)?;
        let limits = protocol::json::Limits::DEFAULT.with_bytes(FILE_BYTES_MAX);
        let file: KeyFile =
            protocol::json::parse_as(&bytes, &limits).map_err(|_| ReviewersKeyError::Malformed)?;
        let public_key = base64url::decode_array(&file.public_key);
        Ok(Self {
            public_key: public_key.map_err(|_| ReviewersKeyError::Malformed)?,
            staff: file.staff,
            derivations: Semaphore::new(CONCURRENT_MAX),
        })
    }

    /// The content of a new file.
    pub(crate) fn to_file(public_key: [u8; 32], staff: Vec<StaffMember>) -> String {
        let file = KeyFile {
            public_key: base64url::encode(&public_key),
            staff,
        };
        serde_json::to_string_pretty(&file).expect("texts have a JSON form")
    }

    /// The key that wallets seal to.
    pub(crate) const fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// Unwraps the key without the bound on derivations.
    #[cfg(test)]
    pub(crate) fn unlock_now(&self, passphrase: &str) -> RecipientKey {
        let member = self.staff.first().unwrap();
        member.unlock(passphrase).unwrap()
    }

    /// Unwraps the key for one session. An unknown name costs the same time as a known one.
    pub(crate) async fn unlock(
        &self,
        name: &str,
        passphrase: Zeroizing<String>,
    ) -> Result<RecipientKey, UnlockError> {
        if passphrase.len() > PASSPHRASE_BYTES_MAX {
            return Err(UnlockError);
        }
        let _permit = self.derivations.acquire().await.map_err(|_| UnlockError)?;
        let member = self
            .staff
            .iter()
            .find(|member| member.name == name)
            .cloned();
        let unlocked = tokio::task::spawn_blocking(move || {
            let Some(member) = member else {
                derive(&passphrase, &[0; SALT_BYTES]);
                return Err(UnlockError);
            };
            member.unlock(&passphrase)
        });
        let key = unlocked.await.map_err(|_| UnlockError)??;
        if key.public_key() != self.public_key {
            return Err(UnlockError);
        }
        Ok(key)
    }
}

fn derive(passphrase: &str, salt: &[u8; SALT_BYTES]) -> SealKey {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32))
        .expect("constants within the bounds of Argon2");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .expect("the lengths of salt and output are within the bounds of Argon2");
    SealKey::from_bytes(key.as_ref()).expect("a key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn neg_c08_only_the_right_name_with_the_right_passphrase_unlocks() {
        let mut rng = service::random::os();
        let key = RecipientKey::generate(&mut rng);
        let member = StaffMember::enrol("sato", "correct horse battery", &key, &mut rng);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.json");
        let file = ReviewersKey::to_file(key.public_key(), vec![member]);
        std::fs::write(&path, file).unwrap();

        let reviewers = ReviewersKey::load(&path).unwrap();
        let right = passphrase("correct horse battery");
        let unlocked = reviewers.unlock("sato", right).await.unwrap();
        assert_eq!(unlocked.public_key(), key.public_key());
        for (name, text) in [
            ("sato", "wrong horse battery"),
            ("suzuki", "correct horse battery"),
            ("", ""),
        ] {
            assert!(reviewers.unlock(name, passphrase(text)).await.is_err());
        }
    }

    #[test]
    fn a_malformed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.json");
        for content in ["", "{}", r#"{"public_key":"AA","staff":[]}"#] {
            std::fs::write(&path, content).unwrap();
            let loaded = ReviewersKey::load(&path);
            assert!(matches!(loaded, Err(ReviewersKeyError::Malformed)));
        }
    }
}
