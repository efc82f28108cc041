//! Blocks as consensus hands them over, some of them from a leader who lies.

use crate::{
    fixture::{Network, block, bytes, issuer, key, peer},
    message::Message,
    replica::Replica,
    store::{Store, StoreError},
};
use bytes::Bytes;
use protocol::{
    identity::SigningKey,
    registry::{NetworkId, record::Record},
};
use registry_consensus::{Application as _, OrderedBlock, Verdict};
use tempfile::TempDir;

fn replica() -> (Network, Replica, TempDir) {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let replica = network.replica(0, directory.path());
    (network, replica, directory)
}

#[test]
fn neg_l01_l03_a_block_with_a_record_against_the_rules_is_invalid() {
    let (network, replica, _directory) = replica();
    let committed = network.event(9, 0, 1);
    replica.commit(&block(1, &[&committed])).unwrap();
    let opened = network.event(1, 0, 1);
    let stranger: SigningKey = key(99);
    let elsewhere = NetworkId::from_bytes([3; 32]);
    let mut unsigned = block(2, &[&opened]);
    let mut forged = opened.as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    unsigned.records = vec![forged.into()];

    assert_eq!(replica.validate(&[], &block(2, &[&opened])), Verdict::Valid);
    for (what, block) in [
        ("unsigned", unsigned),
        (
            "by a stranger",
            block(2, &[&network.event_by(1, 0, 1, &stranger)]),
        ),
        (
            "of another network",
            block(
                2,
                &[&Record::sign(elsewhere, opened.body().clone(), &issuer())],
            ),
        ),
        ("skipped", block(2, &[&network.event(1, 1, 2)])),
        ("twice in the block", block(2, &[&opened, &opened])),
        ("committed before", block(2, &[&committed])),
        (
            "another in its place",
            block(2, &[&opened, &network.event(1, 0, 2)]),
        ),
        (
            "garbage",
            OrderedBlock {
                records: vec!["garbage".into()],
                ..block(2, &[])
            },
        ),
    ] {
        assert_eq!(replica.validate(&[], &block), Verdict::Invalid, "{what}");
    }
    assert_eq!(replica.validate(&[], &block(2, &[&opened])), Verdict::Valid);
}

#[test]
fn a_block_is_judged_after_its_pending_ancestors() {
    let (network, replica, _directory) = replica();
    let parent = block(1, &[&network.event(1, 0, 1)]);
    let child = block(2, &[&network.event(1, 1, 2)]);
    assert_eq!(replica.validate(&[], &child), Verdict::Invalid);
    assert_eq!(
        replica.validate(std::slice::from_ref(&parent), &child),
        Verdict::Valid
    );
    let again = block(2, &[&network.event(1, 0, 1)]);
    assert_eq!(
        replica.validate(std::slice::from_ref(&parent), &again),
        Verdict::Invalid
    );
    // The parent may be committed between the question and the answer.
    replica.commit(&parent).unwrap();
    assert_eq!(
        replica.validate(std::slice::from_ref(&parent), &child),
        Verdict::Valid
    );
    replica.commit(&child).unwrap();
    assert_eq!(replica.validate(&[parent], &child), Verdict::Passed);
}

#[test]
fn a_proposal_has_what_is_acceptable_there_and_nothing_else() {
    let (network, replica, _directory) = replica();
    let (first, second) = (network.event(1, 0, 1), network.event(1, 1, 2));
    let (conflict, gap) = (network.event(1, 0, 2), network.event(2, 3, 1));
    for record in [&gap, &first, &conflict, &second] {
        replica.on_gossip(peer(0), Message::Record(bytes(record)).encode());
    }
    let time_ms = block(1, &[]).time_ms;
    assert_eq!(
        replica.propose(&[], 1, time_ms),
        [bytes(&first), bytes(&second)]
    );
    let parent = block(1, &[&first]);
    assert_eq!(
        replica.propose(std::slice::from_ref(&parent), 2, time_ms),
        [bytes(&second)]
    );
    replica.commit(&parent).unwrap();
    assert_eq!(replica.propose(&[], 2, time_ms), [bytes(&second)]);
}

#[test]
fn neg_l01_a_forged_record_costs_its_sender_a_second_and_nobody_else_anything() {
    let (network, replica, _directory) = replica();
    let told = [1, 2, 3, 4].map(|case| bytes(&network.event(case, 0, 1)));
    let mut forged = told[1].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for (liar, wrong) in [(1, forged.into()), (2, Bytes::from_static(b"garbage"))] {
        let messages = [
            (peer(0), told[0].clone()),
            (peer(liar), told[3].clone()),
            (peer(liar), wrong),
            (peer(0), told[2].clone()),
        ];
        let messages = messages.map(|(from, record)| (from, Message::Record(record).encode()));
        replica.on_gossip_of_many(messages.to_vec());
        replica.on_gossip(peer(liar), Message::Record(told[1].clone()).encode());
        let proposed = replica.propose(&[], 1, block(1, &[]).time_ms);
        assert_eq!(proposed, [told[0].clone(), told[2].clone()]);
    }
    replica.on_gossip(peer(0), Message::Record(told[1].clone()).encode());
    assert_eq!(replica.waiting(), 3);
}

#[test]
fn a_proposal_stays_within_a_block() {
    let (network, replica, _directory) = replica();
    let count = registry_consensus::BLOCK_RECORDS_MAX + 10;
    for number in 0..count {
        let (case, author) = (number % 250, number / 250);
        let record = network.event_by(
            u8::try_from(case).unwrap(),
            u32::try_from(author).unwrap(),
            1,
            &issuer(),
        );
        replica.on_gossip(
            peer(u8::try_from(number % 4).unwrap()),
            Message::Record(bytes(&record)).encode(),
        );
    }
    let records = replica.propose(&[], 1, block(1, &[]).time_ms);
    assert!(records.len() <= registry_consensus::BLOCK_RECORDS_MAX);
    assert!(
        records.iter().map(bytes::Bytes::len).sum::<usize>()
            <= registry_consensus::BLOCK_RECORDS_BYTES_MAX
    );
    let proposed = OrderedBlock {
        records,
        ..block(1, &[])
    };
    assert_eq!(replica.validate(&[], &proposed), Verdict::Valid);
}

#[test]
fn a_block_delivered_twice_counts_once() {
    let (network, replica, _directory) = replica();
    let first = block(1, &[&network.event(1, 0, 1)]);
    replica.commit(&first).unwrap();
    replica.commit(&block(2, &[])).unwrap();
    replica.commit(&first).unwrap();
    assert_eq!(replica.progress(), (2, 1));
}

#[test]
fn a_final_block_that_this_node_refuses_stops_it_and_changes_nothing() {
    let (network, replica, directory) = replica();
    let valid = network.event(1, 0, 1);
    let invalid = block(1, &[&valid, &network.event(2, 1, 2)]);
    assert!(replica.commit(&invalid).is_err());
    assert_eq!(replica.progress(), (0, 0));
    drop(replica);
    assert_eq!(network.replica(0, directory.path()).progress(), (0, 0));
}

#[test]
fn a_replica_opened_again_has_the_same_ledger() {
    let (network, replica, directory) = replica();
    replica
        .commit(&block(
            1,
            &[&network.event(1, 0, 1), &network.event(2, 0, 1)],
        ))
        .unwrap();
    replica
        .commit(&block(5, &[&network.event(1, 1, 2)]))
        .unwrap();
    let before = replica.latest().unwrap();
    drop(replica);
    let replica = network.replica(0, directory.path());
    assert_eq!(replica.progress(), (5, 3));
    assert_eq!(
        replica.latest().unwrap().checkpoint.checkpoint(),
        before.checkpoint.checkpoint()
    );
    assert_eq!(
        replica.validate(&[], &block(6, &[&network.event(1, 2, 6)])),
        Verdict::Valid
    );
}

#[test]
fn a_replica_that_was_closed_opens_with_the_same_ledger() {
    let (network, replica, directory) = replica();
    replica
        .commit(&block(1, &[&network.event(1, 0, 1)]))
        .unwrap();
    replica.close().unwrap();
    drop(replica);
    let replica = network.replica(0, directory.path());
    assert_eq!(replica.progress(), (1, 1));
    replica
        .commit(&block(2, &[&network.event(1, 1, 2)]))
        .unwrap();
    drop(replica);
    let replica = network.replica(0, directory.path());
    assert_eq!(replica.progress(), (2, 2));
    assert_eq!(
        replica.validate(&[], &block(3, &[&network.event(1, 2, 6)])),
        Verdict::Valid
    );
}

#[test]
fn an_entry_that_the_disk_changed_keeps_the_node_from_starting() {
    let (network, replica, directory) = replica();
    for height in 1..=2 {
        let record = network.event(u8::try_from(height).unwrap(), 0, 1);
        replica.commit(&block(height, &[&record])).unwrap();
    }
    drop(replica);
    let path = directory.path().join("entries");
    let mut entries = std::fs::read(&path).unwrap();
    entries[150] ^= 1;
    std::fs::write(&path, entries).unwrap();
    let opened = Store::open(directory.path(), network.genesis.network());
    assert!(matches!(opened, Err(StoreError::Rotten { index: 0 })));
}
