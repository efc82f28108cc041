//! Tokens that were signed by another key, with another algorithm, or for another purpose.

use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn what_was_signed_verifies_with_its_header_and_payload() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let x5c = vec!["AAAA".to_owned(), "BBBB".to_owned()];
        let extras = HeaderExtras {
            kid: Some("k1".to_owned()),
            x5c: x5c.clone(),
            jwk: None,
        };
        let compact = sign(&key, Purpose::Credential, &extras, &payload());
        let jws = parse(&compact).unwrap();
        assert_eq!(
            (jws.typ(), jws.alg(), jws.kid()),
            (Some("dc+sd-jwt"), algorithm, Some("k1"))
        );
        assert_eq!(jws.x5c(), Some(&x5c[..]));
        let verified = jws.verify(Purpose::Credential, key.public_key()).unwrap();
        assert_eq!(verified.payload(), &payload());
        assert_eq!(verified.header().kid(), Some("k1"));
    }
}

/// Tokens of another implementation: every purpose, every name of an algorithm.
#[test]
fn the_vectors_of_another_implementation_verify() {
    let file: Value = serde_json::from_str(include_str!(
        "../../../../../specs/vectors/identity/jws.json"
    ))
    .unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 15);
    for vector in vectors {
        let key = PublicKey::from_jwk(&vector["jwk"]).unwrap();
        let secret = base64url::decode_array(vector["secret"].as_str().unwrap()).unwrap();
        assert_eq!(
            SigningKey::from_secret(key.algorithm(), &secret)
                .unwrap()
                .public_key(),
            &key
        );
        assert_eq!(
            base64url::encode(&key.thumbprint()),
            vector["thumbprint"].as_str().unwrap()
        );
        for purpose in Purpose::ALL {
            let result = parse(vector["jws"].as_str().unwrap())
                .unwrap()
                .verify(purpose, &key);
            if vector["typ"] == purpose.typ() {
                let verified = result.unwrap();
                assert_eq!(verified.payload(), &vector["payload"]);
                let hash = base64url::encode(&verified.signing_input_hash());
                assert_eq!(hash, vector["signing_input_sha256"].as_str().unwrap());
            } else {
                assert_eq!(result.unwrap_err(), JwsError::Type);
            }
        }
    }
}

#[test]
fn both_names_of_ed25519_are_read() {
    let key = key(Algorithm::EdDsa);
    for name in ["EdDSA", "Ed25519"] {
        verify(
            &with_header(&key, &json!({"alg": name})),
            Purpose::KeyProof,
            &key,
        )
        .unwrap();
    }
}

#[test]
fn neg_p09_an_hmac_under_the_public_key_is_refused() {
    let key = key(Algorithm::Es256);
    let sec1 = key.public_key().to_bytes();
    let mut spki = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    spki.extend_from_slice(&sec1);
    let pem = x509_cert::der::pem::encode_string(
        "PUBLIC KEY",
        x509_cert::der::pem::LineEnding::LF,
        &spki,
    )
    .unwrap();
    let jwk = key.public_key().to_jwk().to_string();
    for secret in [&sec1[..], &spki, pem.as_bytes(), jwk.as_bytes()] {
        for alg in ["HS256", "ES256"] {
            let header = json!({"alg": alg, "typ": Purpose::KeyProof.typ()}).to_string();
            let input = format!(
                "{}.{}",
                base64url::encode(header.as_bytes()),
                base64url::encode(b"{}")
            );
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(input.as_bytes());
            let mac = mac.finalize().into_bytes();
            // As HMAC has it, and long enough to be taken for a signature.
            for signature in [mac.to_vec(), [&mac[..], &mac[..]].concat()] {
                let compact = format!("{input}.{}", base64url::encode(&signature));
                assert!(verify(&compact, Purpose::KeyProof, &key).is_err(), "{alg}");
            }
        }
    }
}

#[test]
fn neg_p10_the_algorithm_of_another_key_is_refused() {
    let (p256, ed25519) = (key(Algorithm::Es256), key(Algorithm::EdDsa));
    for (signer, other) in [(&p256, &ed25519), (&ed25519, &p256)] {
        let compact = with_header(signer, &json!({}));
        verify(&compact, Purpose::KeyProof, signer).unwrap();
        assert_eq!(
            verify(&compact, Purpose::KeyProof, other).unwrap_err(),
            JwsError::Algorithm
        );
        let renamed = with_header(signer, &json!({"alg": other.algorithm().as_str()}));
        assert_eq!(
            verify(&renamed, Purpose::KeyProof, signer).unwrap_err(),
            JwsError::Algorithm
        );
        assert_eq!(
            verify(&renamed, Purpose::KeyProof, other).unwrap_err(),
            JwsError::Signature
        );
    }
    for name in [
        "RS256",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "Ed448",
        "HS256",
        "ML-DSA-44",
    ] {
        assert_header_refused(&json!({"alg": name}), JwsError::Algorithm);
    }
}

#[test]
fn neg_p11_a_key_in_the_header_is_taken_by_key_proofs_alone() {
    let (key, attacker) = (
        key(Algorithm::Es256),
        SigningKey::from_secret(Algorithm::Es256, &[9; 32]).unwrap(),
    );
    for purpose in Purpose::ALL {
        let extras = HeaderExtras {
            jwk: Some(key.public_key().clone()),
            ..HeaderExtras::default()
        };
        let result = verify(&sign(&key, purpose, &extras, &payload()), purpose, &key);
        assert_eq!(
            result.err(),
            (purpose != Purpose::KeyProof).then_some(JwsError::Header)
        );
        let forged = HeaderExtras {
            jwk: Some(attacker.public_key().clone()),
            ..HeaderExtras::default()
        };
        assert!(
            verify(
                &sign(&attacker, purpose, &forged, &payload()),
                purpose,
                &key
            )
            .is_err()
        );
    }
}

#[test]
fn neg_p15_no_token_passes_for_one_of_another_purpose() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        for signed_for in Purpose::ALL {
            let compact = sign(&key, signed_for, &HeaderExtras::default(), &payload());
            for read_as in Purpose::ALL {
                let result = verify(&compact, read_as, &key);
                assert_eq!(
                    result.err(),
                    (signed_for != read_as).then_some(JwsError::Type)
                );
            }
        }
    }
}

#[test]
fn neg_p15_types_of_others_and_spellings_of_ours_are_refused() {
    let key = key(Algorithm::Es256);
    for purpose in Purpose::ALL {
        let typ = purpose.typ();
        let spellings = [
            format!("application/{typ}"),
            typ.to_ascii_uppercase(),
            format!("{typ} "),
            format!(" {typ}"),
            format!("{typ};charset=utf-8"),
        ];
        let others = [
            "JWT",
            "jwt",
            "",
            "vc+sd-jwt",
            "key-attestation+jwt",
            "dpop+jwt",
            "oauth-client-attestation+jwt",
        ];
        for bad in spellings.iter().map(String::as_str).chain(others) {
            let compact = with_header(&key, &json!({"typ": bad}));
            assert_eq!(
                verify(&compact, purpose, &key).unwrap_err(),
                JwsError::Type,
                "{bad}"
            );
        }
        let missing = with_header(&key, &json!({"typ": null}));
        assert_eq!(verify(&missing, purpose, &key).unwrap_err(), JwsError::Type);
    }
}

#[test]
fn neg_p16_signatures_of_another_form_are_refused() {
    let key = key(Algorithm::Es256);
    let compact = with_header(&key, &json!({}));
    let (input, signature) = compact.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let order = base64url::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    let der = [
        &[0x30, 0x46, 0x02, 0x21, 0x00][..],
        r,
        &[0x02, 0x21, 0x00],
        s,
    ]
    .concat();
    for bad in [
        vec![],
        vec![0; 64],
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        der,
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [&order[..], s].concat(),
        [r, &order].concat(),
        [r, &[0xff; 32]].concat(),
        [s, r].concat(),
    ] {
        let compact = format!("{input}.{}", base64url::encode(&bad));
        assert!(
            verify(&compact, Purpose::KeyProof, &key).is_err(),
            "{bad:?}"
        );
    }
}

#[test]
fn neg_p17_the_other_signature_of_a_token_is_the_same_token() {
    let key = key(Algorithm::Es256);
    let compact = with_header(&key, &json!({}));
    let (input, signature) = compact.rsplit_once('.').unwrap();
    let mut twin = base64url::decode(signature).unwrap();
    negate_scalar(&mut twin[32..]);
    let twin = format!("{input}.{}", base64url::encode(&twin));
    assert_ne!(twin, compact);
    let first = verify(&compact, Purpose::KeyProof, &key).unwrap();
    let second = verify(&twin, Purpose::KeyProof, &key).unwrap();
    assert_eq!(first.signing_input_hash(), second.signing_input_hash());
}

/// The order of P-256 minus a scalar below it.
fn negate_scalar(scalar: &mut [u8]) {
    let order = base64url::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").unwrap();
    let mut borrow = 0;
    for (digit, order) in scalar.iter_mut().zip(order).rev() {
        let difference = i16::from(order) - i16::from(*digit) - borrow;
        borrow = i16::from(difference < 0);
        *digit = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let compact = with_header(&key, &json!({}));
        for position in 0..compact.len() {
            for bit in 0..8 {
                let mut bytes = compact.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(
                        verify(&text, Purpose::KeyProof, &key).is_err(),
                        "{position} {bit}"
                    );
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_change_of_the_text_is_refused(position in 0_usize..200, replacement in "[A-Za-z0-9_.=+/-]{0,4}", removed in 0_usize..4) {
        let key = key(Algorithm::EdDsa);
        let compact = with_header(&key, &json!({}));
        let start = position.min(compact.len());
        let end = (start + removed).min(compact.len());
        let changed = format!("{}{replacement}{}", &compact[..start], &compact[end..]);
        prop_assume!(changed != compact);
        prop_assert!(verify(&changed, Purpose::KeyProof, &key).is_err());
    }
}

#[test]
fn a_kid_that_is_no_text_names_nothing_in_a_format_of_others_and_is_refused_in_ours() {
    let key = key(Algorithm::Es256);
    let header = |typ: &str| json!({"alg": "ES256", "typ": typ, "kid": 42});
    let theirs = sign_bytes(&key, &header("example+sd-jwt"), b"{}");
    let parsed = parse(&theirs).unwrap();
    assert_eq!(parsed.kid(), None);
    parsed
        .verify_typed("example+sd-jwt", key.public_key())
        .unwrap();
    for purpose in Purpose::ALL {
        let ours = sign_bytes(&key, &header(purpose.typ()), b"{}");
        let result = verify(&ours, purpose, &key);
        assert_eq!(result.unwrap_err(), JwsError::Header, "{purpose:?}");
    }
}
