//! Batches: the anchors of one round, shuffled among random leaves.

use std::sync::atomic::Ordering;

use protocol::registry::{
    anchor::{AnchorLeaf, AnchorTree},
    record::{Body, CredentialBatch},
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use vault::Changes;

use super::{ANCHOR, BATCH, DUE, ROUND, ROUND_ID, Round, StoredAnchor, batch_id};
use crate::{
    issuer::Issuer,
    registry::{Lane, Recorded},
    store::{self, Attempt, Committed, StoreError, Versioned},
};

/// Leaves of the smallest batch: its size says little about the load.
const LEAVES_MIN: usize = 16;
/// Anchors of the largest batch; what is left over goes into the next round.
const LEAVES_MAX: usize = 1_024;

/// A batch on its way to the registry, or there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// All leaves, in order.
    leaves: Vec<[u8; 32]>,
    /// The record.
    pub(super) record: Vec<u8>,
    /// The record's index on the ledger, and its receipt.
    pub(super) recorded: Option<(u64, String)>,
}

impl Batch {
    /// The tree over the leaves.
    pub(super) fn tree(&self) -> Option<AnchorTree> {
        let leaves = self
            .leaves
            .iter()
            .copied()
            .map(AnchorLeaf::from_bytes)
            .collect();
        // The leaves are a power of two already: nothing is drawn.
        AnchorTree::build(leaves, 1, &mut service::random::os()).ok()
    }
}

/// Ends a round: makes a batch of what is due, if anything is. Returns whether anything was waiting.
pub(crate) fn run_round(issuer: &Issuer) -> Result<bool, StoreError> {
    let waiting = store::decide(|| attempt(issuer))?;
    Ok(waiting)
}

fn attempt(issuer: &Issuer) -> Result<Attempt<bool>, StoreError> {
    let queue = issuer.vault.list(DUE);
    if queue.is_empty() {
        return Ok(Attempt::Done(false));
    }
    let mut rng = service::random::os();
    let found = store::read::<Round>(&issuer.vault, ROUND, ROUND_ID)?;
    let Round { round, batch } = found
        .as_ref()
        .map_or_else(Round::default, |found| Round { ..found.value });
    let due = take_due(issuer, &queue, round)?;
    let mut next = Round {
        round: round + 1,
        batch,
    };
    let mut changes = Changes::new();
    if !due.is_empty() {
        changes = make_batch(issuer, changes, batch, due, &mut rng)?;
        next.batch += 1;
    }
    let changes = match found {
        Some(mut found) => {
            found.value = next;
            store::replace(changes, ROUND, ROUND_ID, &found)?
        }
        None => store::create(changes, ROUND, ROUND_ID, &next)?,
    };
    match issuer.commit(&changes)? {
        Committed::Yes => {
            issuer.anchors.round.store(round + 1, Ordering::Release);
            Ok(Attempt::Done(true))
        }
        Committed::Conflict => Ok(Attempt::Again),
    }
}

/// An anchor that is due, with the name of its place in the queue.
struct Due {
    queue_id: String,
    name: String,
    anchor: Versioned<StoredAnchor>,
}

fn take_due(issuer: &Issuer, queue: &[String], round: u64) -> Result<Vec<Due>, StoreError> {
    let mut due = Vec::new();
    for queue_id in queue.iter().take(LEAVES_MAX) {
        let Some((at, name)) = queue_id.split_once('/') else {
            continue;
        };
        if at.parse().is_ok_and(|at: u64| at > round) {
            break;
        }
        if let Some(anchor) = store::read(&issuer.vault, ANCHOR, name)? {
            due.push(Due {
                queue_id: queue_id.clone(),
                name: name.to_owned(),
                anchor,
            });
        }
    }
    Ok(due)
}

fn make_batch(
    issuer: &Issuer,
    mut changes: Changes,
    sequence: u64,
    due: Vec<Due>,
    rng: &mut impl CryptoRng,
) -> Result<Changes, StoreError> {
    let size = due.len().max(LEAVES_MIN).next_power_of_two();
    let mut slots: Vec<Option<Due>> = due.into_iter().map(Some).collect();
    slots.resize_with(size, || None);
    shuffle(&mut slots, rng);
    let mut leaves = Vec::with_capacity(size);
    for (position, slot) in (0_u32..).zip(slots) {
        let Some(mut due) = slot else {
            leaves.push(*AnchorLeaf::decoy(rng).as_bytes());
            continue;
        };
        leaves.push(due.anchor.value.leaf);
        due.anchor.value.place = Some((sequence, position));
        changes =
            store::replace(changes, ANCHOR, &due.name, &due.anchor)?.delete(DUE, &due.queue_id);
    }
    let mut batch = Batch {
        leaves,
        record: Vec::new(),
        recorded: None,
    };
    let tree = batch
        .tree()
        .expect("a batch has leaves, and no more than allowed");
    let body = Body::CredentialBatch(CredentialBatch {
        sequence,
        root: tree.root(),
        depth: tree.depth(),
    });
    let record = issuer.author.sign(body);
    batch.record = record.as_bytes().to_vec();
    let changes = issuer.queue(changes, Lane::Batches, sequence, &record)?;
    tracing::info!(sequence, leaves = size, "batch of anchors");
    store::create(changes, BATCH, &batch_id(sequence), &batch)
}

/// Fisher and Yates: which leaves are credentials must not show in their places.
fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for last in (1..items.len()).rev() {
        let mut bytes = [0; 8];
        rng.fill_bytes(&mut bytes);
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let chosen = usize::try_from(u64::from_be_bytes(bytes) % bound).unwrap_or(0);
        items.swap(last, chosen);
    }
}

/// Notes that a batch stands on the registry: its anchors can be handed out.
pub(crate) fn note_batch(
    issuer: &Issuer,
    changes: Changes,
    sequence: u64,
    recorded: &Recorded,
) -> Result<Changes, StoreError> {
    let id = batch_id(sequence);
    let Some(mut found) = store::read::<Batch>(&issuer.vault, BATCH, &id)? else {
        return Ok(changes);
    };
    found.value.recorded = Some((recorded.index, recorded.receipt.clone()));
    store::replace(changes, BATCH, &id, &found)
}

/// Reads a batch.
pub(super) fn load(issuer: &Issuer, sequence: u64) -> Result<Option<Batch>, StoreError> {
    Ok(store::read(&issuer.vault, BATCH, &batch_id(sequence))?.map(|found| found.value))
}
