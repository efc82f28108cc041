//! Trying records without taking them, and taking what was tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::registry::merkle::Frontier;
use protocol::registry::{BlocksDigest, ContentDigest, KeyBytes};

use super::base::Recent;
use super::governance::Governance;
use super::issuance::{ListKey, StatusList};
use super::{BlockContext, State};

/// What records that were applied to a fork add to the state below it.
#[derive(Debug)]
pub struct Changes {
    /// How many records that state had.
    since: u64,
    block: BlockContext,
    blocks: BlocksDigest,
    blocks_until: u64,
    tree: Frontier,
    document: Option<(ContentDigest, Arc<str>)>,
    governance: Arc<Governance>,
    next_batches: BTreeMap<KeyBytes, u64>,
    status_lists: BTreeMap<ListKey, StatusList>,
    recent: Recent,
}

/// The state has other records than those to which the changes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes were made to another state")]
pub struct OtherState;

impl State<'_> {
    /// A state that starts as this one and leaves this one as it is.
    #[must_use]
    pub fn fork(&self) -> State<'_> {
        State::layer(
            Arc::clone(&self.genesis),
            Some(self),
            self.block,
            self.tree.clone(),
            Arc::clone(&self.governance),
        )
    }

    /// What was applied to this fork.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        Changes {
            since: self.below.map_or(0, State::size),
            block: self.block,
            blocks: self.blocks,
            blocks_until: self.blocks_until,
            tree: self.tree,
            document: self.document,
            governance: self.governance,
            next_batches: self.next_batches,
            status_lists: self.status_lists,
            recent: self.recent,
        }
    }

    /// Takes what was applied to a fork of this state, as if it had been applied here.
    ///
    /// # Errors
    ///
    /// Fails, and changes nothing, if this state took other records meanwhile.
    pub fn take(&mut self, changes: Changes) -> Result<(), OtherState> {
        if changes.since != self.size() {
            return Err(OtherState);
        }
        self.block = changes.block;
        self.blocks = changes.blocks;
        self.blocks_until = changes.blocks_until;
        self.tree = changes.tree;
        self.document = changes.document;
        self.governance = changes.governance;
        self.next_batches.extend(changes.next_batches);
        self.status_lists.extend(changes.status_lists);
        self.recent.extend(changes.recent);
        Ok(())
    }
}
