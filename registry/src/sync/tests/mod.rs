//! What a node that joins takes from its peers, and what it does not take.

mod crashes;
mod liars;
mod world;

use crate::{
    fixture::{NOW, Network, key},
    replica::{Consistency, Replica, restored_state},
    store::{Store, Tip},
};
use world::{Ledger, World, sign};

/// The store is the ledger, from the first record to the last.
fn assert_has(store: &Store, ledger: &Ledger) {
    let end = ledger.checkpoint();
    let tip = Tip {
        height: end.height,
        size: end.size,
        root: end.root,
    };
    assert_eq!(store.tip(), tip);
    for (index, record) in (0..).zip(&ledger.records) {
        let entry = store.entry(index).unwrap().unwrap();
        assert_eq!(entry.record, record);
        assert_eq!(
            entry.height,
            ledger.places[usize::try_from(index).unwrap()].height
        );
    }
    let state = restored_state(&ledger.network.genesis, store).unwrap();
    assert_eq!(state.checkpoint(), end);
}

/// A node opens the store and shows the ledger to readers.
fn assert_shows(store: Store, ledger: &Ledger) {
    assert_has(&store, ledger);
    let end = ledger.checkpoint();
    let replica = Replica::open(ledger.network.genesis.clone(), store, vec![key(0)], NOW).unwrap();
    assert_eq!(*replica.latest().unwrap().checkpoint.checkpoint(), end);
    let proof = replica.consistency(1, None).unwrap();
    assert!(matches!(proof, Some(Consistency { to, .. }) if to == end.size));
    assert!(replica.proof(end.size - 1).unwrap().is_some());
}

#[tokio::test]
async fn a_node_without_a_ledger_takes_it_from_a_peer() {
    let ledger = Ledger::filled();
    let world = World::new(&ledger);
    ledger.tell(&world.peer(2));
    assert_shows(world.start().await.unwrap(), &ledger);
    // It is on the disk, and nothing is to be done the next time.
    let changes = world.disk.changes();
    assert_shows(world.start().await.unwrap(), &ledger);
    world.disk.lose_power(1);
    assert_has(&world.open().unwrap(), &ledger);
    assert!(changes > 0);
}

#[tokio::test]
async fn a_node_with_a_part_of_the_ledger_goes_on_from_there() {
    let ledger = Ledger::filled();
    // In the middle of a bundle, and at its end but for a block that goes on in the next one.
    for blocks in [1, 50, 85, 86, 120] {
        let world = World::new(&ledger);
        let store = world.open().unwrap();
        ledger.append_to(&store, 0, blocks);
        drop(store);
        ledger.tell(&world.peer(3));
        assert_shows(world.start().await.unwrap(), &ledger);
    }
}

#[tokio::test]
async fn a_node_that_lacks_few_blocks_leaves_them_to_consensus() {
    let mut ledger = Ledger::new(4);
    for height in [100, 128] {
        let record = ledger
            .network
            .event(u8::try_from(height / 2).unwrap(), 0, 1);
        ledger.commit(height, &[record]);
    }
    let world = World::new(&ledger);
    ledger.tell(&world.peer(1));
    assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
    let record = ledger.network.event(0, 0, 1);
    ledger.commit(129, &[record]);
    ledger.tell(&world.peer(1));
    assert_shows(world.start().await.unwrap(), &ledger);
}

#[tokio::test]
async fn without_peers_a_node_starts_with_what_it_has() {
    let ledger = Ledger::new(4);
    let world = World::new(&ledger);
    assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
}

#[tokio::test]
async fn a_node_follows_the_members_from_the_genesis_file_and_shows_others_how() {
    let mut ledger = Ledger::new(4);
    let first = ledger.network.event(0, 0, 1);
    ledger.commit(5, &[first]);
    let proposal = ledger.network.proposal(0, Network::admission(4));
    let approvals = [1, 2].map(|by| ledger.network.approval(by, &proposal));
    ledger.commit(10, &[proposal, approvals[0].clone(), approvals[1].clone()]);
    let later = ledger.network.event(1, 0, 1);
    ledger.commit(2_500, &[later]);
    let world = World::new(&ledger);
    let folder = world.peer(1);
    ledger.tell(&folder);
    // Now four of five are a quorum.
    std::fs::write(folder.join("checkpoint"), ledger.note(&[0, 1, 2])).unwrap();
    assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
    std::fs::write(folder.join("checkpoint"), ledger.note(&[1, 2, 3, 4])).unwrap();
    let store = world.start().await.unwrap();
    assert_eq!(store.handovers().len(), 1);
    assert_shows(store, &ledger);
}

#[tokio::test]
async fn n7_who_signed_before_signs_nothing_any_more() {
    let mut ledger = Ledger::new(4);
    let proposal = ledger.network.proposal(0, Network::admission(4));
    let approvals = [1, 2].map(|by| ledger.network.approval(by, &proposal));
    ledger.commit(10, &[proposal, approvals[0].clone(), approvals[1].clone()]);
    // Three of the first four sign another ledger, at a height at which they are no quorum, and hide who is.
    let mut fork = Ledger::new(4);
    let record = fork.network.event(9, 0, 1);
    fork.commit(2_500, &[record]);
    let world = World::new(&ledger);
    fork.tell(&world.peer(1));
    ledger.tell(&world.peer(2));
    assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
    // As a node that knows the genesis file alone, and only them, must believe it.
    std::fs::remove_dir_all(world.peer(2)).unwrap();
    assert_shows(world.start().await.unwrap(), &fork);
}

#[tokio::test]
async fn the_largest_checkpoint_with_a_quorum_is_where_a_node_goes() {
    let ledger = Ledger::filled();
    let mut older = Ledger::new(4);
    let record = ledger.network.event(0, 0, 1);
    older.commit(900, &[record]);
    let world = World::new(&ledger);
    older.tell(&world.peer(1));
    ledger.tell(&world.peer(3));
    // A larger one that two of four signed.
    ledger.tell(&world.peer(2));
    let mut larger = ledger.checkpoint();
    larger.size += 1;
    larger.height += 1;
    let note = sign(&larger, &ledger.state.committees(), &[1, 2]);
    std::fs::write(world.peer(2).join("checkpoint"), note).unwrap();
    assert_shows(world.start().await.unwrap(), &ledger);
}
