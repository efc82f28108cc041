//! The secrets that open a vault: a passphrase, a recovery code, a key file.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rand_core::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::kdf::KdfCost;
use crate::recovery::RecoveryCode;

/// The shortest passphrase that is accepted.
pub const PASSPHRASE_CHARS_MIN: usize = 12;

/// What a person types to open a vault.
pub struct Passphrase(SecretString);

/// A passphrase that is too short.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters")]
pub struct PassphraseError;

impl Passphrase {
    /// A passphrase of at least [`PASSPHRASE_CHARS_MIN`] characters.
    pub fn new(text: impl Into<String>) -> Result<Self, PassphraseError> {
        let text = Zeroizing::new(text.into());
        if text.chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(PassphraseError);
        }
        Ok(Self(SecretString::from(text.as_str())))
    }

    /// Whether two passphrases are the same, as when one is typed twice.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.bytes().ct_eq(other.bytes()).into()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// 32 random bytes in a file that only its owner can read: how a service opens its vault.
pub struct KeyFile(Zeroizing<[u8; 32]>);

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the key file cannot be accessed")]
    Io(#[from] std::io::Error),
    /// Somebody else can read or replace the file.
    #[error("the key file is not a regular file of its owner with mode 0600")]
    Permissions,
    /// The file does not hold exactly 32 bytes.
    #[error("the key file does not hold exactly 32 bytes")]
    Length,
}

impl KeyFile {
    /// Writes a fresh key to `path`, which must not exist.
    pub fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<Self, KeyFileError> {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(key.as_ref())?;
        file.sync_all()?;
        Ok(Self(key))
    }

    /// Reads a key file, refusing one that others can read.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let metadata = fs::symlink_metadata(path)?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_file() || !own || metadata.mode() & 0o077 != 0 {
            return Err(KeyFileError::Permissions);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(33));
        File::open(path)?.take(33).read_to_end(&mut bytes)?;
        let key = bytes.first_chunk::<32>().filter(|_| bytes.len() == 32);
        Ok(Self(Zeroizing::new(*key.ok_or(KeyFileError::Length)?)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A secret that opens an existing vault.
pub enum Unlock<'a> {
    /// The passphrase, through Argon2id.
    Passphrase(&'a Passphrase),
    /// The recovery code that was shown when the vault was made.
    RecoveryCode(&'a RecoveryCode),
    /// The key file of a service.
    KeyFile(&'a KeyFile),
}

/// A secret that a new vault shall be opened with.
pub enum NewSlot<'a> {
    /// A passphrase and what guessing it shall cost.
    Passphrase(&'a Passphrase, KdfCost),
    /// A recovery code.
    RecoveryCode(&'a RecoveryCode),
    /// A key file.
    KeyFile(&'a KeyFile),
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_passphrase_of_eleven_characters_is_refused() {
        assert!(Passphrase::new("合言葉を十二文字にする事").is_ok());
        assert!(Passphrase::new("elevenchars").is_err());
        assert!(Passphrase::new("twelve chars").is_ok());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let made = KeyFile::create(&path, &mut rng).unwrap();
        assert_eq!(KeyFile::load(&path).unwrap().bytes(), made.bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            KeyFile::load(&path),
            Err(KeyFileError::Permissions)
        ));
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        for length in [0, 31, 33] {
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Length)));
        }
    }
}
