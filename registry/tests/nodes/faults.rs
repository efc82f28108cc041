//! Nodes that die and come back, under load.

use crate::cluster::Cluster;
use futures::{StreamExt as _, stream};
use protocol::registry::record::Record;

#[tokio::test]
async fn one_killed_node_does_not_stop_submission_and_catches_up() {
    let mut cluster = Cluster::start(4, 0).await;
    let records: Vec<Record> = (0..60).map(|_| cluster.opened_case()).collect();
    let (before, rest) = records.split_at(20);
    let (during, after) = rest.split_at(20);
    submit_all(&cluster, &[0, 1, 2, 3], before).await;
    cluster.kill(3);
    submit_all(&cluster, &[0, 1, 2], during).await;
    cluster.spawn(3);
    cluster.until_serving(3).await;
    submit_all(&cluster, &[0, 1, 2, 3], after).await;
    for node in 0..4 {
        cluster
            .until("all nodes show all", async || {
                cluster.size(node).await == Some(60)
            })
            .await;
    }
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn nothing_with_a_receipt_is_lost_when_all_nodes_are_killed() {
    let mut cluster = Cluster::start(4, 0).await;
    let records: Vec<Record> = (0..40).map(|_| cluster.opened_case()).collect();
    submit_all(&cluster, &[0, 1, 2, 3], &records).await;
    for node in 0..4 {
        cluster.kill(node);
    }
    cluster.start_all().await;
    let another = cluster.opened_case();
    assert_eq!(cluster.record(2, &another).await.index(), 40);
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn a_node_killed_again_and_again_loses_nothing() {
    let mut cluster = Cluster::start(4, 0).await;
    let mut records = Vec::new();
    for round in 0..3 {
        let batch: Vec<Record> = (0..10).map(|_| cluster.opened_case()).collect();
        submit_all(&cluster, &[0, 1, 2], &batch).await;
        records.extend(batch);
        cluster.kill(round);
        cluster.spawn(round);
        cluster.until_serving(round).await;
    }
    let last = cluster.opened_case();
    cluster.record(3, &last).await;
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn a_node_whose_ledger_directory_is_lost_gets_it_back_from_its_engine() {
    let mut cluster = Cluster::start(4, 0).await;
    let records: Vec<Record> = (0..10).map(|_| cluster.opened_case()).collect();
    submit_all(&cluster, &[0, 1, 2, 3], &records).await;
    cluster.kill(1);
    std::fs::remove_dir_all(cluster.directory(1).join("data/ledger")).unwrap();
    cluster.spawn(1);
    cluster
        .until("the ledger is whole again", async || {
            cluster.size(1).await == Some(10)
        })
        .await;
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn a_validator_whose_disk_is_lost_follows_without_a_vote() {
    let mut cluster = Cluster::start(4, 0).await;
    let records: Vec<Record> = (0..5).map(|_| cluster.opened_case()).collect();
    submit_all(&cluster, &[0, 1, 2, 3], &records).await;
    cluster.kill(3);
    std::fs::remove_dir_all(cluster.directory(3).join("data")).unwrap();
    cluster.spawn(3);
    cluster
        .until("it has fetched everything", async || {
            cluster.size(3).await == Some(5)
        })
        .await;
    assert!(cluster.log(3).contains("votes of this epoch may be lost"));
    let another = cluster.opened_case();
    assert_eq!(cluster.record(3, &another).await.index(), 5);
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn a_node_that_stood_still_catches_up() {
    let mut cluster = Cluster::start(4, 0).await;
    cluster.signal(2, "STOP");
    let records: Vec<Record> = (0..10).map(|_| cluster.opened_case()).collect();
    submit_all(&cluster, &[0, 1, 3], &records).await;
    cluster.signal(2, "CONT");
    cluster
        .until("it has caught up", async || {
            cluster.size(2).await == Some(10)
        })
        .await;
    assert_same_ledger(&cluster, &records).await;
}

#[tokio::test]
async fn neg_l09_garbage_at_the_peer_port_does_not_disturb_a_node() {
    use tokio::io::AsyncWriteExt as _;
    let mut cluster = Cluster::start(4, 0).await;
    let address = cluster.genesis.parties().members()[0].peer_address.clone();
    let flood = async |first: [u8; 8]| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let chunk = first.repeat(8 * 1024);
        // The node hangs up as soon as it has seen enough.
        for _ in 0..64 {
            if stream.write_all(&chunk).await.is_err() {
                break;
            }
        }
    };
    for first in [
        [0xff; 8],
        [0; 8],
        [0x80, 0x80, 0x80, 0x80, 4, 0, 0, 0],
        *b"GET / HT",
    ] {
        flood(first).await;
    }
    let record = cluster.opened_case();
    cluster.record(0, &record).await;
    assert!(cluster.resident_mib(0) < 256);
}

#[tokio::test]
async fn a_node_that_is_told_to_end_ends_well() {
    let mut cluster = Cluster::start(4, 0).await;
    let record = cluster.opened_case();
    cluster.record(0, &record).await;
    let status = cluster.terminate(0).await;
    assert!(status.success(), "{status}\n{}", cluster.log(0));
    cluster.spawn(0);
    cluster.until_serving(0).await;
    assert_eq!(cluster.record(0, &record).await.index(), 0);
}

/// Submits 8 records at a time, each to one of the nodes.
async fn submit_all(cluster: &Cluster, nodes: &[usize], records: &[Record]) {
    stream::iter(records.iter().zip(nodes.iter().cycle()))
        .for_each_concurrent(8, async |(record, node)| {
            cluster.record(*node, record).await;
        })
        .await;
}

/// Every node has the same entries, and exactly the records once.
async fn assert_same_ledger(cluster: &Cluster, records: &[Record]) {
    let mut ledgers = Vec::new();
    let all = u64::try_from(records.len()).unwrap();
    for node in 0..4 {
        // A node that was away may still be on its way.
        cluster
            .until("a node has caught up", async || {
                cluster.size(node).await.is_some_and(|size| size >= all)
            })
            .await;
        let mut entries = Vec::new();
        for index in 0..records.len() {
            let entry = cluster.get(node, &format!("/entries/{index}")).await;
            entries.push(entry.bytes().await.unwrap());
        }
        ledgers.push(entries);
    }
    assert!(ledgers.iter().all(|ledger| *ledger == ledgers[0]));
    for record in records {
        let times = ledgers[0]
            .iter()
            .filter(|entry| *entry == record.as_bytes())
            .count();
        assert_eq!(times, 1);
    }
}
