use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use super::*;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn recipient(key: &DecryptionKey) -> EncryptionKey {
    EncryptionKey::from_jwk(&key.public_jwk("k1")).unwrap()
}

fn parse(compact: &str) -> Result<UnverifiedJwe, JweError> {
    UnverifiedJwe::parse(compact, COMPACT_BYTES_MAX)
}

fn open(compact: &str, key: &DecryptionKey) -> Result<Vec<u8>, JweError> {
    Ok(parse(compact)?.decrypt(key)?.to_vec())
}

/// A token whose header was changed before it was bound to the ciphertext; null removes a member.
fn with_header(key: &DecryptionKey, changes: &Value) -> String {
    let ephemeral = DecryptionKey::generate(key.kind(), &mut rng(5));
    let mut header: Value = serde_json::from_str(&Header::write(
        &ephemeral,
        Some("k1"),
        ContentEncryption::A128Gcm,
        b"",
        b"",
    ))
    .unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            header.as_object_mut().unwrap().remove(name);
        } else {
            header[name] = value.clone();
        }
    }
    let protected = base64url::encode(header.to_string().as_bytes());
    let shared = ephemeral.agree(recipient(key).point()).unwrap();
    let content_key = agreement::derive(&shared, ContentEncryption::A128Gcm, b"", b"");
    let (ciphertext, tag) = cipher::seal(
        ContentEncryption::A128Gcm,
        &content_key,
        [0; 12],
        protected.as_bytes(),
        b"text",
    );
    format!(
        "{protected}..{}.{}.{}",
        base64url::encode(&[0; 12]),
        base64url::encode(&ciphertext),
        base64url::encode(&tag)
    )
}

#[test]
fn what_is_encrypted_to_a_key_decrypts_with_it() {
    for kind in [KeyKind::P256, KeyKind::X25519] {
        for enc in ContentEncryption::ALL {
            let key = DecryptionKey::generate(kind, &mut rng(1));
            let compact = encrypt(&recipient(&key), enc, b"apu", b"apv", b"text", &mut rng(2));
            let jwe = parse(&compact).unwrap();
            assert_eq!(
                (jwe.kid(), jwe.enc(), jwe.apu(), jwe.apv()),
                (Some("k1"), enc, &b"apu"[..], &b"apv"[..])
            );
            assert_eq!(jwe.decrypt(&key).unwrap().as_slice(), b"text");
            let again = DecryptionKey::from_secret(kind, &key.secret()).unwrap();
            assert_eq!(open(&compact, &again).unwrap(), b"text");
        }
    }
}

#[test]
fn the_derived_key_of_rfc_7518_appendix_c_is_met() {
    let vector: Value = serde_json::from_str(include_str!(
        "../../../../specs/vectors/envelope/rfc7518-appendix-c.json"
    ))
    .unwrap();
    let secret =
        base64url::decode_array(vector["recipient_private_key"]["d"].as_str().unwrap()).unwrap();
    let key = DecryptionKey::from_secret(KeyKind::P256, &secret).unwrap();
    let header = Header::parse(vector["header"].to_string().as_bytes()).unwrap();
    let shared = key.agree(&header.epk).unwrap();
    let derived = agreement::derive(&shared, header.enc, &header.apu, &header.apv);
    assert_eq!(
        base64url::encode(&derived),
        vector["derived_key"].as_str().unwrap()
    );
}

#[test]
fn our_own_vectors_decrypt() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../specs/vectors/envelope/jwe.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let kind = if vector["jwk"]["crv"] == "P-256" {
            KeyKind::P256
        } else {
            KeyKind::X25519
        };
        let secret = base64url::decode_array(vector["jwk"]["d"].as_str().unwrap()).unwrap();
        let key = DecryptionKey::from_secret(kind, &secret).unwrap();
        let plaintext = open(vector["jwe"].as_str().unwrap(), &key).unwrap();
        assert_eq!(plaintext, vector["plaintext"].as_str().unwrap().as_bytes());
    }
}

#[test]
fn neg_p21_another_algorithm_is_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    assert_eq!(open(&with_header(&key, &json!({})), &key).unwrap(), b"text");
    for changes in [
        json!({"alg": "dir"}),
        json!({"alg": "RSA1_5"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"alg": "A128KW"}),
        json!({"alg": "ECDH-ES+A128KW"}),
        json!({"alg": "PBES2-HS256+A128KW", "p2s": "AAAA", "p2c": 10_000_000}),
        json!({"alg": "ecdh-es"}),
        json!({"alg": ["ECDH-ES"]}),
        json!({"alg": null}),
        json!({"enc": "A128CBC-HS256"}),
        json!({"enc": "A192GCM"}),
        json!({"enc": "a128gcm"}),
        json!({"enc": "none"}),
        json!({"enc": 1}),
        json!({"enc": null}),
    ] {
        assert_eq!(
            open(&with_header(&key, &changes), &key),
            Err(JweError),
            "{changes}"
        );
    }
}

#[test]
fn neg_p21_compression_extensions_and_foreign_keys_are_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    for changes in [
        json!({"zip": "DEF"}),
        json!({"zip": ""}),
        json!({"crit": ["zip"]}),
        json!({"crit": []}),
        json!({"jku": "https://attacker.example"}),
        json!({"x5u": "https://attacker.example"}),
        json!({"kid": 1}),
        json!({"kid": "k".repeat(1_025)}),
    ] {
        assert_eq!(
            open(&with_header(&key, &changes), &key),
            Err(JweError),
            "{changes}"
        );
    }
    // Header members that nobody knows are bound to the ciphertext and ignored.
    assert!(
        open(
            &with_header(&key, &json!({"cty": "json", "typ": "x", "x": 1})),
            &key
        )
        .is_ok()
    );
}

#[test]
fn neg_p21_an_ephemeral_key_off_the_curve_or_of_small_order_is_refused() {
    for kind in [KeyKind::P256, KeyKind::X25519] {
        let key = DecryptionKey::generate(kind, &mut rng(1));
        let point = |seed| {
            DecryptionKey::generate(kind, &mut rng(seed))
                .public_point()
                .to_jwk()
        };
        let zero = base64url::encode(&[0; 32]);
        let one = base64url::encode(&{
            let mut one = [0; 32];
            one[0] = 1;
            one
        });
        let changed = |name: &str, value: Value| {
            let mut jwk = point(6);
            jwk[name] = value;
            jwk
        };
        assert!(parse(&with_header(&key, &json!({"epk": point(6)}))).is_ok());
        let mut bad = vec![
            json!({"epk": null}),
            json!({"epk": "key"}),
            json!({"epk": {}}),
            json!({"epk": changed("x", json!(base64url::encode(&[1; 31])))}),
            json!({"epk": changed("d", json!(zero))}),
            json!({"epk": changed("kty", json!("oct"))}),
            json!({"epk": changed("crv", json!("P-384"))}),
        ];
        match kind {
            KeyKind::P256 => {
                bad.push(json!({"epk": changed("y", json!(zero))}));
                bad.push(json!({"epk": changed("x", json!(zero))}));
            }
            KeyKind::X25519 => {
                bad.push(json!({"epk": changed("x", json!(zero))}));
                bad.push(json!({"epk": changed("x", json!(one))}));
            }
        }
        for changes in bad {
            assert!(parse(&with_header(&key, &changes)).is_err(), "{changes}");
        }
    }
}

#[test]
fn neg_p21_an_ephemeral_key_of_another_curve_is_refused() {
    let (p256, x25519) = (
        DecryptionKey::generate(KeyKind::P256, &mut rng(1)),
        DecryptionKey::generate(KeyKind::X25519, &mut rng(1)),
    );
    let changes = json!({"epk": x25519.public_point().to_jwk()});
    assert_eq!(open(&with_header(&p256, &changes), &p256), Err(JweError));
    let compact = encrypt(
        &recipient(&x25519),
        ContentEncryption::A256Gcm,
        b"",
        b"",
        b"text",
        &mut rng(2),
    );
    assert_eq!(open(&compact, &p256), Err(JweError));
}

#[test]
fn neg_p21_party_fields_are_bound_and_bounded() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    for changes in [
        json!({"apu": "AAAA"}),
        json!({"apv": "AAAA"}),
        json!({"apu": "not base64url!"}),
        json!({"apv": 1}),
        json!({"apv": "A".repeat(1_000_000)}),
        json!({"apv": "A".repeat(1_028)}),
    ] {
        assert_eq!(open(&with_header(&key, &changes), &key), Err(JweError));
    }
}

#[test]
fn neg_p21_a_party_field_is_read_up_to_its_bound() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    for name in ["apu", "apv"] {
        let with = |length: usize| parse(&with_header(&key, &json!({name: "A".repeat(length)})));
        assert!(with(1_024).is_ok());
        assert_eq!(with(1_028).unwrap_err(), JweError);
    }
}

#[test]
fn neg_p21_another_key_is_refused() {
    for kind in [KeyKind::P256, KeyKind::X25519] {
        let (key, other) = (
            DecryptionKey::generate(kind, &mut rng(1)),
            DecryptionKey::generate(kind, &mut rng(9)),
        );
        let compact = encrypt(
            &recipient(&key),
            ContentEncryption::A256Gcm,
            b"",
            b"",
            b"text",
            &mut rng(2),
        );
        assert!(open(&compact, &key).is_ok());
        assert_eq!(open(&compact, &other), Err(JweError));
    }
}

#[test]
fn neg_p21_parts_that_are_missing_added_or_of_another_length_are_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    let good = with_header(&key, &json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let [h, _, iv, c, t] = <[&str; 5]>::try_from(parts).unwrap();
    assert!(open(&format!("{h}..{iv}.{c}.{t}"), &key).is_ok());
    for bad in [
        format!("{h}.{iv}.{c}.{t}"),
        format!("{h}..{iv}.{c}.{t}."),
        format!("{h}..{iv}.{c}.{t}.{t}"),
        format!("{h}.AAAA.{iv}.{c}.{t}"),
        format!("..{iv}.{c}.{t}"),
        format!("{h}...{c}.{t}"),
        format!("{h}..{iv}..{t}"),
        format!("{h}..{iv}.{c}."),
        format!("{h}..{iv}AA.{c}.{t}"),
        format!("{h}..{iv}.{c}.{}", &t[..16]),
        format!("{h}=..{iv}.{c}.{t}"),
        json!({"protected": h, "iv": iv, "ciphertext": c, "tag": t}).to_string(),
        String::new(),
    ] {
        assert_eq!(open(&bad, &key), Err(JweError), "{bad}");
    }
}

#[test]
fn neg_p22_a_token_over_its_bound_is_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    let compact = with_header(&key, &json!({}));
    assert!(UnverifiedJwe::parse(&compact, compact.len()).is_ok());
    assert!(UnverifiedJwe::parse(&compact, compact.len() - 1).is_err());
    assert!(parse(&with_header(&key, &json!({"x": "x".repeat(8 * 1_024)}))).is_err());
}

#[test]
fn neg_p01_duplicate_header_members_are_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    let good = with_header(&key, &json!({}));
    let (protected, rest) = good.split_once('.').unwrap();
    let header = String::from_utf8(base64url::decode(protected).unwrap()).unwrap();
    let twice = header.replacen('{', r#"{"\u0061lg":"ECDH-ES","#, 1);
    assert_eq!(
        parse(&format!("{}.{rest}", base64url::encode(twice.as_bytes()))).unwrap_err(),
        JweError
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    for kind in [KeyKind::P256, KeyKind::X25519] {
        let key = DecryptionKey::generate(kind, &mut rng(1));
        let compact = encrypt(
            &recipient(&key),
            ContentEncryption::A128Gcm,
            b"u",
            b"v",
            b"text",
            &mut rng(2),
        );
        for position in 0..compact.len() {
            for bit in 0..8 {
                let mut bytes = compact.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert_eq!(open(&text, &key), Err(JweError), "{position} {bit}");
                }
            }
        }
    }
}

#[test]
fn neg_h16_a_recipient_key_that_is_not_declared_for_encryption_is_refused() {
    let key = DecryptionKey::generate(KeyKind::P256, &mut rng(1));
    let changed = |changes: &Value| {
        let mut jwk = key.public_jwk("k1");
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                jwk.as_object_mut().unwrap().remove(name);
            } else {
                jwk[name] = value.clone();
            }
        }
        EncryptionKey::from_jwk(&jwk)
    };
    assert_eq!(changed(&json!({})).unwrap().kid(), Some("k1"));
    changed(&json!({"use": null})).unwrap();
    changed(&json!({"key_ops": ["deriveKey"]})).unwrap();
    for (changes, error) in [
        (json!({"alg": null}), EncryptionKeyError::Use),
        (json!({"alg": "ECDH-ES+A256KW"}), EncryptionKeyError::Use),
        (json!({"alg": "ES256"}), EncryptionKeyError::Use),
        (json!({"use": "sig"}), EncryptionKeyError::Use),
        (json!({"key_ops": ["sign"]}), EncryptionKeyError::Use),
        (json!({"kid": 1}), EncryptionKeyError::Use),
        (json!({"kty": "RSA"}), EncryptionKeyError::Kind),
        (json!({"crv": "P-521"}), EncryptionKeyError::Kind),
        (json!({"d": "AAAA"}), EncryptionKeyError::Secret),
        (json!({"x": "AAAA"}), EncryptionKeyError::Point),
        (
            json!({"x": base64url::encode(&[0; 32])}),
            EncryptionKeyError::Point,
        ),
    ] {
        assert_eq!(changed(&changes).unwrap_err(), error, "{changes}");
    }
}

#[test]
fn neg_h16_a_set_yields_its_first_usable_key() {
    let good = DecryptionKey::generate(KeyKind::X25519, &mut rng(1)).public_jwk("good");
    let unknown = json!({"kty": "AKP", "alg": "ML-KEM-768", "kid": "pq", "pub": "AAAA"});
    let rsa = json!({"kty": "RSA", "alg": "RSA-OAEP", "kid": "rsa", "n": "AAAA", "e": "AQAB"});
    let mut nameless = DecryptionKey::generate(KeyKind::P256, &mut rng(2)).public_jwk("x");
    nameless.as_object_mut().unwrap().remove("kid");
    let chosen = |keys: Value| {
        EncryptionKey::from_jwks(&json!({"keys": keys})).map(|key| key.kid().unwrap().to_owned())
    };
    assert_eq!(
        chosen(json!([unknown, rsa, nameless, good])).unwrap(),
        "good"
    );
    assert_eq!(
        chosen(json!([unknown, rsa, nameless])),
        Err(EncryptionKeyError::Kind)
    );
    assert_eq!(chosen(json!([])), Err(EncryptionKeyError::Kind));
    assert_eq!(
        chosen(json!([good, good])),
        Err(EncryptionKeyError::DuplicateKid)
    );
    let seventeen: Vec<Value> = (0..17).map(|_| nameless.clone()).collect();
    assert_eq!(chosen(json!(seventeen)), Err(EncryptionKeyError::Kind));
    assert_eq!(
        EncryptionKey::from_jwks(&json!([good])),
        Err(EncryptionKeyError::Kind)
    );
}

#[test]
fn debug_shows_no_secret() {
    for kind in [KeyKind::P256, KeyKind::X25519] {
        let shown = format!("{:?}", DecryptionKey::from_secret(kind, &[7; 32]).unwrap());
        assert!(
            !shown.contains("7, 7") && !shown.contains(&base64url::encode(&[7; 32])),
            "{shown}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_survives_the_way(text in proptest::collection::vec(any::<u8>(), 0..400), apv in proptest::collection::vec(any::<u8>(), 0..100), seed: u64) {
        let key = DecryptionKey::generate(KeyKind::X25519, &mut rng(seed));
        let compact = encrypt(&recipient(&key), ContentEncryption::A256Gcm, b"", &apv, &text, &mut rng(seed ^ 1));
        prop_assert_eq!(open(&compact, &key), Ok(text));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
