//! Compact JWE (RFC 7516) with one key agreement and two ciphers: ECDH-ES direct (RFC 7518, section 4.6) on P-256 or
//! X25519, A128GCM or A256GCM.
//!
//! Everything else that JWE offers is refused: other `alg`, compression, nesting, several recipients. Whoever sends a
//! bad token learns only that it is bad.

mod agreement;
mod cipher;
mod header;
mod keys;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

pub use cipher::ContentEncryption;
pub use keys::{DecryptionKey, EncryptionKey, EncryptionKeyError, KeyKind};

use crate::base64url;
use header::Header;

/// Bound on a compact JWE that has no reason to be larger: a presentation without documents.
pub const COMPACT_BYTES_MAX: usize = 512 * 1024;
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Encrypts to one recipient. `apu` and `apv` are written and bound where they are not empty.
pub fn encrypt(
    recipient: &EncryptionKey,
    enc: ContentEncryption,
    apu: &[u8],
    apv: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> String {
    let ephemeral = DecryptionKey::generate(recipient.kind(), rng);
    let header = Header::write(&ephemeral, recipient.kid(), enc, apu, apv);
    let protected = base64url::encode(header.as_bytes());
    let shared = ephemeral
        .agree(recipient.point())
        .expect("a recipient's point was checked when it was read");
    let key = agreement::derive(&shared, enc, apu, apv);
    let mut iv = [0; cipher::IV_BYTES];
    rng.fill_bytes(&mut iv);
    let (ciphertext, tag) = cipher::seal(enc, &key, iv, protected.as_bytes(), plaintext);
    let [iv, ciphertext, tag] = [&iv[..], &ciphertext, &tag].map(base64url::encode);
    format!("{protected}..{iv}.{ciphertext}.{tag}")
}

/// A well-formed compact JWE that nobody has decrypted.
#[derive(Debug, Clone)]
pub struct UnverifiedJwe {
    header: Header,
    protected: String,
    iv: [u8; cipher::IV_BYTES],
    ciphertext: Vec<u8>,
    tag: [u8; cipher::TAG_BYTES],
}

impl UnverifiedJwe {
    /// Reads a compact JWE of at most `bytes_max` characters.
    pub fn parse(compact: &str, bytes_max: usize) -> Result<Self, JweError> {
        if compact.len() > bytes_max {
            return Err(JweError);
        }
        let mut parts = compact.split('.');
        let mut part = || parts.next().ok_or(JweError);
        let (protected, encrypted_key, iv, ciphertext, tag) =
            (part()?, part()?, part()?, part()?, part()?);
        // Direct agreement has no encrypted key (RFC 7516, section 5.1, step 5).
        if parts.next().is_some() || !encrypted_key.is_empty() || protected.len() > HEADER_BYTES_MAX
        {
            return Err(JweError);
        }
        Ok(Self {
            header: Header::parse(&base64url::decode(protected).map_err(|_| JweError)?)?,
            protected: protected.to_owned(),
            iv: base64url::decode_array(iv).map_err(|_| JweError)?,
            ciphertext: base64url::decode(ciphertext).map_err(|_| JweError)?,
            tag: base64url::decode_array(tag).map_err(|_| JweError)?,
        })
    }

    /// Which of the recipient's keys the sender used, if it says so.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The cipher, to be compared with what was offered.
    #[must_use]
    pub const fn enc(&self) -> ContentEncryption {
        self.header.enc
    }

    /// The sender's `apu`, decoded.
    #[must_use]
    pub fn apu(&self) -> &[u8] {
        &self.header.apu
    }

    /// The sender's `apv`, decoded.
    #[must_use]
    pub fn apv(&self) -> &[u8] {
        &self.header.apv
    }

    /// Decrypts, if the token was made for this key and not changed since.
    pub fn decrypt(&self, key: &DecryptionKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let shared = key.agree(&self.header.epk).map_err(|_| JweError)?;
        let content_key =
            agreement::derive(&shared, self.header.enc, &self.header.apu, &self.header.apv);
        let aad = self.protected.as_bytes();
        cipher::open(
            self.header.enc,
            &content_key,
            self.iv,
            aad,
            &self.ciphertext,
            &self.tag,
        )
    }
}

/// A JWE was refused. One error for every reason, so that nobody learns from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JWE for this key")]
pub struct JweError;

#[cfg(test)]
mod tests;
