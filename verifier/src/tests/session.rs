//! Sessions: started, fetched, answered once, failed, over.

use axum::http::StatusCode;
use protocol::application::StatusToken;
use protocol::presentation::{REQUEST_MEDIA_TYPE, form};
use serde_json::{Value, json};
use service::clock;
use tower::ServiceExt as _;

use super::wallet::{accepted, refused};
use super::world::{ADULT, World};
use crate::application::session;

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
    let queued = world.queued();
    assert_eq!(queued.len(), 1);
}

#[tokio::test]
async fn a_session_that_was_answered_gives_up_its_place_and_its_page_still_learns_the_end() {
    let mut world = World::new().await;
    let vault = |world: &World| session::count(&world.verifier.vault);
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    assert_eq!(vault(&world), 1);
    let request = world.fetch(&started).await;
    let parts = world.parts(&request, &instance);
    let body = world.body(&request, &instance, &parts);
    accepted(&world.post_form(&started.response_path(), body).await);
    assert_eq!(vault(&world), 0);
    let state = async |world: &World| world.get(&started.result_path, None).await;
    assert_eq!(state(&world).await.json(), json!({"state": "received"}));

    let now = clock::now();
    let over = |seconds| session::remove_expired(&world.verifier.vault, now.plus_seconds(seconds));
    assert_eq!(over(23 * 3_600).unwrap(), 0);
    assert_eq!(over(25 * 3_600).unwrap(), 1);
    assert_eq!(state(&world).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_that_failed_keeps_its_place_until_it_is_over() {
    let world = World::new().await;
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let state = request.parameters().state.as_ref().unwrap().as_str();
    let error = form::encode(&[("error", "access_denied"), ("state", state)]);
    world.post_form(&started.response_path(), error).await;
    assert_eq!(session::count(&world.verifier.vault), 1);
    let over = clock::now().plus_seconds(301);
    session::remove_expired(&world.verifier.vault, over).unwrap();
    assert_eq!(session::count(&world.verifier.vault), 0);
}

#[tokio::test]
async fn a_holder_that_never_hears_the_answer_has_its_access_already() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let started = world.start().await;
    let request = world.fetch(&started).await;
    let mut parts = world.parts(&request, &instance);
    let token = StatusToken::random(&mut world.rng);
    let extension = parts.extension.as_mut().unwrap();
    extension.status_token = Some(token.clone());
    let body = world.body(&request, &instance, &parts);
    let answer = accepted(&world.post_form(&started.response_path(), body).await);
    let access = answer.tegata.unwrap();
    assert_eq!(access.token, token.reveal());
    let path = format!("/applications/{}", access.application);
    assert_eq!(access.status_url.path(), path);
    let shown = world.get(&path, Some(token.reveal())).await;
    assert_eq!(shown.status, StatusCode::OK);
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
