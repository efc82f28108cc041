use super::*;
use crate::{
    kyc::{Judgement, Process, UnverifiedApplication},
    registry::{CaseId, Salt},
};

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T03:04:05Z").unwrap()
}

fn application(expiry: &str) -> Application {
    let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    image.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    let json = json!({
        "form": {
            "family_name": "山田", "given_name": "太郎",
            "family_name#ja-Kana-JP": "ヤマダ", "given_name#ja-Kana-JP": "タロウ",
            "family_name#ja-Latn-JP": "YAMADA", "given_name#ja-Latn-JP": "TARO",
            "birthdate": "1990-04-01",
            "address": {
                "country": "JP", "postal_code": "100-0001", "region": "東京都",
                "locality": "千代田区", "street_address": "千代田1-1"
            },
            "nationalities": ["JP"], "occupation": "会社員",
            "identity_document": {"type": "driving_permit", "date_of_expiry": expiry}
        },
        "documents": [
            {"kind": "driving_permit", "media_type": "image/png", "data": base64url::encode(&image)}
        ]
    });
    let bytes = serde_json::to_vec(&json).unwrap();
    UnverifiedApplication::parse(&bytes)
        .unwrap()
        .verify(now())
        .unwrap()
}

fn checks() -> Vec<Check> {
    (1_u32..)
        .zip(Process::ALL)
        .map(|(sequence, process)| Check {
            process,
            result: Judgement::Passed,
            completed_at: Date::parse("2026-11-23").unwrap(),
            reviewer: "r-1".to_owned(),
            case: CaseId::from_bytes([1; 16]),
            sequence,
            definition: 1,
            salt: Salt::from_bytes([9; 32]),
        })
        .collect()
}

#[test]
fn the_claims_say_what_the_form_stated() {
    let claims =
        PersonClaims::new(&application("2029-04-01"), now()).verified_claims(&checks(), now());
    assert_eq!(claims["claims"]["family_name"], "山田");
    assert_eq!(claims["claims"]["family_name#ja-Kana-JP"], "ヤマダ");
    assert_eq!(claims["claims"]["birthdate"], "1990-04-01");
    assert_eq!(claims["claims"]["address"]["region"], "東京都");
    assert_eq!(
        claims["claims"]["age_equal_or_over"],
        json!({"18": true, "20": true, "65": false})
    );
    assert_eq!(claims["verification"]["trust_framework"], "jp_aml");
    assert_eq!(claims["verification"]["time"], "2026-11-23T00:00:00Z");
    assert_eq!(
        claims["verification"]["checks"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn what_a_credential_discloses_is_read_back() {
    let application = application("2029-04-01");
    let claims = json!({
        "verified_claims": PersonClaims::new(&application, now()).verified_claims(&checks(), now()),
    });
    assert_eq!(disclosed_checks(&claims), Ok(checks()));
    let digests = disclosed_document_digests(&claims).unwrap();
    assert_eq!(
        digests,
        application
            .documents()
            .iter()
            .map(|image| image.digest())
            .collect::<Vec<_>>()
    );
}

#[test]
fn claims_that_are_no_kyc_claims_are_refused() {
    for claims in [
        json!({}),
        json!({"verified_claims": {"verification": {"checks": [1], "evidence": [1]}}}),
    ] {
        assert_eq!(disclosed_checks(&claims), Err(ClaimsError::Checks));
        assert_eq!(
            disclosed_document_digests(&claims),
            Err(ClaimsError::Evidence)
        );
    }
}

#[test]
fn neg_i19_validity_is_in_whole_days_and_ends_with_the_document() {
    let long = PersonClaims::new(&application("2029-04-01"), now()).expires(now());
    assert_eq!(long.to_string(), "2027-11-23T00:00:00Z");
    let short = PersonClaims::new(&application("2027-01-31"), now()).expires(now());
    assert_eq!(short.to_string(), "2027-01-31T00:00:00Z");
}

#[test]
fn claims_survive_being_stored() {
    let claims = PersonClaims::new(&application("2029-04-01"), now());
    let stored = PersonClaims::from_json(&claims.to_json()).unwrap();
    assert_eq!(
        stored.verified_claims(&checks(), now()),
        claims.verified_claims(&checks(), now())
    );
    assert_eq!(stored.expires(now()), claims.expires(now()));
    assert!(PersonClaims::from_json(&json!({})).is_none());
}

#[test]
fn the_claims_of_a_person_print_nothing_of_themselves() {
    assert_eq!(
        format!("{:?}", PersonClaims::new(&application("2029-04-01"), now())),
        "PersonClaims"
    );
}
