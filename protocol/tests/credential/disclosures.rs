//! Digests and disclosures, RFC 9901 section 7.1 steps 3 to 5: rows S03 to S13, S17 and S18.

use protocol::credential::CredentialError::{self, SdJwt};
use protocol::credential::sd_jwt::{DisclosureError, ProcessError, RECURSION_MAX, SdJwtError};
use protocol::identity::Algorithm;
use serde_json::{Value, json};

use crate::forge::{assert_refused, credential, digest, disclosure, key};

pub(crate) fn process_error(result: Result<impl std::fmt::Debug, CredentialError>) -> ProcessError {
    match result {
        Err(SdJwt(SdJwtError::Process(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_credential_is_accepted_and_its_disclosures_are_put_in_place() {
    let verified = credential().verify().unwrap();
    let claims = verified.claims();
    assert_eq!(claims["family_name"], "山田");
    assert_eq!(claims["nationalities"], json!(["JP"]));
    assert_eq!(
        claims["address"],
        json!({"country": "JP", "region": "東京都"})
    );
    assert_eq!(claims["occupation"], "engineer");
    assert!(claims.get("_sd").is_none() && claims.get("_sd_alg").is_none());
    let paths: Vec<String> = verified
        .disclosed_paths()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        paths,
        [
            r#"["family_name"]"#,
            r#"["nationalities",0]"#,
            r#"["address"]"#,
            r#"["address","region"]"#
        ]
    );
}

#[test]
fn neg_s03_another_hash_algorithm_is_refused() {
    assert!(credential().verify().is_ok());
    assert!(
        credential().without("_sd_alg").verify().is_ok(),
        "sha-256 is the default"
    );
    for name in [
        json!("sha-512"),
        json!("sha-256-32"),
        json!("SHA-256"),
        json!("sha256"),
        json!(""),
        json!(256),
        json!(["sha-256"]),
        Value::Null,
    ] {
        let forged = credential().with("_sd_alg", name);
        assert_eq!(process_error(forged.verify()), ProcessError::HashAlgorithm);
    }
    let nested = credential().with("object", json!({"_sd_alg": "sha-256"}));
    assert_eq!(process_error(nested.verify()), ProcessError::HashAlgorithm);
    let disclosed_inside = credential().disclosing(r#"["salt", "object", {"_sd_alg": "sha-256"}]"#);
    assert_eq!(
        process_error(disclosed_inside.verify()),
        ProcessError::HashAlgorithm
    );
    let disclosed = credential().disclosing(r#"["salt", "_sd_alg", "sha-256"]"#);
    assert_refused!(
        disclosed.verify(),
        SdJwt(SdJwtError::Disclosure(DisclosureError::ReservedName))
    );
}

#[test]
fn neg_s04_a_malformed_disclosure_is_refused() {
    assert!(
        credential()
            .disclosing(r#"["salt", "name", 1]"#)
            .verify()
            .is_ok()
    );
    for shape in [
        r#"["salt"]"#,
        r#"["salt", "name", 1, 2]"#,
        r#"{"salt": "name"}"#,
        r#"[1, "name", 1]"#,
        r#"["salt", 1, 1]"#,
    ] {
        let forged = credential().disclosing(shape);
        assert_refused!(
            forged.verify(),
            SdJwt(SdJwtError::Disclosure(DisclosureError::Shape)),
            shape
        );
    }
    let not_json = credential().disclosing(r#"["salt", "name", 1"#);
    assert_refused!(
        not_json.verify(),
        SdJwt(SdJwtError::Disclosure(DisclosureError::Json(_)))
    );
    let twice = credential().disclosing(r#"["salt", "name", {"a": 1, "\u0061": 2}]"#);
    assert_refused!(
        twice.verify(),
        SdJwt(SdJwtError::Disclosure(DisclosureError::Json(_)))
    );
    for not_base64url in ["WyJzIiwibiIsMV0=", "WyJz+IsMV0", "W"] {
        let mut forged = credential();
        let digests = forged.payload["_sd"].as_array_mut().unwrap();
        digests.push(digest(not_base64url).into());
        forged.disclosures.push(not_base64url.to_owned());
        assert_refused!(
            forged.verify(),
            SdJwt(SdJwtError::Disclosure(DisclosureError::Encoding(_))),
            not_base64url
        );
    }
}

#[test]
fn neg_s05_a_claim_named_like_a_digest_is_refused() {
    assert!(
        credential()
            .disclosing(r#"["salt", "_sd_", 1]"#)
            .verify()
            .is_ok()
    );
    for name in ["_sd", "...", r"\u005fsd"] {
        let forged = credential().disclosing(&format!(r#"["salt", "{name}", ["x"]]"#));
        assert_refused!(
            forged.verify(),
            SdJwt(SdJwtError::Disclosure(DisclosureError::ReservedName)),
            name
        );
    }
}

#[test]
fn neg_s06_a_claim_that_is_there_already_is_refused() {
    assert!(
        credential()
            .disclosing(r#"["salt", "given_name", "花子"]"#)
            .verify()
            .is_ok()
    );
    let over_a_plain_one = credential().disclosing(r#"["salt", "occupation", "judge"]"#);
    assert_eq!(
        process_error(over_a_plain_one.verify()),
        ProcessError::RepeatedClaim
    );
    let over_a_disclosed_one = credential().disclosing(r#"["salt", "family_name", "鈴木"]"#);
    assert_eq!(
        process_error(over_a_disclosed_one.verify()),
        ProcessError::RepeatedClaim
    );
}

#[test]
fn neg_s07_a_disclosure_of_the_other_kind_is_refused() {
    assert!(credential().verify().is_ok());
    let element_in_an_object = credential().disclosing(r#"["salt", "JP"]"#);
    assert_eq!(
        process_error(element_in_an_object.verify()),
        ProcessError::WrongKind
    );
    let mut member_in_an_array = credential();
    let member = disclosure(r#"["salt", "name", "JP"]"#);
    member_in_an_array.payload["nationalities"][1]["..."] = digest(&member).into();
    member_in_an_array.disclosures.push(member);
    assert_eq!(
        process_error(member_in_an_array.verify()),
        ProcessError::WrongKind
    );
}

#[test]
fn neg_s08_a_digest_that_occurs_twice_is_refused() {
    assert!(credential().verify().is_ok());
    let family_name = digest(&credential().disclosures[0]);
    let nationality = digest(&credential().disclosures[1]);
    let decoy = digest("decoy");
    let places: [fn(&str) -> Value; 3] = [
        |digest| json!({"_sd": [digest]}),
        |digest| json!([{"...": digest}]),
        |digest| json!([[{"a": {"_sd": ["other", digest]}}]]),
    ];
    for digest in [&family_name, &nationality, &decoy] {
        for place in places {
            let inside = format!(r#"["salt", "again", {}]"#, place(digest));
            for forged in [
                credential().with("again", place(digest)),
                credential().disclosing(&inside),
            ] {
                // The digest of a member among elements is of the wrong kind before it is seen again.
                let error = process_error(forged.verify());
                assert!(matches!(
                    error,
                    ProcessError::RepeatedDigest | ProcessError::WrongKind
                ));
            }
        }
        let mut beside = credential();
        let digests = beside.payload["_sd"].as_array_mut().unwrap();
        digests.push(digest.as_str().into());
        let error = process_error(beside.verify());
        assert!(matches!(
            error,
            ProcessError::RepeatedDigest | ProcessError::WrongKind
        ));
    }
    let undisclosed = credential().with("again", json!({"_sd": ["x", "x"]}));
    assert_eq!(
        process_error(undisclosed.verify()),
        ProcessError::RepeatedDigest
    );
}

#[test]
fn neg_s09_a_disclosure_that_no_digest_stands_for_is_refused() {
    assert!(credential().verify().is_ok());
    let mut forged = credential();
    forged
        .disclosures
        .push(disclosure(r#"["salt", "given_name", "花子"]"#));
    assert_eq!(
        process_error(forged.verify()),
        ProcessError::UnreferencedDisclosure
    );
    let mut without_digests = credential().without("_sd").without("nationalities");
    assert_eq!(
        process_error(without_digests.verify()),
        ProcessError::UnreferencedDisclosure
    );
    without_digests.disclosures.clear();
    assert!(without_digests.verify().is_ok());
}

#[test]
fn neg_s10_a_disclosure_without_its_parent_is_refused() {
    let mut child_and_parent = credential();
    child_and_parent.disclosures.drain(..2);
    assert!(child_and_parent.verify().is_ok());
    let mut orphan = credential();
    orphan.disclosures.remove(2);
    assert_eq!(
        process_error(orphan.verify()),
        ProcessError::UnreferencedDisclosure
    );
}

#[test]
fn neg_s11_a_disclosure_sent_twice_is_refused() {
    assert!(credential().verify().is_ok());
    for index in 0..4 {
        let mut forged = credential();
        forged.disclosures.push(forged.disclosures[index].clone());
        assert_eq!(
            process_error(forged.verify()),
            ProcessError::RepeatedDisclosure
        );
    }
}

/// Disclosures, each inside the one before it, and the digest of the outermost.
fn nested(depth: usize) -> (Vec<String>, String) {
    let mut disclosures = vec![disclosure(r#"["salt 0", "n", 1]"#)];
    for level in 1..depth {
        let inner = digest(disclosures.last().unwrap());
        disclosures.push(disclosure(&format!(
            r#"["salt {level}", "n", {{"_sd": ["{inner}"]}}]"#
        )));
    }
    let outermost = digest(disclosures.last().unwrap());
    (disclosures, outermost)
}

#[test]
fn neg_s12_deep_recursion_is_refused_before_any_signature() {
    for (depth, ok) in [
        (1, true),
        (RECURSION_MAX, true),
        (RECURSION_MAX + 1, false),
        (250, false),
    ] {
        let (disclosures, outermost) = nested(depth);
        let mut forged = credential().with("_sd", json!([outermost]));
        forged.disclosures = disclosures;
        forged.payload["nationalities"] = json!([]);
        if ok {
            assert!(forged.verify().is_ok(), "{depth}");
        } else {
            forged.key = key(Algorithm::EdDsa, 9);
            assert_eq!(process_error(forged.verify()), ProcessError::TooDeep);
        }
    }
    let (disclosures, _) = nested(1_000);
    let mut forged = credential();
    forged.disclosures = disclosures;
    assert_eq!(process_error(forged.verify()), ProcessError::TooMany);
    let mut own_digest = credential();
    let inside_itself = disclosure(&format!(r#"["salt", "n", {{"_sd": ["{}"]}}]"#, digest("n")));
    own_digest.disclosures.push(inside_itself);
    assert_eq!(
        process_error(own_digest.verify()),
        ProcessError::UnreferencedDisclosure
    );
}

#[test]
fn neg_s12_claims_nested_deeper_than_json_may_be_are_refused() {
    let nested_arrays = |disclosures: usize, arrays: usize| {
        let mut value = "1".to_owned();
        let mut made = Vec::new();
        for number in 0..disclosures {
            let inside = format!("{}{value}{}", "[".repeat(arrays), "]".repeat(arrays));
            made.push(disclosure(&format!(r#"["salt {number}", "n", {inside}]"#)));
            value = format!(r#"{{"_sd": ["{}"]}}"#, digest(made.last().unwrap()));
        }
        let outermost = digest(made.last().unwrap());
        let mut forged = credential().with("_sd", json!([outermost]));
        forged.disclosures = made;
        forged.payload["nationalities"] = json!([]);
        forged
    };
    assert!(nested_arrays(4, 7).verify().is_ok(), "32 levels");
    let deeper = nested_arrays(4, 8);
    assert_eq!(process_error(deeper.verify()), ProcessError::TooDeep);
}

#[test]
fn neg_s13_a_digest_of_another_form_is_refused() {
    assert!(
        credential()
            .with("more", json!({"_sd": []}))
            .verify()
            .is_ok()
    );
    for value in [
        json!({"_sd": "digest"}),
        json!({"_sd": {"a": 1}}),
        json!({"_sd": [1]}),
        json!({"_sd": [null]}),
        json!({"_sd": null}),
        json!({"...": "digest"}),
        json!({"a": {"...": "digest"}}),
        json!([{"...": "digest", "more": 1}]),
        json!([{"...": 1}]),
        json!([{"...": null}]),
        json!([{"...": ["digest"]}]),
        json!([[{"a": {"...": "digest"}}]]),
    ] {
        let forged = credential().with("more", value.clone());
        assert_eq!(
            process_error(forged.verify()),
            ProcessError::MalformedDigest,
            "{value}"
        );
        let inside = credential().disclosing(&format!(r#"["salt", "more", {value}]"#));
        assert_eq!(
            process_error(inside.verify()),
            ProcessError::MalformedDigest,
            "{value}"
        );
    }
}

#[test]
fn neg_s17_an_undisclosed_digest_is_no_reason_to_refuse() {
    for kept in [vec![], vec![0], vec![1], vec![2], vec![2, 3], vec![0, 1]] {
        let mut forged = credential();
        let all = std::mem::take(&mut forged.disclosures);
        forged.disclosures = kept.iter().map(|index| all[*index].clone()).collect();
        let verified = forged.verify().unwrap();
        assert_eq!(
            verified.claims().get("family_name").is_some(),
            kept.contains(&0)
        );
        let nationalities = usize::from(kept.contains(&1));
        assert_eq!(
            verified.claims()["nationalities"].as_array().unwrap().len(),
            nationalities
        );
        assert_eq!(
            verified.claims().get("address").is_some(),
            kept.contains(&2)
        );
    }
}

#[test]
fn neg_s18_a_disclosure_that_was_written_anew_is_refused() {
    assert!(credential().verify().is_ok());
    for rewritten in [
        r#"["c2FsdCBvZiAxMjggYml0cw","family_name","山田"]"#,
        r#"["c2FsdCBvZiAxMjggYml0cw", "family_name", "\u5c71\u7530"]"#,
        "[\"c2FsdCBvZiAxMjggYml0cw\", \"family_name\", \"山田\"]\n",
    ] {
        let mut forged = credential();
        forged.disclosures[0] = disclosure(rewritten);
        assert_eq!(
            process_error(forged.verify()),
            ProcessError::UnreferencedDisclosure
        );
    }
}
