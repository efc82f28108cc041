mod world;

use serde_json::{Map, Value, json};

use super::*;
use crate::credential::VerifiedPresentedCredential;
use crate::identity::{Algorithm, SigningKey};
use crate::kyc::{Check, Judgement, MediaType, Process};
use crate::registry::receipt::ReceiptError;
use crate::registry::record::{Body, CaseEvent, Designation};
use crate::registry::{ApplicationId, ApplicationResult, CaseId, Commitment, Salt};
use crate::{Date, Timestamp};
use world::{APPLICATION, CASE, DOCUMENTS, ISSUER, NOW, PURPOSE, VERIFIER, World, checks};

/// Verifies a consent as the company of the tests does.
fn verify(
    world: &World,
    consent: &UnverifiedConsent,
    presented: &VerifiedPresentedCredential,
) -> Result<VerifiedConsent, ConsentError> {
    verify_for(world, consent, presented, VERIFIER, PURPOSE, NOW)
}

fn verify_for(
    world: &World,
    consent: &UnverifiedConsent,
    presented: &VerifiedPresentedCredential,
    verifier: &str,
    purpose: &str,
    now: Timestamp,
) -> Result<VerifiedConsent, ConsentError> {
    let outcome_key = world.outcome.public_key().to_bytes().try_into().unwrap();
    let expected = ConsentExpectation {
        committees: world.genesis.committees(),
        issuer: world.issuer(),
        verifier,
        purpose,
        outcome_key: &outcome_key,
        presented,
    };
    consent.verify(&expected, now)
}

fn agreed_claims() -> [Value; 2] {
    [
        json!(["verified_claims", "claims", "family_name"]),
        json!(["verified_claims", "claims", "address", "region"]),
    ]
}

fn holder() -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[12; 32]).unwrap()
}

/// The honest consent with one thing changed in its designation.
fn changed(change: impl FnOnce(&mut Designation)) -> Result<VerifiedConsent, ConsentError> {
    let mut world = World::new();
    let mut designation = world.designation();
    change(&mut designation);
    let consent = world.consent(designation, &holder(), NOW);
    verify(&world, &consent, &world.present(&agreed_claims()))
}

#[test]
fn a_consent_for_this_company_and_these_claims_is_accepted() {
    let consent = changed(|_| {}).unwrap();
    assert_eq!(consent.application(), APPLICATION);
    assert_eq!(consent.index(), 6);
    assert_eq!(consent.expires(), NOW.plus_seconds(86_400));
}

#[test]
fn neg_r16_a_consent_for_another_company_or_purpose_is_refused() {
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW);
    let presented = world.present(&agreed_claims());
    assert!(verify(&world, &consent, &presented).is_ok());
    let at_b = verify_for(
        &world,
        &consent,
        &presented,
        "https://b.securities.example",
        PURPOSE,
        NOW,
    );
    assert_eq!(at_b.unwrap_err(), ConsentError::Opening);
    let other_purpose = verify_for(
        &world,
        &consent,
        &presented,
        VERIFIER,
        "identification",
        NOW,
    );
    assert_eq!(other_purpose.unwrap_err(), ConsentError::Opening);
}

#[test]
fn neg_r16_a_designation_by_another_key_is_refused() {
    let mut world = World::new();
    let stranger = SigningKey::from_secret(Algorithm::EdDsa, &[99; 32]).unwrap();
    let consent = world.consent(world.designation(), &stranger, NOW);
    let refused = verify(&world, &consent, &world.present(&agreed_claims()));
    assert_eq!(refused.unwrap_err(), ConsentError::Designation);
}

#[test]
fn neg_r16_a_designation_with_other_content_is_refused() {
    assert_eq!(
        changed(|d| d.anchor.nonce = [0; 32]).unwrap_err(),
        ConsentError::Designation
    );
    assert_eq!(
        changed(|d| d.anchor.signing_input_hash = [0; 32]).unwrap_err(),
        ConsentError::Designation
    );
    assert_eq!(
        changed(|d| d.commitment = Commitment::from_bytes([0; 32])).unwrap_err(),
        ConsentError::Opening
    );
    assert_eq!(
        changed(|d| d.outcome_key = [0; 32]).unwrap_err(),
        ConsentError::OutcomeKey
    );
    assert_eq!(
        changed(|d| d.expires = NOW).unwrap_err(),
        ConsentError::Time
    );
}

#[test]
fn neg_r16_a_claim_beyond_the_consent_is_refused() {
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW);
    let [name, region] = agreed_claims();
    let more = [
        name.clone(),
        region,
        json!(["verified_claims", "claims", "birthdate"]),
    ];
    assert_eq!(
        verify(&world, &consent, &world.present(&more)).unwrap_err(),
        ConsentError::Claims
    );
    assert!(verify(&world, &consent, &world.present(&[name])).is_ok());
}

#[test]
fn neg_r16_a_designation_after_the_data_is_refused() {
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW.plus_seconds(61));
    let refused = verify(&world, &consent, &world.present(&agreed_claims()));
    assert_eq!(refused.unwrap_err(), ConsentError::Time);
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW.plus_seconds(60));
    assert!(verify(&world, &consent, &world.present(&agreed_claims())).is_ok());
}

#[test]
fn neg_r16_an_altered_receipt_record_or_anchor_is_refused() {
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW);
    let presented = world.present(&agreed_claims());
    let refused = |consent: &UnverifiedConsent| verify(&world, consent, &presented).unwrap_err();

    let mut other = consent.clone();
    other.designation_receipt = consent.designation_receipt.replace("index 6", "index 5");
    assert!(matches!(
        refused(&other),
        ConsentError::DesignationReceipt(ReceiptError::Proof(_))
    ));

    let mut other = consent.clone();
    other.designation_record = consent.anchor.record.clone();
    assert!(matches!(
        refused(&other),
        ConsentError::DesignationReceipt(_)
    ));

    let mut other = consent.clone();
    other.designation_record.clone_from(&consent.anchor.record);
    other
        .designation_receipt
        .clone_from(&consent.anchor.receipt);
    assert_eq!(refused(&other), ConsentError::Designation);

    let mut other = consent.clone();
    other.anchor.record.clone_from(&consent.designation_record);
    other
        .anchor
        .receipt
        .clone_from(&consent.designation_receipt);
    assert_eq!(refused(&other), ConsentError::Batch);

    let mut other = consent.clone();
    other.anchor.batch = 4;
    assert_eq!(refused(&other), ConsentError::Batch);

    for change in [
        |c: &mut UnverifiedConsent| c.anchor.leaf = 1,
        |c: &mut UnverifiedConsent| c.anchor.nonce = [0; 32],
    ] {
        let mut other = consent.clone();
        change(&mut other);
        assert!(matches!(refused(&other), ConsentError::Anchor(_)));
    }

    let mut other = consent;
    other.opening.salt = Salt::from_bytes([0; 32]);
    assert_eq!(refused(&other), ConsentError::Opening);
}

#[test]
fn an_extension_is_read_back_and_others_have_none() {
    let mut world = World::new();
    let consent = world.consent(world.designation(), &holder(), NOW);
    let documents = vec![DisclosedDocument {
        media_type: MediaType::Png,
        data: vec![1, 2, 3],
    }];
    let extension = ResponseExtension {
        consent,
        documents,
        status_token: Some(StatusToken::random(&mut world.rng)),
    };
    assert_eq!(
        ResponseExtension::find(&extension.to_extensions()),
        Ok(Some(extension.clone()))
    );
    let drawn_by_company = ResponseExtension {
        status_token: None,
        ..extension.clone()
    };
    assert_eq!(
        ResponseExtension::find(&drawn_by_company.to_extensions()),
        Ok(Some(drawn_by_company))
    );
    assert_eq!(ResponseExtension::find(&Map::new()), Ok(None));
    for pointer in [
        "/tegata/designation",
        "/tegata/anchor",
        "/tegata/designation/opening/salt",
        "/tegata/documents/0/data",
        "/tegata/status_token",
    ] {
        let mut value = Value::Object(extension.to_extensions());
        *value.pointer_mut(pointer).unwrap() = json!("?");
        let refused = ResponseExtension::find(value.as_object().unwrap());
        assert_eq!(refused, Err(ResponseExtensionError), "{pointer}");
    }
}

fn history(world: &World, checks: &[Check]) -> Result<VerifiedHistory, HistoryError> {
    let definitions = world.genesis.parties().process_definitions();
    verify_history(
        checks,
        &DOCUMENTS,
        &world.case(),
        world.issuer(),
        definitions,
    )
}

#[test]
fn the_checks_of_a_case_open_their_events() {
    let world = World::new();
    let history = history(&world, &checks()).unwrap();
    assert_eq!(history.case(), CASE);
    let names: Vec<&str> = history
        .steps()
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "opened",
            "identity_document",
            "name_identification",
            "asf_collation",
            "residence"
        ]
    );
    assert_eq!(history.checks().count(), 4);
    let partial = super::history::verify_history(
        &checks()[..1],
        &DOCUMENTS,
        &world.case(),
        world.issuer(),
        world.genesis.parties().process_definitions(),
    );
    assert_eq!(partial.unwrap().checks().count(), 1);
}

#[test]
fn neg_r17_an_altered_check_is_refused() {
    let world = World::new();
    for change in [
        |c: &mut Check| c.result = Judgement::Failed,
        |c: &mut Check| c.reviewer = "r-0000".to_owned(),
        |c: &mut Check| c.completed_at = Date::parse("2026-11-24").unwrap(),
        |c: &mut Check| c.salt = Salt::from_bytes([0; 32]),
    ] {
        let mut checks = checks();
        change(&mut checks[0]);
        assert_eq!(history(&world, &checks), Err(HistoryError::Opening));
    }
    let definitions = world.genesis.parties().process_definitions();
    let without_images = verify_history(&checks(), &[], &world.case(), world.issuer(), definitions);
    assert_eq!(without_images, Err(HistoryError::Opening));
}

#[test]
fn neg_r18_a_check_of_another_case_place_step_or_definition_is_refused() {
    let world = World::new();
    let with = |change: fn(&mut Check)| {
        let mut checks = checks();
        change(&mut checks[1]);
        history(&world, &checks)
    };
    assert_eq!(
        with(|c| c.case = CaseId::from_bytes([1; 16])),
        Err(HistoryError::Checks)
    );
    assert_eq!(
        with(|c| c.process = Process::Residence),
        Err(HistoryError::Checks)
    );
    assert_eq!(with(|c| c.sequence = 0), Err(HistoryError::Step));
    assert_eq!(with(|c| c.sequence = 9), Err(HistoryError::Step));
    assert_eq!(with(|c| c.definition = 2), Err(HistoryError::Step));
    assert_eq!(history(&world, &[]), Err(HistoryError::Checks));
}

#[test]
fn neg_r18_events_that_are_not_the_whole_case_in_order_are_refused() {
    let world = World::new();
    let definitions = world.genesis.parties().process_definitions();
    let verify =
        |events: &[_]| verify_history(&checks(), &DOCUMENTS, events, world.issuer(), definitions);
    let events = world.case();
    assert!(verify(&events).is_ok());
    assert_eq!(verify(&events[1..]), Err(HistoryError::Events));
    assert_eq!(verify(&events[..3]), Err(HistoryError::Step));
    assert_eq!(verify(&[]), Err(HistoryError::Events));
    let swapped = [events[0].clone(), events[2].clone(), events[1].clone()];
    assert_eq!(verify(&swapped), Err(HistoryError::Events));
    let foreign = [&events[..], &[world.entry(5)]].concat();
    assert_eq!(verify(&foreign), Err(HistoryError::Events));
}

#[test]
fn neg_r18_a_step_before_its_time_or_by_another_author_is_refused() {
    let mut world = World::new();
    let early = CaseEvent {
        case: CASE,
        sequence: 5,
        code: 2,
        definition: 1,
        commitment: Commitment::from_bytes([0; 32]),
    };
    world.append(
        Body::CaseEvent(early),
        &SigningKey::from_secret(Algorithm::EdDsa, &[11; 32]).unwrap(),
    );
    assert_eq!(history(&world, &checks()), Err(HistoryError::Order));
    let mut world = World::new();
    let closed = CaseEvent { code: 6, ..early };
    world.append(Body::CaseEvent(closed), &holder());
    assert_eq!(history(&world, &checks()), Err(HistoryError::Events));
}

#[test]
fn an_outcome_opens_for_the_holder_and_no_other_does() {
    let mut world = World::new();
    let key: [u8; 32] = world.outcome.public_key().to_bytes().try_into().unwrap();
    let (opening, entry) = world.decide(ApplicationResult::Opened);
    assert_eq!(opening.sequence, 1);
    assert_eq!(opening.verify(&entry, APPLICATION, &key), Ok(()));
    let text = serde_json::to_string(&opening).unwrap();
    assert_eq!(
        serde_json::from_str::<OutcomeOpening>(&text).unwrap(),
        opening
    );

    let declined = OutcomeOpening {
        result: ApplicationResult::Declined,
        ..opening.clone()
    };
    assert_eq!(
        declined.verify(&entry, APPLICATION, &key),
        Err(OutcomeOpeningError)
    );
    let later = OutcomeOpening {
        time: NOW.plus_seconds(1),
        ..opening.clone()
    };
    assert_eq!(
        later.verify(&entry, APPLICATION, &key),
        Err(OutcomeOpeningError)
    );
    let other = ApplicationId::from_bytes([1; 16]);
    assert_eq!(
        opening.verify(&entry, other, &key),
        Err(OutcomeOpeningError)
    );
    assert_eq!(
        opening.verify(&entry, APPLICATION, &[0; 32]),
        Err(OutcomeOpeningError)
    );
}

#[test]
fn an_issuer_of_the_tests_is_the_one_of_the_genesis() {
    assert_eq!(World::new().issuer().id.as_str(), ISSUER);
}
