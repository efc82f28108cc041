//! Keys: reading them, writing them, and what must not pass for one.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use super::*;
use crate::base64url;

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(3))
}

/// The public JWK of a key with some members changed; null removes one.
fn changed(algorithm: Algorithm, changes: &Value) -> Value {
    let mut jwk = key(algorithm).public_key().to_jwk();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

#[test]
fn a_key_survives_each_of_its_forms() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let public = key.public_key();
        assert_eq!(&PublicKey::from_jwk(&public.to_jwk()).unwrap(), public);
        assert_eq!(
            &PublicKey::from_bytes(algorithm, &public.to_bytes()).unwrap(),
            public
        );
        for again in [
            SigningKey::from_secret(algorithm, &key.secret()).unwrap(),
            SigningKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap(),
            SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem()).unwrap(),
        ] {
            assert_eq!(again.public_key(), public);
            assert_eq!(again.secret(), key.secret());
            public.verify(b"message", &again.sign(b"message")).unwrap();
        }
    }
}

#[test]
fn the_same_randomness_makes_the_same_key_and_other_randomness_another() {
    for algorithm in Algorithm::ALL {
        let again = SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(3));
        let other = SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(4));
        assert_eq!(again.public_key(), key(algorithm).public_key());
        assert_ne!(other.public_key(), key(algorithm).public_key());
    }
}

#[test]
fn a_signature_is_bound_to_message_and_key() {
    for algorithm in Algorithm::ALL {
        let (key, other) = (
            key(algorithm),
            SigningKey::from_secret(algorithm, &[5; 32]).unwrap(),
        );
        let signature = key.sign(b"message");
        key.public_key().verify(b"message", &signature).unwrap();
        assert_eq!(
            key.public_key().verify(b"massage", &signature),
            Err(SignatureError)
        );
        assert_eq!(
            other.public_key().verify(b"message", &signature),
            Err(SignatureError)
        );
    }
}

#[test]
fn the_vector_of_rfc_8032_is_met() {
    // Section 7.1, test 2.
    let secret = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = SigningKey::from_secret(Algorithm::EdDsa, &secret.try_into().unwrap()).unwrap();
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(key.public_key().to_bytes(), public);
    let signature = hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    assert_eq!(key.sign(&[0x72]).to_vec(), signature);
}

#[test]
fn the_thumbprint_of_rfc_8037_is_met() {
    // Appendix A.3.
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let thumbprint = PublicKey::from_jwk(&jwk).unwrap().thumbprint();
    assert_eq!(
        base64url::encode(&thumbprint),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn a_thumbprint_covers_the_required_members_only() {
    for algorithm in Algorithm::ALL {
        let plain = PublicKey::from_jwk(&changed(algorithm, &json!({}))).unwrap();
        let decorated = changed(
            algorithm,
            &json!({"kid": "k", "use": "sig", "alg": algorithm.as_str(), "key_ops": ["verify"], "x-note": 1}),
        );
        assert_eq!(
            PublicKey::from_jwk(&decorated).unwrap().thumbprint(),
            plain.thumbprint()
        );
    }
}

#[test]
fn k10_a_minimal_jwk_is_accepted_and_so_is_the_new_name_of_ed25519() {
    for algorithm in Algorithm::ALL {
        PublicKey::from_jwk(&changed(algorithm, &json!({}))).unwrap();
    }
    PublicKey::from_jwk(&changed(Algorithm::EdDsa, &json!({"alg": "Ed25519"}))).unwrap();
}

#[test]
fn neg_p10_a_key_declared_for_something_else_is_refused() {
    for algorithm in Algorithm::ALL {
        for changes in [
            json!({"use": "enc"}),
            json!({"key_ops": ["encrypt"]}),
            json!({"key_ops": ["sign"]}),
            json!({"key_ops": []}),
            json!({"key_ops": "verify"}),
            json!({"alg": "RS256"}),
            json!({"alg": "ES384"}),
            json!({"alg": "none"}),
            json!({"alg": "ECDH-ES"}),
        ] {
            let jwk = changed(algorithm, &changes);
            assert_eq!(PublicKey::from_jwk(&jwk), Err(KeyError::Use), "{changes}");
        }
    }
    let swapped = changed(Algorithm::Es256, &json!({"alg": "EdDSA"}));
    assert_eq!(PublicKey::from_jwk(&swapped), Err(KeyError::Use));
}

#[test]
fn neg_p18_points_off_the_curve_are_refused() {
    let jwk = changed(Algorithm::Es256, &json!({}));
    let mut x = base64url::decode(jwk["x"].as_str().unwrap()).unwrap();
    x[31] ^= 1;
    let zero = base64url::encode(&[0; 32]);
    let prime = base64url::encode(&hex(
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    ));
    for changes in [
        json!({"x": base64url::encode(&x)}),
        json!({"x": jwk["y"], "y": jwk["x"]}),
        json!({"x": zero, "y": zero}),
        json!({"x": prime}),
        json!({"y": prime}),
    ] {
        let jwk = changed(Algorithm::Es256, &changes);
        assert_eq!(PublicKey::from_jwk(&jwk), Err(KeyError::Point), "{changes}");
    }
}

#[test]
fn neg_p18_compressed_hybrid_and_infinite_points_are_refused() {
    let sec1 = key(Algorithm::Es256).public_key().to_bytes();
    PublicKey::from_bytes(Algorithm::Es256, &sec1).unwrap();
    let compressed = [&[0x02 | (sec1[64] & 1)], &sec1[1..33]].concat();
    let hybrid = [&[0x06 | (sec1[64] & 1)], &sec1[1..]].concat();
    for bytes in [
        &compressed[..],
        &hybrid,
        &[0],
        &[0; 65],
        &sec1[..64],
        &[&sec1[..], &[0]].concat(),
        &[],
    ] {
        assert!(
            PublicKey::from_bytes(Algorithm::Es256, bytes).is_err(),
            "{bytes:?}"
        );
    }
}

#[test]
fn neg_p18_points_of_small_order_and_second_spellings_are_refused() {
    let torsion = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        // Not below the prime: y = p + 1 and y = p + 3 spell 1 and 3.
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for bytes in torsion {
        let result = PublicKey::from_bytes(Algorithm::EdDsa, &hex(bytes));
        assert_eq!(result, Err(KeyError::Point), "{bytes}");
    }
}

#[test]
fn neg_p16_an_ed25519_signature_with_a_point_of_small_order_is_refused() {
    // R is the neutral element and s = k·a, which only who has the secret can make; without the rule it would verify.
    let key = SigningKey::from_secret(Algorithm::EdDsa, &[5; 32]).unwrap();
    let signature = hex(
        "010000000000000000000000000000000000000000000000000000000000000044297051ef5ad7aabeea646ac5e76f8deefb706b5dffd4ae0b5165c97998d90d",
    );
    let result = key
        .public_key()
        .verify(b"message", &signature.try_into().unwrap());
    assert_eq!(result, Err(SignatureError));
}

#[test]
fn a_private_key_with_the_public_key_of_another_is_refused() {
    // RFC 8410, section 10.3: version 2, with attributes and the public key.
    let der = hex(concat!(
        "3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
        "a01f301d060a2a864886f70d01090914310f0c0d437572646c6520436861697273",
        "81210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
    ));
    SigningKey::from_pkcs8_der(&der).unwrap();
    let mut other = der;
    *other.last_mut().unwrap() ^= 1;
    assert!(SigningKey::from_pkcs8_der(&other).is_err());
}

#[test]
fn neg_p18_keys_of_another_kind_length_or_secrecy_are_refused() {
    let long = base64url::encode(&[1; 33]);
    let short = base64url::encode(&[1; 31]);
    for algorithm in Algorithm::ALL {
        for (changes, error) in [
            (json!({"x": long}), KeyError::Length),
            (json!({"x": short}), KeyError::Length),
            (json!({"x": ""}), KeyError::Length),
            (json!({"x": 7}), KeyError::Kind),
            (json!({"x": null}), KeyError::Kind),
            (json!({"d": short}), KeyError::Secret),
            (json!({"k": short}), KeyError::Secret),
            (json!({"kty": "RSA"}), KeyError::Kind),
            (json!({"kty": "oct"}), KeyError::Kind),
            (json!({"kty": "ec"}), KeyError::Kind),
            (json!({"kty": null}), KeyError::Kind),
            (json!({"crv": "P-384"}), KeyError::Kind),
            (json!({"crv": "X25519"}), KeyError::Kind),
            (json!({"crv": "secp256k1"}), KeyError::Kind),
            (json!({"crv": null}), KeyError::Kind),
            (json!({"crv": ["P-256"]}), KeyError::Kind),
            (json!({"kid": 1}), KeyError::Kind),
            (json!({"kid": "k".repeat(1_025)}), KeyError::Length),
        ] {
            assert_eq!(
                PublicKey::from_jwk(&changed(algorithm, &changes)),
                Err(error),
                "{changes}"
            );
        }
    }
    let both = changed(Algorithm::EdDsa, &json!({"y": base64url::encode(&[1; 32])}));
    assert_eq!(PublicKey::from_jwk(&both), Err(KeyError::Kind));
    let y = changed(Algorithm::Es256, &json!({"y": null}));
    assert_eq!(PublicKey::from_jwk(&y), Err(KeyError::Kind));
    for value in [json!(null), json!("key"), json!([]), json!({"keys": []})] {
        assert_eq!(PublicKey::from_jwk(&value), Err(KeyError::Kind));
    }
}

#[test]
fn secrets_out_of_range_and_broken_private_keys_are_refused() {
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for secret in [[0; 32], order.try_into().unwrap(), [0xff; 32]] {
        assert!(SigningKey::from_secret(Algorithm::Es256, &secret).is_err());
    }
    for algorithm in Algorithm::ALL {
        let der = key(algorithm).to_pkcs8_der();
        assert!(SigningKey::from_pkcs8_der(&der[..der.len() - 1]).is_err());
        assert!(SigningKey::from_pkcs8_der(&[&der[..], &[0]].concat()).is_err());
        let pem = key(algorithm).to_pkcs8_pem();
        assert!(SigningKey::from_pkcs8_pem(&pem.replace("PRIVATE", "PUBLIC")).is_err());
    }
    assert!(SigningKey::from_pkcs8_pem("").is_err());
}

#[test]
fn debug_shows_no_secret() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::from_secret(algorithm, &[7; 32]).unwrap();
        let shown = format!("{key:?}");
        assert!(
            shown.contains(&base64url::encode(&key.public_key().thumbprint())),
            "{shown}"
        );
        assert!(
            !shown.contains("7, 7") && !shown.contains(&base64url::encode(&[7; 32])),
            "{shown}"
        );
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
