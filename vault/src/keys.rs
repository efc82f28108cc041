//! The keys of a vault: one random master key, and what is derived from it.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Names a vault in every derivation and every authenticated header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct VaultId(pub(crate) [u8; 16]);

/// A 256-bit key. No `Debug`, no `Clone`; wiped on drop.
pub(crate) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HKDF-SHA256 with the vault's id as salt and `info` naming the use.
    pub(crate) fn derive(&self, vault: VaultId, info: &[&[u8]]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(&vault.0), self.bytes())
            .expand_multi_info(info, key.as_mut())
            .expect("32 bytes are a valid length for HKDF-SHA256");
        Self(key)
    }

    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.running_mac(parts).finalize().into_bytes().into()
    }

    /// Whether `tag` is the MAC of `parts`, in constant time.
    pub(crate) fn confirms(&self, parts: &[&[u8]], tag: &[u8; 32]) -> bool {
        self.running_mac(parts).verify_slice(tag).is_ok()
    }

    fn running_mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.bytes()).expect("HMAC takes keys of every length");
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// What the master key is split into when a vault is opened; the master key itself is not kept.
pub(crate) struct Subkeys {
    pub(crate) index: Key,
    pub(crate) meta: Key,
    pub(crate) record: Key,
    pub(crate) manifest: Key,
    pub(crate) watermark: Key,
}

impl Subkeys {
    pub(crate) fn derive(master: &Key, vault: VaultId) -> Self {
        let derive = |usage: &str| master.derive(vault, &[b"tegata/vault/1/", usage.as_bytes()]);
        Self {
            index: derive("index"),
            meta: derive("meta"),
            record: derive("record"),
            manifest: derive("manifest"),
            watermark: derive("watermark"),
        }
    }
}
