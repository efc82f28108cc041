//! The service's own secret, and what is derived from it and from bearer values.
//!
//! The secret lies in the vault. Derived keys have one purpose each; none is stored.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use vault::{Changes, Kind, Vault};
use zeroize::Zeroizing;

use crate::store::{SCHEMA, StoreError};

const KIND: Kind = Kind::ordinary("service-secret");
const ID: &str = "current";
const NONCE_BYTES: usize = 24;

/// What a keyed hash or a derived key is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// Transaction codes have a million values: an unkeyed hash of one is as good as the code.
    TransactionCode,
    /// Challenges for key proofs.
    Nonce,
    /// Names of reviewers within one case.
    Pseudonym,
    /// Keys that credentials were bound to.
    HolderKey,
    /// Wraps the key of a case's evidence.
    Evidence,
    /// Claims that wait for an offer to be redeemed.
    OfferClaims,
    /// Claims that wait for a credential request.
    TokenClaims,
}

impl Use {
    const fn label(self) -> &'static str {
        match self {
            Self::TransactionCode => "transaction-code",
            Self::Nonce => "nonce",
            Self::Pseudonym => "pseudonym",
            Self::HolderKey => "holder-key",
            Self::Evidence => "evidence",
            Self::OfferClaims => "offer-claims",
            Self::TokenClaims => "token-claims",
        }
    }
}

/// 32 random bytes, made at the first start.
pub(crate) struct ServiceSecret(Zeroizing<[u8; 32]>);

impl ServiceSecret {
    /// Reads the secret, or makes it in a new vault.
    pub(crate) fn load(vault: &Vault, rng: &mut impl CryptoRng) -> Result<Self, StoreError> {
        if let Some(record) = vault.get(KIND, ID)? {
            let mut secret = Zeroizing::new([0; 32]);
            if let Ok(bytes) = <&[u8; 32]>::try_from(record.body()) {
                secret.copy_from_slice(bytes);
                return Ok(Self(secret));
            }
        }
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        let changes =
            Changes::new()
                .only_if_absent(KIND, ID)
                .put(KIND, ID, SCHEMA, secret.as_ref());
        vault.commit(&changes, rng).map_err(StoreError::Commit)?;
        Ok(Self(secret))
    }

    /// A secret for tests.
    #[cfg(test)]
    pub(crate) fn of_seed(seed: u8) -> Self {
        Self(Zeroizing::new([seed; 32]))
    }

    /// A keyed hash of parts, none of which can run into another.
    pub(crate) fn hash(&self, purpose: Use, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        mac.update(purpose.label().as_bytes());
        mac.update(&[0]);
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A key that only the holder of a bearer value and this service together can derive.
    pub(crate) fn key_from_bearer(&self, purpose: Use, bearer: &str) -> SealKey {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(self.0.as_ref()), bearer.as_bytes())
            .expand(purpose.label().as_bytes(), key.as_mut())
            .expect("32 bytes are within the bound of HKDF");
        SealKey(key)
    }

    /// The key that wraps others.
    pub(crate) fn key(&self, purpose: Use) -> SealKey {
        SealKey(Zeroizing::new(self.hash(purpose, &[])))
    }
}

/// A key for XChaCha20-Poly1305.
pub(crate) struct SealKey(Zeroizing<[u8; 32]>);

/// A sealed text that does not open: another key, another place, or altered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open")]
pub(crate) struct OpenError;

impl SealKey {
    /// A new key.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// A key that was unwrapped or derived.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, OpenError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| OpenError)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }

    /// The bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals for a place: the text opens with the same `aad` only.
    pub(crate) fn seal(&self, aad: &[u8], plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: plaintext,
            aad,
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a text in memory is within the bound of the cipher");
        [nonce.as_slice(), &ciphertext].concat()
    }

    /// Opens what [`SealKey::seal`] made.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
        let payload = Payload {
            msg: ciphertext,
            aad,
        };
        let plaintext = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        plaintext.map(Zeroizing::new).map_err(|_| OpenError)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    #[test]
    fn sealed_data_opens_with_its_key_at_its_place_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (key, other) = (SealKey::generate(&mut rng), SealKey::generate(&mut rng));
        let sealed = key.seal(b"case 1", b"text", &mut rng);
        assert_eq!(key.open(b"case 1", &sealed).unwrap().as_slice(), b"text");
        assert_eq!(key.open(b"case 2", &sealed).unwrap_err(), OpenError);
        assert_eq!(other.open(b"case 1", &sealed).unwrap_err(), OpenError);
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert_eq!(key.open(b"case 1", &altered).unwrap_err(), OpenError);
        }
        assert_eq!(key.open(b"case 1", &[]).unwrap_err(), OpenError);
    }
}
