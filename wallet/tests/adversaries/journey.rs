//! The honest exchanges: what every refusal elsewhere is the twin of.

use protocol::Timestamp;
use protocol::application::AccountType;
use protocol::kyc::UnverifiedApplication;
use protocol::registry::ApplicationResult;
use serde_json::{Value, json};
use wallet::apply::{ApplyError, ApplyRequest, apply};
use wallet::clock::Clock;
use wallet::consent::Consent;
use wallet::failure::Failure;
use wallet::open::{OpenRequest, open};
use wallet::session::Session;
use wallet::terminal::Terminal;

use super::company::{japan, query};
use super::issuer::TX_CODE;
use super::world::{PASSPHRASE, World, list, receive};

pub async fn open_account(world: &World, session: &mut Session) -> Result<Value, Failure> {
    session.terminal = Terminal::scripted(&[PASSPHRASE]);
    let company = world.company.url();
    let request = OpenRequest {
        company: &company,
        account: AccountType::Specific,
        tax_residences: japan(),
        consent: Consent::Given,
    };
    Ok(open(session, request).await?.json)
}

#[tokio::test]
async fn a_batch_of_instances_is_received_and_anchored() {
    let world = World::new().await;
    let mut session = world.wallet();
    let report = world.receive(&mut session).await.unwrap();
    assert_eq!(
        report,
        json!({"received": 4, "anchored": 4, "instances": 4})
    );
    let shown = session.terminal.shown().join("\n");
    assert!(shown.contains("127.0.0.1") && shown.contains("In the letter[2J"));
    assert_eq!(list(&mut session)["credentials"][0]["unspent"], 4);
    assert_eq!(world.wire.count("POST /notification"), 1);
}

#[tokio::test]
async fn an_account_is_opened_and_its_state_confirmed_by_the_registry() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let report = open_account(&world, &mut session).await.unwrap();
    {
        let received = world.company.received.lock().unwrap();
        assert_eq!(report["application"], json!(received[0].application));
        let disclosed = &received[0].claims["verified_claims"]["claims"];
        assert_eq!(disclosed["family_name"], "山田");
        assert_eq!(disclosed["address"]["region"], "東京都");
        assert!(disclosed.get("birthdate").is_none());
    }
    assert_eq!(list(&mut session)["credentials"][0]["unspent"], 3);

    world.company.record(ApplicationResult::Opened);
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["state"], "opened");
    assert_eq!(accounts["accounts"][0]["registry"], "confirmed");
    assert_eq!(accounts["accounts"][0]["name"], "A証券株式会社");
    let history = wallet::history::history(&mut session).unwrap().json;
    assert_eq!(history["history"][0]["claims"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn each_company_sees_another_instance() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    open_account(&world, &mut session).await.unwrap();
    open_account(&world, &mut session).await.unwrap();
    let received = world.company.received.lock().unwrap();
    assert_ne!(
        received[0].signing_input_hash,
        received[1].signing_input_hash
    );
    assert_ne!(received[0].application, received[1].application);
}

#[tokio::test]
async fn an_outcome_that_the_registry_does_not_hold_is_not_believed() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    open_account(&world, &mut session).await.unwrap();
    world.company.say(ApplicationResult::Opened);
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["registry"], "awaited");
    assert_eq!(accounts["accounts"][0]["state"], Value::Null);
    // It may wait for its slot; after an hour it was never sent.
    let now = session.clock.now();
    session.clock = Clock::Fixed(now.plus_seconds(3_601));
    let accounts = wallet::accounts::accounts(&mut session).await.unwrap().json;
    assert_eq!(accounts["accounts"][0]["registry"], "contradicted");
    assert_eq!(accounts["accounts"][0]["state"], Value::Null);
}

#[tokio::test]
async fn nothing_is_begun_with_a_retired_issuer_and_its_credentials_stay_usable() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world.ledger.retire(world.issuer.url());

    let requests = world.wire.count("POST /applications");
    let refused = try_to_apply(&world, &mut session).await.unwrap_err();
    assert!(refused.to_string().contains("issues no more"), "{refused}");
    assert_eq!(world.wire.count("POST /applications"), requests);
    let refused = world.receive(&mut session).await.unwrap_err();
    assert!(
        refused.what().contains("issues no more"),
        "{}",
        refused.what()
    );

    assert_eq!(list(&mut session)["credentials"][0]["valid"], true);
    open_account(&world, &mut session).await.unwrap();
}

/// Applies with the form of the specification and a picture.
pub async fn apply_for_kyc(world: &World, session: &mut Session) {
    try_to_apply(world, session).await.unwrap();
}

async fn try_to_apply(world: &World, session: &mut Session) -> Result<(), ApplyError> {
    let form = include_str!("../../../specs/vectors/kyc/form.json");
    let form = world.file("form.json", form);
    let documents = [world.file("licence.png", png())];
    session.terminal = Terminal::scripted(&["y", PASSPHRASE]);
    let request = ApplyRequest {
        form: &form,
        documents: &documents,
        issuer: None,
        consent: Consent::Ask,
    };
    apply(session, request).await.map(drop)
}

/// Applies, and the issuer's credentials say what was applied for.
pub async fn apply_and_be_checked(world: &World, session: &mut Session, now: Timestamp) {
    apply_for_kyc(world, session).await;
    let submission = world.issuer.submission.lock().unwrap();
    let (_, plaintext) = submission.as_ref().unwrap();
    let application = UnverifiedApplication::parse(plaintext).unwrap();
    assert!(application.documents[0].data == png());
    let applied = application.verify(now).unwrap();
    let claims = protocol::kyc::claims::PersonClaims::new(&applied, now);
    *world.issuer.claims.lock().unwrap() = claims.verified_claims(&[], now);
}

#[tokio::test]
async fn an_application_reaches_the_reviewers_alone_and_leads_to_the_credential() {
    let world = World::new().await;
    let mut session = world.wallet();
    apply_and_be_checked(&world, &mut session, super::world::NOW).await;
    let image = png();
    let shown = session.terminal.shown().join("\n");
    assert!(shown.contains("family_name: 山田") && shown.contains("licence.png"));

    let report = receive(&mut session, None, &[TX_CODE]).await.unwrap();
    assert_eq!(report["received"], 4);
    let evidence = json!(["verified_claims", "verification", "evidence"]);
    *world.company.query.lock().unwrap() = query(&[evidence]);
    open_account(&world, &mut session).await.unwrap();
    let received = world.company.received.lock().unwrap();
    assert!(received[0].documents == [image]);
}

/// The smallest PNG that says how large it is.
fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    bytes
}
