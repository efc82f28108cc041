//! Verification items 4-A to 4-C: operation under failure and load. Each starts a sandbox of its own.

use anyhow::Context as _;
use protocol::registry::receipt::VerifiedEntry;
use protocol::registry::{CaseId, Genesis};
use tests::sandbox::applicant::apply;
use tests::sandbox::{Person, Sandbox};
use tests::{ledger, load};

use crate::harness::{eventually, folder, shared};

/// Records of the load; the paper asks for 3,000 applications a day, each with some ten records.
const RECORDS: usize = 400;

#[tokio::test]
async fn item_4a_nodes_are_restarted_one_at_a_time_while_records_are_taken() -> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("rolling"))?;
    let mut sandbox = Sandbox::set_up(&folder, programs).await?;
    sandbox.start_nodes().await?;
    let mut acknowledged = Vec::new();
    for index in 0..sandbox.nodes.len() {
        if let Some(node) = sandbox.nodes.get_mut(index) {
            node.stop().await?;
        }
        // An upgrade takes a while; meanwhile the others go on.
        acknowledged.extend(load::submit(&sandbox, (index + 1) % 4, 10).await?);
        sandbox.restart_node(index).await?;
    }
    load::check_none_missing(&sandbox, &acknowledged).await?;
    sandbox.stop().await
}

#[tokio::test]
async fn item_4b_and_4c_one_node_loses_power_under_load_and_nothing_acknowledged_is_lost()
-> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("power-cut"))?;
    let mut sandbox = Sandbox::set_up(&folder, programs).await?;
    sandbox.start_nodes().await?;
    let result = load::run(&mut sandbox, RECORDS).await?;
    assert_eq!(result.acknowledged.len(), RECORDS);
    assert!(
        result.acknowledged_after_kill > 0,
        "submission went on without the node"
    );
    let needed_per_day = 3_000 * 10;
    let per_day = result.records_per_second * 86_400;
    assert!(
        per_day > needed_per_day,
        "{} records/s are too few",
        result.records_per_second
    );
    sandbox.stop().await
}

#[tokio::test]
async fn item_4b_all_nodes_lose_power_and_come_back_with_everything() -> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("dark"))?;
    let mut sandbox = Sandbox::set_up(&folder, programs).await?;
    sandbox.start_nodes().await?;
    let before = load::submit(&sandbox, 0, 50).await?;
    for node in &mut sandbox.nodes {
        node.kill().await?;
    }
    sandbox.start_nodes().await?;
    load::check_none_missing(&sandbox, &before).await?;
    let after = load::submit(&sandbox, 3, 10).await?;
    load::check_none_missing(&sandbox, &after).await?;
    sandbox.stop().await
}

/// People who apply while the registry is away.
const APPLICANTS: usize = 8;

#[tokio::test]
async fn events_that_waited_for_the_registry_are_recorded_together() -> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("groups"))?;
    let mut sandbox = Sandbox::set_up(&folder, programs).await?;
    sandbox.start_roles().await?;
    let genesis = std::fs::read(&sandbox.site.genesis)?;
    let network = Genesis::parse(&genesis)?;
    let mut cases = Vec::new();
    for seed in 0..APPLICANTS {
        let person = Person::from_seed(seed as u64);
        let issuer = &sandbox.issuer.url;
        let receipt = apply(&sandbox.http, issuer, &network, &person).await?;
        cases.push(receipt.case);
    }
    sandbox.start_nodes().await?;
    let node = sandbox.nodes.first().context("a node")?.url.clone();
    let entries = async || {
        let log = ledger::fetch_log(&sandbox.http, &node, &network).await?;
        ledger::verify_offline(&genesis, &log)
    };
    let recorded = |entries: &[VerifiedEntry]| -> Vec<CaseId> {
        let bodies = entries.iter().map(|entry| entry.record().body());
        let events = bodies.flat_map(|body| body.case_events());
        events.map(|event| event.case).collect()
    };
    eventually(|| async { Ok(recorded(&entries().await?).len() >= APPLICANTS) }).await?;
    let entries = entries().await?;
    let sizes = entries
        .iter()
        .map(|entry| entry.record().body().case_events().len());
    let together = sizes.max().unwrap_or(0);
    assert!(together >= 2, "some were recorded under one signature");
    let mut recorded = recorded(&entries);
    recorded.sort_unstable();
    cases.sort_unstable();
    assert_eq!(recorded, cases, "each once");
    sandbox.stop().await
}
