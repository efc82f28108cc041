//! Decisions on members, and what readers are shown of them.

use crate::fixture::{NOW, Network, block, key};
use protocol::registry::{
    KeyBytes, ProcessDefinition,
    checkpoint::{Committees, Handover},
    governance::Change,
};
use registry_consensus::Application as _;

fn another_key(network: &Network, seed: u8) -> Change {
    let mut member = network.genesis.parties().members()[0].clone();
    let public = key(seed).public_key().to_bytes();
    member.cosigning_key = KeyBytes::from_bytes(public.try_into().unwrap());
    Change::UpdateMember { member }
}

fn another_definition(network: &Network) -> Change {
    let first = network.genesis.parties().process_definitions()[0].clone();
    Change::PublishDefinition {
        definition: ProcessDefinition {
            version: 2,
            activation_height: 5,
            ..first
        },
    }
}

fn followed(network: &Network, replica: &super::super::Replica) -> Committees {
    let mut committees = network.genesis.committees().clone();
    for note in replica.handovers(1) {
        let handover = Handover {
            checkpoint: note.checkpoint,
            document: note.document,
        };
        committees.follow(&handover).unwrap();
    }
    committees
}

#[test]
fn readers_are_shown_each_decision_on_members_and_no_other() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let replica = network.replica(0, directory.path());
    replica
        .commit(&block(1, &[&network.event(1, 0, 1)]))
        .unwrap();
    let definition = network.proposal(0, another_definition(&network));
    replica.commit(&block(2, &[&definition])).unwrap();
    assert_eq!(replica.handovers(0), []);

    let rekeyed = network.proposal(0, another_key(&network, 77));
    let opened = network.event(2, 0, 1);
    replica.commit(&block(3, &[&rekeyed, &opened])).unwrap();
    assert_eq!(replica.handovers(0).len(), 1);
    assert_eq!(replica.handovers(3).len(), 1);
    assert_eq!(replica.handovers(4), []);
    let committees = followed(&network, &replica);
    assert_eq!(committees.terms().count(), 2);
    assert_eq!(committees.at(2_000), replica.committees().at(2_000));
    assert_ne!(committees.at(2_000), committees.at(1_999));
}

#[test]
fn handovers_that_the_store_has_lost_are_announced_again() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    {
        let replica = network.replica(0, directory.path());
        let first = network.proposal(0, another_key(&network, 77));
        replica.commit(&block(1, &[&first])).unwrap();
        let opened = network.event(2, 0, 1);
        replica.commit(&block(2, &[&opened])).unwrap();
        let second = network.proposal(0, another_key(&network, 78));
        let event = network.event(2, 1, 2);
        replica.commit(&block(4, &[&event, &second])).unwrap();
        assert_eq!(replica.handovers(0).len(), 2);
        replica.close().unwrap();
    }
    let before = {
        let replica = network.replica(0, directory.path());
        assert_eq!(replica.handovers(0).len(), 2, "they are on the disk");
        followed(&network, &replica)
    };
    std::fs::remove_file(directory.path().join("handovers")).unwrap();
    let replica = network.replica(0, directory.path());
    assert!(replica.handovers(0).len() < 2);
    replica.tick(NOW, std::time::Instant::now());
    assert_eq!(replica.handovers(0).len(), 2);
    assert_eq!(followed(&network, &replica), before);
}
