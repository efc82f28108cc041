//! Keys that agree: a recipient's public key and its secret half.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use rand_core::CryptoRng;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::JweError;
use crate::base64url;

const ALG: &str = "ECDH-ES";
const KID_CHARS_MAX: usize = 1_024;
const KEYS_MAX: usize = 16;

/// The curve of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// NIST P-256.
    P256,
    /// Curve25519 (RFC 7748).
    X25519,
}

/// A point of one of the curves.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Point {
    P256([u8; 65]),
    X25519([u8; 32]),
}

impl Point {
    /// From the members `kty`, `crv`, `x` and `y` of a JWK. The point is on its curve and not of small order.
    pub(super) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, EncryptionKeyError> {
        if jwk.contains_key("d") || jwk.contains_key("k") {
            return Err(EncryptionKeyError::Secret);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let coordinate = |name: &str| -> Result<[u8; 32], EncryptionKeyError> {
            let text = text(name).ok_or(EncryptionKeyError::Kind)?;
            base64url::decode_array(text).map_err(|_| EncryptionKeyError::Point)
        };
        let point = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => {
                let mut sec1 = [0x04; 65];
                let (x, y) = sec1.split_at_mut(1).1.split_at_mut(32);
                x.copy_from_slice(&coordinate("x")?);
                y.copy_from_slice(&coordinate("y")?);
                Self::P256(sec1)
            }
            (Some("OKP"), Some("X25519")) if !jwk.contains_key("y") => {
                Self::X25519(coordinate("x")?)
            }
            _ => return Err(EncryptionKeyError::Kind),
        };
        point.check()?;
        Ok(point)
    }

    /// An agreement with a throw-away key fails on whatever is not a point of the large group.
    fn check(&self) -> Result<(), EncryptionKeyError> {
        let mut probe = [0; 32];
        probe[31] = 1;
        DecryptionKey::from_secret(self.kind(), &probe)
            .and_then(|key| key.agree(self).map_err(|_| EncryptionKeyError::Point))
            .map(|_| ())
    }

    const fn kind(&self) -> KeyKind {
        match self {
            Self::P256(_) => KeyKind::P256,
            Self::X25519(_) => KeyKind::X25519,
        }
    }

    pub(super) fn to_jwk(&self) -> Value {
        match self {
            Self::P256(sec1) => {
                let (x, y) = sec1.split_at(1).1.split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64url::encode(x), "y": base64url::encode(y)})
            }
            Self::X25519(x) => json!({"kty": "OKP", "crv": "X25519", "x": base64url::encode(x)}),
        }
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind())
    }
}

/// A recipient's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionKey {
    point: Point,
    kid: Option<String>,
}

impl EncryptionKey {
    /// From a JWK that says `alg: ECDH-ES`, and `use: enc` if it says anything about its use.
    pub fn from_jwk(jwk: &Value) -> Result<Self, EncryptionKeyError> {
        let jwk = jwk.as_object().ok_or(EncryptionKeyError::Kind)?;
        if jwk.get("alg").is_none_or(|alg| alg != ALG)
            || jwk.get("use").is_some_and(|usage| usage != "enc")
        {
            return Err(EncryptionKeyError::Use);
        }
        if let Some(operations) = jwk.get("key_ops") {
            let derives = |operation: &Value| operation == "deriveKey" || operation == "deriveBits";
            if !operations
                .as_array()
                .is_some_and(|list| list.iter().any(derives))
            {
                return Err(EncryptionKeyError::Use);
            }
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_CHARS_MAX => Some(kid.clone()),
            Some(_) => return Err(EncryptionKeyError::Use),
        };
        Ok(Self {
            point: Point::from_jwk(jwk)?,
            kid,
        })
    }

    /// The first key with a `kid` in a JWK set that we can use. Keys of kinds unknown to us are passed over; two keys of
    /// one `kid` are refused, because nobody could tell which was meant.
    pub fn from_jwks(jwks: &Value) -> Result<Self, EncryptionKeyError> {
        let keys = jwks
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(EncryptionKeyError::Kind)?;
        if keys.len() > KEYS_MAX {
            return Err(EncryptionKeyError::Kind);
        }
        let mut kids: Vec<&str> = keys
            .iter()
            .filter_map(|key| key.get("kid")?.as_str())
            .collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(EncryptionKeyError::DuplicateKid);
        }
        let usable = keys.iter().filter_map(|key| Self::from_jwk(key).ok());
        usable
            .into_iter()
            .find(|key| key.kid.is_some())
            .ok_or(EncryptionKeyError::Kind)
    }

    /// The name that the recipient gave the key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The curve.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.point.kind()
    }

    pub(super) const fn point(&self) -> &Point {
        &self.point
    }
}

/// A recipient's secret key.
pub struct DecryptionKey {
    secret: Secret,
    public: Point,
}

enum Secret {
    P256 {
        scalar: Zeroizing<[u8; 32]>,
        key: PrivateKey,
    },
    X25519(x25519_dalek::StaticSecret),
}

impl DecryptionKey {
    /// A new key from the caller's randomness.
    pub fn generate(kind: KeyKind, rng: &mut impl CryptoRng) -> Self {
        loop {
            let mut secret = Zeroizing::new([0; 32]);
            rng.fill_bytes(secret.as_mut());
            // One P-256 draw in 2^32 is not below the group order and is drawn again.
            if let Ok(key) = Self::from_secret(kind, &secret) {
                return key;
            }
        }
    }

    /// From the 32 secret bytes: the big-endian scalar (P-256) or the bytes of RFC 7748 (X25519).
    pub fn from_secret(kind: KeyKind, secret: &[u8; 32]) -> Result<Self, EncryptionKeyError> {
        match kind {
            KeyKind::P256 => {
                let key = PrivateKey::from_private_key(&ECDH_P256, secret)
                    .map_err(|_| EncryptionKeyError::Point)?;
                let public = key
                    .compute_public_key()
                    .map_err(|_| EncryptionKeyError::Point)?;
                let sec1 =
                    <[u8; 65]>::try_from(public.as_ref()).map_err(|_| EncryptionKeyError::Point)?;
                let scalar = Zeroizing::new(*secret);
                Ok(Self {
                    secret: Secret::P256 { scalar, key },
                    public: Point::P256(sec1),
                })
            }
            KeyKind::X25519 => {
                let key = x25519_dalek::StaticSecret::from(*secret);
                let public = Point::X25519(x25519_dalek::PublicKey::from(&key).to_bytes());
                Ok(Self {
                    secret: Secret::X25519(key),
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
            Secret::X25519(key) => Zeroizing::new(key.to_bytes()),
        }
    }

    /// The curve.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.public.kind()
    }

    /// The public half as a JWK named `kid`, ready for `client_metadata`.
    #[must_use]
    pub fn public_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.public.to_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".to_owned(), "enc".into());
            members.insert("alg".to_owned(), ALG.into());
            members.insert("kid".to_owned(), kid.into());
        }
        jwk
    }

    pub(super) const fn public_point(&self) -> &Point {
        &self.public
    }

    /// The shared secret; the peer's point is checked on the way.
    pub(super) fn agree(&self, peer: &Point) -> Result<Zeroizing<[u8; 32]>, JweError> {
        match (&self.secret, peer) {
            (Secret::P256 { key, .. }, Point::P256(peer)) => agree(
                key,
                UnparsedPublicKey::new(&ECDH_P256, peer),
                JweError,
                |shared| {
                    <[u8; 32]>::try_from(shared)
                        .map(Zeroizing::new)
                        .map_err(|_| JweError)
                },
            ),
            (Secret::X25519(key), Point::X25519(peer)) => {
                let shared = key.diffie_hellman(&x25519_dalek::PublicKey::from(*peer));
                if shared.was_contributory() {
                    Ok(Zeroizing::new(shared.to_bytes()))
                } else {
                    Err(JweError)
                }
            }
            (Secret::P256 { .. }, Point::X25519(_)) | (Secret::X25519(_), Point::P256(_)) => {
                Err(JweError)
            }
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({:?})", self.public)
    }
}

/// A public key for encryption was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionKeyError {
    /// Neither P-256 nor X25519, or no usable key in a set.
    #[error("no P-256 or X25519 key")]
    Kind,
    /// A secret key where a public one belongs.
    #[error("a secret key where a public key belongs")]
    Secret,
    /// Not on the curve, of small order, or of the wrong length.
    #[error("not a point of the curve, or not a safe one")]
    Point,
    /// The key does not say that it is for ECDH-ES, or says that it is for something else.
    #[error("the key is not declared for ECDH-ES encryption")]
    Use,
    /// Two keys of one name.
    #[error("two keys have the same kid")]
    DuplicateKid,
}
