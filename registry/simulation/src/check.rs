//! The invariants, checked after a run by code that has none of the mistakes that may have been planted.

use crate::{
    desk::Receipt,
    network::{CODES, Network},
};
use protocol::registry::{
    CaseId,
    checkpoint::{Committees, VerifiedCheckpoint},
    receipt::verify_receipt,
    record::{Body, Record, UnverifiedRecord},
};
use registry::{
    replica::Replica,
    state::{BlockContext, State},
    store::Entry,
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Hash = [u8; 32];

/// All that a node shows to readers.
pub(crate) fn entries(replica: &Replica) -> Vec<Entry> {
    let size = replica
        .latest()
        .map_or(0, |latest| latest.checkpoint.size());
    (0..size)
        .map_while(|index| replica.entry(index).ok().flatten())
        .collect()
}

/// N1: at equal index there is the same record, of the same block.
pub(crate) fn n1_agreement(ledgers: &[Vec<Entry>]) -> Vec<String> {
    let Some(first) = ledgers.first() else {
        return vec!["N1: there is no ledger".to_owned()];
    };
    let others = ledgers.iter().enumerate().skip(1);
    others
        .filter_map(|(node, ledger)| {
            let same = first.iter().zip(ledger).take_while(|(a, b)| a == b).count();
            let common = first.len().min(ledger.len());
            (same < common).then(|| format!("N1: nodes 0 and {node} differ at {same}"))
        })
        .collect()
}

/// N2: every record is signed by its author. The answer has those that are, with their places.
pub(crate) fn n2_signatures<'l>(
    network: &Network,
    ledger: &'l [Entry],
) -> (Vec<(&'l Entry, Record)>, Vec<String>) {
    let mut records = Vec::new();
    let mut violations = Vec::new();
    for (index, entry) in ledger.iter().enumerate() {
        let record = UnverifiedRecord::decode(&entry.record)
            .and_then(|record| record.verify(&network.genesis.network()));
        match record {
            Ok(record) => records.push((entry, record)),
            Err(_) => violations.push(format!("N2: entry {index} is not signed by its author")),
        }
    }
    (records, violations)
}

/// N2 and N5: the whole ledger again from the genesis file, every rule; what the node shows last is what comes of it. The
/// answer has the committees as well.
pub(crate) fn n2_n5_again(
    network: &Network,
    ledger: &[(&Entry, Record)],
    latest: &VerifiedCheckpoint,
) -> (Committees, Vec<String>) {
    let mut state = State::new(network.genesis.clone());
    let mut violations = Vec::new();
    for (index, (entry, record)) in ledger.iter().enumerate() {
        let block = BlockContext {
            height: entry.height,
            time: entry.time,
        };
        if let Err(rejection) = state.apply(record, &block) {
            violations.push(format!("N2: entry {index} breaks a rule: {rejection}"));
        }
    }
    state.end_block(latest.checkpoint().height);
    if state.checkpoint() != *latest.checkpoint() {
        violations
            .push("N2: what the members signed last does not follow from the ledger".to_owned());
    }
    (state.committees().dangerous_complete(), violations)
}

/// N4, N5 and the time, without the state's code: every record stands once, every case takes its steps in their order, and no
/// block is earlier than the one before.
pub(crate) fn n4_n5_order(ledger: &[(&Entry, Record)]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut cases: BTreeMap<CaseId, usize> = BTreeMap::new();
    let mut before = None;
    for (index, (entry, record)) in ledger.iter().enumerate() {
        if !seen.insert(entry.record.clone()) {
            violations.push(format!("N4: entry {index} stands there before"));
        }
        if before.is_some_and(|before| entry.time < before) {
            violations.push(format!("N7: the time goes back at entry {index}"));
        }
        before = Some(entry.time);
        match record.body() {
            Body::CaseEvent(event) => {
                let done = cases.entry(event.case).or_default();
                let next = CODES.get(*done).copied();
                if usize::try_from(event.sequence) != Ok(*done) || next != Some(event.code) {
                    let what = format!("N5: entry {index} is not the next step of its case");
                    violations.push(what);
                }
                *done += 1;
            }
            Body::Proposal(_) | Body::Approval(_) => {}
            Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Erasure(_)
            | Body::CaseEventGroup(_) => {
                violations.push(format!("N2: entry {index} is of a kind that nobody sent"))
            }
        }
    }
    violations
}

/// N3: what was acknowledged stands where the receipt says, and of the members in force then a quorum signed that, and
/// nobody else.
pub(crate) fn n3_durability(
    committees: &Committees,
    ledger: &[Entry],
    receipts: &[Receipt],
) -> Vec<String> {
    let mut violations = Vec::new();
    for receipt in receipts {
        let place = usize::try_from(receipt.index).unwrap_or(usize::MAX);
        let stands = ledger.get(place);
        if stands.is_none_or(|entry| entry.record.as_ref() != receipt.record) {
            violations.push(format!("N3: the acknowledged entry {place} is lost"));
        }
        let height = receipt
            .text
            .lines()
            .find_map(|line| line.strip_prefix("height "));
        let height = height.and_then(|height| height.parse().ok()).unwrap_or(0);
        let members: BTreeSet<String> = committees
            .at(height)
            .members()
            .map(|(name, _)| name)
            .collect();
        let faulty = members.len().saturating_sub(1) / 3;
        let lines = receipt.text.lines();
        let signers: BTreeSet<&str> = lines
            .filter_map(|line| line.strip_prefix("\u{2014} ")?.split(' ').next())
            .collect();
        if signers.len() < members.len() - faulty {
            violations.push(format!(
                "N3: {} of {} members signed the receipt of entry {place}",
                signers.len(),
                members.len()
            ));
        }
        if signers.iter().any(|signer| !members.contains(*signer)) {
            violations.push(format!(
                "N6: who is no member signed the receipt of entry {place}"
            ));
        }
    }
    violations
}

/// N6 and N7: every checkpoint that a client saw is the root of the ledger's first entries, and the proof from each to the
/// last one holds.
pub(crate) fn n6_n7_append_only(
    committees: &Committees,
    ledger: &[Entry],
    receipts: &[Receipt],
    node: &Arc<Replica>,
) -> Vec<String> {
    let roots = roots(ledger);
    let mut violations = Vec::new();
    let mut proved = BTreeSet::new();
    for receipt in receipts {
        let Ok(entry) = verify_receipt(&receipt.text, &receipt.record, committees) else {
            violations.push(format!("N6: the receipt of {} fails", receipt.index));
            continue;
        };
        let seen = entry.checkpoint();
        let size = usize::try_from(seen.size()).unwrap_or(usize::MAX);
        if roots.get(size) != Some(seen.root().as_bytes()) {
            violations.push(format!("N7: a checkpoint of {size} is of another ledger"));
        }
        if !proved.insert(size) {
            continue;
        }
        let proof = node.consistency(seen.size(), None).ok().flatten();
        let extends = proof.is_some_and(|proof| {
            let latest = &proof.latest.checkpoint;
            latest.verify_extends(seen, &proof.hashes).is_ok()
        });
        if !extends {
            violations.push(format!("N6: the ledger does not extend that of {size}"));
        }
    }
    violations
}

/// The root of the first entries, for every number of them (RFC 6962, written anew).
fn roots(ledger: &[Entry]) -> Vec<Hash> {
    let mut peaks: Vec<(u32, Hash)> = Vec::new();
    let mut roots = vec![Sha256::digest([]).into()];
    for entry in ledger {
        let mut peak = (0, leaf(&entry.record));
        while peaks.last().is_some_and(|(height, _)| *height == peak.0) {
            if let Some((height, left)) = peaks.pop() {
                peak = (height + 1, node(&left, &peak.1));
            }
        }
        peaks.push(peak);
        let mut from_right = peaks.iter().rev().map(|(_, hash)| *hash);
        let first = from_right.next().unwrap_or_default();
        roots.push(from_right.fold(first, |right, left| node(&left, &right)));
    }
    roots
}

fn leaf(record: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(record)
        .finalize()
        .into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}
