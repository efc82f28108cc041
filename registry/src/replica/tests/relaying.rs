//! Outcomes that are handed in, and cells of others.

use super::submission::{commit_next, replica};
use crate::{
    fixture::{block, bytes, key, peer},
    message::Message,
    replica::{Relayed, Replica, SubmitError},
    state::Rejection,
};
use bytes::Bytes;
use protocol::{
    registry::{KeyBytes, governance::Change, receipt::verify_receipt, record::Record},
    relay::relay_key,
};
use registry_consensus::Application as _;
use std::sync::Arc;

const SLOT_MS: u64 = 100;

fn relaying(replica: &Arc<Replica>) -> tokio::task::JoinHandle<()> {
    let key = relay_key(&key(0)).unwrap();
    let relayed = replica
        .start_relaying(vec![key], &[peer(0)], SLOT_MS)
        .unwrap();
    tokio::spawn(replica.clone().relaying(relayed, SLOT_MS))
}

fn nothing_is_proposed(replica: &Replica) -> bool {
    replica.propose(&[], 2, block(2, &[]).time_ms).is_empty()
}

#[tokio::test]
async fn an_outcome_waits_for_its_slot_and_then_has_its_receipt() {
    let (network, replica, _directory) = replica(1);
    let [batch, designation, received, decided] = network.application();
    replica.commit(&block(1, &[&batch, &designation])).unwrap();
    let running = relaying(&replica);
    for (height, outcome) in [(2, received), (3, decided)] {
        let relayed = replica.relay(outcome.as_bytes()).await.unwrap();
        assert_eq!(relayed, Relayed::Waits);
        assert!(nothing_is_proposed(&replica), "the slot is not there yet");
        commit_next(&replica, height).await;
        let Relayed::Recorded(receipt) = replica.relay(outcome.as_bytes()).await.unwrap() else {
            panic!("it stands");
        };
        let entry = verify_receipt(&receipt, outcome.as_bytes(), network.genesis.committees());
        assert_eq!(entry.unwrap().index(), height);
    }
    running.abort();
}

#[tokio::test]
async fn what_is_no_outcome_or_against_the_rules_is_not_relayed() {
    let (network, replica, _directory) = replica(1);
    let [batch, designation, received, decided] = network.application();
    let refused = async |record: &Record| replica.relay(record.as_bytes()).await.unwrap_err();
    assert!(
        matches!(refused(&received).await, SubmitError::NotYet),
        "this node does not relay yet"
    );
    let running = relaying(&replica);
    assert!(
        matches!(refused(&received).await, SubmitError::NotYet),
        "its designation may be on its way"
    );
    replica.commit(&block(1, &[&batch, &designation])).unwrap();
    assert!(
        matches!(refused(&decided).await, SubmitError::NotYet),
        "the outcome before it may be on its way"
    );
    for other in [&batch, &designation] {
        assert!(matches!(refused(other).await, SubmitError::NotRelayed));
    }
    let stranger = Record::sign(network.genesis.network(), received.body().clone(), &key(9));
    assert!(matches!(
        refused(&stranger).await,
        SubmitError::Rejected(Rejection::NotAuthorised)
    ));
    running.abort();
}

#[tokio::test]
async fn a_node_relays_as_long_as_the_members_know_it_by_one_of_its_keys() {
    for (keys, goes_on) in [(vec![peer(0)], false), (vec![peer(0), peer(5)], true)] {
        let (network, replica, _directory) = replica(1);
        let [batch, designation, received, _] = network.application();
        let mut member = network.genesis.parties().members()[0].clone();
        member.consensus_key = KeyBytes::from_bytes(*peer(5).as_bytes());
        let rekeyed = network.proposal(0, Change::UpdateMember { member });
        replica.commit(&block(1, &[&batch, &designation])).unwrap();
        replica.commit(&block(2, &[&rekeyed])).unwrap();
        let own = vec![relay_key(&key(0)).unwrap()];
        let relayed = replica.start_relaying(own, &keys, SLOT_MS).unwrap();
        let running = tokio::spawn(replica.clone().relaying(relayed, SLOT_MS));
        assert!(replica.is_members());
        let first = replica.relay(received.as_bytes()).await.unwrap();
        assert_eq!(first, Relayed::Waits);

        // The epoch in which the change holds.
        replica.commit(&block(2_000, &[])).unwrap();
        assert_eq!(replica.is_members(), goes_on);
        let begun = std::time::Instant::now();
        while replica.relay(received.as_bytes()).await.is_ok() != goes_on {
            assert!(begun.elapsed().as_secs() < 10, "other members are adopted");
            tokio::task::yield_now().await;
        }
        running.abort();
    }
}

#[tokio::test]
async fn what_comes_out_of_a_cascade_and_is_no_outcome_is_dropped() {
    let (network, replica, _directory) = replica(1);
    replica
        .submit_relayed(network.event(1, 0, 1).as_bytes())
        .await;
    replica.submit_relayed(b"garbage").await;
    assert!(nothing_is_proposed(&replica));
}

#[tokio::test]
async fn neg_l09_cells_that_are_none_or_come_from_strangers_change_nothing() {
    let (network, replica, _directory) = replica(1);
    let cell = |content: &'static [u8]| Message::Cell(Bytes::from_static(content)).encode();
    replica.on_gossip(peer(0), cell(&[0; 400]));
    let running = relaying(&replica);
    for from in [peer(0), peer(9)] {
        for content in [&[][..], &[1; 10], &[0; 400], &[255; 400]] {
            replica.on_gossip(from, cell(content));
        }
    }
    let record = bytes(&network.event(1, 0, 1));
    replica.on_gossip(peer(0), Message::Record(record).encode());
    assert!(!nothing_is_proposed(&replica), "other gossip goes on");
    running.abort();
}
