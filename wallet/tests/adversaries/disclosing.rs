//! H11 to H23: what is given, to whom, once, and after which record.

use protocol::application::{AccountType, Country, CrsDeclaration};
use protocol::registry::ApplicationResult;
use serde_json::json;

use super::company::{japan, query};
use super::journey::open_account;
use super::presenting::{answer, refuses, unspent};
use super::server::Reply;
use super::world::{PASSPHRASE, World};

#[tokio::test]
async fn neg_h11_declined_and_unanswerable_requests_look_the_same_to_the_company() {
    let bodies = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for (path, answers) in [
        (json!(["verified_claims", "claims", "family_name"]), &["n"]),
        (
            json!(["verified_claims", "claims", "no_such_claim"]),
            &["y"],
        ),
    ] {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        *world.company.query.lock().unwrap() = query(&[path]);
        let link = world.company.request(None);
        answer(&mut session, &link, answers).await.unwrap_err();
        assert_eq!(unspent(&mut session), 4);
        assert_eq!(world.wire.count("POST /responses"), 1);
        bodies
            .lock()
            .unwrap()
            .push(world.company.errors.lock().unwrap().clone());
    }
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], ["access_denied"]);
}

#[tokio::test]
async fn neg_h11_nobody_is_told_anything_without_the_user() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let absent = json!(["verified_claims", "claims", "no_such_claim"]);
    *world.company.query.lock().unwrap() = query(&[absent]);
    answer(&mut session, &world.company.request(None), &["n"])
        .await
        .unwrap_err();
    assert_eq!(world.wire.count("POST /responses"), 0);
}

#[tokio::test]
async fn neg_h12_a_guessed_value_is_not_confirmed_or_denied_without_the_user() {
    let mut told = Vec::new();
    for (guess, reply) in [("1990-04-01", "n"), ("1990-04-02", "y")] {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        let mut guessing = query(&[json!(["verified_claims", "claims", "birthdate"])]);
        guessing["credentials"][0]["claims"][0]["values"] = json!([guess]);
        *world.company.query.lock().unwrap() = guessing;
        answer(&mut session, &world.company.request(None), &[reply])
            .await
            .unwrap_err();
        told.push(world.company.errors.lock().unwrap().clone());
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn neg_h13_unknown_transaction_data_is_refused() {
    let data =
        protocol::base64url::encode(br#"{"type":"payment","credential_ids":["kyc"],"amount":"1"}"#);
    refuses(move |request| request["transaction_data"] = json!([data])).await;
}

#[tokio::test]
async fn neg_h14_claims_beyond_the_registered_purpose_are_refused() {
    for path in [
        json!(["verified_claims", "claims", "occupation"]),
        json!(["verified_claims", "claims"]),
        json!(["verified_claims"]),
    ] {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        *world.company.query.lock().unwrap() = query(&[path]);
        let failure = answer(&mut session, &world.company.request(None), &[])
            .await
            .unwrap_err();
        assert!(failure.what().contains("more than its purpose allows"));
        assert_eq!(unspent(&mut session), 4);
        assert_eq!(world.wire.count("POST /responses"), 0);
    }
}

#[tokio::test]
async fn neg_h14_a_purpose_that_nobody_registered_is_refused() {
    refuses(|request| request["verifier_info"][0]["data"]["purpose"] = json!("curiosity")).await;
    refuses(|request| {
        request.as_object_mut().unwrap().remove("verifier_info");
    })
    .await;
}

#[tokio::test]
async fn neg_h15_a_my_number_is_never_given() {
    for path in [
        json!(["verified_claims", "claims", "my_number"]),
        json!(["my-number"]),
        json!(["verified_claims", "claims", "個人番号"]),
    ] {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        *world.company.query.lock().unwrap() = query(&[path]);
        let failure = answer(&mut session, &world.company.request(None), &[])
            .await
            .unwrap_err();
        assert!(failure.what().contains("My Number"));
        assert_eq!(world.wire.count("POST /responses"), 0);
    }
}

#[tokio::test]
async fn neg_h16_responses_are_encrypted_to_a_usable_key_or_not_sent() {
    refuses(|request| request["response_mode"] = json!("direct_post")).await;
    refuses(|request| request["client_metadata"]["jwks"] = json!({"keys": []})).await;
    refuses(|request| request["client_metadata"]["jwks"]["keys"][0]["use"] = json!("sig")).await;
    refuses(|request| {
        request["client_metadata"]["jwks"]["keys"] =
            json!([{"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}]);
    })
    .await;
}

#[tokio::test]
async fn h16_an_unknown_key_beside_a_good_one_is_passed_over() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world.company.spoil(|request| {
        let keys = request["client_metadata"]["jwks"]["keys"]
            .as_array_mut()
            .unwrap();
        keys.insert(
            0,
            json!({"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB", "alg": "RSA-OAEP"}),
        );
    });
    assert!(
        answer(&mut session, &world.company.request(None), &[])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn neg_h17_an_encryption_key_of_an_earlier_request_is_refused() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    *world.company.same_key.lock().unwrap() = true;
    answer(&mut session, &world.company.request(None), &[])
        .await
        .unwrap();
    let failure = answer(&mut session, &world.company.request(None), &[])
        .await
        .unwrap_err();
    assert!(failure.what().contains("earlier request"));
    assert_eq!(unspent(&mut session), 3);
}

#[tokio::test]
async fn neg_h18_expired_and_spent_instances_are_not_offered() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    for _ in 0..4 {
        answer(&mut session, &world.company.request(None), &[])
            .await
            .unwrap();
    }
    let failure = answer(&mut session, &world.company.request(None), &[])
        .await
        .unwrap_err();
    assert!(failure.what().contains("no one-time instance"));
    let received = world.company.received.lock().unwrap();
    let mut hashes: Vec<_> = received
        .iter()
        .map(|received| received.signing_input_hash)
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}

#[tokio::test]
async fn neg_h19_the_consent_screen_says_who_asks_and_asks_who_started_it() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let declaration = CrsDeclaration::new(AccountType::Specific, japan()).unwrap();
    let link = world.company.request(Some(&declaration));
    answer(&mut session, &link, &["n"]).await.unwrap_err();
    let screen = session.terminal.shown().join("\n");
    for line in [
        "A証券株式会社 asks you for data",
        "https://a.securities.example",
        "口座開設 / Account opening",
        "family_name: 山田",
        "tax residence: JP",
        "account type: specific",
        "3 are left",
        "only if you started this yourself",
    ] {
        assert!(screen.contains(line), "{line} is missing in:\n{screen}");
    }
    assert!(!screen.contains("1990-04-01"));
}

#[tokio::test]
async fn neg_h21_links_in_the_companys_answer_are_shown_only_if_they_are_its_own() {
    for (uri, shown) in [
        ("javascript:alert(1)", false),
        ("file:///etc/passwd", false),
        ("https://evil.example/?token=1", false),
        ("own", true),
    ] {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        let own = world.company.url().join("/done").unwrap().to_string();
        let uri = if uri == "own" { own } else { uri.to_owned() };
        *world.company.redirect_uri.lock().unwrap() = Some(uri.clone());
        let report = answer(&mut session, &world.company.request(None), &[])
            .await
            .unwrap();
        assert_eq!(report["redirect_uri"] == json!(uri), shown, "{uri}");
    }
}

#[tokio::test]
async fn neg_h22_of_two_answers_at_once_each_takes_its_own_instance() {
    let world = World::new().await;
    let session = world.wallet_with_credential().await;
    // A second process waits for the first, and does not get in while it runs.
    let unlock = vault::Passphrase::new(PASSPHRASE).unwrap();
    let second = vault::Vault::open_within(
        &world.directory(),
        &vault::Unlock::Passphrase(&unlock),
        std::time::Duration::from_millis(20),
    );
    assert!(matches!(second, Err(vault::OpenError::Busy)));
    drop(session);
    let mut session = world.open();
    answer(&mut session, &world.company.request(None), &[])
        .await
        .unwrap();
    drop(session);
    let mut session = world.open();
    answer(&mut session, &world.company.request(None), &[])
        .await
        .unwrap();
    let received = world.company.received.lock().unwrap();
    assert_ne!(
        received[0].signing_input_hash,
        received[1].signing_input_hash
    );
}

#[tokio::test]
async fn neg_h23_a_declaration_that_the_user_did_not_make_is_not_signed() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let other = CrsDeclaration::new(AccountType::General, vec![Country::JAPAN]).unwrap();
    let data = other.to_transaction_data("kyc").encoded().to_owned();
    world
        .company
        .spoil(move |request| request["transaction_data"] = json!([data]));
    let failure = open_account(&world, &mut session).await.unwrap_err();
    assert!(failure.what().contains("another declaration"));
    assert_eq!(unspent(&mut session), 4);
    world.company.spoil(|_| {});
    open_account(&world, &mut session).await.unwrap();
}

#[tokio::test]
async fn no_data_leaves_before_the_registry_has_the_designation() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world.wire.corrupt("POST /records", |_| Reply::status(422));
    let link = world.company.request(None);
    let failure = answer(&mut session, &link, &[]).await.unwrap_err();
    assert!(failure.what().contains("no data was given"));
    assert_eq!(world.wire.count("POST /responses"), 0);
    // The instance may be known to the registry now, so it stays spent; the request is answered with another.
    assert_eq!(unspent(&mut session), 3);
    world.wire.repent();
    answer(&mut session, &link, &[]).await.unwrap();
    assert_eq!(unspent(&mut session), 2);
}

#[tokio::test]
async fn a_command_that_was_killed_after_the_designation_goes_on_with_the_same_instance() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let link = world.company.request(None);
    world
        .wire
        .corrupt("POST /responses", |_| Reply::status(503));
    answer(&mut session, &link, &[]).await.unwrap_err();
    drop(session);
    world.wire.repent();
    // The company had taken the data, only its answer was lost; it may get the same data again.
    world.company.received.lock().unwrap().clear();
    let mut session = world.open();
    assert_eq!(unspent(&mut session), 3);
    answer(&mut session, &link, &[]).await.unwrap();
    assert_eq!(unspent(&mut session), 3);
    assert_eq!(world.wire.count("POST /records"), 1);
    let history = wallet::history::history(&mut session).unwrap().json;
    assert_eq!(history["history"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_declined_account_is_shown_as_declined() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    open_account(&world, &mut session).await.unwrap();
    world.company.record(ApplicationResult::Declined);
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["state"], "declined");
    // Later the company does not answer: what it said last is kept.
    world
        .wire
        .corrupt("GET /applications", |_| Reply::status(503));
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["state"], "declined");
    assert_eq!(accounts["accounts"][0]["registry"], "unknown");
}

#[tokio::test]
async fn a_company_that_refuses_what_it_took_before_has_it() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world
        .wire
        .corrupt("POST /responses", |_| Reply::status(400));
    let report = open_account(&world, &mut session).await.unwrap();
    world.wire.repent();
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(
        accounts["accounts"][0]["application"],
        report["application"]
    );
    assert_eq!(accounts["accounts"][0]["delivery"], "arrived");
    assert_eq!(accounts["accounts"][0]["state"], "received");
}

#[tokio::test]
async fn a_company_that_refuses_has_no_account_and_one_that_is_silent_may_have_one() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world
        .wire
        .corrupt("GET /applications", |_| Reply::status(404));
    world
        .wire
        .corrupt("POST /responses", |_| Reply::status(400));
    assert!(open_account(&world, &mut session).await.is_err());
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"], json!([]));

    world
        .wire
        .corrupt("POST /responses", |_| Reply::status(502));
    assert!(open_account(&world, &mut session).await.is_err());
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["delivery"], "sent");
}
