//! Anchors of credentials: collected for an interval, recorded as one root.
//!
//! Keys: kind `anchor`, id random; kind `anchor-due`, id `ROUND/ANCHOR`, for anchors that wait; kind `anchor-batch`, id the
//! batch's sequence; kind `anchor-round`, one record with the next round and the next sequence. Atomicity: an anchor is
//! queued in the transaction that issues; a round's anchors leave the queue in the transaction that makes their batch and
//! queues its record. Restart: what is due is taken by the next round, what is queued is submitted again.

pub(crate) mod api;
mod batch;

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::registry::anchor::Anchor;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use vault::{Changes, Kind, Vault};

use crate::store::{self, SCHEMA, StoreError};
pub(crate) use batch::{note_batch, run_round};

const ANCHOR: Kind = Kind::ordinary("anchor");
const DUE: Kind = Kind::ordinary("anchor-due");
const BATCH: Kind = Kind::ordinary("anchor-batch");
const ROUND: Kind = Kind::ordinary("anchor-round");
const ROUND_ID: &str = "next";

/// One credential instance on its way to the registry, or there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAnchor {
    nonce: [u8; 32],
    signing_input_hash: [u8; 32],
    leaf: [u8; 32],
    /// The sequence of its batch, and its place in it.
    place: Option<(u64, u32)>,
}

/// Where the rounds stand.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    round: u64,
    batch: u64,
}

/// The queue of anchors.
pub(crate) struct Anchors {
    /// The next round: a copy of the record, so that issuing needs no read and no conflict.
    round: AtomicU64,
}

impl Anchors {
    /// Takes up the rounds where they stood.
    pub(crate) fn load(vault: &Vault) -> Result<Self, StoreError> {
        let round =
            store::read::<Round>(vault, ROUND, ROUND_ID)?.map_or(0, |found| found.value.round);
        Ok(Self {
            round: AtomicU64::new(round),
        })
    }

    /// Queues the instances of one issuance, given by signing input hash and thumbprint: spread over several rounds, so
    /// that their batches do not say that they belong together. Returns the anchors' names.
    pub(crate) fn queue(
        &self,
        mut changes: Changes,
        instances: impl Iterator<Item = ([u8; 32], [u8; 32])>,
        spread: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<(Changes, Vec<String>), StoreError> {
        let next = self.round.load(Ordering::Acquire);
        let mut names = Vec::new();
        for ((signing_input_hash, thumbprint), offset) in
            instances.zip((0..u64::from(spread.max(1))).cycle())
        {
            let mut nonce = [0; 32];
            rng.fill_bytes(&mut nonce);
            let anchor = Anchor {
                nonce,
                signing_input_hash,
                thumbprint,
            };
            let name = random_name(rng);
            let stored = StoredAnchor {
                nonce,
                signing_input_hash,
                leaf: *anchor.leaf().as_bytes(),
                place: None,
            };
            changes = store::create(changes, ANCHOR, &name, &stored)?;
            changes = changes.put(DUE, &due_id(next + offset, &name), SCHEMA, b"");
            names.push(name);
        }
        Ok((changes, names))
    }
}

fn random_name(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn due_id(round: u64, name: &str) -> String {
    format!("{round:020}/{name}")
}

fn batch_id(sequence: u64) -> String {
    format!("{sequence:020}")
}
