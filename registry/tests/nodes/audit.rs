//! The auditor against real nodes: it knows the genesis file and where they are.

use crate::cluster::Cluster;
use protocol::registry::CaseId;
use serde_json::Value;
use std::process::{Command, Output};

/// Runs the program; whoever runs it needs no file of any node.
async fn audit(cluster: &Cluster, node: usize) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tegata-registry"));
    command
        .arg("audit")
        .arg("--genesis")
        .arg(cluster.directory(0).join("genesis.json"))
        .arg("--node")
        .arg(cluster.url(node, ""))
        .args(["--development-loopback-http", "--json", "--evidence"])
        .arg(cluster.directory(0));
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn n2_real_nodes_are_audited_from_the_genesis_file_alone() {
    let mut cluster = Cluster::start(4, 0).await;
    let case = CaseId::random(&mut cluster.rng);
    let events =
        [(0, 1), (1, 2), (2, 6)].map(|(sequence, code)| cluster.case_event(case, sequence, code));
    for (node, event) in events.iter().enumerate() {
        cluster.record(node, event).await;
    }
    for node in 0..4 {
        let all = async || cluster.size(node).await == Some(3);
        cluster.until("the node shows all", all).await;
    }
    let said = audit(&cluster, 1).await;
    let problem = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{problem}");
    let report: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(report["records"], 3);
    assert_eq!(report["violations"], serde_json::json!([]));
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    assert!(
        nodes.iter().all(|node| node["state"] == "agrees"),
        "{report}"
    );

    // A node that is gone is told, and is no violation; if it is the audited one, there was no audit.
    cluster.kill(3);
    let said = audit(&cluster, 1).await;
    assert!(said.status.success());
    let report: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(report["nodes"][3]["state"], "unreachable");
    assert_eq!(audit(&cluster, 3).await.status.code(), Some(1));
}

#[tokio::test]
async fn validators_alone_make_no_checkpoint_that_readers_trust_where_companies_are_witnesses() {
    // Four validators of the consortium and the notaries, three companies that observe and cosign: a quorum is five of seven.
    let mut cluster = Cluster::start(4, 3).await;
    let first = cluster.opened_case();
    cluster.record(0, &first).await;
    let witnesses = async |cluster: &Cluster| {
        let note = cluster.get(4, "/checkpoint").await.text().await.unwrap();
        (4..7)
            .filter(|n| note.contains(&format!(" member{n}.example ")))
            .count()
    };
    assert!(witnesses(&cluster).await >= 1);
    for company in 4..7 {
        cluster.kill(company);
    }
    let second = cluster.opened_case();
    let refused = cluster.refused(0, second.as_bytes()).await;
    assert_eq!(refused, (503, "not_final_yet".to_owned()));
    cluster.spawn(4);
    cluster.until_serving(4).await;
    cluster.record(0, &second).await;
}
