//! Access to the kinds whose content needs the secret again.

use rand_core::CryptoRng;

use crate::changes::{Changes, CommitError};
use crate::keys::Key;
use crate::record::{Kind, Record};
use crate::store::{ReadError, Vault};

/// The key of the sensitive kinds, for as long as this lives. Made by [`Vault::sensitive`].
pub struct Sensitive<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) key: Key,
}

impl Sensitive<'_> {
    /// Reads a record of any kind.
    pub fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, ReadError> {
        self.vault.read(kind, id, Some(&self.key))
    }

    /// Makes changes to records of any kind; as [`Vault::commit`].
    pub fn commit(&self, changes: &Changes, rng: &mut impl CryptoRng) -> Result<u64, CommitError> {
        self.vault.write(changes, Some(&self.key), rng)
    }
}
