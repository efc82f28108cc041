//! Making a compact JWS.

use serde_json::{Map, Value};

use crate::base64url;
use crate::identity::{PublicKey, Purpose, SigningKey};

/// What a header says beside `alg` and `typ`.
#[derive(Debug, Clone, Default)]
pub struct HeaderExtras {
    /// The name of the key.
    pub kid: Option<String>,
    /// Base64 of DER certificates, leaf first, without the root. Left out where empty.
    pub x5c: Vec<String>,
    /// The key itself, for key proofs.
    pub jwk: Option<PublicKey>,
}

/// Signs a payload for one purpose.
///
/// ```
/// use protocol::identity::{Algorithm, Purpose, SigningKey, jws};
/// # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
/// # let mut rng = ChaCha20Rng::seed_from_u64(0);
/// let key = SigningKey::generate(Algorithm::EdDsa, &mut rng);
/// let payload = serde_json::json!({"nonce": "n-0S6_WzA2Mj"});
/// let token = jws::sign(&key, Purpose::KeyBinding, &jws::HeaderExtras::default(), &payload);
///
/// let received = jws::UnverifiedJws::parse(&token, &jws::JwsLimits::DEFAULT)?;
/// let verified = received.verify(Purpose::KeyBinding, key.public_key())?;
/// assert_eq!(verified.payload(), &payload);
/// # Ok::<(), jws::JwsError>(())
/// ```
#[must_use]
pub fn sign(key: &SigningKey, purpose: Purpose, extras: &HeaderExtras, payload: &Value) -> String {
    let mut header = Map::new();
    header.insert("alg".to_owned(), key.algorithm().as_str().into());
    header.insert("typ".to_owned(), purpose.typ().into());
    if let Some(kid) = &extras.kid {
        header.insert("kid".to_owned(), kid.as_str().into());
    }
    if !extras.x5c.is_empty() {
        header.insert("x5c".to_owned(), extras.x5c.clone().into());
    }
    if let Some(jwk) = &extras.jwk {
        header.insert("jwk".to_owned(), jwk.to_jwk());
    }
    sign_bytes(key, &Value::Object(header), payload.to_string().as_bytes())
}

/// Signs any header and payload; tests make bad tokens with it.
pub(super) fn sign_bytes(key: &SigningKey, header: &Value, payload: &[u8]) -> String {
    let header = base64url::encode(header.to_string().as_bytes());
    let signing_input = format!("{header}.{}", base64url::encode(payload));
    let signature = base64url::encode(&key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}
