//! Issuing, and what the instances of one batch must not share (rows S19, I19 and W12 of the catalogue).

use std::collections::BTreeSet;

use protocol::base64url;
use protocol::credential::sd_jwt::{ConcealError, SdJwtError};
use protocol::credential::{
    ClaimPath, CredentialTemplate, Decoys, IssueError, IssuedCredential, LinkableError,
    UnverifiedCredential, VCT_KYC, VerifiedCredential, check_unlinkable, disclosable_in_kyc, issue,
};
use protocol::identity::Algorithm;
use protocol::identity::jws::HeaderExtras;
use protocol::status::StatusReference;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use crate::forge::{DAY, ISS, NOW, STATUS_URI, TODAY, credential, issuer, issuer_key, key};

pub(crate) fn claims() -> Value {
    json!({"verified_claims": {
        "verification": {
            "trust_framework": "jp_aml",
            "time": "2026-11-20T00:00:00Z",
            "evidence": [{"type": "document", "document_details": {"type": "driving_permit", "date_of_expiry": "2030-01-01"}}],
            "checks": [
                {"process": "identity_document", "result": "passed", "salt": "a"},
                {"process": "name_identification", "result": "passed", "salt": "b"},
                {"process": "asf_collation", "result": "passed", "salt": "c"},
                {"process": "residence", "result": "passed", "salt": "d"},
            ],
        },
        "claims": {
            "family_name": "山田",
            "given_name": "花子",
            "family_name#ja-Kana-JP": "ヤマダ",
            "birthdate": "1990-04-01",
            "address": {"country": "JP", "postal_code": "100-0001", "region": "東京都"},
            "nationalities": ["JP"],
            "age_equal_or_over": {"18": true, "20": true, "65": false},
        },
    }})
}

pub(crate) fn template(idx: u64) -> CredentialTemplate {
    CredentialTemplate {
        iss: ISS.to_owned(),
        vct: VCT_KYC.to_owned(),
        issued_at: NOW,
        expires: NOW.plus_seconds(30 * DAY),
        status: StatusReference::new(STATUS_URI, idx).unwrap(),
        disclosable: disclosable_in_kyc(&claims()),
        claims: claims().as_object().unwrap().clone(),
        decoys: Decoys::PadToMultipleOf(8.try_into().unwrap()),
    }
}

fn extras() -> HeaderExtras {
    HeaderExtras {
        kid: Some("k1".to_owned()),
        ..HeaderExtras::default()
    }
}

fn issued(template: &CredentialTemplate, holder: u8, seed: u64) -> IssuedCredential {
    let holder = key(Algorithm::EdDsa, holder);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    issue(
        template,
        holder.public_key(),
        &issuer_key(),
        &extras(),
        &mut rng,
    )
    .unwrap()
}

fn verified(issued: &IssuedCredential) -> VerifiedCredential {
    let unverified = UnverifiedCredential::parse(&issued.compact).unwrap();
    unverified.verify(&issuer(), NOW).unwrap()
}

#[test]
fn an_issued_credential_reads_back_with_every_claim_by_itself() {
    let issued = issued(&template(7), 2, 1);
    let held = verified(&issued);
    assert_eq!(
        held.claims()["verified_claims"],
        claims()["verified_claims"]
    );
    assert_eq!(held.signing_input_hash(), issued.signing_input_hash);
    assert_eq!(held.status().idx(), 7);
    assert_eq!(held.expires().as_unix(), TODAY + 30 * DAY);
    assert_eq!(held.claims()["iat"], TODAY);
    assert_eq!(held.claims()["nbf"], TODAY);

    let disclosed: Vec<String> = held.disclosed_paths().map(ToString::to_string).collect();
    assert_eq!(disclosed.len(), 23);
    let verified_claims = ClaimPath::root("verified_claims");
    let no_more = held.preview(&[]).unwrap();
    assert_eq!(
        no_more["verified_claims"],
        json!({"claims": {}, "verification": {"trust_framework": "jp_aml", "evidence": [], "checks": []}})
    );
    let over_20 = verified_claims
        .clone()
        .name("claims")
        .name("age_equal_or_over")
        .name("20");
    let one = held.preview(&[over_20]).unwrap();
    assert_eq!(
        one["verified_claims"]["claims"],
        json!({"age_equal_or_over": {"20": true}})
    );
    let third = verified_claims.name("verification").name("checks").index(2);
    let one = held.preview(&[third]).unwrap();
    assert_eq!(
        one["verified_claims"]["verification"]["checks"][0]["process"],
        "asf_collation"
    );
}

#[test]
fn what_must_not_be_issued_is_not() {
    let holder = key(Algorithm::EdDsa, 2);
    let try_issue = |template: CredentialTemplate| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        issue(
            &template,
            holder.public_key(),
            &issuer_key(),
            &extras(),
            &mut rng,
        )
        .map(|_| ())
    };
    assert_eq!(try_issue(template(7)), Ok(()));
    for reserved in [
        "iss", "vct", "iat", "nbf", "exp", "cnf", "status", "jti", "sub",
    ] {
        let mut linked = template(7);
        linked.claims.insert(reserved.to_owned(), "x".into());
        assert_eq!(
            try_issue(linked),
            Err(IssueError::ReservedClaim(reserved.to_owned()))
        );
    }
    let mut hidden = template(7);
    hidden
        .disclosable
        .push(ClaimPath::root("status").name("status_list"));
    assert_eq!(try_issue(hidden), Err(IssueError::NeverDisclosable));
    let mut absent = template(7);
    absent.disclosable.push(ClaimPath::root("email"));
    assert!(matches!(
        try_issue(absent),
        Err(IssueError::Conceal(ConcealError::NoSuchClaim(_)))
    ));
    let mut short = template(7);
    short.expires = NOW.plus_seconds(3_600);
    assert_eq!(try_issue(short), Err(IssueError::Expiry));
    let sized = |sizes: &[usize]| {
        let mut large = template(7);
        for (number, size) in sizes.iter().enumerate() {
            let name = format!("large_{number}");
            large.disclosable.push(ClaimPath::root(&name));
            large.claims.insert(name, "x".repeat(*size).into());
        }
        large
    };
    assert_eq!(try_issue(sized(&[60_000; 6])), Ok(()));
    let one_claim = try_issue(sized(&[66_000]));
    assert!(matches!(
        one_claim,
        Err(IssueError::Unreadable(SdJwtError::Disclosure(_)))
    ));
    let all = try_issue(sized(&[60_000; 7]));
    assert_eq!(all, Err(IssueError::Unreadable(SdJwtError::TooLarge)));
    let mut plain = template(7);
    plain
        .claims
        .insert("large".to_owned(), "x".repeat(64 * 1024).into());
    assert!(matches!(
        try_issue(plain),
        Err(IssueError::Unreadable(SdJwtError::Jws(_)))
    ));
}

#[test]
fn neg_s19_instances_of_a_batch_share_nothing_that_links_them() {
    let good = [issued(&template(7), 2, 1), issued(&template(8), 3, 2)];
    assert_eq!(check_unlinkable(&good), Ok(()));
    let received: Vec<_> = good.iter().map(verified).collect();
    assert_eq!(check_unlinkable(&received), Ok(()));

    let same_salts = [issued(&template(7), 2, 1), issued(&template(8), 3, 1)];
    assert_eq!(check_unlinkable(&same_salts), Err(LinkableError::Salt));
    let same_key = [issued(&template(7), 2, 1), issued(&template(8), 2, 2)];
    assert_eq!(check_unlinkable(&same_key), Err(LinkableError::HolderKey));
    let same_entry = [issued(&template(7), 2, 1), issued(&template(7), 3, 2)];
    assert_eq!(check_unlinkable(&same_entry), Err(LinkableError::Status));
    let precise = credential()
        .with("iat", (TODAY + 1).into())
        .verify()
        .unwrap();
    assert_eq!(
        check_unlinkable([&precise]),
        Err(LinkableError::PreciseTime)
    );
    for name in ["jti", "sub"] {
        let identified = credential()
            .with(name, "urn:uuid:1".into())
            .verify()
            .unwrap();
        assert_eq!(
            check_unlinkable([&identified]),
            Err(LinkableError::Identifier)
        );
    }
}

/// All texts and numbers in a signed payload, wherever they are.
fn leaves(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Array(elements) => elements.iter().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            BTreeSet::from([value.to_string()])
        }
    }
}

#[test]
fn ten_instances_have_nothing_in_common_that_all_credentials_of_the_day_have_not() {
    let payloads: Vec<Value> = (0..10_u8)
        .map(|number| {
            let issued = issued(
                &template(1_000 + u64::from(number) * 7),
                50 + number,
                number.into(),
            );
            let payload = issued.compact.split('.').nth(1).unwrap().to_owned();
            serde_json::from_slice(&base64url::decode(&payload).unwrap()).unwrap()
        })
        .collect();
    let of_the_day = json!([
        ISS,
        VCT_KYC,
        STATUS_URI,
        TODAY,
        TODAY + 30 * DAY,
        "jp_aml",
        "sha-256",
        "OKP",
        "Ed25519",
    ]);
    for (index, one) in payloads.iter().enumerate() {
        for other in payloads.iter().skip(index + 1) {
            let common: BTreeSet<_> = leaves(one).intersection(&leaves(other)).cloned().collect();
            assert_eq!(common, leaves(&of_the_day));
        }
    }
}

#[test]
fn nothing_of_a_credential_is_shown_by_debug() {
    let issued = issued(&template(7), 2, 1);
    let shown = format!("{:?} {issued:?} {:?}", template(7), verified(&issued));
    assert!(
        !shown.contains("山田") && !shown.contains("family_name"),
        "{shown}"
    );
}
