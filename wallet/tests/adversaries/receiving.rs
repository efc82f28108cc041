//! W: the wallet as a client of an issuer. After each refusal nothing is stored.

use protocol::credential::VCT_KYC;
use serde_json::{Value, json};
use wallet::failure::Failure;
use wallet::session::Session;

use super::issuer::TX_CODE;
use super::server::Reply;
use super::world::{World, key, list, receive};

const METADATA: &str = "GET /.well-known/openid-credential-issuer";
const SERVER: &str = "GET /.well-known/oauth-authorization-server";

fn link(parameter: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new("openid-credential-offer://?".to_owned())
        .append_pair(parameter, value)
        .finish()
}

fn offer_with(world: &World, change: impl FnOnce(&mut Value)) -> String {
    let mut offer = world.issuer.credential_offer().to_json();
    change(&mut offer);
    link("credential_offer", &offer.to_string())
}

/// Tries an offer, expects a refusal, and checks that the wallet has stayed empty.
async fn refused(session: &mut Session, offer: &str) -> Failure {
    let failure = receive(session, Some(offer), &[TX_CODE]).await.unwrap_err();
    assert_eq!(list(session)["credentials"], json!([]));
    failure
}

/// A corruption of one answer of the issuer, and what the wallet says to it.
async fn refused_after(call: &str, change: fn(Reply) -> Reply) -> (World, Failure) {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt(call, change);
    let failure = refused(&mut session, &world.issuer.offer()).await;
    world.wire.repent();
    // The same issuer, honest again, is accepted.
    assert!(
        world.receive(&mut session).await.is_ok(),
        "{}",
        failure.what()
    );
    (world, failure)
}

#[tokio::test]
async fn neg_w01_offers_of_strangers_unknown_grants_and_double_offers_cause_no_request() {
    let world = World::new().await;
    let mut session = world.wallet();
    let value = world.issuer.credential_offer().to_json().to_string();
    let both = format!(
        "{}&credential_offer_uri=https%3A%2F%2Fa.example",
        link("credential_offer", &value)
    );
    let stranger = offer_with(&world, |offer| {
        offer["credential_issuer"] = json!("https://issuer.example");
    });
    let grant = offer_with(&world, |offer| {
        offer["grants"] = json!({"authorization_code": {}});
    });
    for offer in [&both, &stranger, &grant, "https://a.example/?x=1"] {
        refused(&mut session, offer).await;
    }
    assert_eq!(world.wire.count(""), 0);
    assert!(world.receive(&mut session).await.is_ok());
}

#[tokio::test]
async fn neg_w02_offers_by_reference_to_elsewhere_cause_no_request() {
    let world = World::new().await;
    let mut session = world.wallet();
    for address in [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/offer",
        "http://2130706433/offer",
        "https://issuer.example/offer",
        "http://localhost:1/offer",
    ] {
        refused(&mut session, &link("credential_offer_uri", address)).await;
    }
    assert_eq!(world.wire.count(""), 0);
    let own = format!("{}/offer", world.issuer.url());
    let offer = link("credential_offer_uri", &own);
    assert!(
        receive(&mut session, Some(&offer), &[TX_CODE])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn neg_w02_a_redirect_or_an_endless_offer_is_refused() {
    let world = World::new().await;
    let mut session = world.wallet();
    let own = format!("{}/offer", world.issuer.url());
    let offer = link("credential_offer_uri", &own);
    world
        .wire
        .corrupt("GET /offer", |_| Reply::redirect("http://169.254.169.254/"));
    assert!(
        refused(&mut session, &offer)
            .await
            .what()
            .contains("redirects")
    );
    world.wire.corrupt("GET /offer", |_| {
        Reply::bytes("application/json", vec![b' '; 600 * 1024])
    });
    assert!(
        refused(&mut session, &offer)
            .await
            .what()
            .contains("too much")
    );
}

#[tokio::test]
async fn neg_w03_metadata_of_another_issuer_is_refused() {
    refused_after(METADATA, |reply| {
        reply.edit(|value| value["credential_issuer"] = json!("https://other.example"))
    })
    .await;
    refused_after(SERVER, |reply| {
        reply.edit(|value| value["issuer"] = json!("https://other.example"))
    })
    .await;
}

#[tokio::test]
async fn neg_w03_endpoints_at_another_origin_are_refused_before_the_code_is_sent() {
    for name in [
        "credential_endpoint",
        "nonce_endpoint",
        "notification_endpoint",
    ] {
        let world = World::new().await;
        let mut session = world.wallet();
        world.wire.corrupt(METADATA, move |reply| {
            reply.edit(|value| value[name] = json!("http://127.0.0.1:9/x"))
        });
        refused(&mut session, &world.issuer.offer()).await;
        assert_eq!(world.wire.count("POST"), 0, "{name}");
    }
    let (_, failure) = refused_after(SERVER, |reply| {
        reply.edit(|value| value["token_endpoint"] = json!("https://other.example/token"))
    })
    .await;
    assert!(failure.what().contains("not its own"));
}

#[tokio::test]
async fn neg_w08_tokens_of_another_type_are_refused() {
    for token_type in [json!("DPoP"), json!("mac"), Value::Null] {
        let world = World::new().await;
        let mut session = world.wallet();
        world.wire.corrupt("POST /token", move |reply| {
            reply.edit(|value| value["token_type"] = token_type.clone())
        });
        refused(&mut session, &world.issuer.offer()).await;
        assert_eq!(world.wire.count("POST /credential"), 0);
    }
}

#[tokio::test]
async fn w08_a_token_type_in_odd_case_and_without_lifetime_is_accepted() {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt("POST /token", |reply| {
        reply.edit(|value| *value = json!({"access_token": "a", "token_type": "bEARER"}))
    });
    assert!(world.receive(&mut session).await.is_ok());
}

#[tokio::test]
async fn neg_w09_the_code_goes_to_the_trusted_issuer_alone() {
    let world = World::new().await;
    let mut session = world.wallet();
    let phishing = offer_with(&world, |offer| {
        offer["credential_issuer"] = json!("https://consortium.example.evil.example");
    });
    refused(&mut session, &phishing).await;
    // The code was not even asked for.
    assert!(session.terminal.shown().is_empty());
}

#[tokio::test]
async fn a_wrong_code_is_refused_and_can_be_typed_again() {
    let world = World::new().await;
    let mut session = world.wallet();
    let offer = world.issuer.offer();
    let failure = receive(&mut session, Some(&offer), &["000000"])
        .await
        .unwrap_err();
    assert!(failure.what().contains("does not accept the code"));
    assert!(receive(&mut session, None, &[TX_CODE]).await.is_ok());
}

/// The issuer spoils what it issues; the wallet refuses, says so to the issuer, and stays empty.
async fn refuses_instances(spoil: impl FnOnce(&World)) -> Failure {
    let world = World::new().await;
    let mut session = world.wallet();
    spoil(&world);
    let failure = refused(&mut session, &world.issuer.offer()).await;
    assert_eq!(world.wire.count("POST /notification"), 1);
    assert_eq!(world.wire.count("POST /anchors"), 0);
    failure
}

#[tokio::test]
async fn neg_w10_a_credential_bound_to_a_foreign_key_is_refused() {
    let failure = refuses_instances(|world| {
        world.issuer.spoil(|index, _, holder| {
            if index == 2 {
                *holder = key(77).public_key().clone();
            }
        });
    })
    .await;
    assert!(failure.what().contains("another key"));
}

#[tokio::test]
async fn neg_w10_two_credentials_bound_to_the_same_key_are_refused() {
    let first = std::sync::Mutex::new(None);
    let failure = refuses_instances(|world| {
        world.issuer.spoil(move |_, _, holder| {
            let mut first = first.lock().unwrap();
            *holder = first.get_or_insert_with(|| holder.clone()).clone();
        });
    })
    .await;
    assert!(failure.what().contains("another key"));
}

#[tokio::test]
async fn neg_w10_more_credentials_than_proofs_are_refused() {
    let failure = refuses_instances(|world| *world.issuer.one_more.lock().unwrap() = true).await;
    assert!(failure.what().contains("more credentials"));
}

#[tokio::test]
async fn neg_w10_another_type_an_expired_one_and_another_issuer_are_refused() {
    refuses_instances(|world| {
        world
            .issuer
            .spoil(|_, template, _| template.vct = format!("{VCT_KYC}/2"));
    })
    .await;
    refuses_instances(|world| {
        world.issuer.spoil(|_, template, _| {
            template.issued_at = template.issued_at.minus_seconds(400 * 86_400);
            template.expires = template.issued_at.plus_seconds(86_400);
        });
    })
    .await;
    refuses_instances(|world| {
        world
            .issuer
            .spoil(|_, template, _| template.iss = "https://other.example".to_owned());
    })
    .await;
}

#[tokio::test]
async fn neg_w10_a_credential_with_a_broken_signature_is_refused() {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt("POST /credential", |reply| {
        reply.edit(|value| {
            let text = value["credentials"][1]["credential"].as_str().unwrap();
            let (jws, rest) = text.split_once('~').unwrap();
            let mut jws = jws.to_owned();
            let last = if jws.ends_with('A') { "Q" } else { "A" };
            jws.replace_range(jws.len() - 3..jws.len() - 2, last);
            value["credentials"][1]["credential"] = json!(format!("{jws}~{rest}"));
        })
    });
    refused(&mut session, &world.issuer.offer()).await;
}

#[tokio::test]
async fn neg_w10_a_credential_that_says_something_else_than_was_applied_for_is_refused() {
    let world = World::new().await;
    let mut session = world.wallet();
    super::journey::apply_for_kyc(&world, &mut session).await;
    // The same person by name, who lives somewhere else.
    let failure = refused(&mut session, &world.issuer.offer()).await;
    assert!(
        failure
            .what()
            .contains("something else than was applied for")
    );
}

#[tokio::test]
async fn w10_fewer_credentials_than_proofs_are_accepted() {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt("POST /credential", |reply| {
        reply.edit(|value| value["credentials"].as_array_mut().unwrap().truncate(2))
    });
    assert_eq!(world.receive(&mut session).await.unwrap()["received"], 2);
}

#[tokio::test]
async fn w11_credentials_in_reverse_order_are_matched_by_their_keys() {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt("POST /credential", |reply| {
        reply.edit(|value| value["credentials"].as_array_mut().unwrap().reverse())
    });
    let report = world.receive(&mut session).await.unwrap();
    assert_eq!(
        report,
        json!({"received": 4, "anchored": 4, "instances": 4})
    );
    super::journey::open_account(&world, &mut session)
        .await
        .unwrap();
}

#[tokio::test]
async fn neg_w12_a_linkable_batch_is_refused() {
    let salts = refuses_instances(|world| *world.issuer.same_salts.lock().unwrap() = true).await;
    assert!(salts.what().contains("same salt"));
    let status = refuses_instances(|world| {
        world.issuer.spoil(|_, template, _| {
            let uri = template.status.uri().to_owned();
            template.status = protocol::status::StatusReference::new(&uri, 7).unwrap();
        });
    })
    .await;
    assert!(status.what().contains("status list"));
    let precise = refuses_instances(|world| {
        *world.issuer.raw.lock().unwrap() = Some(|payload| {
            payload["iat"] = json!(payload["iat"].as_u64().unwrap() + 3);
        });
    })
    .await;
    assert!(precise.what().contains("precise"));
    let identifier = refuses_instances(|world| {
        *world.issuer.raw.lock().unwrap() = Some(|payload| payload["jti"] = json!("1"));
    })
    .await;
    assert!(identifier.what().contains("identifier"));
}

#[tokio::test]
async fn neg_w13_anchors_that_do_not_hold_are_refused() {
    type Change = fn(&mut Value);
    let changes: [Change; 4] = [
        |anchor| anchor["leaf"] = json!(3),
        |anchor| anchor["batch"] = json!(7),
        |anchor| anchor["nonce"] = json!(protocol::base64url::encode(&[8; 32])),
        |anchor| {
            // The checkpoint keeps one of its two signatures.
            let receipt = anchor["receipt"].as_str().unwrap().to_owned();
            let lines: Vec<&str> = receipt.lines().collect();
            anchor["receipt"] = json!(format!("{}\n", lines[..lines.len() - 1].join("\n")));
        },
    ];
    for change in changes {
        let world = World::new().await;
        let mut session = world.wallet();
        world.wire.corrupt("POST /anchors", move |reply| {
            reply.edit(|value| change(&mut value["anchors"][0]))
        });
        let offer = world.issuer.offer();
        let failure = receive(&mut session, Some(&offer), &[TX_CODE])
            .await
            .unwrap_err();
        assert!(
            failure.what().contains("anchors do not hold"),
            "{}",
            failure.what()
        );
        // The instances are good and kept, without the anchor.
        assert_eq!(list(&mut session)["credentials"][0]["anchored"], 0);
        world.wire.repent();
        assert_eq!(
            receive(&mut session, None, &[]).await.unwrap()["anchored"],
            4
        );
    }
}

#[tokio::test]
async fn w13_anchors_that_are_not_ready_are_fetched_later() {
    let world = World::new().await;
    let mut session = world.wallet();
    *world.issuer.slow.lock().unwrap() = true;
    assert_eq!(world.receive(&mut session).await.unwrap()["anchored"], 0);
    let waiting = super::journey::open_account(&world, &mut session).await;
    assert!(waiting.unwrap_err().what().contains("not anchored"));
    *world.issuer.slow.lock().unwrap() = false;
    super::journey::open_account(&world, &mut session)
        .await
        .unwrap();
}

#[tokio::test]
async fn neg_w14_odd_answers_of_the_credential_endpoint_are_refused() {
    let html: fn(Reply) -> Reply = |_| Reply::bytes("text/html", b"<html>".to_vec());
    let both: fn(Reply) -> Reply = |reply| reply.edit(|value| value["transaction_id"] = json!("t"));
    let deferred: fn(Reply) -> Reply = |_| Reply {
        status: 202,
        ..Reply::json(&json!({"interval": 1_000_000_000}))
    };
    let empty: fn(Reply) -> Reply = |reply| reply.edit(|value| value["credentials"] = json!([]));
    for change in [html, both, deferred, empty] {
        refused_after("POST /credential", change).await;
    }
}

#[tokio::test]
async fn a_command_that_was_killed_after_the_code_was_redeemed_goes_on() {
    let world = World::new().await;
    let mut session = world.wallet();
    world.wire.corrupt("POST /nonce", |_| Reply::status(503));
    receive(&mut session, Some(&world.issuer.offer()), &[TX_CODE])
        .await
        .unwrap_err();
    drop(session);
    world.wire.repent();
    let mut session = world.open();
    let report = receive(&mut session, None, &[]).await.unwrap();
    assert_eq!(report["received"], 4);
    assert_eq!(world.wire.count("POST /token"), 1);
}

#[tokio::test]
async fn an_issuance_that_the_issuer_does_not_repeat_is_given_up() {
    let world = World::new().await;
    let mut session = world.wallet();
    let offer = world.issuer.offer();
    world
        .wire
        .corrupt("POST /credential", |_| Reply::status(503));
    receive(&mut session, Some(&offer), &[TX_CODE])
        .await
        .unwrap_err();
    world
        .wire
        .corrupt("POST /credential", |_| Reply::status(400));
    let failure = receive(&mut session, None, &[]).await.unwrap_err();
    assert!(failure.what().contains("interrupted"));
    assert!(failure.advice().contains("new offer"));
    world.wire.repent();
    assert!(world.receive(&mut session).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_does_not_want_to_be_told_is_not_told_for_ever() {
    let world = World::new().await;
    let mut session = world.wallet();
    world
        .wire
        .corrupt("POST /notification", |_| Reply::status(401));
    assert_eq!(world.receive(&mut session).await.unwrap()["anchored"], 4);
}

#[tokio::test]
async fn a_command_that_was_killed_before_the_notification_goes_on() {
    let world = World::new().await;
    let mut session = world.wallet();
    world
        .wire
        .corrupt("POST /notification", |_| Reply::status(503));
    receive(&mut session, Some(&world.issuer.offer()), &[TX_CODE])
        .await
        .unwrap_err();
    drop(session);
    world.wire.repent();
    let mut session = world.open();
    assert_eq!(list(&mut session)["credentials"][0]["instances"], 4);
    let report = receive(&mut session, None, &[]).await.unwrap();
    assert_eq!(
        report,
        json!({"received": 0, "anchored": 4, "instances": 4})
    );
    assert_eq!(world.wire.count("POST /credential"), 1);
    assert_eq!(world.wire.count("POST /notification"), 2);
}
