//! Receipts in the eyes of an implementation that shares no code with ours.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tests::journey::{SPECIFIC_ACCOUNT, decide, open_account, wait_for_state};
use tests::ledger;

use crate::harness::{folder, shared};

#[tokio::test]
async fn every_record_of_a_journey_has_a_receipt_that_a_second_implementation_accepts()
-> anyhow::Result<()> {
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).output();
    if !python(&["-c", "import cryptography"]).is_ok_and(|answer| answer.status.success()) {
        eprintln!("skipped: the second implementation needs python3 with the package cryptography");
        return Ok(());
    }
    let shared = shared();
    let (wallet, _case) = shared.holder_of_a_wallet().await?;
    let company = shared.site.company("a")?;
    let application = open_account(&wallet, company, SPECIFIC_ACCOUNT).await?;
    decide(&company.log_in(&shared.http()).await?, &application).await?;
    wait_for_state(&wallet, &application, "opened").await?;

    let (http, genesis) = (shared.http(), shared.site.read_genesis()?);
    let node = &shared.site.neutral_node()?.url;
    let entries = ledger::fetch_log(&http, node, &genesis).await?;
    let folder = tests::sandbox::folder::prepare(&folder("second-reader"))?;
    let mut files = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let (record, receipt) = (
            folder.join(format!("{index}.cbor")),
            folder.join(format!("{index}.tlog-proof")),
        );
        std::fs::write(&record, &entry.record)?;
        std::fs::write(&receipt, &entry.receipt)?;
        files.extend([record, receipt]);
    }
    let verifier =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/registry/verify.py");
    let answer = Command::new("python3")
        .arg(verifier)
        .arg(&shared.site.genesis)
        .args(files)
        .output()?;
    let (said, problem) = (
        String::from_utf8(answer.stdout)?,
        String::from_utf8(answer.stderr)?,
    );
    ensure!(answer.status.success(), "{problem}");
    assert_eq!(said.lines().count(), entries.len());
    for kind in [
        "credential batch",
        "status list version",
        "case event",
        "designation",
        "outcome",
    ] {
        assert!(said.contains(kind), "no {kind} among\n{said}");
    }
    Ok(())
}
