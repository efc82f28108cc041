//! Outcomes on their way to the ledger while things die, and what all nodes' disks say about where they came from.

use std::path::Path;

use anyhow::Context as _;
use protocol::registry::ApplicationId;
use tests::journey::{self, SPECIFIC_ACCOUNT, decide, open_account, wait_for_state};
use tests::sandbox::{Person, Sandbox};

use crate::harness::{folder, shared};

const NODE_OF_A: usize = 1;
const NODE_OF_C: usize = 3;
/// A record of an application, and what may stand beside it in a store.
const BESIDE: usize = 512;

#[tokio::test]
async fn item_3a_outcomes_survive_kill_9_pass_by_a_dead_member_and_name_no_company_on_any_disk()
-> anyhow::Result<()> {
    let programs = &shared().programs;
    let folder = tests::sandbox::folder::prepare(&folder("relay"))?;
    let mut sandbox = Sandbox::start(&folder, programs).await?;
    let site = sandbox.site.clone();
    let wallet = site.wallet(programs, Person::from_seed(91));
    let reviewer = site.issuer.log_in(&sandbox.http).await?;
    journey::become_holder(&site, &wallet, &reviewer).await?;
    let (a, b) = (site.company("a")?, site.company("b")?);

    let at_a = open_account(&wallet, a, SPECIFIC_ACCOUNT).await?;
    wait_for_state(&wallet, &at_a, "received").await?;
    // The company's own node loses power, the staff decide all the same, and then the service loses power.
    let node = sandbox.nodes.get_mut(NODE_OF_A).context("A's node")?;
    node.kill().await?;
    decide(&a.log_in(&sandbox.http).await?, &at_a).await?;
    let service = sandbox.companies.first_mut().context("A's service")?;
    service.kill().await?;
    service.start().await?;
    sandbox.restart_node(NODE_OF_A).await?;
    wait_for_state(&wallet, &at_a, "opened").await?;

    // Another member is gone for good: the slots that need its node carry nothing, the others do.
    let node = sandbox.nodes.get_mut(NODE_OF_C).context("C's node")?;
    node.kill().await?;
    let at_b = open_account(&wallet, b, SPECIFIC_ACCOUNT).await?;
    wait_for_state(&wallet, &at_b, "received").await?;
    decide(&b.log_in(&sandbox.http).await?, &at_b).await?;
    wait_for_state(&wallet, &at_b, "opened").await?;
    sandbox.stop().await?;

    let (mut found, mut logs) = (0, 0);
    for (application, company) in [(&at_a, a), (&at_b, b)] {
        let id: ApplicationId = application.parse()?;
        let port = company.url.port().context("a port")?;
        let names = [
            company.id.clone(),
            company.name.clone(),
            company.url.to_string(),
            format!(":{port}"),
        ];
        for node in &sandbox.nodes {
            let data = node.folder.join("data");
            found += look(&data, id.as_bytes(), &names)?;
        }
        for entry in std::fs::read_dir(folder.join("logs"))? {
            let log = entry?.path();
            let of_node = log.to_string_lossy().contains("tegata-registry");
            let named = count(&std::fs::read(&log)?, application.as_bytes());
            assert!(!of_node || named == 0, "{} names it", log.display());
            logs += usize::from(of_node);
        }
    }
    assert!(found >= 8, "records were looked at: {found}");
    assert_eq!(logs, 2 * sandbox.nodes.len(), "the logs of all nodes");
    Ok(())
}

/// Whether a place lies in a long text: the trusted parties document, which names every company, lies in the same store.
fn is_in_document(bytes: &[u8], place: usize) -> bool {
    let (before, after) = bytes.split_at(place.min(bytes.len()));
    let is_text = |byte: &&u8| **byte >= 0x20 && **byte != 0x7f;
    let run =
        before.iter().rev().take_while(is_text).count() + after.iter().take_while(is_text).count();
    run > 2 * BESIDE
}

fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes
        .windows(wanted.len())
        .filter(|window| *window == wanted)
        .count()
}

/// How often something stands in the files below a folder; fails if one of the names stands beside it in a record.
fn look(folder: &Path, wanted: &[u8], names: &[String]) -> anyhow::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found += look(&path, wanted, names)?;
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let places = bytes
            .windows(wanted.len())
            .enumerate()
            .filter(|(_, window)| *window == wanted);
        for (place, _) in places {
            found += 1;
            let from = place.saturating_sub(BESIDE);
            let beside = bytes.get(from..(place + BESIDE).min(bytes.len()));
            for name in names {
                let windows = beside.unwrap_or_default().windows(name.len()).enumerate();
                let mut places = windows.filter(|(_, window)| *window == name.as_bytes());
                let stands = places.any(|(at, _)| !is_in_document(&bytes, from + at));
                anyhow::ensure!(
                    !stands,
                    "{name} beside an application in {}",
                    path.display()
                );
            }
        }
    }
    Ok(found)
}
