//! Nodes that come back when the others have removed the blocks that they lack.

use crate::cluster::Cluster;
use protocol::registry::record::Record;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// So long the other nodes may take until they have removed their first blocks.
const PRUNED_WITHIN: Duration = Duration::from_secs(400);

/// Blocks follow each other quickly, and as few are kept as the configuration allows.
async fn hurry(cluster: &mut Cluster) {
    for node in 0..4 {
        cluster.kill(node);
        let path = cluster.directory(node).join("node.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        let config = [
            ("keep_blocks = 4096", "keep_blocks = 256"),
            ("idle_ms = 1000", "idle_ms = 10"),
        ]
        .iter()
        .fold(config, |config, (from, to)| {
            assert!(config.contains(from), "{config}");
            config.replace(from, to)
        });
        std::fs::write(path, config).unwrap();
    }
    cluster.start_all().await;
}

/// What nodes come back to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacking {
    /// More blocks than consensus is to bring them.
    ManyBlocks,
    /// Blocks that no other node has any more.
    RemovedBlocks,
}

/// Submits until that is so.
async fn submit_until(lacking: Lacking, cluster: &mut Cluster, records: &mut Vec<Record>) {
    let begun = Instant::now();
    loop {
        let record = cluster.opened_case();
        // On a machine with other work it may take longer than a node waits: then once more.
        while !cluster
            .submit(records.len() % 4, record.as_bytes())
            .await
            .status()
            .is_success()
        {
            assert!(begun.elapsed() < PRUNED_WITHIN, "no record is final");
        }
        records.push(record);
        let mut so = true;
        for node in 0..4 {
            let height = cluster.height(node).await;
            so &= height > registry_consensus::BLOCKS_FETCHED_MAX + 40;
            if lacking == Lacking::RemovedBlocks && so {
                let floor = cluster.get(node, "/finalization?height=200").await;
                so &= floor.status() == 404 && height > 200;
            }
        }
        if so {
            return;
        }
        let height = cluster.height(0).await;
        assert!(begun.elapsed() < PRUNED_WITHIN, "{height} blocks");
    }
}

async fn until_shows(cluster: &Cluster, node: usize, size: usize) {
    let size = u64::try_from(size).unwrap();
    cluster
        .until(&format!("node {node} shows all"), async || {
            cluster.size(node).await.is_some_and(|shown| shown >= size)
        })
        .await;
}

/// The part of a node's log since it was started last.
fn since_start(cluster: &Cluster, node: usize) -> String {
    let log = cluster.log(node);
    let begin = log.rfind("ledger opened").unwrap();
    // What it did before it opened its ledger belongs to the start.
    let begin = log[..begin].rfind("the records are taken from a peer");
    log[begin.unwrap()..].to_owned()
}

/// It follows the epoch in which it may have voted without a vote, and votes in a later one.
async fn until_votes(cluster: &Cluster, node: usize) {
    let votes = |line: &&str| line.contains("\"votes\":true");
    cluster
        .until(&format!("node {node} votes"), async || {
            let log = since_start(cluster, node);
            log.lines().any(|line| votes(&line))
        })
        .await;
    let log = since_start(cluster, node);
    assert!(log.contains("the engine starts from a floor"), "{log}");
    assert!(log.contains("votes of this epoch may be lost"), "{log}");
    let mut epochs = log.lines().filter(|line| line.contains("epoch begun"));
    assert!(!votes(&epochs.next().unwrap()), "{log}");
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn n9_nodes_with_an_old_disk_or_none_take_the_records_from_a_peer_and_vote_again_later() {
    come_back(Lacking::ManyBlocks).await;
}

#[tokio::test]
#[ignore = "makes 600 blocks, which takes minutes on a machine with other work"]
async fn nodes_come_back_when_the_others_have_removed_the_blocks_that_they_lack() {
    come_back(Lacking::RemovedBlocks).await;
}

async fn come_back(lacking: Lacking) {
    let mut cluster = Cluster::start(4, 0).await;
    hurry(&mut cluster).await;
    let first = cluster.opened_case();
    cluster.record(2, &first).await;
    let mut records = vec![first];
    cluster.kill(2);
    let (data, copy) = (
        cluster.directory(2).join("data"),
        cluster.directory(2).join("copy"),
    );
    copy_all(&data, &copy);
    cluster.spawn(2);
    cluster.until_serving(2).await;
    submit_until(lacking, &mut cluster, &mut records).await;

    // One whose disk is an old copy: as if it had been away for long, but that it may have voted meanwhile.
    cluster.kill(2);
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&copy, &data).unwrap();
    cluster.spawn(2);
    until_shows(&cluster, 2, records.len()).await;
    until_votes(&cluster, 2).await;

    // One that lost its disk.
    cluster.kill(3);
    std::fs::remove_dir_all(cluster.directory(3).join("data")).unwrap();
    cluster.spawn(3);
    until_shows(&cluster, 3, records.len()).await;
    for (index, record) in records.iter().enumerate().step_by(7) {
        let entry = cluster.get(3, &format!("/entries/{index}")).await;
        assert_eq!(entry.bytes().await.unwrap(), record.as_bytes());
    }
    until_votes(&cluster, 3).await;
    // Of four, three are a quorum: it needs the vote and the signature of the one that came back.
    cluster.kill(0);
    let last = cluster.opened_case();
    cluster.record(3, &last).await;

    // Nothing of it is to be done again.
    cluster.kill(3);
    cluster.spawn(3);
    until_shows(&cluster, 3, records.len() + 1).await;
    let log = cluster.log(3);
    assert_eq!(log.matches("the records are taken from a peer").count(), 1);
    assert_eq!(log.matches("the engine starts from a floor").count(), 1);
}
