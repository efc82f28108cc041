use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn query(value: &Value) -> Query {
    Query::parse(value).unwrap()
}

fn simple() -> Value {
    json!({"credentials": [{
        "id": "kyc",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": ["https://tegata.example/kyc/jp/1"]},
        "claims": [
            {"path": ["name"]},
            {"path": ["address", "region"]},
            {"path": ["checks", null, "process"]},
        ],
    }]})
}

fn person() -> Value {
    json!({
        "name": "山田",
        "address": {"region": "東京都", "street": "1-1"},
        "checks": [{"process": "residence", "salt": "a"}, {"process": "asf_collation", "salt": "b"}],
        "adult": true,
        "visits": 3,
    })
}

fn candidate(claims: &Value) -> Candidate<'_> {
    Candidate {
        format: FORMAT_SD_JWT_VC,
        vct: "https://tegata.example/kyc/jp/1",
        claims,
        binding: HolderBinding::Bound,
        authority_key_ids: &[],
    }
}

fn paths(values: &[Value]) -> Vec<ClaimPath> {
    values
        .iter()
        .map(|value| serde_json::from_value(value.clone()).unwrap())
        .collect()
}

fn first(query: &Query) -> &CredentialQuery {
    &query.credentials()[0]
}

/// `simple()` with one member of its only credential query replaced.
fn with(member: &str, value: Value) -> Value {
    let mut query = simple();
    query["credentials"][0][member] = value;
    query
}

#[test]
fn the_claims_asked_for_are_selected_and_nothing_else() {
    let claims = person();
    let selection = first(&query(&simple()))
        .select(&candidate(&claims))
        .unwrap();
    assert_eq!(
        selection.paths,
        paths(&[
            json!(["name"]),
            json!(["address", "region"]),
            json!(["checks", 0, "process"]),
            json!(["checks", 1, "process"]),
        ])
    );
}

#[test]
fn without_claims_nothing_selectively_disclosable_is_selected() {
    let mut value = simple();
    value["credentials"][0]
        .as_object_mut()
        .unwrap()
        .remove("claims");
    let claims = person();
    assert_eq!(
        first(&query(&value))
            .select(&candidate(&claims))
            .unwrap()
            .paths,
        []
    );
}

#[test]
fn the_first_claim_set_that_can_be_satisfied_is_chosen() {
    let mut value = with(
        "claims",
        json!([
            {"id": "a", "path": ["passport"]},
            {"id": "b", "path": ["name"]},
            {"id": "c", "path": ["adult"]},
        ]),
    );
    value["credentials"][0]["claim_sets"] = json!([["a"], ["c"], ["b", "c"]]);
    let claims = person();
    let selection = first(&query(&value)).select(&candidate(&claims)).unwrap();
    assert_eq!(selection.paths, paths(&[json!(["adult"])]));
    let nothing = json!({"name": "山田"});
    assert_eq!(
        first(&query(&value)).select(&candidate(&nothing)),
        Err(Mismatch::Claims)
    );
}

#[test]
fn values_match_by_type_and_value() {
    let claims = person();
    for (accepted, expected) in [
        (json!([true]), true),
        (json!(["true"]), false),
        (json!([1]), false),
        (json!([false, true]), true),
    ] {
        let value = with("claims", json!([{"path": ["adult"], "values": accepted}]));
        assert_eq!(
            first(&query(&value)).select(&candidate(&claims)).is_ok(),
            expected,
            "{value}"
        );
    }
    let visits = with("claims", json!([{"path": ["visits"], "values": [3]}]));
    assert!(first(&query(&visits)).select(&candidate(&claims)).is_ok());
}

#[test]
fn of_an_array_only_the_elements_with_an_accepted_value_are_selected() {
    let value = with(
        "claims",
        json!([{"path": ["checks", null, "process"], "values": ["residence"]}]),
    );
    let claims = person();
    let selection = first(&query(&value)).select(&candidate(&claims)).unwrap();
    assert_eq!(selection.paths, paths(&[json!(["checks", 0, "process"])]));
}

#[test]
fn neg_r05_a_credential_that_does_not_match_the_query_is_refused() {
    let claims = person();
    let asked = query(&simple());
    assert!(first(&asked).check(&candidate(&claims)).is_ok());
    let other_type = Candidate {
        vct: "https://other.example/kyc",
        ..candidate(&claims)
    };
    assert_eq!(first(&asked).check(&other_type), Err(Mismatch::Type));
    let other_format = Candidate {
        format: "mso_mdoc",
        ..candidate(&claims)
    };
    assert_eq!(first(&asked).check(&other_format), Err(Mismatch::Format));
    let unbound = Candidate {
        binding: HolderBinding::Unbound,
        ..candidate(&claims)
    };
    assert_eq!(first(&asked).check(&unbound), Err(Mismatch::HolderBinding));
    let missing = json!({"name": "山田", "address": {"region": "東京都"}});
    assert_eq!(
        first(&asked).check(&candidate(&missing)),
        Err(Mismatch::Claims)
    );
    let values = query(&with(
        "claims",
        json!([{"path": ["adult"], "values": [false]}]),
    ));
    assert_eq!(
        first(&values).check(&candidate(&claims)),
        Err(Mismatch::Claims)
    );
    let authority = query(&with(
        "trusted_authorities",
        json!([{"type": "aki", "values": ["AAAA"]}]),
    ));
    assert_eq!(
        first(&authority).check(&candidate(&claims)),
        Err(Mismatch::Authority)
    );
    let known = ["AAAA".to_owned()];
    let under = Candidate {
        authority_key_ids: &known,
        ..candidate(&claims)
    };
    assert!(first(&authority).check(&under).is_ok());
}

#[test]
fn neg_r06_what_was_not_asked_for_is_not_kept() {
    let claims = person();
    let asked = query(&simple());
    let selection = first(&asked).check(&candidate(&claims)).unwrap();
    let kept = selection.extract(&claims);
    assert_eq!(
        kept,
        json!({
            "name": "山田",
            "address": {"region": "東京都"},
            "checks": [{"process": "residence"}, {"process": "asf_collation"}],
        })
    );
    assert_eq!(Selection { paths: Vec::new() }.extract(&claims), json!({}));
}

#[test]
fn an_index_is_read_loosely_after_other_elements_were_withheld() {
    let asked = query(&with("claims", json!([{"path": ["checks", 1, "process"]}])));
    let claims = person();
    let given = first(&asked).select(&candidate(&claims)).unwrap();
    assert_eq!(given.paths, paths(&[json!(["checks", 1, "process"])]));
    let disclosed = json!({"checks": [{"process": "asf_collation"}]});
    assert!(first(&asked).check(&candidate(&disclosed)).is_ok());
}

#[test]
fn neg_h10_a_malformed_query_is_refused() {
    let credential = simple()["credentials"][0].clone();
    let mut no_id = credential.clone();
    no_id.as_object_mut().unwrap().remove("id");
    let refused = [
        json!([]),
        json!({}),
        json!({"credentials": []}),
        json!({"credentials": {}}),
        json!({"credentials": [no_id]}),
        json!({"credentials": [credential, credential]}),
        json!({"credentials": vec![credential.clone(); CREDENTIALS_MAX + 1]}),
        json!({"credentials": [credential], "credential_sets": []}),
        json!({"credentials": [credential], "credential_sets": [{"options": []}]}),
        json!({"credentials": [credential], "credential_sets": [{"options": [[]]}]}),
        json!({"credentials": [credential], "credential_sets": [{"options": [["other"]]}]}),
        json!({"credentials": [credential], "credential_sets": [{"options": [["kyc"]], "required": "yes"}]}),
        with("id", json!("")),
        with("id", json!("a b")),
        with("id", json!("a".repeat(ID_MAX + 1))),
        with("format", json!(1)),
        with("meta", Value::Null),
        with("meta", json!({"vct_values": []})),
        with("meta", json!({"vct_values": [1]})),
        with("multiple", json!("true")),
        with("claims", json!([])),
        with("claims", json!([{}])),
        with("claims", json!([{"path": []}])),
        with("claims", json!([{"path": ["a", -1]}])),
        with("claims", json!([{"path": ["a", 1.5]}])),
        with("claims", json!([{"path": ["a", true]}])),
        with("claims", json!([{"path": ["a"], "values": []}])),
        with("claims", json!([{"path": ["a"], "values": [null]}])),
        with("claims", json!([{"path": ["a"], "values": [1.5]}])),
        with(
            "claims",
            json!([{"id": "x", "path": ["a"]}, {"id": "x", "path": ["b"]}]),
        ),
        with(
            "claims",
            json!(vec![json!({"path": ["a"]}); CLAIMS_MAX + 1]),
        ),
        with("claim_sets", json!([])),
        with("claim_sets", json!([["a"]])),
        with("trusted_authorities", json!([])),
        with(
            "trusted_authorities",
            json!([{"type": "aki", "values": []}]),
        ),
        json!({"credentials": [{"id": "a", "format": "dc+sd-jwt", "meta": {}, "claim_sets": [["a"]]}]}),
    ];
    for value in refused {
        assert!(Query::parse(&value).is_err(), "{value}");
    }
    assert!(Query::parse(&simple()).is_ok());
}

#[test]
fn the_limits_are_inclusive() {
    assert!(
        Query::parse(&with(
            "claims",
            json!(vec![json!({"path": ["a"]}); CLAIMS_MAX])
        ))
        .is_ok()
    );
    assert!(Query::parse(&with("id", json!("a".repeat(ID_MAX)))).is_ok());
    let claims: Vec<Value> = (0..64)
        .map(|n| json!({"id": format!("c{n}"), "path": ["a", n]}))
        .collect();
    let all: Vec<Value> = (0..64).map(|n| json!(format!("c{n}"))).collect();
    let mut value = with("claims", Value::Array(claims));
    value["credentials"][0]["claim_sets"] = json!([all, all, all, all]);
    assert!(Query::parse(&value).is_ok());
    value["credentials"][0]["claim_sets"] = json!([all, all, all, all, ["c0"]]);
    assert_eq!(Query::parse(&value), Err(QueryError::TooMany("claim_sets")));
}

#[test]
fn unknown_members_are_ignored() {
    let mut value = simple();
    value["extension"] = json!(1);
    value["credentials"][0]["extension"] = json!({"a": 1});
    assert_eq!(query(&value).to_value(), query(&simple()).to_value());
}

fn two_with_sets(sets: &Value) -> Query {
    let credential = |id: &str| json!({"id": id, "format": "dc+sd-jwt", "meta": {}});
    query(
        &json!({"credentials": [credential("a"), credential("b"), credential("c")], "credential_sets": sets}),
    )
}

#[test]
fn credential_sets_choose_the_first_option_that_is_available() {
    let asked = two_with_sets(
        &json!([{"options": [["a", "b"], ["c"]]}, {"options": [["b"]], "required": false}]),
    );
    let only_c = asked.choose(|id| id.as_str() == "c").unwrap();
    assert_eq!(only_c.required, [QueryId::new("c").unwrap()]);
    assert_eq!(only_c.optional, Vec::<Vec<QueryId>>::new());
    let all = asked.choose(|_| true).unwrap();
    assert_eq!(all.required.len(), 2);
    assert_eq!(all.optional.len(), 1);
    assert_eq!(asked.choose(|id| id.as_str() == "b"), None);
}

#[test]
fn neg_r04_an_answer_with_too_much_or_too_little_is_refused() {
    let asked = two_with_sets(&json!([{"options": [["a", "b"], ["c"]]}]));
    let check = |ids: &[&str]| asked.is_answered_by(&ids.iter().copied().collect::<BTreeSet<_>>());
    assert_eq!(check(&["a", "b"]), Ok(()));
    assert_eq!(check(&["c"]), Ok(()));
    assert_eq!(check(&["a"]), Err(AnswerError::MissingCredential));
    assert_eq!(check(&["a", "c"]), Err(AnswerError::ExtraCredential));
    assert_eq!(check(&["c", "d"]), Err(AnswerError::UnknownCredential));
    let simple = query(&simple());
    assert_eq!(
        simple.is_answered_by(&BTreeSet::new()),
        Err(AnswerError::MissingCredential)
    );
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..9).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("credentials"),
        Just("id"),
        Just("format"),
        Just("meta"),
        Just("claims"),
        Just("path"),
        Just("values"),
        Just("claim_sets"),
        Just("credential_sets"),
        Just("options"),
        Just("a"),
        Just("b"),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Claims over a small alphabet, so that paths hit.
fn claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(json!(true))];
    let tree = leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 1..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-c]", tree, 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn claims_queries() -> impl Strategy<Value = Value> {
    let step = prop_oneof![
        3 => "[a-c]".prop_map(Value::from),
        1 => (0_u64..3).prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let path = ("[a-c]", prop::collection::vec(step, 0..3)).prop_map(|(root, rest)| {
        std::iter::once(Value::from(root))
            .chain(rest)
            .collect::<Vec<_>>()
    });
    let values = prop_oneof![3 => Just(None), 1 => Just(Some(json!([1, "x"])))];
    let claim = (path, values).prop_map(|(path, values)| {
        let mut claim = Map::from_iter([("path".to_owned(), Value::Array(path))]);
        if let Some(values) = values {
            claim.insert("values".to_owned(), values);
        }
        Value::Object(claim)
    });
    prop::collection::vec(claim, 1..4).prop_map(Value::Array)
}

proptest! {
    #[test]
    fn parsing_is_total_and_what_it_accepts_survives_a_round_trip(value in arbitrary_json()) {
        if let Ok(query) = Query::parse(&value) {
            prop_assert_eq!(Query::parse(&query.to_value()), Ok(query));
        }
    }

    #[test]
    fn nothing_is_selected_that_was_not_asked_for(claims in claims(), queries in claims_queries()) {
        let asked = query(&with("claims", queries));
        if let Ok(selection) = first(&asked).select(&candidate(&claims)) {
            for path in &selection.paths {
                prop_assert!(first(&asked).claims().iter().any(|claim| claim.path().covers(path)));
                prop_assert!(path.values(&claims).is_ok());
            }
        }
    }

    #[test]
    fn what_the_holder_selects_the_verifier_accepts(claims in claims(), queries in claims_queries()) {
        let asked = query(&with("claims", queries));
        if let Ok(selection) = first(&asked).select(&candidate(&claims)) {
            let disclosed = selection.extract(&claims);
            prop_assert!(first(&asked).check(&candidate(&disclosed)).is_ok(), "{} of {}", disclosed, claims);
        }
    }

    #[test]
    fn what_the_holder_chooses_is_an_answer(available in any::<[bool; 3]>(), take_optional in any::<bool>()) {
        let asked = two_with_sets(&json!([
            {"options": [["a", "b"], ["c"]]},
            {"options": [["b"], ["a"]], "required": false},
        ]));
        let has = |id: &QueryId| available[usize::from(id.as_str().as_bytes()[0] - b'a')];
        if let Some(choice) = asked.choose(has) {
            let mut ids: BTreeSet<&str> = choice.required.iter().map(QueryId::as_str).collect();
            if take_optional {
                ids.extend(choice.optional.iter().flatten().map(QueryId::as_str));
            }
            prop_assert_eq!(asked.is_answered_by(&ids), Ok(()));
        }
    }
}
