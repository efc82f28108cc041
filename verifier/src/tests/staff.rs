use axum::http::StatusCode;
use protocol::application::{ApplicationState, ApplicationStatus, ResponseAnswer};
use protocol::registry::ApplicationResult;
use serde_json::json;
use service::clock;

use super::world::{ADULT, IMAGE, Person, World};
use crate::registry;
use crate::status::monitor;

async fn decide(world: &World, staff: &str, id: &str, result: &str) -> (StatusCode, Vec<u8>) {
    let path = format!("/staff/applications/{id}/decision");
    let answered = world
        .post_json(&path, &json!({"result": result}), Some(staff))
        .await;
    (answered.status, answered.body)
}

#[tokio::test]
async fn staff_read_an_application_and_open_the_account() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let access = ResponseAnswer::parse(&world.apply(&instance).await.body)
        .unwrap()
        .tegata
        .unwrap();
    let staff = world.staff().await;
    let id = access.application.to_string();
    let shown = world
        .get(&format!("/staff/applications/{id}"), Some(&staff))
        .await
        .json();
    assert_eq!(shown["summary"]["findings"], json!([]));
    assert_eq!(shown["report"]["consent_receipt"], "verified");
    assert_eq!(shown["report"]["declaration"], "signed");
    assert_eq!(shown["history"].as_array().unwrap().len(), 5);
    assert_eq!(shown["history"][1]["step"], "identity_document");
    let image = world
        .get(
            &format!("/staff/applications/{id}/documents/0"),
            Some(&staff),
        )
        .await;
    assert_eq!(image.body, IMAGE);

    assert_eq!(
        decide(&world, &staff, &id, "opened").await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        decide(&world, &staff, &id, "declined").await.0,
        StatusCode::CONFLICT
    );
    let answered = world
        .get(access.status_url.path(), Some(&access.token))
        .await;
    let status = ApplicationStatus::parse(&answered.body).unwrap();
    assert_eq!(status.state, ApplicationState::Opened);
    assert_eq!(status.openings[1].result, ApplicationResult::Opened);
    for _outcome in 0..2 {
        let queued = registry::queued(&world.verifier.vault, &world.verifier.network()).unwrap();
        registry::submit_queued(&world.verifier, queued)
            .await
            .unwrap();
    }
    assert!(
        registry::queued(&world.verifier.vault, &world.verifier.network())
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn neg_c01_staff_routes_need_a_session() {
    let world = World::new().await;
    for path in [
        "/staff/applications",
        "/staff/tasks",
        "/staff/applications/00000000000000000000000000000000",
    ] {
        assert_eq!(
            world.get(path, None).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(
            world.get(path, Some("guess")).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let staff = world.staff().await;
    assert_eq!(
        world.get("/staff/applications", Some(&staff)).await.status,
        StatusCode::OK
    );
    let wrong = json!({"name": "aoki", "passphrase": "wrong horse battery"});
    assert_eq!(
        world
            .post_json("/staff/sessions", &wrong, None)
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_account_that_the_rules_forbid_cannot_be_opened() {
    let mut world = World::new().await;
    let minor = world.issue(&Person {
        birthdate: "2015-04-01",
        ..ADULT
    });
    let access = ResponseAnswer::parse(&world.apply(&minor).await.body)
        .unwrap()
        .tegata
        .unwrap();
    let staff = world.staff().await;
    let id = access.application.to_string();
    let (status, body) = decide(&world, &staff, &id, "opened").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(String::from_utf8(body).unwrap().contains("underage"));
    assert_eq!(
        decide(&world, &staff, &id, "declined").await.0,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn neg_r19_a_second_application_of_a_person_is_found() {
    let mut world = World::new().await;
    let (first, second) = (world.issue(&ADULT), world.issue(&ADULT));
    assert_eq!(world.apply(&first).await.status, StatusCode::OK);
    let access = ResponseAnswer::parse(&world.apply(&second).await.body)
        .unwrap()
        .tegata
        .unwrap();
    let staff = world.staff().await;
    let (status, body) = decide(&world, &staff, &access.application.to_string(), "opened").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(String::from_utf8(body).unwrap().contains("duplicate"));
}

#[tokio::test]
async fn neg_r20_a_credential_revoked_before_the_decision_opens_nothing() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let access = ResponseAnswer::parse(&world.apply(&instance).await.body)
        .unwrap()
        .tegata
        .unwrap();
    world.publish_status(&[ADULT.status_idx]);
    let staff = world.staff().await;
    let (status, body) = decide(&world, &staff, &access.application.to_string(), "opened").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("credential_not_valid")
    );
}

#[tokio::test]
async fn neg_r20_a_credential_revoked_after_the_opening_becomes_a_task() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let access = ResponseAnswer::parse(&world.apply(&instance).await.body)
        .unwrap()
        .tegata
        .unwrap();
    let staff = world.staff().await;
    assert_eq!(
        decide(&world, &staff, &access.application.to_string(), "opened")
            .await
            .0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        world.get("/staff/tasks", Some(&staff)).await.json(),
        json!({"tasks": []})
    );
    world.publish_status(&[ADULT.status_idx]);
    let trusted = world.verifier.registry.refresh(clock::now()).await.unwrap();
    assert_eq!(
        monitor::look(&world.verifier, &trusted, clock::now())
            .await
            .unwrap(),
        1
    );
    let tasks = world.get("/staff/tasks", Some(&staff)).await.json();
    assert_eq!(tasks["tasks"][0]["standing"], "revoked");
    assert_eq!(
        tasks["tasks"][0]["application"],
        access.application.to_string()
    );
}

#[tokio::test]
async fn what_was_disclosed_is_not_readable_on_the_disk() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    assert_eq!(world.apply(&instance).await.status, StatusCode::OK);
    let canaries = ["山田", "YAMADA", "1990-04-01", "千代田1-1", "licence"];
    let mut files = 0;
    for path in world.files() {
        let bytes = std::fs::read(&path).unwrap();
        for canary in canaries {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} in {}", path.display());
        }
        files += 1;
    }
    assert!(files > 3);
}
