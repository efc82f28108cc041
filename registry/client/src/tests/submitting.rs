//! Submitting through nodes that fail, refuse or lie.

use super::world::*;
use crate::{Fault, Refusal, Relayed, SubmitError};
use std::sync::atomic::{AtomicU32, Ordering};

#[tokio::test]
async fn a_record_is_submitted_through_another_members_node() {
    for _order in 0..10 {
        let world = World::honest(3).await;
        let record = world.ledger(3).records[1].clone();
        let receipt = world
            .client
            .submit(&record, &["m0.example", "m2.example"])
            .await
            .unwrap();
        assert_eq!(receipt.entry().index(), 1);
        assert_eq!(receipt.entry().record(), &record);
        assert_eq!(world.asked(0), [""; 0]);
        assert_eq!(world.asked(2), [""; 0]);
        let verified = protocol::registry::receipt::verify_receipt(
            receipt.text(),
            record.as_bytes(),
            world.genesis.committees(),
        );
        assert!(verified.is_ok());
    }
}

#[tokio::test]
async fn without_a_node_left_nothing_is_submitted() {
    let world = World::honest(3).await;
    let record = world.ledger(3).records[1].clone();
    let names: Vec<String> = (0..MEMBERS).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let refused = world.client.submit(&record, &names).await;
    assert!(matches!(refused, Err(SubmitError::NoNode)));
    assert!((0..MEMBERS).all(|member| world.asked(member).is_empty()));
}

#[tokio::test]
async fn an_overloaded_node_is_asked_again() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let record = ledger.records[0].clone();
    world.all(|_member| {
        let (ledger, asked) = (ledger.clone(), AtomicU32::new(0));
        move |request| match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Some(Reply::status(503)),
            _ => Some(ledger.answer(request)),
        }
    });
    assert_eq!(
        world
            .client
            .submit(&record, &[])
            .await
            .unwrap()
            .entry()
            .index(),
        0
    );
}

#[tokio::test]
async fn a_record_that_nobody_acknowledges_is_reported_so() {
    let mut world = World::new().await;
    let record = world.ledger(1).records[0].clone();
    world.all(|_member| |_request: &Request| Some(Reply::status(503)));
    let failed = world.client.submit(&record, &[]).await;
    assert!(matches!(
        failed,
        Err(SubmitError::Unavailable(Some(Fault::Status(503))))
    ));
}

#[tokio::test]
async fn one_nodes_refusal_is_not_believed_and_two_are() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let record = ledger.records[2].clone();
    world.node(0, |_request| Some(Reply::status(422)));
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| Some(ledger.answer(request))
    });
    for _order in 0..10 {
        assert!(world.client.submit(&record, &[]).await.is_ok());
    }

    for (status, refusal) in [
        (400, Refusal::Malformed),
        (413, Refusal::Malformed),
        (403, Refusal::NotAuthorised),
        (409, Refusal::Conflict),
        (422, Refusal::AgainstRules),
    ] {
        let mut world = World::new().await;
        world.all(|member| move |_request: &Request| (member < 2).then(|| Reply::status(status)));
        let refused = world.client.submit(&record, &[]).await;
        assert!(matches!(refused, Err(SubmitError::Refused(found)) if found == refusal));
    }
}

#[tokio::test]
async fn neg_l06_a_receipt_of_another_record_is_not_accepted() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let record = ledger.records[2].clone();
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| {
            let elsewhere = Request {
                path: request.path.replace("/records", "/proofs/1"),
                body: Vec::new(),
            };
            Some(ledger.answer(&elsewhere))
        }
    });
    let refused = world.client.submit(&record, &[]).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(Some(_)))));
}

#[tokio::test]
async fn a_record_that_stands_under_another_signature_is_found() {
    let mut world = World::new().await;
    let p256 =
        protocol::identity::SigningKey::from_secret(protocol::identity::Algorithm::Es256, &[7; 32]);
    let p256 = p256.unwrap();
    let mut ledger = world.ledger(3);
    let body = ledger.records[1].body().clone();
    let sign =
        || protocol::registry::record::Record::sign(world.genesis.network(), body.clone(), &p256);
    let (standing, again) = (sign(), sign());
    assert_ne!(standing.as_bytes(), again.as_bytes());
    ledger.records[1] = standing.clone();
    world.all(|_member| {
        let (ledger, standing) = (ledger.clone(), standing.clone());
        move |request| {
            let submitted = Request {
                path: request.path.clone(),
                body: standing.as_bytes().to_vec(),
            };
            Some(ledger.answer(&submitted))
        }
    });
    let receipt = world.client.submit(&again, &[]).await.unwrap();
    assert_eq!(receipt.entry().record(), &standing);
}

#[tokio::test]
async fn an_outcome_is_relayed_through_the_own_node_and_no_other() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let record = ledger.records[1].clone();
    let asked = AtomicU32::new(0);
    world.node(2, move |request| {
        Some(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::status(202),
            1 => Reply::status(503),
            _ => ledger.answer(request),
        })
    });
    let relay = async || world.client.relay(&record, "m2.example").await;
    assert_eq!(relay().await.unwrap(), Relayed::Waits);
    assert!(matches!(
        relay().await,
        Err(SubmitError::Unavailable(Some(Fault::Status(503))))
    ));
    let Relayed::Recorded(receipt) = relay().await.unwrap() else {
        panic!("it stands")
    };
    assert_eq!(receipt.entry().record(), &record);
    assert_eq!(world.asked(2), ["/relay"; 3]);
    assert!([0, 1, 3].iter().all(|other| world.asked(*other).is_empty()));
}

#[tokio::test]
async fn a_refusal_of_the_own_node_counts_and_its_receipts_are_checked() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let record = ledger.records[2].clone();
    world.node(0, |_request| Some(Reply::status(409)));
    let lying = ledger.clone();
    world.node(1, move |_request| {
        let elsewhere = Request {
            path: "/proofs/1".to_owned(),
            body: Vec::new(),
        };
        Some(lying.answer(&elsewhere))
    });
    let refused = world.client.relay(&record, "m0.example").await;
    assert!(matches!(
        refused,
        Err(SubmitError::Refused(Refusal::Conflict))
    ));
    let lied = world.client.relay(&record, "m1.example").await;
    assert!(matches!(lied, Err(SubmitError::Unavailable(Some(_)))));
    let nobody = world.client.relay(&record, "m9.example").await;
    assert!(matches!(nobody, Err(SubmitError::NoNode)));
}

#[test]
fn all_futures_can_be_sent_between_threads() {
    fn sendable<T: Send>(_future: T) {}
    fn check(client: &crate::RegistryClient, record: &protocol::registry::record::Record) {
        let digest = protocol::registry::ContentDigest::of(b"");
        sendable(client.checkpoint(NOW));
        sendable(client.trusted_parties(NOW));
        sendable(client.entry(0));
        sendable(client.case(&case(0), &[]));
        sendable(client.application(&protocol::registry::ApplicationId::from_bytes([0; 16])));
        sendable(client.status_list(&digest));
        sendable(client.publish_status_list(""));
        sendable(client.submit(record, &[]));
        sendable(client.relay(record, ""));
    }
    let _compiles: fn(&crate::RegistryClient, &protocol::registry::record::Record) = check;
}
