//! Responses: verified, refused for one thing, and what is kept of them.

use axum::http::StatusCode;
use protocol::application::{
    ApplicationState, ApplicationStatus, DesignationOffer, DisclosedDocument,
};
use protocol::credential::ClaimPath;
use protocol::envelope::jwe;
use protocol::kyc::MediaType;
use protocol::presentation::{VerifiedRequest, form};
use serde_json::{Value, json};

use super::wallet::{Answered, Parts, accepted, refused};
use super::world::{ADULT, ISSUER, Person, World};

fn request_outcome_key(world: &World, request: &VerifiedRequest) -> [u8; 32] {
    DesignationOffer::find(request, world.verifier.network())
        .unwrap()
        .unwrap()
        .outcome_key
}

/// Sends the honest response with one thing changed; then the honest one, which must still be accepted.
async fn changed(change: impl FnOnce(&mut Parts)) -> Answered {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let mut parts = world.parts(&request, &instance);
    change(&mut parts);
    let bad = world.body(&request, &instance, &parts);
    let answered = world.post_form(&started.response_path(), bad).await;
    if answered.status != StatusCode::OK {
        let parts = world.parts(&request, &instance);
        let good = world.body(&request, &instance, &parts);
        accepted(&world.post_form(&started.response_path(), good).await);
    }
    answered
}

#[tokio::test]
async fn a_wallet_of_ours_applies_and_learns_how_the_application_stands() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    assert_eq!(
        world.get(&started.result_path, None).await.json(),
        json!({"state": "waiting"})
    );
    let request = world.fetch(&started).await;
    assert_eq!(request.verifier(), super::world::COMPANY);
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    let answer = accepted(&world.post_form(&started.response_path(), body).await);
    let access = answer.tegata.unwrap();
    assert_eq!(
        world.get(&started.result_path, None).await.json(),
        json!({"state": "received"})
    );

    let answered = world
        .get(access.status_url.path(), Some(&access.token))
        .await;
    let status = ApplicationStatus::parse(&answered.body).unwrap();
    assert_eq!(status.state, ApplicationState::Received);
    world.submit().await;
    let key = request_outcome_key(&world, &request);
    let entry = world.ledger.with(|ledger| ledger.last_entry());
    assert_eq!(
        status.openings[0].verify(&entry, access.application, &key),
        Ok(())
    );
}

#[tokio::test]
async fn another_wallet_is_verified_and_marked_as_without_consent() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch_as(&started, Vec::new()).await;
    assert!(request.parameters().transaction_data.is_empty());
    let parts = world.parts_without_consent(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    let answer = accepted(&world.post_form(&started.response_path(), body).await);
    assert_eq!(answer.tegata, None);
    let staff = world.staff().await;
    let list = world.get("/staff/applications", Some(&staff)).await.json();
    let findings = &list["applications"][0]["findings"];
    assert_eq!(
        findings,
        &json!(["consent_receipt_missing", "declaration_missing"])
    );
}

#[tokio::test]
async fn a_credential_of_a_retired_issuer_is_taken_with_its_anchor_and_not_without() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    world.ledger.with(|ledger| ledger.retire(ISSUER));
    world.publish_status(&[]);
    let registry = &world.verifier.registry;
    registry.refresh(service::clock::now()).await.unwrap();

    let started = world.start().await;
    let request = world.fetch_as(&started, Vec::new()).await;
    let parts = world.parts_without_consent(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    refused(&world.post_form(&started.response_path(), body).await);

    let started = world.start().await;
    let request = world.fetch(&started).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
}

#[tokio::test]
async fn neg_r01_a_presentation_for_another_nonce_or_audience_is_refused() {
    refused(&changed(|parts| parts.nonce = "n".repeat(43)).await);
    refused(&changed(|parts| parts.audience = parts.audience.replace("x509_hash:", "")).await);
    refused(&changed(|parts| parts.audience = super::world::COMPANY.to_owned()).await);
}

#[tokio::test]
async fn neg_k08_a_presentation_without_the_declaration_asked_for_is_refused() {
    refused(&changed(|parts| parts.transaction_data.clear()).await);
    refused(&changed(|parts| parts.transaction_data.push("e30".to_owned())).await);
}

#[tokio::test]
async fn neg_r01_a_credential_of_an_unknown_issuer_is_refused() {
    let mut world = World::new().await;
    let honest = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let real = std::mem::replace(
        &mut world.issuer,
        protocol::identity::SigningKey::from_secret(
            protocol::identity::Algorithm::EdDsa,
            &[66; 32],
        )
        .unwrap(),
    );
    let forged = world.issue(&ADULT);
    world.issuer = real;
    let parts = world.parts(&request, &forged);
    let body = world.body(&request, &forged, &parts);
    refused(&world.post_form(&started.response_path(), body).await);
    let parts = world.parts(&request, &honest);
    let body = world.body(&request, &honest, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
}

#[tokio::test]
async fn neg_r03_a_response_in_clear_is_refused() {
    let world = World::new().await;
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let state = request.parameters().state.as_ref().unwrap().as_str();
    let clear = form::encode(&[("vp_token", r#"{"kyc":["a~"]}"#), ("state", state)]);
    refused(&world.post_form(&started.response_path(), clear).await);
    refused(
        &world
            .post_form(&started.response_path(), "response=a.b.c.d.e")
            .await,
    );
}

#[tokio::test]
async fn neg_r04_a_vp_token_of_another_form_is_refused() {
    let mut world = World::new().await;
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let parameters = request.parameters();
    let state = parameters.state.as_ref().unwrap().as_str();
    for vp_token in [
        json!("a~"),
        json!({"kyc": "a~"}),
        json!({"kyc": ["a~", "b~"]}),
        json!({"other": ["a~"]}),
        json!({}),
    ] {
        let payload = json!({"vp_token": vp_token, "state": state}).to_string();
        let metadata = &parameters.client_metadata;
        let jwe = jwe::encrypt(
            metadata.key(),
            metadata.encryption(),
            &[],
            &[],
            payload.as_bytes(),
            &mut world.rng,
        );
        refused(
            &world
                .post_form(
                    &started.response_path(),
                    form::encode(&[("response", &jwe)]),
                )
                .await,
        );
    }
}

#[tokio::test]
async fn neg_r05_a_presentation_without_a_claim_that_was_asked_for_is_refused() {
    let birthdate: ClaimPath =
        serde_json::from_value(json!(["verified_claims", "claims", "birthdate"])).unwrap();
    refused(&changed(|parts| parts.claims.retain(|path| *path != birthdate)).await);
}

#[tokio::test]
async fn neg_r06_what_was_not_asked_for_is_not_kept() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let mut parts = world.parts_without_consent(&request, &instance);
    let more =
        serde_json::from_value(json!(["verified_claims", "claims", "age_equal_or_over"])).unwrap();
    parts.claims.push(more);
    let body = world.body(&request, &instance, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
    let staff = world.staff().await;
    let list = world.get("/staff/applications", Some(&staff)).await.json();
    let id = list["applications"][0]["application"].as_str().unwrap();
    let shown = world
        .get(&format!("/staff/applications/{id}"), Some(&staff))
        .await
        .json();
    let kept = &shown["claims"]["verified_claims"]["claims"];
    assert_eq!(kept["family_name"], "山田");
    assert_eq!(kept.get("age_equal_or_over"), None);
}

#[tokio::test]
async fn neg_r16_a_consent_for_another_request_is_refused() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let earlier = world.start().await;
    let earlier = world.fetch(&earlier).await;
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let mut parts = world.parts(&request, &instance);
    let claims = parts.claims.clone();
    parts.extension.as_mut().unwrap().consent = world.designate(&earlier, &instance, &claims);
    let body = world.body(&request, &instance, &parts);
    refused(&world.post_form(&started.response_path(), body).await);
}

#[tokio::test]
async fn neg_r17_an_altered_image_is_refused() {
    refused(
        &changed(|parts| {
            let altered = DisclosedDocument {
                media_type: MediaType::Png,
                data: b"another image".to_vec(),
            };
            parts.extension.as_mut().unwrap().documents = vec![altered];
        })
        .await,
    );
}

#[tokio::test]
async fn neg_r18_a_check_that_does_not_open_its_event_is_refused() {
    let mut world = World::new().await;
    let honest = world.issue(&ADULT);
    let wrong = world.issue(&Person {
        reviewer: "r-0000",
        ..ADULT
    });
    refused(&world.apply(&wrong).await);
    accepted(&world.apply(&honest).await);
}

#[tokio::test]
async fn neg_r20_a_revoked_credential_is_refused() {
    let mut world = World::new().await;
    let revoked = world.issue(&Person {
        status_idx: 9,
        ..ADULT
    });
    let valid = world.issue(&ADULT);
    world.publish_status(&[9]);
    world
        .verifier
        .registry
        .refresh(service::clock::now())
        .await
        .unwrap();
    refused(&world.apply(&revoked).await);
    accepted(&world.apply(&valid).await);
}

#[tokio::test]
async fn a_list_that_the_last_look_did_not_name_is_looked_for_again() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    // The mirrors keep the newest version only.
    world.publish_status(&[1]);
    accepted(&world.apply(&instance).await);
}

#[tokio::test]
async fn identification_asks_for_less_and_opens_nothing() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start_for("identification").await;
    let request = world.fetch(&started).await;
    assert!(request.parameters().transaction_data.is_empty());
    let mut parts = world.parts(&request, &instance);
    parts.extension.as_mut().unwrap().documents.clear();
    assert_eq!(parts.claims.len(), 4);
    let body = world.body(&request, &instance, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
    let staff = world.staff().await;
    let list = world.get("/staff/applications", Some(&staff)).await.json();
    let findings: Vec<Value> =
        serde_json::from_value(list["applications"][0]["findings"].clone()).unwrap();
    assert!(findings.contains(&json!("not_an_account_application")));
}
