//! The newest checkpoint seen: what a ledger may not fall behind, and must extend.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::registry::checkpoint::VerifiedCheckpoint;
use protocol::registry::merkle::{PROOF_HASHES_MAX, TreeHash};
use serde::Deserialize;

use crate::Fault;
use crate::node::Node;

/// How often a checkpoint is compared anew because another task has seen a newer one meanwhile.
const COMPARISONS_MAX: usize = 8;
const CONSISTENCY_BYTES_MAX: usize = 128 * 1024;

/// The newest checkpoint that a client has seen.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Option<VerifiedCheckpoint>>);

impl Memory {
    pub(crate) fn last(&self) -> Option<VerifiedCheckpoint> {
        self.lock().clone()
    }

    /// Starts from a checkpoint of an earlier run, unless a newer one was seen already.
    pub(crate) fn start(&self, checkpoint: VerifiedCheckpoint) {
        let mut last = self.lock();
        if last
            .as_ref()
            .is_none_or(|last| last.size() < checkpoint.size())
        {
            *last = Some(checkpoint);
        }
    }

    /// Makes sure that a checkpoint contradicts nothing seen before, and remembers it if it is newer.
    ///
    /// The node that showed the checkpoint has to show how it fits: with a consistency proof from the smaller ledger to
    /// the larger one.
    pub(crate) async fn admit(&self, seen: &VerifiedCheckpoint, node: &Node) -> Result<(), Fault> {
        for _comparison in 0..COMPARISONS_MAX {
            let Some(last) = self.last() else {
                self.start(seen.clone());
                continue;
            };
            if last.size() == seen.size() {
                return self.same_size(&last, seen);
            }
            if last.size() > seen.size() {
                let proof = consistency(node, seen, &last).await?;
                return Ok(last.verify_extends(seen, &proof)?);
            }
            let proof = consistency(node, &last, seen).await?;
            seen.verify_extends(&last, &proof)?;
            let mut now = self.lock();
            if now.as_ref() == Some(&last) {
                *now = Some(seen.clone());
                return Ok(());
            }
        }
        Err(Fault::Stale)
    }

    fn same_size(&self, last: &VerifiedCheckpoint, seen: &VerifiedCheckpoint) -> Result<(), Fault> {
        // One ledger has a new checkpoint without a new record when other members begin to sign.
        let (before, now) = (last.checkpoint(), seen.checkpoint());
        let same_ledger = before.root == now.root && before.blocks == now.blocks;
        if !same_ledger || (before.height == now.height && before != now) {
            return Err(Fault::Fork {
                seen: last.as_note().to_owned(),
                other: seen.as_note().to_owned(),
            });
        }
        let newer = (before.height, last.cosigned_at()) < (now.height, seen.cosigned_at());
        let mut kept = self.lock();
        if kept.as_ref() == Some(last) && newer {
            *kept = Some(seen.clone());
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<VerifiedCheckpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct ConsistencyAnswer {
    from: u64,
    to: u64,
    hashes: Vec<String>,
}

async fn consistency(
    node: &Node,
    older: &VerifiedCheckpoint,
    newer: &VerifiedCheckpoint,
) -> Result<Vec<TreeHash>, Fault> {
    let (from, to) = (older.size(), newer.size());
    let path = format!("/consistency?from={from}&to={to}");
    let body = node.get(&path, CONSISTENCY_BYTES_MAX).await?;
    let limits = protocol::json::Limits::DEFAULT.with_bytes(CONSISTENCY_BYTES_MAX);
    let answer: ConsistencyAnswer = protocol::json::parse_as(&body.ok_or(Fault::Stale)?, &limits)
        .map_err(|_cause| Fault::Malformed)?;
    if (answer.from, answer.to) != (from, to) || answer.hashes.len() > PROOF_HASHES_MAX {
        return Err(Fault::Malformed);
    }
    let hashes = answer.hashes.iter().map(|hash| TreeHash::from_base64(hash));
    hashes.collect::<Option<_>>().ok_or(Fault::Malformed)
}
