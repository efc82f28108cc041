use axum::http::StatusCode;
use protocol::application::{
    ApplicationState, ApplicationStatus, DesignationOffer, DisclosedDocument, ResponseAnswer,
};
use protocol::credential::ClaimPath;
use protocol::envelope::jwe;
use protocol::kyc::MediaType;
use protocol::presentation::{REQUEST_MEDIA_TYPE, VerifiedRequest, form};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::wallet::{Answered, Parts};
use super::world::{ADULT, Person, World};
use crate::registry;

fn accepted(answered: &Answered) -> ResponseAnswer {
    assert_eq!(
        answered.status,
        StatusCode::OK,
        "{}",
        String::from_utf8_lossy(&answered.body)
    );
    ResponseAnswer::parse(&answered.body).unwrap()
}

fn request_outcome_key(world: &World, request: &VerifiedRequest) -> [u8; 32] {
    DesignationOffer::find(request, world.verifier.network())
        .unwrap()
        .unwrap()
        .outcome_key
}

fn refused(answered: &Answered) {
    assert_eq!(answered.status, StatusCode::BAD_REQUEST);
    assert_eq!(answered.json(), json!({"error": "invalid_request"}));
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
    let queued = registry::queued(&world.verifier.vault, &world.verifier.network()).unwrap();
    registry::submit_queued(&world.verifier, queued)
        .await
        .unwrap();
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
async fn neg_r12_a_request_may_be_fetched_twice() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let first = world.fetch(&started).await;
    let second = world.fetch(&started).await;
    assert_eq!(first.parameters().nonce, second.parameters().nonce);
    let parts = world.parts(&second, &instance);
    let body = world.body(&second, &instance, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
    let get = world.get(&started.request_path(), None).await;
    assert_eq!(get.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_is_served_by_get_with_its_media_type() {
    let world = World::new().await;
    let started = world.start().await;
    let request = axum::http::Request::get(started.request_path())
        .body(axum::body::Body::empty())
        .unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], REQUEST_MEDIA_TYPE);
}

#[tokio::test]
async fn neg_r13_bad_wallet_metadata_are_refused() {
    let world = World::new().await;
    let started = world.start().await;
    for bad in [
        "wallet_metadata=%5B%5D",
        "wallet_metadata=%7B",
        "wallet_nonce=a&wallet_nonce=b",
    ] {
        refused(&world.post_form(&started.request_path(), bad).await);
    }
    let large = form::encode(&[("wallet_nonce", &"n".repeat(1_000))]);
    refused(&world.post_form(&started.request_path(), large).await);
    let huge = form::encode(&[("wallet_nonce", &"n".repeat(1 << 20))]);
    assert_eq!(
        world.post_form(&started.request_path(), huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    world.fetch(&started).await;
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
async fn neg_r02_a_response_for_an_unknown_or_finished_session_is_refused() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let first = world.start().await;
    let other = world.start().await;
    let request = world.fetch(&first).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    let unknown = world
        .post_form("/responses/AAAAAAAAAAAAAAAAAAAAAA", body.clone())
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    refused(&world.post_form(&other.response_path(), body.clone()).await);
    accepted(&world.post_form(&first.response_path(), body).await);
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
async fn neg_r08_a_hundred_copies_of_a_response_are_consumed_once() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    let path = started.response_path();
    let posts = (0..100).map(|_| world.post_form(&path, body.clone()));
    let answers = futures_join(posts).await;
    let accepted = answers
        .iter()
        .filter(|answered| answered.status == StatusCode::OK)
        .count();
    assert_eq!(accepted, 1);
    let refused = answers
        .iter()
        .filter(|answered| answered.status == StatusCode::BAD_REQUEST)
        .count();
    assert_eq!(refused, 99);
}

#[tokio::test]
async fn neg_r08_a_response_is_refused_again_after_a_restart() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    accepted(
        &world
            .post_form(&started.response_path(), body.clone())
            .await,
    );
    let world = world.restart().await;
    refused(&world.post_form(&started.response_path(), body).await);
    let queued = registry::queued(&world.verifier.vault, &world.verifier.network()).unwrap();
    assert_eq!(queued.len(), 1);
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    let world = world.restart().await;
    accepted(&world.post_form(&started.response_path(), body).await);
}

#[tokio::test]
async fn neg_r09_an_error_response_is_kept_as_its_code_only() {
    let world = World::new().await;
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let script = "<script>alert(1)</script>";
    refused(
        &world
            .post_form(
                &started.response_path(),
                form::encode(&[("error", script), ("state", "other")]),
            )
            .await,
    );
    let state = request.parameters().state.as_ref().unwrap().as_str();
    let error = form::encode(&[
        ("error", script),
        ("error_description", script),
        ("state", state),
    ]);
    assert_eq!(
        world
            .post_form(&started.response_path(), error)
            .await
            .status,
        StatusCode::OK
    );
    let result = world.get(&started.result_path, None).await.json();
    assert_eq!(result, json!({"state": "failed", "error": "other"}));
}

#[tokio::test]
async fn neg_r11_nothing_is_found_under_a_guessed_id() {
    let world = World::new().await;
    for path in [
        "/results/x",
        "/requests/x",
        "/results/AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(
            world.get(path, None).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let long = format!("/results/{}", "a".repeat(500));
    assert_eq!(world.get(&long, None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn neg_r11_an_application_is_shown_to_its_holder_only() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let access = accepted(&world.apply(&instance).await).tegata.unwrap();
    let path = access.status_url.path();
    assert_eq!(world.get(path, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.get(path, Some("guess")).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.get(path, Some(&access.token)).await.status,
        StatusCode::OK
    );
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

#[tokio::test]
async fn a_purpose_or_account_that_is_not_offered_is_not_started() {
    let world = World::new().await;
    let with = |name: &str, value: Value| {
        let mut body = json!({"account_type": "general", "tax_residences": ["JP"], "purpose": "account_opening"});
        body[name] = value;
        body
    };
    for (body, status) in [
        (
            with("purpose", json!("marketing")),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            with("tax_residences", json!([])),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            with("tax_residences", json!(["japan"])),
            StatusCode::BAD_REQUEST,
        ),
        (
            with("account_type", json!("margin")),
            StatusCode::BAD_REQUEST,
        ),
        (with("my_number", json!("1")), StatusCode::BAD_REQUEST),
        (
            with("purpose", json!("account_opening")),
            StatusCode::CREATED,
        ),
    ] {
        assert_eq!(
            world.post_json("/applications", &body, None).await.status,
            status,
            "{body}"
        );
    }
}

/// All at one time.
async fn futures_join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in waiting.iter_mut().zip(&mut done) {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
