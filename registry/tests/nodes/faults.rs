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
    for node in 0..4 {
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
