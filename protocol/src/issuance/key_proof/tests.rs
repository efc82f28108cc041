use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::{base64url, identity::Algorithm};

const ISSUER: &str = "https://consortium.example";
const NONCE: &str = "LarRGSbmUPYtRYO6BQ4yn8";

fn now() -> Timestamp {
    Timestamp::from_unix(1_795_000_000)
}

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa, &mut ChaCha20Rng::seed_from_u64(seed))
}

fn proof() -> KeyProof<'static> {
    KeyProof {
        audience: ISSUER,
        nonce: NONCE,
        now: now(),
    }
}

fn verify(compact: &str, key: &PublicKey) -> Result<VerifiedKeyProof, KeyProofError> {
    UnverifiedKeyProof::parse(compact)?.verify(
        key,
        &KeyProofExpectation {
            audience: ISSUER,
            now: now(),
        },
    )
}

/// A proof with any header and payload, signed with the key.
fn forged(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let signing_input = format!("{}.{}", part(header), part(payload));
    let signature = base64url::encode(&key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": "openid4vci-proof+jwt", "alg": key.algorithm().as_str(), "jwk": key.public_key().to_jwk()})
}

fn payload() -> Value {
    json!({"aud": ISSUER, "iat": now(), "nonce": NONCE})
}

#[test]
fn a_proof_by_jwk_is_accepted_for_both_algorithms() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let key = SigningKey::generate(algorithm, &mut rng);
        let compact = proof().sign_with_jwk(&key);
        let read = UnverifiedKeyProof::parse(&compact).unwrap();
        assert_eq!(read.key(), &KeyReference::Jwk(key.public_key().clone()));
        let verified = verify(&compact, key.public_key()).unwrap();
        assert_eq!(
            (verified.key(), verified.nonce()),
            (key.public_key(), NONCE)
        );
    }
}

#[test]
fn a_proof_by_did_names_the_url_to_resolve() {
    let compact = proof().sign_with_did(&key(1), "did:key:z6Mk#z6Mk");
    let read = UnverifiedKeyProof::parse(&compact).unwrap();
    assert_eq!(
        read.key(),
        &KeyReference::DidUrl("did:key:z6Mk#z6Mk".to_owned())
    );
    assert!(verify(&compact, key(1).public_key()).is_ok());
    assert!(matches!(
        verify(&compact, key(2).public_key()),
        Err(KeyProofError::Jws(JwsError::Signature))
    ));
}

#[test]
fn neg_i06_every_flipped_character_is_refused() {
    let key = key(1);
    let compact = proof().sign_with_jwk(&key);
    for index in 0..compact.len() {
        let mut bytes = compact.clone().into_bytes();
        bytes[index] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(verify(&text, key.public_key()).is_err(), "{index}");
        }
    }
}

#[test]
fn neg_i06_another_typ_is_refused() {
    let key = key(1);
    for typ in [
        json!(null),
        json!("JWT"),
        json!("kb+jwt"),
        json!("application/openid4vci-proof+jwt"),
        json!(1),
    ] {
        let mut header = header(&key);
        header["typ"] = typ;
        assert!(matches!(
            verify(&forged(&key, &header, &payload()), key.public_key()),
            Err(KeyProofError::Jws(_))
        ));
    }
}

#[test]
fn neg_i06_none_and_mac_are_refused() {
    let key = key(1);
    for alg in ["none", "None", "HS256", "ES256"] {
        let mut header = header(&key);
        header["alg"] = alg.into();
        assert!(matches!(
            verify(&forged(&key, &header, &payload()), key.public_key()),
            Err(KeyProofError::Jws(_))
        ));
    }
}

#[test]
fn neg_i06_a_proof_must_name_one_key_without_its_private_part() {
    let key = key(1);
    let mut both = header(&key);
    both["kid"] = "did:key:z6Mk#z6Mk".into();
    let mut none = header(&key);
    none.as_object_mut().unwrap().remove("jwk");
    let mut opaque = none.clone();
    opaque["kid"] = "0".into();
    for header in [&both, &none, &opaque] {
        assert_eq!(
            verify(&forged(&key, header, &payload()), key.public_key()).unwrap_err(),
            KeyProofError::Key
        );
    }
    let mut private = header(&key);
    private["jwk"]["d"] = "AA".into();
    assert!(matches!(
        verify(&forged(&key, &private, &payload()), key.public_key()),
        Err(KeyProofError::Jws(_))
    ));
}

#[test]
fn neg_i06_a_proof_for_another_issuer_or_of_a_client_is_refused() {
    let key = key(1);
    let refused = |name: &str, value: Value| {
        let mut payload = payload();
        payload[name] = value;
        verify(&forged(&key, &header(&key), &payload), key.public_key()).unwrap_err()
    };
    for audience in [
        json!("https://consortium.example/"),
        json!([ISSUER]),
        json!(null),
        json!({"x": 1}),
    ] {
        assert_eq!(refused("aud", audience), KeyProofError::Audience);
    }
    assert_eq!(refused("iss", json!("client")), KeyProofError::Client);
}

#[test]
fn neg_i06_a_stale_or_future_proof_is_refused_from_the_second_after_the_limit() {
    let key = key(1);
    let at = |iat: Value| {
        let mut payload = payload();
        payload["iat"] = iat;
        verify(&forged(&key, &header(&key), &payload), key.public_key()).map(|_| ())
    };
    let oldest = now().minus_seconds(PROOF_AGE_SECONDS_MAX + CLOCK_SKEW_SECONDS);
    let newest = now().plus_seconds(CLOCK_SKEW_SECONDS);
    assert_eq!(at(json!(oldest)), Ok(()));
    assert_eq!(at(json!(newest)), Ok(()));
    for iat in [
        json!(oldest.minus_seconds(1)),
        json!(newest.plus_seconds(1)),
        json!("1795000000"),
        json!(-1),
        json!(null),
    ] {
        assert_eq!(at(iat), Err(KeyProofError::Time));
    }
}

#[test]
fn neg_i07_a_proof_without_nonce_is_refused() {
    let key = key(1);
    for nonce in [
        json!(null),
        json!(""),
        json!(7),
        json!("a".repeat(NONCE_BYTES_MAX + 1)),
    ] {
        let mut payload = payload();
        payload["nonce"] = nonce;
        assert_eq!(
            verify(&forged(&key, &header(&key), &payload), key.public_key()).unwrap_err(),
            KeyProofError::Nonce
        );
    }
}
