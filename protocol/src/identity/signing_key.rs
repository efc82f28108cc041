//! Secret keys.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey as P256Secret};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rand_core::CryptoRng;
use x509_cert::der::pem;
use zeroize::Zeroizing;

use super::{Algorithm, KeyError, PublicKey};

const PEM_LABEL: &str = "PRIVATE KEY";
/// RFC 8410, section 7: everything of the DER before the 32 secret bytes.
const ED25519_PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// A secret key of one of the two algorithms. Neither `Clone` nor `Serialize`; `Debug` prints the public half's
/// thumbprint.
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    /// The key pair holds the scalar too, but hands out only copies that nobody wipes.
    P256 {
        scalar: Zeroizing<[u8; 32]>,
        pair: EcdsaKeyPair,
    },
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// A new key from the caller's randomness.
    pub fn generate(algorithm: Algorithm, rng: &mut impl CryptoRng) -> Self {
        loop {
            let mut secret = Zeroizing::new([0; 32]);
            rng.fill_bytes(secret.as_mut());
            // One P-256 draw in 2^32 is not below the group order and is drawn again.
            if let Ok(key) = Self::from_secret(algorithm, &secret) {
                return key;
            }
        }
    }

    /// From the 32 secret bytes: the big-endian scalar (P-256) or the seed (Ed25519).
    pub fn from_secret(algorithm: Algorithm, secret: &[u8; 32]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Es256 => {
                let scalar = P256Secret::from_private_key(&ECDH_P256, secret)
                    .map_err(|_| KeyError::Point)?;
                let sec1 = scalar.compute_public_key().map_err(|_| KeyError::Point)?;
                let public = PublicKey::from_bytes(algorithm, sec1.as_ref())?;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    secret,
                    sec1.as_ref(),
                )
                .map_err(|_| KeyError::Point)?;
                Ok(Self {
                    secret: Secret::P256 {
                        scalar: Zeroizing::new(*secret),
                        pair,
                    },
                    public,
                })
            }
            Algorithm::EdDsa => {
                let key = ed25519_dalek::SigningKey::from_bytes(secret);
                let public = PublicKey::from_bytes(algorithm, key.verifying_key().as_bytes())?;
                Ok(Self {
                    secret: Secret::Ed25519(key),
                    public,
                })
            }
        }
    }

    /// The 32 secret bytes, for a vault.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        match &self.secret {
            Secret::P256 { scalar, .. } => scalar.clone(),
            Secret::Ed25519(key) => Zeroizing::new(key.to_bytes()),
        }
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm of the key's signatures.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Signs bytes that already say what they are for: a JWS signing input, or a record with its domain tag.
    ///
    /// The nonce of an ECDSA signature is the one random value in this crate that is not an argument: aws-lc draws it
    /// from its own generator, mixed with the key and the message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &self.secret {
            Secret::P256 { pair, .. } => {
                let signature = pair
                    .sign(&SystemRandom::new(), message)
                    .expect("a checked key signs any message");
                <[u8; 64]>::try_from(signature.as_ref())
                    .expect("a fixed P-256 signature has 64 bytes")
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes(),
        }
    }

    /// From the DER of a PKCS #8 private key (RFC 5958, RFC 8410).
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Pkcs8)?;
        match info.algorithm.oid {
            ED25519_OID => {
                let pair = ed25519_dalek::pkcs8::KeypairBytes::try_from(info)
                    .map_err(|_| KeyError::Pkcs8)?;
                let key = Self::from_secret(Algorithm::EdDsa, &pair.secret_key)?;
                match pair.public_key {
                    Some(public) if key.public.to_bytes() != public.as_ref() => {
                        Err(KeyError::Pkcs8)
                    }
                    Some(_) | None => Ok(key),
                }
            }
            EC_OID => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                    .map_err(|_| KeyError::Pkcs8)?;
                let scalar = pair
                    .private_key()
                    .as_be_bytes()
                    .map_err(|_| KeyError::Pkcs8)?;
                let scalar = Zeroizing::new(
                    <[u8; 32]>::try_from(scalar.as_ref()).map_err(|_| KeyError::Length)?,
                );
                Self::from_secret(Algorithm::Es256, &scalar)
            }
            _ => Err(KeyError::Kind),
        }
    }

    /// From PEM text with the label `PRIVATE KEY`.
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode_vec(text.as_bytes()).map_err(|_| KeyError::Pkcs8)?;
        let der = Zeroizing::new(der);
        if label == PEM_LABEL {
            Self::from_pkcs8_der(&der)
        } else {
            Err(KeyError::Pkcs8)
        }
    }

    /// The DER of the PKCS #8 private key.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        match &self.secret {
            Secret::P256 { pair, .. } => {
                let document = pair.to_pkcs8v1().expect("a checked key has an encoding");
                Zeroizing::new(document.as_ref().to_vec())
            }
            Secret::Ed25519(key) => {
                let mut der = Zeroizing::new(Vec::with_capacity(ED25519_PKCS8_PREFIX.len() + 32));
                der.extend_from_slice(&ED25519_PKCS8_PREFIX);
                der.extend_from_slice(key.as_bytes());
                der
            }
        }
    }

    /// PEM text with the label `PRIVATE KEY`.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        let text = pem::encode_string(PEM_LABEL, pem::LineEnding::LF, &self.to_pkcs8_der());
        Zeroizing::new(text.expect("a short key fits into PEM"))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.public)
    }
}
