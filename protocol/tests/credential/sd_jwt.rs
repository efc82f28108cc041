//! The token around the claims, RFC 9901 sections 4, 7.1 and 7.2: rows S01, S02, S14 to S16, S20, and what is common to
//! all signed tokens.

use protocol::credential::CredentialError::{self, SdJwt};
use protocol::credential::sd_jwt::{ProcessError, SD_JWT_BYTES_MAX, SdJwtError, UnverifiedSdJwt};
use protocol::credential::{ClaimPath, ValidityError};
use protocol::identity::Algorithm;
use protocol::identity::jws::JwsError;
use serde_json::{Value, json};

use crate::disclosures::process_error;
use crate::forge::{
    DAY, ISS, NOW, TODAY, assert_refused, credential, digest, disclosure, issuer_key, jws, key,
    verify,
};

#[test]
fn neg_s01_no_algorithm_another_algorithm_and_a_wrong_signature_are_refused() {
    assert!(credential().verify().is_ok());
    for alg in [
        "none", "None", "NONE", "nOnE", "HS256", "RS256", "ES384", "",
    ] {
        let forged = credential().with_header("alg", alg.into());
        assert_refused!(
            forged.verify(),
            SdJwt(SdJwtError::Jws(JwsError::Algorithm)),
            alg
        );
    }
    let mut other_kind = credential().with_header("alg", "ES256".into());
    assert_refused!(
        other_kind.verify(),
        SdJwt(SdJwtError::Jws(JwsError::Algorithm))
    );
    other_kind.key = key(Algorithm::Es256, 1);
    assert_refused!(
        other_kind.verify(),
        SdJwt(SdJwtError::Jws(JwsError::Algorithm))
    );

    let mut forged = credential();
    forged.key = key(Algorithm::EdDsa, 9);
    assert_refused!(forged.verify(), SdJwt(SdJwtError::Jws(JwsError::Signature)));
    let text = credential().text();
    let (token, disclosures) = text.split_once('~').unwrap();
    let (input, _signature) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{input}.~{disclosures}");
    assert_refused!(verify(&unsigned), SdJwt(SdJwtError::Jws(JwsError::Form)));
}

#[test]
fn neg_s02_a_key_of_another_issuer_is_refused() {
    assert!(credential().verify().is_ok());
    let mut other = credential().with_header("kid", "k2".into());
    other.key = key(Algorithm::EdDsa, 3);
    assert_refused!(other.verify(), CredentialError::IssuerKey(_));
    let renamed = credential().with("iss", "https://other.example".into());
    assert_refused!(renamed.verify(), CredentialError::OtherIssuer);
    for look_alike in [
        "https://issuer.example/",
        "https://Issuer.example",
        "https://issuer.example:443",
        "https://issuer.example.",
        "https://user@issuer.example",
        "https://issuer.ex\u{430}mple",
        "",
    ] {
        let renamed = credential().with("iss", look_alike.into());
        assert_refused!(renamed.verify(), CredentialError::OtherIssuer, look_alike);
    }
    for not_text in [json!([ISS]), json!({"id": ISS}), json!(1), Value::Null] {
        assert_refused!(
            credential().with("iss", not_text).verify(),
            CredentialError::OtherIssuer
        );
    }
    assert_refused!(
        credential().without("iss").verify(),
        CredentialError::OtherIssuer
    );
    let mut own_key =
        credential().with_header("jwk", key(Algorithm::EdDsa, 3).public_key().to_jwk());
    own_key.key = key(Algorithm::EdDsa, 3);
    assert!(own_key.verify().is_err(), "an attacker's key in the header");
}

#[test]
fn neg_s14_a_credential_out_of_its_time_is_refused() {
    let refusal = |result| match result {
        Err(SdJwt(SdJwtError::Validity(error))) => error,
        other => panic!("{other:?}"),
    };
    assert!(credential().verify().is_ok());
    let now = TODAY + 3_600;
    assert!(credential().with("exp", (now - 59).into()).verify().is_ok());
    let expired = credential().with("exp", (now - 60).into());
    assert_eq!(refusal(expired.verify()), ValidityError::Expired);
    assert!(credential().with("nbf", (now + 60).into()).verify().is_ok());
    let early = credential().with("nbf", (now + 61).into());
    assert_eq!(refusal(early.verify()), ValidityError::NotYetValid);
    let from_the_future = credential().with("iat", (now + 61).into());
    assert_eq!(
        refusal(from_the_future.verify()),
        ValidityError::NotYetValid
    );
    for time in [
        json!("1883000000"),
        json!(-1),
        json!(1.5e9),
        json!([TODAY + DAY]),
        Value::Null,
    ] {
        let forged = credential().with("exp", time);
        assert_eq!(refusal(forged.verify()), ValidityError::Malformed);
    }
    assert_refused!(
        credential().without("exp").verify(),
        CredentialError::Claim("exp")
    );
    let hidden = credential()
        .without("exp")
        .disclosing(&format!(r#"["salt", "exp", {}]"#, TODAY + DAY));
    assert_refused!(hidden.verify(), CredentialError::SelectivelyDisclosable);
    let mut undisclosed = hidden;
    undisclosed.disclosures.pop();
    assert_refused!(undisclosed.verify(), CredentialError::Claim("exp"));
    let for_another = credential().with("aud", "https://other.example".into());
    assert_refused!(for_another.verify(), CredentialError::Claim("aud"));
}

#[test]
fn neg_s15_a_text_of_another_form_is_refused() {
    let good = credential().text();
    assert!(verify(&good).is_ok());
    let token = credential().jws();
    let (_, disclosures) = good.split_once('~').unwrap();
    for bad in [
        token.clone(),
        good.trim_end_matches('~').to_owned(),
        format!("{good}~"),
        format!("{token}~~{disclosures}"),
        format!("~{good}"),
        "~".to_owned(),
        "~~".to_owned(),
        String::new(),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        good.replacen('~', "~ ", 1),
        good.replace('~', "\u{ff5e}"),
        format!("{good}trailing"),
        format!("{good}{{}}"),
    ] {
        assert!(verify(&bad).is_err(), "{bad}");
    }
    let mut plain = credential().without("_sd").without("nationalities");
    plain.disclosures.clear();
    assert!(plain.verify().is_ok());
    assert_refused!(verify(&plain.jws()), SdJwt(SdJwtError::Form));
}

#[test]
fn neg_s16_a_presentation_from_an_issuer_is_refused() {
    assert!(verify(&credential().text()).is_ok());
    let presented = credential().presented().text();
    assert_refused!(verify(&presented), SdJwt(SdJwtError::UnexpectedKeyBinding));
}

#[test]
fn neg_s20_a_json_serialised_sd_jwt_is_refused() {
    let good = credential();
    assert!(good.verify().is_ok());
    let token = good.jws();
    let parts: Vec<&str> = token.split('.').collect();
    let flattened = json!({
        "payload": parts[1], "protected": parts[0], "signature": parts[2],
        "header": {"disclosures": good.disclosures},
    });
    let general = json!({
        "payload": parts[1],
        "signatures": [{"protected": parts[0], "signature": parts[2], "header": {"disclosures": good.disclosures}}],
    });
    for json in [flattened, general] {
        assert!(verify(&json.to_string()).is_err());
        assert!(verify(&format!("{json}~")).is_err());
    }
}

#[test]
fn neg_p01_a_duplicate_member_in_the_signed_payload_is_refused() {
    let good = credential();
    let text = good.payload.to_string();
    assert!(verify(&format!("{}~", jws(&good.key, &good.header, &text))).is_ok());
    for again in [
        r#"{"iss":"https://issuer.example","#,
        r#"{"\u0069ss":"https://evil.example","#,
    ] {
        let doubled = text.replacen('{', again, 1);
        let token = jws(&good.key, &good.header, &doubled);
        assert_refused!(verify(&format!("{token}~")), SdJwt(SdJwtError::Payload(_)));
    }
}

#[test]
fn neg_p22_what_is_over_a_limit_is_refused_before_the_signature() {
    let many = |count: usize| {
        let mut forged = credential();
        let new: Vec<String> = (0..count - 4)
            .map(|n| disclosure(&format!(r#"["s", "n{n}", 1]"#)))
            .collect();
        let digests = forged.payload["_sd"].as_array_mut().unwrap();
        digests.extend(new.iter().map(|one| Value::from(digest(one))));
        forged.disclosures.extend(new);
        forged
    };
    assert!(many(256).verify().is_ok());
    let mut too_many = many(257);
    too_many.key = key(Algorithm::EdDsa, 9);
    assert_eq!(process_error(too_many.verify()), ProcessError::TooMany);

    let long = |length| {
        format!(
            "{}{}",
            credential().text(),
            "A".repeat(length - credential().text().len())
        )
    };
    assert_refused!(
        UnverifiedSdJwt::parse(&long(SD_JWT_BYTES_MAX)),
        SdJwtError::UnexpectedKeyBinding
    );
    assert_refused!(
        UnverifiedSdJwt::parse(&long(SD_JWT_BYTES_MAX + 1)),
        SdJwtError::TooLarge
    );
    let tildes = format!("{}{}", credential().text(), "A~".repeat(100_000));
    assert_eq!(process_error(verify(&tildes)), ProcessError::TooMany);

    let digests: Vec<String> = (0..10_000).map(|n| digest(&n.to_string())).collect();
    let crowded = credential().with("_sd", json!(digests));
    assert!(crowded.verify().is_err());
}

#[test]
fn neg_p15_another_type_of_token_is_refused() {
    assert!(credential().verify().is_ok());
    for typ in [
        json!("vc+sd-jwt"),
        json!("JWT"),
        json!("application/dc+sd-jwt"),
        json!("DC+SD-JWT"),
        json!("kb+jwt"),
        json!("statuslist+jwt"),
        json!(""),
    ] {
        let forged = credential().with_header("typ", typ);
        assert_refused!(forged.verify(), SdJwt(SdJwtError::Jws(JwsError::Type)));
    }
    let mut untyped = credential();
    untyped.header.as_object_mut().unwrap().remove("typ");
    assert_refused!(untyped.verify(), SdJwt(SdJwtError::Jws(JwsError::Type)));
}

#[test]
fn the_core_reads_any_type_that_its_caller_names() {
    let typed = credential().with_header("typ", "example+sd-jwt".into());
    let read = |typ| {
        let unverified = UnverifiedSdJwt::parse(&typed.text()).unwrap();
        unverified.verify(typ, issuer_key().public_key(), NOW)
    };
    let verified = read("example+sd-jwt").unwrap();
    let path = ClaimPath::root("family_name");
    assert_eq!(path.values(verified.claims()).unwrap(), [&json!("山田")]);
    assert_refused!(read("dc+sd-jwt"), SdJwtError::Jws(JwsError::Type));
}
