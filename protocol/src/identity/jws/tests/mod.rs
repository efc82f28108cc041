//! What a compact JWS must be refused for: its form, and whom and what it is bound to.

mod binding;
mod form;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;

use super::sign::sign_bytes;
use super::*;
use crate::identity::SigningKey;

/// The same key in every run.
fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(7))
}

fn payload() -> Value {
    json!({"aud": "https://a.example", "nonce": "n"})
}

fn parse(compact: &str) -> Result<UnverifiedJws, JwsError> {
    UnverifiedJws::parse(compact, &JwsLimits::DEFAULT)
}

fn verify(compact: &str, purpose: Purpose, key: &SigningKey) -> Result<VerifiedJws, JwsError> {
    parse(compact)?.verify(purpose, key.public_key())
}

/// A correctly signed key proof with these header members on top of the ordinary ones, or instead of them.
fn with_header(key: &SigningKey, changes: &Value) -> String {
    let mut header = json!({"alg": key.algorithm().as_str(), "typ": Purpose::KeyProof.typ()});
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            header.as_object_mut().unwrap().remove(name);
        } else {
            header[name] = value.clone();
        }
    }
    sign_bytes(key, &header, payload().to_string().as_bytes())
}

fn assert_header_refused(changes: &Value, error: JwsError) {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        verify(&with_header(&key, &json!({})), Purpose::KeyProof, &key).unwrap();
        let result = verify(&with_header(&key, changes), Purpose::KeyProof, &key);
        assert_eq!(result.unwrap_err(), error, "{changes}");
    }
}
