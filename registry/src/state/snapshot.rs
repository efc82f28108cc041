//! The part of a state that cannot be looked up record by record, as it is kept between two runs of a node.
//!
//! It is derived from the records like all else, and small: the next batch of each issuer, the latest version of each status
//! list, and what the blocks so far add to checkpoints. Decisions of the members are made again from their records.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::registry::merkle::Frontier;
use protocol::registry::{BlocksDigest, ContentDigest, Genesis, KeyBytes, ListId};
use serde::{Deserialize, Serialize};

use super::issuance::StatusList;
use super::{Base, BlockContext, Rejection, State, Subject};

/// What [`State::restore`] needs beside the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    height: u64,
    time: u64,
    blocks: BlocksDigest,
    blocks_until: u64,
    next_batches: Vec<(KeyBytes, u64)>,
    status_lists: Vec<(KeyBytes, ListId, u64, ContentDigest)>,
}

impl State<'static> {
    /// The state as it was when the snapshot was taken, and the heights of the blocks in which other members were decided.
    ///
    /// # Errors
    ///
    /// Fails if the base cannot be read, or holds decisions that could not have been made.
    pub fn restore(
        genesis: Arc<Genesis>,
        base: Arc<dyn Base>,
        tree: Frontier,
        snapshot: &Snapshot,
    ) -> Result<(Self, Vec<u64>), Rejection> {
        let mut state = Self::new(genesis).over(base);
        let decisions = match &state.base {
            Some(base) => base.of_subject(&Subject::Governance, tree.size())?,
            None => Vec::new(),
        };
        let mut decided = Vec::new();
        for placed in &decisions {
            let before = state.committees();
            state.decide(&placed.record, placed.index, &placed.block)?;
            if state.committees() != before {
                decided.push(placed.block.height);
            }
        }
        state.block = BlockContext {
            height: snapshot.height,
            time: Timestamp::from_unix(snapshot.time),
        };
        state.blocks = snapshot.blocks;
        state.blocks_until = snapshot.blocks_until;
        state.next_batches = snapshot.next_batches.iter().copied().collect();
        let lists = snapshot.status_lists.iter();
        let lists = lists.map(|(issuer, list, sequence, digest)| {
            ((*issuer, *list), StatusList::new(*sequence, *digest))
        });
        state.status_lists = lists.collect();
        state.settled = tree.size();
        state.tree = tree;
        Ok((state, decided))
    }

    /// What is to be kept for [`Self::restore`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let lists = self
            .status_lists
            .iter()
            .map(|((issuer, list), latest)| (*issuer, *list, latest.sequence(), latest.digest()));
        Snapshot {
            height: self.block.height,
            time: self.block.time.as_unix(),
            blocks: self.blocks,
            blocks_until: self.blocks_until,
            next_batches: self.next_batches.iter().map(|(k, n)| (*k, *n)).collect(),
            status_lists: lists.collect(),
        }
    }
}
