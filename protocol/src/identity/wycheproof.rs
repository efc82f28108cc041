//! The `json_web_*` vectors of C2SP Wycheproof, read from `$TEGATA_VECTORS/wycheproof`.
//!
//! Most of them use algorithms that Tegata does not have: those must be refused, whether the vector calls them valid
//! or not. Of the others, each must have the vector's result. The tests name what is accepted by its `tcId`, so that a
//! new acceptance is as much a failure as a lost one.

use std::path::PathBuf;

use serde_json::Value;

use super::PublicKey;
use super::jws::{JwsLimits, UnverifiedJws};
use crate::base64url;
use crate::envelope::jwe::{COMPACT_BYTES_MAX, DecryptionKey, KeyKind, UnverifiedJwe};

/// One vector with the keys of its group.
struct Vector {
    id: u64,
    valid: bool,
    flags: Vec<String>,
    /// The token; a JSON serialization is handed over as its text.
    token: String,
    plaintext: Option<String>,
    /// Every JWK that a verifier may be given: public ones where the group has them, else the shared secrets.
    verification_keys: Vec<Value>,
    private_keys: Vec<Value>,
}

/// The vectors of a file, or none where the variable is not set.
fn vectors(name: &str) -> Option<Vec<Vector>> {
    let Some(folder) = std::env::var_os("TEGATA_VECTORS") else {
        println!("skipped: TEGATA_VECTORS is not set");
        return None;
    };
    let path = PathBuf::from(folder).join("wycheproof").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut vectors = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let keys = |value: &Value| match value.get("keys") {
            Some(set) => set.as_array().unwrap().clone(),
            None => vec![value.clone()],
        };
        let public = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let token = test.get("jws").or(test.get("jwe")).unwrap();
            vectors.push(Vector {
                id: test["tcId"].as_u64().unwrap(),
                valid: test["result"] == "valid",
                flags: serde_json::from_value(test["flags"].clone()).unwrap(),
                token: token
                    .as_str()
                    .map_or_else(|| token.to_string(), str::to_owned),
                plaintext: test.get("pt").and_then(Value::as_str).map(str::to_owned),
                verification_keys: keys(public),
                private_keys: keys(&group["private"]),
            });
        }
    }
    assert_eq!(Some(vectors.len() as u64), file["numberOfTests"].as_u64());
    println!("{name}: {} vectors", vectors.len());
    Some(vectors)
}

/// Whether a verifier that was configured with the vector's keys would take its token.
fn accepts_jws(vector: &Vector) -> bool {
    let keys: Result<Vec<PublicKey>, _> = vector
        .verification_keys
        .iter()
        .map(PublicKey::from_jwk)
        .collect();
    let (Ok(keys), Ok(jws)) = (
        keys,
        UnverifiedJws::parse(&vector.token, &JwsLimits::DEFAULT),
    ) else {
        return false;
    };
    keys.iter().any(|key| jws.check_signature(key).is_ok())
}

/// Whether the vector's private key, as far as it is of a kind that we have, opens the token. What the key declares about
/// itself is not looked at: the token alone must be reason enough to refuse.
fn accepts_jwe(vector: &Vector) -> bool {
    let Ok(jwe) = UnverifiedJwe::parse(&vector.token, COMPACT_BYTES_MAX) else {
        return false;
    };
    let mut opened = vector.private_keys.iter().filter_map(|jwk| {
        let kind = match jwk.get("crv").and_then(Value::as_str)? {
            "P-256" => KeyKind::P256,
            "X25519" => KeyKind::X25519,
            _ => return None,
        };
        let secret = base64url::decode_array(jwk["d"].as_str().unwrap()).unwrap();
        let plaintext = jwe
            .decrypt(&DecryptionKey::from_secret(kind, &secret).unwrap())
            .ok()?;
        Some(
            plaintext
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        )
    });
    let opened = opened.next();
    assert!(
        opened.is_none() || opened == vector.plaintext,
        "{}: another plaintext",
        vector.id
    );
    opened.is_some()
}

fn accepted(vectors: &[Vector], accepts: fn(&Vector) -> bool) -> Vec<u64> {
    let accepted: Vec<&Vector> = vectors.iter().filter(|vector| accepts(vector)).collect();
    for vector in &accepted {
        assert!(
            vector.valid,
            "{} is accepted and should not be: {:?}",
            vector.id, vector.flags
        );
    }
    accepted.iter().map(|vector| vector.id).collect()
}

#[test]
fn neg_p06_p08_p16_json_web_signature() {
    let Some(vectors) = vectors("json_web_signature_test.json") else {
        return;
    };
    assert_eq!(vectors.len(), 401);
    // The two valid vectors under an ES256 key; all other valid ones are RSA, HMAC or P-521.
    assert_eq!(accepted(&vectors, accepts_jws), [18, 378]);
    for (flag, count) in [
        ("ModifiedPadding", 213),
        ("ModifiedSignature", 45),
        ("WrongPrimitive", 10),
        ("AlgIsNone", 4),
        ("JsonSerialization", 1),
    ] {
        let flagged: Vec<&Vector> = vectors
            .iter()
            .filter(|vector| vector.flags.iter().any(|f| f == flag))
            .collect();
        assert_eq!(flagged.len(), count, "{flag}");
        assert!(flagged.iter().all(|vector| !accepts_jws(vector)), "{flag}");
    }
}

#[test]
fn neg_p13_p18_json_web_key() {
    let Some(vectors) = vectors("json_web_key_test.json") else {
        return;
    };
    assert_eq!(vectors.len(), 26);
    // Every valid vector here is RSA or HMAC. The invalid ones on P-256 are wrong `alg`, `use`, point, curve and type.
    assert!(accepted(&vectors, accepts_jws).is_empty());
    let refused_as_keys = vectors.iter().filter(|v| {
        v.verification_keys
            .iter()
            .any(|jwk| PublicKey::from_jwk(jwk).is_err())
    });
    assert_eq!(refused_as_keys.count(), 26);
}

#[test]
fn neg_p21_json_web_encryption() {
    let Some(vectors) = vectors("json_web_encryption_test.json") else {
        return;
    };
    assert_eq!(vectors.len(), 139);
    // ECDH-ES with A128GCM and A256GCM; the other valid ones wrap keys, use RSA, CBC or 192 bits.
    assert_eq!(accepted(&vectors, accepts_jwe), [76, 78]);
}

#[test]
fn neg_p06_p21_json_web_crypto() {
    let Some(vectors) = vectors("json_web_crypto_test.json") else {
        return;
    };
    assert_eq!(vectors.len(), 83);
    // The one valid vector under an ES256 key.
    assert_eq!(accepted(&vectors, accepts_jws), [18]);
    assert!(accepted(&vectors, accepts_jwe).is_empty());
}
