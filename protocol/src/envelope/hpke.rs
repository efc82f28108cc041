//! HPKE (RFC 9180), base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
//!
//! `info` names what is sealed, so that a text sealed for one purpose opens for no other.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base64url;

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A sealed text: `{"enc": …, "ciphertext": …}` in base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SealedText", into = "SealedText")]
pub struct Sealed {
    /// The encapsulated key.
    pub enc: [u8; 32],
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
}

/// A recipient's secret key.
pub struct RecipientKey {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl RecipientKey {
    /// A new key from the caller's randomness.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        Self::from_secret(&secret)
    }

    /// From the 32 secret bytes (RFC 7748).
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*secret));
        Self {
            secret: Zeroizing::new(*secret),
            public: public.to_bytes(),
        }
    }

    /// The 32 secret bytes, for a vault.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        self.secret.clone()
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> [u8; 32] {
        self.public
    }

    /// Opens what was sealed to this key with the same `info` and `aad`.
    pub fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let secret = Private::from_bytes(self.secret.as_ref()).map_err(|_| HpkeError)?;
        let enc = Encapsulated::from_bytes(&sealed.enc).map_err(|_| HpkeError)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &enc,
            info,
            &sealed.ciphertext,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| HpkeError)
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey(of {})", base64url::encode(&self.public))
    }
}

/// Seals a text to a recipient's public key. A public key of small order is refused.
pub fn seal(
    recipient: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Sealed, HpkeError> {
    let recipient = Public::from_bytes(recipient).map_err(|_| HpkeError)?;
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &recipient, info, plaintext, aad, rng)
    .map_err(|_| HpkeError)?;
    Ok(Sealed {
        enc: enc.to_bytes().into(),
        ciphertext,
    })
}

/// Opening or sealing failed; an opener is not told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not sealed to this key for this purpose")]
pub struct HpkeError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedText {
    enc: String,
    ciphertext: String,
}

impl From<Sealed> for SealedText {
    fn from(sealed: Sealed) -> Self {
        Self {
            enc: base64url::encode(&sealed.enc),
            ciphertext: base64url::encode(&sealed.ciphertext),
        }
    }
}

impl TryFrom<SealedText> for Sealed {
    type Error = base64url::Base64Error;

    fn try_from(text: SealedText) -> Result<Self, Self::Error> {
        Ok(Self {
            enc: base64url::decode_array(&text.enc)?,
            ciphertext: base64url::decode(&text.ciphertext)?,
        })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn what_is_sealed_to_a_key_opens_with_it() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = RecipientKey::generate(&mut rng);
        let sealed = seal(&key.public_key(), b"info", b"aad", b"text", &mut rng).unwrap();
        assert_eq!(
            key.open(b"info", b"aad", &sealed).unwrap().as_slice(),
            b"text"
        );
        let again = RecipientKey::from_secret(&key.secret());
        assert_eq!(
            again.open(b"info", b"aad", &sealed).unwrap().as_slice(),
            b"text"
        );
    }

    #[test]
    fn the_vector_of_rfc_9180_opens() {
        let vector: serde_json::Value = serde_json::from_str(include_str!(
            "../../../specs/vectors/envelope/rfc9180-a2-1.json"
        ))
        .unwrap();
        let field = |name: &str| -> Vec<u8> {
            let digits: Vec<u32> = vector[name]
                .as_str()
                .unwrap()
                .chars()
                .map(|c| c.to_digit(16).unwrap())
                .collect();
            digits
                .chunks(2)
                .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
                .collect()
        };
        let key = RecipientKey::from_secret(&field("secret").try_into().unwrap());
        assert_eq!(key.public_key().to_vec(), field("public"));
        let sealed = Sealed {
            enc: field("enc").try_into().unwrap(),
            ciphertext: field("ciphertext"),
        };
        assert_eq!(
            key.open(&field("info"), &field("aad"), &sealed)
                .unwrap()
                .to_vec(),
            field("plaintext")
        );
    }

    #[test]
    fn another_key_purpose_context_or_byte_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let key = RecipientKey::generate(&mut rng);
        let sealed = seal(&key.public_key(), b"info", b"aad", b"text", &mut rng).unwrap();
        assert_eq!(
            RecipientKey::generate(&mut rng).open(b"info", b"aad", &sealed),
            Err(HpkeError)
        );
        assert_eq!(key.open(b"other", b"aad", &sealed), Err(HpkeError));
        assert_eq!(key.open(b"info", b"other", &sealed), Err(HpkeError));
        for position in 0..sealed.ciphertext.len() {
            let mut bad = sealed.clone();
            bad.ciphertext[position] ^= 1;
            assert_eq!(key.open(b"info", b"aad", &bad), Err(HpkeError));
        }
        for position in 0..32 {
            let mut bad = sealed.clone();
            bad.enc[position] ^= 1;
            assert_eq!(
                key.open(b"info", b"aad", &bad),
                Err(HpkeError),
                "{position}"
            );
        }
        let short = Sealed {
            ciphertext: sealed.ciphertext[..3].to_vec(),
            ..sealed
        };
        assert_eq!(key.open(b"info", b"aad", &short), Err(HpkeError));
    }

    #[test]
    fn a_public_key_of_small_order_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        assert_eq!(seal(&[0; 32], b"", b"", b"text", &mut rng), Err(HpkeError));
        let key = RecipientKey::generate(&mut rng);
        let sealed = Sealed {
            enc: [0; 32],
            ciphertext: vec![0; 20],
        };
        assert_eq!(key.open(b"", b"", &sealed), Err(HpkeError));
    }

    #[test]
    fn a_sealed_text_is_json_of_two_base64url_members() {
        let sealed = Sealed {
            enc: [1; 32],
            ciphertext: vec![1, 2, 3],
        };
        let text = serde_json::to_string(&sealed).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"enc":"{}","ciphertext":"AQID"}}"#,
                base64url::encode(&[1; 32])
            )
        );
        assert_eq!(serde_json::from_str::<Sealed>(&text).unwrap(), sealed);
        assert!(serde_json::from_str::<Sealed>(&text.replace("AQID", "AQI=")).is_err());
        assert!(
            serde_json::from_str::<Sealed>(&text.replace("\"enc\":\"", "\"enc\":\"A")).is_err()
        );
        assert!(serde_json::from_str::<Sealed>(&text.replace("{", "{\"x\":1,")).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = RecipientKey::from_secret(&[7; 32]);
        let shown = format!("{key:?}");
        assert!(
            !shown.contains(&base64url::encode(&[7; 32])) && !shown.contains("7, 7"),
            "{shown}"
        );
    }
}
