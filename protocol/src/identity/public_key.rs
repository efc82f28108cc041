//! Public keys that were checked when they were read.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Algorithm, jwk};
use crate::base64url;

/// A point on P-256, or a point of large order on Ed25519.
#[derive(Clone)]
pub struct PublicKey(Point);

#[derive(Clone)]
enum Point {
    P256 {
        sec1: [u8; 65],
        parsed: ParsedPublicKey,
    },
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// From 65 bytes (SEC 1, uncompressed) for P-256 or 32 bytes (RFC 8032) for Ed25519.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Es256 => {
                let sec1 = <[u8; 65]>::try_from(bytes).map_err(|_| KeyError::Length)?;
                if sec1.first() != Some(&0x04) {
                    return Err(KeyError::Point);
                }
                let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, sec1)
                    .map_err(|_| KeyError::Point)?;
                Ok(Self(Point::P256 { sec1, parsed }))
            }
            Algorithm::EdDsa => {
                let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| KeyError::Length)?;
                let key =
                    ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)?;
                // One key, one spelling: thumbprints identify keys.
                if key.is_weak() || key.to_edwards().compress().to_bytes() != bytes {
                    return Err(KeyError::Point);
                }
                Ok(Self(Point::Ed25519(key)))
            }
        }
    }

    /// The bytes that [`Self::from_bytes`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Point::P256 { sec1, .. } => sec1.to_vec(),
            Point::Ed25519(key) => key.to_bytes().to_vec(),
        }
    }

    /// From a JWK (RFC 7517). Private and symmetric keys, points off the curve and coordinates of another length are
    /// refused; `use`, `key_ops` and `alg` must allow verification where they are present.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        jwk::read(jwk)
    }

    /// The JWK with its required members only.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        match &self.0 {
            Point::P256 { sec1, .. } => {
                let (x, y) = sec1.split_at(1).1.split_at(32);
                serde_json::json!({
                    "kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y),
                })
            }
            Point::Ed25519(key) => {
                serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key.as_bytes())})
            }
        }
    }

    /// The SHA-256 thumbprint of the JWK (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let canonical = match &self.0 {
            Point::P256 { sec1, .. } => {
                let (x, y) = sec1.split_at(1).1.split_at(32);
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Point::Ed25519(key) => {
                format!(
                    r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
                    base64url::encode(key.as_bytes())
                )
            }
        };
        Sha256::digest(canonical).into()
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Point::P256 { .. } => Algorithm::Es256,
            Point::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Checks a signature: `r ‖ s` for P-256; RFC 8032 without small-order or non-canonical points for Ed25519.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), SignatureError> {
        match &self.0 {
            Point::P256 { parsed, .. } => parsed
                .verify_sig(message, signature)
                .map_err(|_| SignatureError),
            Point::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_bytes(signature);
                key.verify_strict(message, &signature)
                    .map_err(|_| SignatureError)
            }
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm() == other.algorithm() && self.to_bytes() == other.to_bytes()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", base64url::encode(&self.thumbprint()))
    }
}

/// A signature does not belong to the message and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct SignatureError;

/// A key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not P-256 and not Ed25519, or members of several kinds of key.
    #[error("not a P-256 or Ed25519 key")]
    Kind,
    /// A private or symmetric key where a public one belongs.
    #[error("a secret key where a public key belongs")]
    Secret,
    /// Too many or too few bytes.
    #[error("a key of the wrong length")]
    Length,
    /// Not on the curve, of small order, out of range, or not the one spelling of its point.
    #[error("not a point of the curve, or not a safe one")]
    Point,
    /// `use`, `key_ops` or `alg` say that the key is for something else.
    #[error("the key is declared for another use")]
    Use,
    /// Neither the DER nor the PEM of a PKCS #8 private key.
    #[error("not a PKCS #8 private key")]
    Pkcs8,
}
