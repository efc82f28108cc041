//! Key Binding, RFC 9901 section 7.3 step 5: rows K01 to K10.

use protocol::credential::CredentialError::{self, SdJwt};
use protocol::credential::sd_jwt::{KeyBindingError, SdJwtError};
use protocol::credential::{
    ClaimPath, KeyBindingExpectation, PresentError, UnverifiedPresentedCredential,
    transaction_data_hash,
};
use protocol::identity::Algorithm;
use protocol::identity::jws::JwsError;
use serde_json::{Value, json};

use crate::forge::{
    AUDIENCE, NONCE, NOW, assert_refused, credential, digest, holder_key, issuer, jwk, key,
    verify_presented,
};

fn refusal(result: Result<impl std::fmt::Debug, CredentialError>) -> KeyBindingError {
    match result {
        Err(SdJwt(SdJwtError::KeyBinding(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_holder_presents_is_accepted_with_the_claims_it_chose() {
    let held = credential().verify().unwrap();
    let paths = [
        ClaimPath::root("address").name("region"),
        ClaimPath::root("occupation"),
    ];
    let text = held
        .present(&paths, AUDIENCE, NONCE, &[], &holder_key(), NOW)
        .unwrap();
    let presented = verify_presented(&text).unwrap();
    assert_eq!(presented.presented_at(), NOW);
    let claims = presented.credential().claims();
    assert_eq!(
        claims["address"],
        json!({"country": "JP", "region": "東京都"})
    );
    assert!(claims.get("family_name").is_none());
    assert_eq!(claims["nationalities"], json!([]));
    assert_eq!(claims, &held.preview(&paths).unwrap());
    assert_eq!(presented.credential().disclosures().len(), 2);
    assert_eq!(
        presented.credential().signing_input_hash(),
        held.signing_input_hash()
    );
}

#[test]
fn a_claim_that_is_not_there_cannot_be_presented() {
    let held = credential().verify().unwrap();
    let present = |path| held.present(&[path], AUDIENCE, NONCE, &[], &holder_key(), NOW);
    assert!(present(ClaimPath::root("family_name")).is_ok());
    assert_refused!(
        present(ClaimPath::root("given_name")),
        PresentError::NoSuchClaim(_)
    );
    let stranger = key(Algorithm::EdDsa, 9);
    let by_stranger = held.present(&[], AUDIENCE, NONCE, &[], &stranger, NOW);
    assert_refused!(by_stranger, PresentError::OtherHolderKey);
}

#[test]
fn neg_k01_a_presentation_without_key_binding_is_refused() {
    let good = credential().presented();
    assert!(good.verify().is_ok());
    assert_refused!(
        verify_presented(&good.sd_jwt),
        SdJwt(SdJwtError::MissingKeyBinding)
    );
}

#[test]
fn neg_k02_a_wrong_signature_is_refused() {
    assert!(credential().presented().verify().is_ok());
    let mut stranger = credential().presented();
    stranger.key = key(Algorithm::EdDsa, 9);
    assert_eq!(
        refusal(stranger.verify()),
        KeyBindingError::Jws(JwsError::Signature)
    );
    stranger.header["jwk"] = stranger.key.public_key().to_jwk();
    assert!(
        stranger.verify().is_err(),
        "a key in the header decides nothing"
    );
    let mut by_the_issuer = credential().presented();
    by_the_issuer.key = key(Algorithm::EdDsa, 1);
    assert_eq!(
        refusal(by_the_issuer.verify()),
        KeyBindingError::Jws(JwsError::Signature)
    );
    let text = credential().presented().text();
    let (rest, signature) = text.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    assert!(verify_presented(&format!("{rest}.{flipped}")).is_err());
    assert!(verify_presented(&format!("{rest}.")).is_err());
}

#[test]
fn neg_k03_another_type_or_algorithm_is_refused() {
    assert!(credential().presented().verify().is_ok());
    for typ in [
        "KB+JWT",
        "application/kb+jwt",
        "JWT",
        "dc+sd-jwt",
        "openid4vci-proof+jwt",
        "",
    ] {
        let mut forged = credential().presented();
        forged.header["typ"] = typ.into();
        assert_eq!(
            refusal(forged.verify()),
            KeyBindingError::Jws(JwsError::Type),
            "{typ}"
        );
    }
    for alg in ["none", "HS256", "ES256", "ES384", "RS256"] {
        let mut forged = credential().presented();
        forged.header["alg"] = alg.into();
        assert_eq!(
            refusal(forged.verify()),
            KeyBindingError::Jws(JwsError::Algorithm),
            "{alg}"
        );
    }
    let credential_as_key_binding = format!("{}{}", credential().text(), credential().jws());
    assert!(verify_presented(&credential_as_key_binding).is_err());
}

#[test]
fn neg_k04_another_audience_is_refused() {
    assert!(credential().presented().verify().is_ok());
    for audience in [
        "abc",
        "x509_hash:abd",
        "X509_hash:abc",
        "x509_hash:abc/",
        "x509_hash:abc ",
        "",
    ] {
        let forged = credential().presented().with("aud", audience.into());
        assert_eq!(
            refusal(forged.verify()),
            KeyBindingError::Audience,
            "{audience}"
        );
    }
    for audience in [
        json!([AUDIENCE]),
        json!({"a": AUDIENCE}),
        Value::Null,
        json!(1),
    ] {
        let forged = credential().presented().with("aud", audience);
        assert_eq!(refusal(forged.verify()), KeyBindingError::Claims);
    }
    assert_eq!(
        refusal(credential().presented().without("aud").verify()),
        KeyBindingError::Claims
    );
}

#[test]
fn neg_k05_another_nonce_is_refused() {
    assert!(credential().presented().verify().is_ok());
    for nonce in ["other", "n-0s6_wza2mj", "n-0S6_WzA2Mj ", ""] {
        let forged = credential().presented().with("nonce", nonce.into());
        assert_eq!(refusal(forged.verify()), KeyBindingError::Nonce, "{nonce}");
    }
    for nonce in [json!(1), json!([NONCE]), Value::Null] {
        let forged = credential().presented().with("nonce", nonce);
        assert_eq!(refusal(forged.verify()), KeyBindingError::Claims);
    }
    assert_eq!(
        refusal(credential().presented().without("nonce").verify()),
        KeyBindingError::Claims
    );
}

#[test]
fn neg_k06_a_presentation_from_another_time_is_refused() {
    let at = |iat: u64| credential().presented().with("iat", iat.into()).verify();
    let (now, year) = (NOW.as_unix(), 365 * 86_400);
    assert!(at(now).is_ok());
    assert!(at(now - 300).is_ok());
    assert!(at(now + 60).is_ok());
    assert_eq!(refusal(at(now - 301)), KeyBindingError::IssuedInPast);
    assert_eq!(refusal(at(now - year)), KeyBindingError::IssuedInPast);
    assert_eq!(refusal(at(now + 61)), KeyBindingError::IssuedInFuture);
    assert_eq!(refusal(at(now + year)), KeyBindingError::IssuedInFuture);
    for iat in [json!(now.to_string()), json!(-1), json!([now]), Value::Null] {
        let forged = credential().presented().with("iat", iat);
        assert_eq!(refusal(forged.verify()), KeyBindingError::Claims);
    }
    assert_eq!(
        refusal(credential().presented().without("iat").verify()),
        KeyBindingError::Claims
    );
}

#[test]
fn neg_k07_another_sd_hash_is_refused() {
    let good = credential().presented();
    assert!(good.verify().is_ok());
    let without_last_tilde = good.sd_jwt.trim_end_matches('~');
    let token_only = good.sd_jwt.split('~').next().unwrap();
    for hash in [
        digest("other"),
        digest(without_last_tilde),
        digest(token_only),
        digest(&good.sd_jwt).to_uppercase(),
        String::new(),
    ] {
        let forged = credential().presented().with("sd_hash", hash.into());
        assert_eq!(refusal(forged.verify()), KeyBindingError::SdHash);
    }
    let mut removed = credential().presented();
    let last = removed.sd_jwt.trim_end_matches('~').rfind('~').unwrap();
    removed.sd_jwt.truncate(last + 1);
    assert_eq!(refusal(removed.verify()), KeyBindingError::SdHash);
    let mut fewer = credential();
    let kept = fewer.disclosures.split_off(1);
    let mut added = fewer.presented();
    for disclosure in kept {
        added.sd_jwt.push_str(&disclosure);
        added.sd_jwt.push('~');
    }
    assert_eq!(refusal(added.verify()), KeyBindingError::SdHash);
    assert_eq!(
        refusal(credential().presented().without("sd_hash").verify()),
        KeyBindingError::Claims
    );
}

#[test]
fn neg_k08_transaction_data_must_be_confirmed_exactly_as_asked() {
    let asked = ["eyJ0eXBlIjoiYSJ9".to_owned(), "eyJ0eXBlIjoiYiJ9".to_owned()];
    let hashes = asked.each_ref().map(|entry| transaction_data_hash(entry));
    let verify = |text: &str, asked: &[String]| {
        let expected = KeyBindingExpectation::new(AUDIENCE, NONCE).with_transaction_data(asked);
        UnverifiedPresentedCredential::parse(text)?.verify(&issuer(), &expected, NOW)
    };
    let held = credential().verify().unwrap();
    let confirmed = held
        .present(&[], AUDIENCE, NONCE, &asked, &holder_key(), NOW)
        .unwrap();
    assert!(verify(&confirmed, &asked).is_ok());
    let with = |claims: Value| {
        let mut forged = credential().presented();
        for (name, value) in claims.as_object().unwrap() {
            forged = forged.with(name, value.clone());
        }
        forged.text()
    };
    let named =
        json!({"transaction_data_hashes": hashes, "transaction_data_hashes_alg": "sha-256"});
    assert!(verify(&with(named), &asked).is_ok());

    assert_eq!(
        refusal(verify(&confirmed, &[])),
        KeyBindingError::TransactionData
    );
    for claims in [
        json!({}),
        json!({"transaction_data_hashes": []}),
        json!({"transaction_data_hashes": [hashes[0]]}),
        json!({"transaction_data_hashes": [hashes[1], hashes[0]]}),
        json!({"transaction_data_hashes": [hashes[0], hashes[1], hashes[1]]}),
        json!({"transaction_data_hashes": asked}),
        json!({"transaction_data_hashes": hashes[0]}),
        json!({"transaction_data_hashes": hashes, "transaction_data_hashes_alg": "sha-512"}),
        json!({"transaction_data_hashes": hashes, "transaction_data_hashes_alg": ["sha-256"]}),
    ] {
        let refused = refusal(verify(&with(claims.clone()), &asked));
        assert_eq!(refused, KeyBindingError::TransactionData, "{claims}");
    }
    for claims in [
        json!({"transaction_data_hashes": []}),
        json!({"transaction_data_hashes": null}),
        json!({"transaction_data_hashes_alg": "sha-256"}),
    ] {
        assert_eq!(
            refusal(verify(&with(claims), &[])),
            KeyBindingError::TransactionData
        );
    }
}

#[test]
fn neg_k09_an_expired_key_binding_is_refused() {
    let now = NOW.as_unix();
    let forge = |name: &str, value: Value| credential().presented().with(name, value).verify();
    assert!(forge("exp", (now + 300).into()).is_ok());
    assert!(forge("nbf", now.into()).is_ok());
    assert!(matches!(
        refusal(forge("exp", (now - 60).into())),
        KeyBindingError::Validity(_)
    ));
    assert!(matches!(
        refusal(forge("nbf", (now + 61).into())),
        KeyBindingError::Validity(_)
    ));
    assert!(matches!(
        refusal(forge("exp", "never".into())),
        KeyBindingError::Validity(_)
    ));
}

#[test]
fn neg_k10_a_minimal_holder_key_is_no_reason_to_refuse() {
    let minimal = credential();
    let jwk_members = minimal.payload["cnf"]["jwk"].as_object().unwrap().len();
    assert_eq!(jwk_members, 3, "kty, crv and x");
    assert!(minimal.presented().verify().is_ok());
    let mut full = jwk(&holder_key(), "holder");
    full["use"] = "sig".into();
    full["alg"] = "EdDSA".into();
    assert!(
        credential()
            .with("cnf", json!({"jwk": full}))
            .presented()
            .verify()
            .is_ok()
    );
    full["alg"] = "ES256".into();
    assert!(
        credential()
            .with("cnf", json!({"jwk": full}))
            .presented()
            .verify()
            .is_err()
    );
}

#[test]
fn both_algorithms_serve_issuers_and_holders() {
    for (issuer_algorithm, holder_algorithm) in [
        (Algorithm::Es256, Algorithm::Es256),
        (Algorithm::Es256, Algorithm::EdDsa),
        (Algorithm::EdDsa, Algorithm::Es256),
    ] {
        let (issuer_key, holder) = (key(issuer_algorithm, 5), key(holder_algorithm, 6));
        let mut forged = credential()
            .with_header("alg", issuer_algorithm.as_str().into())
            .with("cnf", json!({"jwk": holder.public_key().to_jwk()}));
        let jwks = json!({"keys": [jwk(&issuer_key, "k1")]});
        forged.key = issuer_key;
        let issuer =
            protocol::credential::IssuerVerification::by_jwks(crate::forge::ISS, &jwks).unwrap();
        let held = protocol::credential::UnverifiedCredential::parse(&forged.text()).unwrap();
        let held = held.verify(&issuer, NOW).unwrap();
        let text = held
            .present(&[], AUDIENCE, NONCE, &[], &holder, NOW)
            .unwrap();
        let expected = KeyBindingExpectation::new(AUDIENCE, NONCE);
        let presented = UnverifiedPresentedCredential::parse(&text).unwrap();
        assert!(presented.verify(&issuer, &expected, NOW).is_ok());
    }
}
