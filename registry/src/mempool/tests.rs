use super::*;
use crate::fixture::{Network, peer};

fn record(network: &Network, number: u32) -> Arc<Record> {
    Arc::new(network.event(1, number, 1))
}

#[test]
fn records_come_out_in_the_order_in_which_they_came_each_once() {
    let (network, now) = (Network::of(1), Instant::now());
    let mut mempool = Mempool::default();
    for number in [2, 0, 1] {
        assert_eq!(
            mempool.offer(record(&network, number), Origin::Here, now),
            Ok(Offered::New)
        );
    }
    assert_eq!(
        mempool.offer(record(&network, 0), Origin::Peer(peer(1)), now),
        Ok(Offered::Known)
    );
    let expected: Vec<_> = [2, 0, 1].map(|number| record(&network, number)).into();
    assert_eq!(mempool.records(), expected);
    mempool.remove(&expected[1].id());
    assert!(!mempool.contains(&expected[1].id()));
    assert_eq!(mempool.by_leaf(&expected[1].leaf_hash()), None);
    assert_eq!(
        mempool.by_leaf(&expected[2].leaf_hash()),
        Some(expected[2].clone())
    );
    assert_eq!(mempool.len(), 2);
}

#[test]
fn neg_l09_another_node_cannot_fill_the_mempool() {
    let (network, now) = (Network::of(2), Instant::now());
    let mut mempool = Mempool::default();
    let flood = Origin::Peer(peer(1));
    for number in 0..u32::try_from(RECORDS_PER_PEER_MAX).unwrap() {
        mempool.offer(record(&network, number), flood, now).unwrap();
    }
    let next = record(&network, u32::MAX);
    assert_eq!(mempool.offer(next.clone(), flood, now), Err(Full));
    assert_eq!(mempool.offer(next, Origin::Here, now), Ok(Offered::New));
    mempool.remove(&record(&network, 0).id());
    assert_eq!(
        mempool.offer(record(&network, 0), flood, now),
        Ok(Offered::New)
    );
}

#[test]
fn neg_l09_all_other_nodes_together_leave_room_for_this_nodes_own_clients() {
    let (network, now) = (Network::of(2), Instant::now());
    let mut mempool = Mempool::default();
    let mut number = 0;
    let mut full = 0;
    // More nodes than their single shares would need to fill everything.
    for node in 0..=u8::try_from(RECORDS_MAX / RECORDS_PER_PEER_MAX).unwrap() {
        for _ in 0..RECORDS_PER_PEER_MAX {
            number += 1;
            let offered = mempool.offer(record(&network, number), Origin::Peer(peer(node)), now);
            full += usize::from(offered.is_err());
        }
    }
    assert_eq!(mempool.len(), RECORDS_MAX / 2);
    assert!(full > 0);
    let own = record(&network, number + 1);
    assert_eq!(mempool.offer(own, Origin::Here, now), Ok(Offered::New));
}

#[test]
fn a_record_of_this_node_is_told_again_until_it_is_gone() {
    let (network, now) = (Network::of(2), Instant::now());
    let mut mempool = Mempool::default();
    let here = record(&network, 0);
    mempool.offer(here.clone(), Origin::Here, now).unwrap();
    mempool
        .offer(record(&network, 1), Origin::Peer(peer(1)), now)
        .unwrap();
    let later = now + REPEAT_AFTER + Duration::from_millis(1);
    assert_eq!(mempool.tick(now), []);
    assert_eq!(mempool.tick(later), std::slice::from_ref(&here));
    assert_eq!(mempool.tick(later), []);
    mempool.remove(&here.id());
    assert_eq!(mempool.tick(later + REPEAT_AFTER * 2), []);
}

#[test]
fn a_record_that_waited_too_long_is_forgotten() {
    let (network, now) = (Network::of(1), Instant::now());
    let mut mempool = Mempool::default();
    mempool
        .offer(record(&network, 0), Origin::Here, now)
        .unwrap();
    mempool.tick(now + LIFETIME);
    assert!(!mempool.is_empty());
    mempool.tick(now + LIFETIME + Duration::from_secs(1));
    assert!(mempool.is_empty());
    assert!(mempool.per_origin.is_empty());
}
