//! Members change, and the client knows the genesis file.

use super::world::*;
use crate::{Fault, ReadError};
use protocol::registry::governance::Change;
use protocol::registry::receipt::verify_receipt;
use protocol::registry::{Committee, Genesis, Parties};
use std::sync::Arc;

/// The member with this number gets another cosigning key, and its node another address.
fn rekeyed(parties: &Parties, member: usize, seed: u8, height: u64) -> Parties {
    let mut member = parties.members()[member].clone();
    member.cosigning_key = public(seed);
    parties
        .changed(&Change::UpdateMember { member }, height)
        .unwrap()
}

fn committee(height: u64, parties: &Parties) -> Committee {
    Committee {
        height,
        members: parties.members().to_vec(),
    }
}

/// A ledger on which two members have changed their keys at height 20, and a third one at height 40.
struct Changing {
    ledger: Ledger,
    /// The ledger of the second announcement, signed by the second committee.
    between: Ledger,
}

impl Changing {
    fn of(genesis: &Arc<Genesis>) -> Self {
        let second = rekeyed(&rekeyed(genesis.parties(), 0, 40, 20), 1, 41, 20);
        let third = rekeyed(&second, 2, 42, 40);
        let mut first = Ledger::of(genesis, 3);
        first.scheduled = vec![committee(20, &second)];
        let mut between = Ledger::of(genesis, 4);
        between.height = 25;
        between.parties = second.clone();
        between.scheduled = vec![committee(40, &third)];
        between.committees.follow(&first.handover()).unwrap();
        between.signers = [40, 41, 3];
        between.handovers = vec![first.handover()];
        let mut ledger = Ledger::of(genesis, 5);
        ledger.height = 45;
        ledger.parties = third;
        ledger.committees = between.committees.clone();
        ledger.committees.follow(&between.handover()).unwrap();
        ledger.signers = [40, 41, 42];
        ledger.handovers = vec![first.handover(), between.handover()];
        Self { ledger, between }
    }
}

async fn world() -> (World, Changing) {
    let mut world = World::new().await;
    let changing = Changing::of(&world.genesis);
    let ledger = changing.ledger.clone();
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| Some(ledger.answer(request))
    });
    (world, changing)
}

#[tokio::test]
async fn a_client_of_the_genesis_file_follows_the_members_of_today() {
    let (world, changing) = world().await;
    let entry = world.client.entry(3).await.unwrap();
    assert_eq!(entry.record(), &changing.ledger.records[3]);
    let committees = world.client.committees();
    let from: Vec<u64> = committees.terms().map(|(from, _)| from).collect();
    assert_eq!(from, [0, 20, 40]);
    assert_eq!(committees.followed(), 45, "the latest document was read");
    assert!(world.client.trusted_parties(NOW).await.is_ok());
    assert!(world.client.checkpoint(NOW).await.is_ok());
}

#[tokio::test]
async fn a_receipt_of_a_record_submitted_to_new_members_is_believed() {
    let (world, changing) = world().await;
    let record = &changing.ledger.records[2];
    let receipt = world.client.submit(record, &[]).await.unwrap();
    assert_eq!(receipt.entry().index(), 2);
}

#[tokio::test]
async fn neg_l07_without_a_handover_the_signatures_of_new_members_do_not_count() {
    for wrong in 0..3 {
        let mut world = World::new().await;
        let Changing {
            mut ledger,
            between,
        } = Changing::of(&world.genesis);
        match wrong {
            0 => ledger.handovers.clear(),
            1 => ledger.handovers[0].document = between.handover().document,
            _ => ledger.handovers = vec![between.handover()],
        }
        world.all(|_member| {
            let ledger = ledger.clone();
            move |request| Some(ledger.answer(request))
        });
        let refused = world.client.entry(1).await;
        assert!(matches!(
            refused,
            Err(ReadError::Unavailable(Some(Fault::Receipt(_))))
        ));
        assert_eq!(world.client.committees().terms().count(), 1);
    }
}

#[tokio::test]
async fn a_node_that_shows_a_handover_again_and_again_is_passed_over() {
    let mut world = World::new().await;
    let Changing { ledger, between } = Changing::of(&world.genesis);
    let first = between.handovers[0].clone();
    for member in 0..3 {
        let (ledger, first) = (ledger.clone(), first.clone());
        world.node(member, move |request| {
            if request.path.starts_with("/handovers") {
                let page = serde_json::json!({ "handovers": [first] });
                return Some(Reply::text(&page.to_string()));
            }
            Some(ledger.answer(request))
        });
    }
    world.node(3, move |request| Some(ledger.answer(request)));
    assert!(world.client.entry(1).await.is_ok());
}

#[tokio::test]
async fn what_was_followed_is_remembered() {
    let (world, _) = world().await;
    world.client.checkpoint(NOW).await.unwrap();
    let memory = world.client.memory().unwrap();
    assert_eq!(client_of(&world.genesis).memory(), None);

    let again = client_of(&world.genesis);
    again.recall(&memory).unwrap();
    assert_eq!(again.committees(), world.client.committees());
    assert_eq!(again.memory().unwrap(), memory);
    assert!(again.recall("{}").is_err());
    assert!(again.recall(&world.ledger(2).memory()).is_ok());
    assert_eq!(
        again.committees().followed(),
        45,
        "an older memory takes nothing back"
    );
}

#[tokio::test]
async fn the_nodes_of_the_members_of_today_are_asked() {
    let mut world = World::new().await;
    let elsewhere = World::new().await;
    let moved_to = elsewhere.genesis.parties().members()[0].url.clone();
    let mut parties = world.genesis.parties().clone();
    for member in parties.members().to_vec() {
        let mut member = member;
        if member.name == name(0) {
            member.url = moved_to.clone();
            let change = Change::UpdateMember { member };
            parties = parties.changed(&change, 20).unwrap();
        }
    }
    let mut ledger = Ledger::of(&world.genesis, 3);
    ledger.scheduled = vec![committee(20, &parties)];
    let announced = ledger.handover();
    let mut after = Ledger::of(&world.genesis, 3);
    after.height = 30;
    after.parties = parties;
    after.committees.follow(&announced).unwrap();
    after.handovers = vec![announced];
    world.all(|_member| {
        let after = after.clone();
        move |request| Some(after.answer(request))
    });
    world.client.trusted_parties(NOW).await.unwrap();
    let nodes: Vec<_> = world.client.following.contacts_at(30);
    assert_eq!(nodes[0].url, moved_to);
    assert_ne!(nodes[1].url, moved_to);
}

/// A ledger with other records than those of honest nodes, on which others are to sign from height 30 on. Its checkpoints are
/// signed by those who sign first, with keys that they may have lost since.
fn another_ledger(world: &World, height: u64) -> Ledger {
    let evil = rekeyed(&rekeyed(world.genesis.parties(), 0, 60, 30), 1, 61, 30);
    let mut other = world.ledger(6);
    other.records[2] = record(&world.genesis, 0, 99);
    other.height = height;
    other.scheduled = vec![committee(30, &evil)];
    other
}

#[tokio::test]
async fn neg_l07_a_ledger_that_does_not_extend_the_one_seen_teaches_nothing() {
    for height in [15, 25] {
        let mut world = World::new().await;
        world.recall(&world.ledger(5));
        let other = another_ledger(&world, height);
        world.all(|_member| {
            let other = other.clone();
            move |request| Some(other.answer(request))
        });
        let before = (
            world.client.memory(),
            world.client.following.contacts_at(30),
        );
        let refused = world.client.trusted_parties(NOW).await;
        let inconsistent = matches!(
            refused,
            Err(ReadError::Unavailable(Some(Fault::Consistency(_))))
        );
        assert!(inconsistent, "{height}: {refused:?}");
        assert!(world.client.checkpoint(NOW).await.is_err());
        assert_eq!(world.client.committees().terms().count(), 1, "{height}");
        let after = (
            world.client.memory(),
            world.client.following.contacts_at(30),
        );
        assert_eq!(before, after);
    }
}

#[tokio::test]
async fn neg_l07_a_handover_of_a_ledger_that_does_not_extend_the_one_seen_teaches_nothing() {
    let mut world = World::new().await;
    world.recall(&world.ledger(5));
    let announced = another_ledger(&world, 15).handover();
    // What is shown under the keys that it brings in is the ledger that was seen, with one more record.
    let mut shown = world.ledger(6);
    shown.height = 35;
    shown.committees.follow(&announced).unwrap();
    shown.parties = rekeyed(&rekeyed(world.genesis.parties(), 0, 60, 30), 1, 61, 30);
    shown.signers = [60, 61, 3];
    shown.handovers = vec![announced];
    world.all(|_member| {
        let shown = shown.clone();
        move |request| Some(shown.answer(request))
    });
    assert!(world.client.entry(1).await.is_err());
    assert_eq!(world.client.committees().terms().count(), 1);
}

/// A ledger whose members are again those of the genesis file at height 75; from 20 to 59 two of them had other keys.
struct ThereAndBack {
    between: Ledger,
    ledger: Ledger,
}

impl ThereAndBack {
    fn of(genesis: &Arc<Genesis>) -> Self {
        let second = rekeyed(&rekeyed(genesis.parties(), 0, 40, 20), 1, 41, 20);
        let mut first = Ledger::of(genesis, 3);
        first.scheduled = vec![committee(20, &second)];
        let mut between = Ledger::of(genesis, 4);
        between.height = 45;
        between.parties = second;
        between.scheduled = vec![committee(60, genesis.parties())];
        between.committees.follow(&first.handover()).unwrap();
        between.signers = [40, 41, 3];
        let mut ledger = Ledger::of(genesis, 5);
        ledger.height = 75;
        ledger.committees = between.committees.clone();
        ledger.committees.follow(&between.handover()).unwrap();
        ledger.handovers = vec![first.handover(), between.handover()];
        Self { between, ledger }
    }

    /// Whether a client knows who signed between.
    fn is_known_to(&self, client: &crate::RegistryClient) -> bool {
        let path = "/proofs/2".to_owned();
        let body = Vec::new();
        let receipt = self.between.answer(&Request { path, body }).body;
        let receipt = String::from_utf8(receipt).unwrap();
        let record = self.between.records[2].as_bytes();
        verify_receipt(&receipt, record, &client.committees()).is_ok()
    }
}

#[tokio::test]
async fn a_receipt_from_between_is_believed_after_the_parties_were_read() {
    let mut world = World::new().await;
    let there_and_back = ThereAndBack::of(&world.genesis);
    world.all(|_member| {
        let ledger = there_and_back.ledger.clone();
        move |request| Some(ledger.answer(request))
    });
    world.client.trusted_parties(NOW).await.unwrap();
    assert_eq!(world.client.committees().followed(), 75);
    assert!(there_and_back.is_known_to(&world.client));
}

#[tokio::test]
async fn neg_l06_one_node_that_hides_handovers_keeps_nobody_from_hearing_of_them() {
    let mut world = World::new().await;
    let there_and_back = ThereAndBack::of(&world.genesis);
    world.all(|member| {
        let mut ledger = there_and_back.ledger.clone();
        if member == 0 {
            ledger.handovers.clear();
        }
        move |request| Some(ledger.answer(request))
    });
    for _order in 0..20 {
        let client = client_of(&world.genesis);
        client.trusted_parties(NOW).await.unwrap();
        assert!(there_and_back.is_known_to(&client));
    }
}

#[tokio::test]
async fn neg_l06_the_one_node_that_answers_is_not_believed_that_there_were_no_handovers() {
    let mut world = World::new().await;
    let there_and_back = ThereAndBack::of(&world.genesis);
    let mut hidden = there_and_back.ledger.clone();
    hidden.handovers.clear();
    world.node(0, move |request| Some(hidden.answer(request)));
    world.all(|_member| |_request: &Request| None);
    let client = client_of(&world.genesis);
    assert!(
        client.trusted_parties(NOW).await.is_ok(),
        "the members of today signed it"
    );
    assert_eq!(
        client.committees().followed(),
        0,
        "and who signed between is still to be asked"
    );
}

#[tokio::test]
async fn what_a_suspended_members_node_says_counts_for_nothing() {
    let mut world = World::new().await;
    let name = name(3);
    let suspend = Change::SuspendMember { name: name.clone() };
    let parties = world.genesis.parties().changed(&suspend, 20).unwrap();
    let mut announced = world.ledger(3);
    announced.scheduled = vec![committee(20, &parties)];
    let mut ledger = world.ledger(7);
    ledger.height = 30;
    ledger.parties = parties;
    ledger.committees.follow(&announced.handover()).unwrap();
    ledger.handovers = vec![announced.handover()];
    world.all(|member| {
        let ledger = ledger.clone();
        move |request| match request.path.split('/').nth(1) {
            Some("records") if member == 3 => Some(Reply::status(422)),
            Some("cases") if member == 3 => Some(Reply::text(r#"{"records":[0]}"#)),
            _ => Some(ledger.answer(request)),
        }
    });
    world.client.trusted_parties(NOW).await.unwrap();
    for _order in 0..30 {
        let submitted = world.client.submit(&ledger.records[1], &[]).await;
        assert!(submitted.is_ok(), "{submitted:?}");
        let entries = world.client.case(&case(0), &[]).await.unwrap();
        assert_eq!(entries.len(), 4);
    }
    // Its own users still ask it, and what is remembered says so too.
    let entries = world.client.case_at(&case(0), &name).await.unwrap();
    assert_eq!(entries.len(), 1);
    let again = client_of(&world.genesis);
    again.recall(&world.client.memory().unwrap()).unwrap();
    assert!(again.shuffled(&[]).iter().all(|node| node.name() != name));
    assert_eq!(again.shuffled(&[]).len(), MEMBERS - 1);
}
