//! Members change, and the client knows the genesis file.

use super::world::*;
use crate::{Fault, ReadError};
use protocol::registry::governance::Change;
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
        let committee = |height, parties: &Parties| Committee {
            height,
            members: parties.members().to_vec(),
        };
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
    ledger.scheduled = vec![Committee {
        height: 20,
        members: parties.members().to_vec(),
    }];
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
