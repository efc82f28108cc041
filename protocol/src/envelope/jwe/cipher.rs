//! AES-GCM (RFC 7518, section 5.3).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::JweError;

pub(super) const IV_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// A content encryption algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES-GCM with a 128-bit key.
    A128Gcm,
    /// AES-GCM with a 256-bit key.
    A256Gcm,
}

impl ContentEncryption {
    /// Both, in the order in which metadata prefers them.
    pub const ALL: [Self; 2] = [Self::A256Gcm, Self::A128Gcm];

    /// The JOSE name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The algorithm of a JOSE name.
    #[must_use]
    pub fn from_jose(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|enc| enc.as_str() == name)
    }

    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }

    fn key(self, bytes: &[u8]) -> LessSafeKey {
        let algorithm = match self {
            Self::A128Gcm => &AES_128_GCM,
            Self::A256Gcm => &AES_256_GCM,
        };
        LessSafeKey::new(
            UnboundKey::new(algorithm, bytes).expect("the key was derived for this algorithm"),
        )
    }
}

/// The key is used for one message, so any IV is a fresh one.
pub(super) fn seal(
    enc: ContentEncryption,
    key: &[u8],
    iv: [u8; IV_BYTES],
    aad: &[u8],
    plaintext: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let mut ciphertext = plaintext.to_vec();
    let tag = enc
        .key(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(aad),
            &mut ciphertext,
        )
        .expect("AES-GCM takes messages of 64 GiB");
    (ciphertext, tag.as_ref().to_vec())
}

pub(super) fn open(
    enc: ContentEncryption,
    key: &[u8],
    iv: [u8; IV_BYTES],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8; TAG_BYTES],
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    enc.key(key)
        .open_separate_gather(
            Nonce::assume_unique_for_key(iv),
            Aad::from(aad),
            ciphertext,
            tag,
            &mut plaintext,
        )
        .map_err(|_| JweError)?;
    Ok(plaintext)
}
