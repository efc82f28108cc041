//! The registry as an outsider sees it: records and receipts over HTTP, checked with the genesis file alone.

use anyhow::{Context, bail, ensure};
use protocol::registry::Genesis;
use protocol::registry::checkpoint::UnverifiedCheckpoint;
use protocol::registry::receipt::{VerifiedEntry, verify_receipt};
use protocol::registry::record::Record;
use url::Url;

use crate::sandbox::http::{Http, below};

/// A record with the proof that it stands on the ledger, as fetched, not checked.
#[derive(Clone, Debug)]
pub struct FetchedEntry {
    /// The record's bytes.
    pub record: Vec<u8>,
    /// The receipt's text.
    pub receipt: String,
}

/// How many records a node's checkpoint covers. The checkpoint is verified.
pub async fn size(http: &Http, node: &Url, genesis: &Genesis) -> anyhow::Result<u64> {
    let answer = http.get(&below(node, "checkpoint")?).await?;
    // A new ledger has no checkpoint yet.
    if answer.status.as_u16() == 404 {
        return Ok(0);
    }
    ensure!(
        answer.status.is_success(),
        "no checkpoint: {}",
        answer.status
    );
    Ok(UnverifiedCheckpoint::parse(&answer.body)?
        .verify(genesis.committees())?
        .size())
}

/// One record and its receipt.
pub async fn fetch_entry(http: &Http, node: &Url, index: u64) -> anyhow::Result<FetchedEntry> {
    let record = http.get(&below(node, &format!("entries/{index}"))?).await?;
    let receipt = http.get(&below(node, &format!("proofs/{index}"))?).await?;
    for answer in [&record, &receipt] {
        ensure!(
            answer.status.is_success(),
            "entry {index}: {}",
            answer.status
        );
    }
    let receipt = String::from_utf8(receipt.body.to_vec()).context("a receipt is text")?;
    Ok(FetchedEntry {
        record: record.body.to_vec(),
        receipt,
    })
}

/// The whole log of a node, with a receipt for each record.
pub async fn fetch_log(
    http: &Http,
    node: &Url,
    genesis: &Genesis,
) -> anyhow::Result<Vec<FetchedEntry>> {
    let mut entries = Vec::new();
    for index in 0..size(http, node, genesis).await? {
        entries.push(fetch_entry(http, node, index).await?);
    }
    Ok(entries)
}

/// Checks receipts offline: nothing but the genesis file's bytes and what was fetched.
pub fn verify_offline(
    genesis: &[u8],
    entries: &[FetchedEntry],
) -> anyhow::Result<Vec<VerifiedEntry>> {
    let genesis = Genesis::parse(genesis).context("reading the genesis file")?;
    let mut verified = Vec::with_capacity(entries.len());
    for (expected, entry) in (0u64..).zip(entries) {
        let checked = verify_receipt(&entry.receipt, &entry.record, genesis.committees())
            .with_context(|| format!("the receipt of entry {expected}"))?;
        if checked.index() != expected {
            bail!("the receipt of entry {expected} is for {}", checked.index());
        }
        verified.push(checked);
    }
    Ok(verified)
}

/// Names and keys of all members, and names and identifiers of all companies of a network.
pub fn names_and_keys(genesis: &Genesis) -> Vec<Vec<u8>> {
    let parties = genesis.parties();
    let members = parties.members().iter().flat_map(|member| {
        [
            member.name.as_bytes().to_vec(),
            member.consensus_key.as_bytes().to_vec(),
            member.cosigning_key.as_bytes().to_vec(),
        ]
    });
    let companies = parties.verifiers().iter();
    let companies = companies.flat_map(|company| {
        [
            company.id.as_str().as_bytes().to_vec(),
            company.name.as_bytes().to_vec(),
        ]
    });
    members.chain(companies).collect()
}

/// Whether any of the names or keys stands in a record, as author or elsewhere.
pub fn names_anyone(record: &Record, known: &[Vec<u8>]) -> bool {
    known.iter().any(|name| {
        record
            .as_bytes()
            .windows(name.len())
            .any(|window| window == name.as_slice())
    })
}
