use proptest::prelude::*;
use protocol::base64url;
use protocol::identity::{Algorithm, PublicKey, SigningKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use crate::{DidError, DidUrl, Relationship};

fn key(algorithm: Algorithm, seed: u64) -> PublicKey {
    SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(seed))
        .public_key()
        .clone()
}

fn resolve(url: &str) -> Result<PublicKey, DidError> {
    DidUrl::parse(url)?.key()
}

/// The did:jwk of any text.
fn did_jwk(jwk: &str) -> String {
    format!("did:jwk:{}#0", base64url::encode(jwk.as_bytes()))
}

#[test]
fn a_key_is_found_again_under_its_did() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, 1);
        for url in [DidUrl::of_jwk(&key), DidUrl::of_key(&key)] {
            assert_eq!(resolve(url.as_str()).unwrap(), key, "{url}");
            assert_eq!(format!("{}#", url.did()), url.as_str()[..=url.did().len()]);
            assert_eq!(url.document_location(), Ok(None));
        }
    }
}

#[test]
fn the_examples_of_the_method_specifications_resolve() {
    // did:jwk, example P-256.
    let url = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9#0";
    let key = resolve(url).unwrap();
    assert_eq!(
        key.to_jwk()["x"],
        "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0"
    );
    assert_eq!(DidUrl::of_jwk(&key).as_str(), url);
    // did:key, Ed25519 and P-256.
    let id = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let ed25519 = resolve(&format!("did:key:{id}#{id}")).unwrap();
    assert_eq!(ed25519.algorithm(), Algorithm::EdDsa);
    let id = "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
    let p256 = resolve(&format!("did:key:{id}#{id}")).unwrap();
    assert_eq!(p256.algorithm(), Algorithm::Es256);
}

#[test]
fn members_of_a_jwk_beyond_the_required_are_read_in_any_order() {
    let key = key(Algorithm::EdDsa, 1);
    let x = key.to_jwk()["x"].clone();
    let text =
        format!(r#"{{"x":{x},"use":"sig","alg":"EdDSA","kty":"OKP","kid":"k","crv":"Ed25519"}}"#);
    assert_eq!(resolve(&did_jwk(&text)).unwrap(), key);
}

#[test]
fn neg_p18_a_did_jwk_of_no_acceptable_key_is_refused() {
    let jwk = |changes: Value| {
        let mut jwk = key(Algorithm::Es256, 1).to_jwk();
        for (name, value) in changes.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        resolve(&did_jwk(&jwk.to_string()))
    };
    jwk(json!({})).unwrap();
    for changes in [
        json!({"d": base64url::encode(&[1; 32])}),
        json!({"x": base64url::encode(&[1; 32])}),
        json!({"x": base64url::encode(&[1; 31])}),
        json!({"crv": "P-384"}),
        json!({"crv": "secp256k1"}),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "RSA"}),
        json!({"use": "enc"}),
        json!({"alg": "RS256"}),
        json!({"key_ops": ["encrypt"]}),
    ] {
        assert_eq!(jwk(changes.clone()), Err(DidError::Key), "{changes}");
    }
}

#[test]
fn neg_p01_a_did_jwk_with_two_members_of_one_name_is_refused() {
    let key = key(Algorithm::EdDsa, 1);
    let x = key.to_jwk()["x"].clone();
    let other = base64url::encode(&[7; 32]);
    resolve(&did_jwk(&format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":{x}}}"#
    )))
    .unwrap();
    for text in [
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{other}","x":{x}}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","\u0078":"{other}","x":{x}}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":{x}}}{{}}"#),
    ] {
        assert_eq!(resolve(&did_jwk(&text)), Err(DidError::Key), "{text}");
    }
}

#[test]
fn neg_p06_a_did_jwk_in_another_base64_is_refused() {
    let url = DidUrl::of_jwk(&key(Algorithm::EdDsa, 1));
    resolve(url.as_str()).unwrap();
    let did = url.did();
    for bad in [
        format!("{did}=#0"),
        format!("{}#0", &did[..did.len() - 1]),
        format!("{did}A#0"),
        "did:jwk:#0".to_owned(),
    ] {
        assert!(resolve(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_did_key_in_another_spelling_is_refused() {
    for algorithm in Algorithm::ALL {
        let url = DidUrl::of_key(&key(algorithm, 1));
        let id = url.did().strip_prefix("did:key:").unwrap();
        resolve(url.as_str()).unwrap();
        for bad in [
            format!("did:key:{id}#0"),
            format!("did:key:{id}#{}", &id[1..]),
            format!("did:key:z1{0}#z1{0}", &id[1..]),
            format!("did:key:{0}#{0}", &id[..id.len() - 1]),
            format!("did:key:{0}#{0}", &id[1..]),
            format!("did:key:{0}#{0}", id.to_ascii_lowercase()),
            "did:key:z#z".to_owned(),
        ] {
            assert!(resolve(&bad).is_err(), "{bad}");
        }
    }
    // The same bytes in base64url and in hexadecimal instead of base58.
    let bytes = [&[0xed, 0x01][..], &key(Algorithm::EdDsa, 1).to_bytes()].concat();
    let base64 = format!("u{}", base64url::encode(&bytes));
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for id in [base64, format!("f{hex}")] {
        assert_eq!(
            resolve(&format!("did:key:{id}#{id}")),
            Err(DidError::Key),
            "{id}"
        );
    }
}

#[test]
fn a_did_key_of_another_kind_is_refused() {
    for id in [
        // X25519, secp256k1, P-384 and BLS12-381 from the method's specification.
        "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
        "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9",
        "zUC7K4ndUaGZgV7Cp2yJy6JtMoUHY6u7tkcSYUvPrEidqBmLCTLmi6d5WvwnUqejscAkERJ3bfjEiSYtdPkRSE8kSa11hFBr4sTgnbZ95SJj19PN2jdvJjyzpSZgxkyyxNnBNnY",
    ] {
        assert!(resolve(&format!("did:key:{id}#{id}")).is_err(), "{id}");
    }
}

#[test]
fn neg_p13_what_is_not_the_url_of_a_verification_method_is_refused() {
    let url = DidUrl::of_key(&key(Algorithm::EdDsa, 1));
    let (did, fragment) = url.as_str().split_once('#').unwrap();
    for (bad, error) in [
        (did.to_owned(), DidError::Form),
        (format!("{did}#"), DidError::Form),
        (format!("{did}/path#{fragment}"), DidError::Form),
        // ssi unwraps the parsing of this query.
        (
            format!("{did}?service=a&service=b#{fragment}"),
            DidError::Form,
        ),
        (format!("{did}?#{fragment}"), DidError::Form),
        (format!("{did}#{fragment}\n"), DidError::Form),
        (format!(" {did}#{fragment}"), DidError::Form),
        (format!("{did}#{fragment}#{fragment}"), DidError::Form),
        (format!("DID{}#{fragment}", &did[3..]), DidError::Form),
        (format!("did:key:z{}#0", "a".repeat(1_024)), DidError::Form),
        (String::new(), DidError::Form),
        ("../../etc/passwd".to_owned(), DidError::Form),
        ("https://a.example/keys#1".to_owned(), DidError::Form),
        ("did:ion:abc#0".to_owned(), DidError::Method),
        ("did:example:abc#0".to_owned(), DidError::Method),
        ("did:KEY:abc#0".to_owned(), DidError::Form),
    ] {
        assert_eq!(resolve(&bad), Err(error), "{bad}");
    }
}

#[test]
fn a_did_web_is_at_an_https_address_of_its_host() {
    for (did, location) in [
        (
            "did:web:w3c-ccg.github.io",
            "https://w3c-ccg.github.io/.well-known/did.json",
        ),
        (
            "did:web:w3c-ccg.github.io:user:alice",
            "https://w3c-ccg.github.io/user/alice/did.json",
        ),
        (
            "did:web:example.com%3A3000:user:alice",
            "https://example.com:3000/user/alice/did.json",
        ),
    ] {
        let url = DidUrl::parse(&format!("{did}#key-1")).unwrap();
        assert_eq!(url.document_location().unwrap().unwrap().as_str(), location);
        assert_eq!(url.key(), Err(DidError::NeedsDocument));
    }
}

#[test]
fn neg_w02_a_did_web_that_points_inside_is_refused() {
    for id in [
        "localhost",
        "localhost%3A8080",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "router",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "1.2.3.4",
        "%5B%3A%3A1%5D",
        "example.com%3A99999",
        "example.com%3Auser%40evil.example",
        "user%40example.com",
        "example.com%2Fx",
        "EXAMPLE.com",
        "example..com",
        "example.com.",
        ".example.com",
        "example.com:..:secret",
        "example.com:.:secret",
        "example.com::secret",
        "example.com:%2e%2e",
        "example.com:a%2Fb",
    ] {
        let location =
            DidUrl::parse(&format!("did:web:{id}#k")).and_then(|url| url.document_location());
        assert!(location.is_err(), "{id}: {location:?}");
    }
}

const DID: &str = "did:web:a.example";

fn document(method: &Value, changes: &Value) -> Vec<u8> {
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": DID,
        "verificationMethod": [method],
        "authentication": [format!("{DID}#k")],
        "assertionMethod": [],
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.to_string().into_bytes()
}

fn method(key: &PublicKey) -> Value {
    json!({"id": format!("{DID}#k"), "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": key.to_jwk()})
}

fn in_document(document: &[u8], relationship: Relationship) -> Result<PublicKey, DidError> {
    DidUrl::parse(&format!("{DID}#k"))
        .unwrap()
        .key_in_document(document, relationship)
}

#[test]
fn a_key_is_found_in_the_document_of_its_did() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, 1);
        let found = in_document(
            &document(&method(&key), &json!({})),
            Relationship::Authentication,
        );
        assert_eq!(found.unwrap(), key);
        let multibase = DidUrl::of_key(&key)
            .did()
            .strip_prefix("did:key:")
            .unwrap()
            .to_owned();
        let multikey = json!({"id": format!("{DID}#k"), "type": "Multikey", "controller": DID, "publicKeyMultibase": multibase});
        let found = in_document(
            &document(&multikey, &json!({})),
            Relationship::Authentication,
        );
        assert_eq!(found.unwrap(), key);
    }
}

#[test]
fn a_key_for_another_relationship_is_refused() {
    let key = key(Algorithm::Es256, 1);
    let plain = document(&method(&key), &json!({}));
    assert_eq!(
        in_document(&plain, Relationship::AssertionMethod),
        Err(DidError::VerificationMethod)
    );
    let both = document(&method(&key), &json!({"assertionMethod": ["#k"]}));
    assert_eq!(
        in_document(&both, Relationship::AssertionMethod).unwrap(),
        key
    );
    let none = document(&method(&key), &json!({"authentication": []}));
    assert_eq!(
        in_document(&none, Relationship::Authentication),
        Err(DidError::VerificationMethod)
    );
}

#[test]
fn a_document_of_another_did_or_with_another_key_is_refused() {
    let key = key(Algorithm::Es256, 1);
    let changed = |name: &str, value: Value| {
        let mut method = method(&key);
        method[name] = value;
        in_document(&document(&method, &json!({})), Relationship::Authentication)
    };
    let other = document(&method(&key), &json!({"id": "did:web:b.example"}));
    assert_eq!(
        in_document(&other, Relationship::Authentication),
        Err(DidError::Document)
    );
    assert_eq!(
        changed("id", json!(format!("{DID}#other"))),
        Err(DidError::VerificationMethod)
    );
    assert_eq!(
        changed("controller", json!("did:web:b.example")),
        Err(DidError::VerificationMethod)
    );
    assert_eq!(
        changed("publicKeyMultibase", json!("z6Mk")),
        Err(DidError::Key)
    );
    assert_eq!(
        changed("publicKeyJwk", json!({"kty": "oct", "k": "AAAA"})),
        Err(DidError::Key)
    );
    assert_eq!(changed("publicKeyJwk", json!(null)), Err(DidError::Key));
}

#[test]
fn neg_p01_a_document_that_is_not_strict_json_is_refused() {
    let key = key(Algorithm::Es256, 1);
    let good = String::from_utf8(document(&method(&key), &json!({}))).unwrap();
    in_document(good.as_bytes(), Relationship::Authentication).unwrap();
    for bad in [
        good.replacen('{', r#"{"id":"did:web:b.example","#, 1),
        format!("{good}{{}}"),
        good[..good.len() - 1].to_owned(),
        String::new(),
        "[]".to_owned(),
        format!("{}{good}", " ".repeat(64 * 1024)),
    ] {
        assert_eq!(
            in_document(bad.as_bytes(), Relationship::Authentication),
            Err(DidError::Document)
        );
    }
}

/// This package is built with serde_json's `arbitrary_precision`, which `protocol` alone is not.
#[test]
fn the_strict_reader_holds_where_numbers_keep_their_digits() {
    use protocol::json::{JsonError, Limits, parse, parse_as};
    let read = |text: &str| parse(text.as_bytes(), &Limits::DEFAULT);
    assert_eq!(
        read("1.10").unwrap().to_string(),
        "1.10",
        "arbitrary_precision is on"
    );
    let value = read(r#"{"a":[1,-2,1.5e3,18446744073709551615,{"b":0}]}"#).unwrap();
    assert_eq!(
        value,
        serde_json::from_str::<Value>(r#"{"a":[1,-2,1.5e3,18446744073709551615,{"b":0}]}"#)
            .unwrap()
    );
    assert_eq!(value["a"][3].as_u64(), Some(u64::MAX));
    for text in [
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"\u0024serde_json::private::Number":"1"}"#,
        r#"[{"$serde_json::privat\u0065::Number":"1e999"}]"#,
        r#"{"a":1,"$serde_json\u003a:private::Number":"1"}"#,
    ] {
        assert_eq!(read(text), Err(JsonError::Reserved), "{text}");
    }
    for text in ["1e309", "-1e400", "[1e999]", &"9".repeat(33)] {
        assert_eq!(read(text), Err(JsonError::Number), "{text}");
    }
    assert_eq!(read(r#"{"a":1,"a":1}"#), Err(JsonError::DuplicateMember));
    assert_eq!(
        parse_as::<Vec<u64>>(b"[1,2]", &Limits::DEFAULT),
        Ok(vec![1, 2])
    );
    for text in ["[-1]", "[1.5]", "[18446744073709551616]", "[\"1\"]"] {
        assert_eq!(
            parse_as::<Vec<u64>>(text.as_bytes(), &Limits::DEFAULT),
            Err(JsonError::Shape),
            "{text}"
        );
    }
    let time: protocol::Timestamp = parse_as(b"1795392000", &Limits::DEFAULT).unwrap();
    assert_eq!(time.as_unix(), 1_795_392_000);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(did:(jwk|key|web):)?[a-zA-Z0-9%:.#?/&=_-]{0,80}") {
        if let Ok(url) = DidUrl::parse(&text) {
            let _ = url.key();
            let _ = url.document_location();
        }
    }

    #[test]
    fn any_changed_character_of_a_did_key_is_another_key_or_none(position in 8_usize..56, replacement in "[1-9A-HJ-NP-Za-km-z]") {
        let key = key(Algorithm::EdDsa, 1);
        let url = DidUrl::of_key(&key);
        let mut id = url.did().strip_prefix("did:key:").unwrap().to_owned();
        let at = position.min(id.len() - 1);
        id.replace_range(at..=at, &replacement);
        let changed = format!("did:key:{id}#{id}");
        prop_assume!(changed != url.as_str());
        prop_assert_ne!(resolve(&changed), Ok(key));
    }
}
