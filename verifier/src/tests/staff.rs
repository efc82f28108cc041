use axum::http::StatusCode;
use protocol::application::{ApplicationState, ApplicationStatus, ResponseAnswer};
use protocol::registry::ApplicationResult;
use serde_json::json;
use service::clock;

use super::world::{ADULT, IMAGE, Person, World};
use crate::application::decide::{DecisionError, decide as decide_application};
use crate::application::record::{Standing, Verdict};
use crate::policy::Finding;
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
        world.submit().await;
    }
    assert!(world.queued().is_empty());
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

/// Applies, and gives the application's id with a session of the staff.
async fn applied(world: &mut World, person: &Person) -> (String, String) {
    let instance = world.issue(person);
    let access = ResponseAnswer::parse(&world.apply(&instance).await.body)
        .unwrap()
        .tegata
        .unwrap();
    (access.application.to_string(), world.staff().await)
}

async fn outcome(world: &World, staff: &str, id: &str) -> serde_json::Value {
    let path = format!("/staff/applications/{id}");
    world.get(&path, Some(staff)).await.json()["outcome"].clone()
}

#[tokio::test]
async fn an_outcome_waits_until_its_receipt_is_shown_and_survives_a_restart() {
    let mut world = World::new().await;
    let (id, staff) = applied(&mut world, &ADULT).await;
    let answers = [StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE];
    world
        .ledger
        .with(|ledger| ledger.relay_answers.extend(answers));
    assert_eq!(
        outcome(&world, &staff, &id).await,
        json!({"state": "waits"})
    );
    assert_eq!(world.submit().await, 1, "on its way");
    assert_eq!(world.submit().await, 1, "the node is busy");
    let world = world.restart().await;
    assert_eq!(world.submit().await, 0);
    let staff = world.staff().await;
    assert_eq!(
        outcome(&world, &staff, &id).await,
        json!({"state": "recorded"})
    );
    assert_eq!(world.submit().await, 0, "nothing is left");
}

#[tokio::test]
async fn outcomes_are_recorded_one_after_the_other_with_nobody_telling_of_the_second() {
    let mut world = World::new().await;
    let (id, staff) = applied(&mut world, &ADULT).await;
    decide(&world, &staff, &id, "opened").await;
    // What was announced before the tasks began is heard by nobody.
    world.verifier.outbox.announced().await;
    let tasks = crate::tasks::start(&world.verifier);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while outcome(&world, &staff, &id).await != json!({"state": "recorded"}) {
        assert!(std::time::Instant::now() < deadline, "the second waits");
        tokio::task::yield_now().await;
    }
    drop(tasks);
}

#[tokio::test]
async fn an_outcome_that_the_registry_refuses_is_shown_to_the_staff() {
    let mut world = World::new().await;
    let (id, staff) = applied(&mut world, &ADULT).await;
    world
        .ledger
        .with(|ledger| ledger.relay_answers.push_back(StatusCode::CONFLICT));
    assert_eq!(world.submit().await, 0);
    let shown = outcome(&world, &staff, &id).await;
    assert_eq!(shown["state"], "refused");
    assert_eq!(shown["reason"], "conflict");
    let tasks = world.get("/staff/tasks", Some(&staff)).await.json();
    assert_eq!(tasks["tasks"][0]["application"], json!(id));
    assert_eq!(tasks["tasks"][0]["outcome"], "refused");
    assert!(world.queued().is_empty(), "not again at once");

    let later = clock::now().plus_seconds(3_601);
    let network = world.verifier.network();
    let again = registry::queued(&world.verifier.vault, &network, later).unwrap();
    let round = registry::submit_queued(&world.verifier, again, later).await;
    assert_eq!(round.recorded, 1);
    assert_eq!(
        outcome(&world, &staff, &id).await,
        json!({"state": "recorded"})
    );
    assert_eq!(
        world.get("/staff/tasks", Some(&staff)).await.json(),
        json!({"tasks": []})
    );
}

#[tokio::test]
async fn an_outcome_that_is_refused_holds_up_no_other() {
    let mut world = World::new().await;
    for person in [
        &ADULT,
        &Person {
            status_idx: 8,
            ..ADULT
        },
    ] {
        applied(&mut world, person).await;
    }
    let answer = StatusCode::UNPROCESSABLE_ENTITY;
    world
        .ledger
        .with(|ledger| ledger.relay_answers.push_back(answer));
    let before = world.ledger.with(|ledger| ledger.records.len());
    assert_eq!(world.queued().len(), 2);
    assert_eq!(world.submit().await, 0);
    assert_eq!(world.ledger.with(|ledger| ledger.records.len()), before + 1);
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

#[tokio::test]
async fn no_account_is_opened_after_the_consent_receipt_has_lapsed() {
    let mut world = World::new().await;
    let instance = world.issue(&ADULT);
    let access = ResponseAnswer::parse(&world.apply(&instance).await.body)
        .unwrap()
        .tegata
        .unwrap();
    let decide_at = |now| {
        let opened = (Verdict::Opened, Standing::Valid);
        let rng = &mut service::random::os();
        decide_application(
            &world.verifier,
            access.application,
            opened,
            "aoki",
            now,
            rng,
        )
    };
    let now = clock::now();
    let lapsed = now.plus_seconds(30 * 86_400 + 60);
    let refused = decide_at(lapsed).unwrap_err();
    let DecisionError::Findings(findings) = refused else {
        panic!("{refused}");
    };
    assert_eq!(findings, [Finding::ConsentReceiptMissing]);
    // The registry would still take the outcome: the account can be opened.
    decide_at(now).unwrap();
}
