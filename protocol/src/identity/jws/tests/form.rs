//! Tokens that are not what a compact JWS looks like.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The same token with another text in place of its header.
fn with_header_text(key: &SigningKey, header: &str) -> String {
    let signing_input = format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(payload().to_string().as_bytes())
    );
    let signature = base64url::encode(&key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

#[test]
fn members_that_nobody_knows_are_ignored() {
    let key = key(Algorithm::Es256);
    let compact = with_header(
        &key,
        &json!({"iat": 1, "cty": "x", "vctm": ["a"], "trust_chain": []}),
    );
    verify(&compact, Purpose::KeyProof, &key).unwrap();
}

#[test]
fn neg_p01_duplicate_members_in_header_or_payload_are_refused() {
    let key = key(Algorithm::EdDsa);
    let plain = r#"{"alg":"EdDSA","typ":"openid4vci-proof+jwt"}"#;
    verify(&with_header_text(&key, plain), Purpose::KeyProof, &key).unwrap();
    for header in [
        r#"{"alg":"EdDSA","typ":"openid4vci-proof+jwt","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"dc+sd-jwt","t\u0079p":"openid4vci-proof+jwt"}"#,
    ] {
        let result = verify(&with_header_text(&key, header), Purpose::KeyProof, &key);
        assert_eq!(result.unwrap_err(), JwsError::Header, "{header}");
    }
    let header = json!({"alg": "EdDSA", "typ": "openid4vci-proof+jwt"});
    for payload in [r#"{"aud":"a","aud":"b"}"#, r#"{"\u0061ud":"a","aud":"b"}"#] {
        let result = verify(
            &sign_bytes(&key, &header, payload.as_bytes()),
            Purpose::KeyProof,
            &key,
        );
        assert_eq!(
            result.unwrap_err(),
            JwsError::Payload(JsonError::DuplicateMember),
            "{payload}"
        );
    }
}

#[test]
fn neg_p03_a_payload_that_is_not_one_json_object_is_refused() {
    let key = key(Algorithm::EdDsa);
    let header = json!({"alg": "EdDSA", "typ": "openid4vci-proof+jwt"});
    verify(&sign_bytes(&key, &header, b"{} "), Purpose::KeyProof, &key).unwrap();
    for payload in [
        &b"{}{}"[..],
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\xff\"}",
        b"[]",
        b"\"a\"",
        b"foo",
    ] {
        let result = verify(&sign_bytes(&key, &header, payload), Purpose::KeyProof, &key);
        assert!(
            matches!(result.unwrap_err(), JwsError::Payload(_)),
            "{payload:?}"
        );
    }
}

#[test]
fn neg_p05_header_members_of_another_type_are_refused() {
    for (changes, error) in [
        (json!({"alg": 1}), JwsError::Header),
        (json!({"alg": ["ES256"]}), JwsError::Header),
        (json!({"typ": ["openid4vci-proof+jwt"]}), JwsError::Header),
        (json!({"typ": 7}), JwsError::Header),
        (json!({"kid": {"a": 1}}), JwsError::Header),
        (json!({"x5c": "AAAA"}), JwsError::Header),
        (json!({"x5c": [1]}), JwsError::Header),
        (json!({"x5c": []}), JwsError::Header),
        (json!({"jwk": "key"}), JwsError::Header),
    ] {
        assert_header_refused(&changes, error);
    }
}

#[test]
fn neg_p06_parts_that_are_not_strict_base64url_are_refused() {
    let key = key(Algorithm::Es256);
    let good = sign(
        &key,
        Purpose::KeyProof,
        &HeaderExtras::default(),
        &json!({"a": "?>?>"}),
    );
    verify(&good, Purpose::KeyProof, &key).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    for (index, part) in parts.iter().enumerate() {
        for bad in [
            format!("{part}="),
            format!("{part}=="),
            format!("{part} "),
            format!("{part}\n"),
            format!(" {part}"),
            format!("+{}", &part[1..]),
            format!("/{}", &part[1..]),
        ] {
            let mut parts = parts.clone();
            parts[index] = &bad;
            assert_eq!(
                parse(&parts.join(".")).unwrap_err(),
                JwsError::Form,
                "{bad}"
            );
        }
    }
    // 64 bytes leave four bits in the last character that stand for nothing.
    let last = good.chars().last().unwrap();
    let position = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .find(last)
        .unwrap();
    let sibling =
        "BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A".as_bytes()[position];
    let bad = format!("{}{}", &good[..good.len() - 1], char::from(sibling));
    assert_eq!(parse(&bad).unwrap_err(), JwsError::Form);
}

#[test]
fn neg_p07_anything_but_three_parts_is_refused() {
    let key = key(Algorithm::Es256);
    let good = sign(
        &key,
        Purpose::KeyProof,
        &HeaderExtras::default(),
        &payload(),
    );
    verify(&good, Purpose::KeyProof, &key).unwrap();
    let [h, p, s] = <[&str; 3]>::try_from(good.split('.').collect::<Vec<_>>()).unwrap();
    let json_form = json!({"protected": h, "payload": p, "signature": s}).to_string();
    for bad in [
        format!("{h}.{p}"),
        format!("{h}.{p}.{s}.{s}"),
        format!("{h}.{p}.{s}.{s}.{s}"),
        format!("{h}.{p}.{s}."),
        format!(".{h}.{p}.{s}"),
        format!("{h}..{s}"),
        format!(".{p}.{s}"),
        format!("{h}.{p}."),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        h.to_owned(),
        json_form,
    ] {
        assert!(
            matches!(parse(&bad).unwrap_err(), JwsError::Form | JwsError::Header),
            "{bad}"
        );
    }
}

#[test]
fn neg_p08_alg_none_is_refused_in_every_spelling_and_so_is_no_alg() {
    let key = key(Algorithm::Es256);
    for name in [
        "none", "None", "NONE", "nOnE", "none ", "", "es256", "ES256 ", "eddsa",
    ] {
        let signed = with_header(&key, &json!({"alg": name}));
        assert_eq!(parse(&signed).unwrap_err(), JwsError::Algorithm, "{name}");
        let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
        assert!(parse(&unsigned).is_err(), "{name}");
    }
    assert_header_refused(&json!({"alg": null}), JwsError::Algorithm);
}

#[test]
fn neg_p12_a_place_to_fetch_keys_from_is_refused() {
    for name in ["jku", "x5u"] {
        assert_header_refused(
            &json!({name: "https://attacker.example/keys"}),
            JwsError::Header,
        );
        assert_header_refused(&json!({name: 1}), JwsError::Header);
    }
}

#[test]
fn neg_p13_a_key_name_that_is_more_than_a_name_is_refused() {
    let key = key(Algorithm::Es256);
    for kid in [
        "did:key:zDn#zDn",
        "https://i.example/keys/1",
        "../../etc/passwd",
        &"k".repeat(1_024),
    ] {
        verify(
            &with_header(&key, &json!({"kid": kid})),
            Purpose::KeyProof,
            &key,
        )
        .unwrap();
    }
    for kid in [
        "a b",
        "a\0b",
        "a\nb",
        "\u{1b}[31m",
        "キー",
        &"k".repeat(1_025),
    ] {
        assert_header_refused(&json!({"kid": kid}), JwsError::Header);
    }
}

#[test]
fn neg_p14_critical_extensions_and_unencoded_payloads_are_refused() {
    for changes in [
        json!({"crit": ["x"], "x": 1}),
        json!({"crit": []}),
        json!({"crit": ["alg"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
    ] {
        assert_header_refused(&changes, JwsError::Header);
    }
}

#[test]
fn neg_p22_a_token_over_its_bounds_is_refused_before_its_signature_is_checked() {
    let key = key(Algorithm::Es256);
    let compact = with_header(&key, &json!({}));
    let limits = JwsLimits {
        compact: compact.len(),
        ..JwsLimits::DEFAULT
    };
    UnverifiedJws::parse(&compact, &limits)
        .unwrap()
        .verify(Purpose::KeyProof, key.public_key())
        .unwrap();
    let tight = JwsLimits {
        compact: compact.len() - 1,
        ..limits
    };
    assert_eq!(
        UnverifiedJws::parse(&compact, &tight).unwrap_err(),
        JwsError::TooLarge
    );
    let fits = with_header(&key, &json!({"x": "x".repeat(8 * 1024 - 100)}));
    assert!(parse(&fits).is_ok());
    let large = with_header(&key, &json!({"x": "x".repeat(8 * 1024)}));
    assert!(matches!(
        parse(&large).unwrap_err(),
        JwsError::TooLarge | JwsError::Header
    ));
    assert_header_refused(&json!({"x5c": ["A", "A", "A", "A", "A"]}), JwsError::Header);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
