//! What the ledger says, as a fold over its records.
//!
//! [`State::apply`] is pure and total: the same records in the same blocks give the same state on every node, and whatever
//! is not allowed is a [`Rejection`] that changes nothing. There is no clock, no network and no map without an order in
//! here. A state can be forked: the fork sees all of the state below it and keeps its own changes apart, which is how a
//! node tries a block before it is final.

mod cases;
mod consent;
mod issuance;
mod rejection;

#[cfg(test)]
mod tests;

pub use cases::Case;
pub use consent::Application;
pub use rejection::Rejection;

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;
use std::sync::Arc;

use issuance::StatusList;
use protocol::Timestamp;
use protocol::registry::checkpoint::Checkpoint;
use protocol::registry::merkle::{Frontier, TreeHash};
use protocol::registry::record::{Author, Body, CredentialBatch, Record};
use protocol::registry::{
    ApplicationId, BlocksDigest, CaseId, ContentDigest, Genesis, KeyBytes, ListId, RecordId,
    StatusListEntry, TrustedParties,
};

/// The block in which a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The block's height.
    pub height: u64,
    /// The block's time, on which a quorum agreed.
    pub time: Timestamp,
}

/// The ledger took a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where it stands.
    pub index: u64,
    /// Its leaf in the tree.
    pub leaf: TreeHash,
}

/// All that the ledger says; a fork holds only what differs from the state below.
#[derive(Clone, Debug)]
pub struct State<'below> {
    genesis: Arc<Genesis>,
    below: Option<&'below State<'below>>,
    block: BlockContext,
    /// Which records stand in which blocks, the blocks up to `block`.
    blocks: BlocksDigest,
    tree: Frontier,
    trusted_parties: ContentDigest,
    records: BTreeMap<RecordId, u64>,
    /// The next batch of each issuer, by its record key.
    next_batches: BTreeMap<KeyBytes, u64>,
    batches: BTreeMap<u64, CredentialBatch>,
    /// Leaves of batches that a designation has spent.
    spent: BTreeSet<(u64, u32)>,
    status_lists: BTreeMap<ListId, StatusList>,
    cases: BTreeMap<CaseId, Case>,
    applications: BTreeMap<ApplicationId, Application>,
}

impl State<'static> {
    /// The ledger without records.
    #[must_use]
    pub fn new(genesis: Arc<Genesis>) -> Self {
        let document = TrustedParties::document(&genesis, &[]);
        let block = BlockContext {
            height: 0,
            time: Timestamp::from_unix(0),
        };
        let trusted_parties = ContentDigest::of(document.as_bytes());
        Self::layer(genesis, None, block, Frontier::default(), trusted_parties)
    }
}

impl<'below> State<'below> {
    fn layer(
        genesis: Arc<Genesis>,
        below: Option<&'below State<'below>>,
        block: BlockContext,
        tree: Frontier,
        trusted_parties: ContentDigest,
    ) -> Self {
        Self {
            genesis,
            below,
            block,
            blocks: below.map_or(BlocksDigest::START, |below| below.blocks),
            tree,
            trusted_parties,
            records: BTreeMap::new(),
            next_batches: BTreeMap::new(),
            batches: BTreeMap::new(),
            spent: BTreeSet::new(),
            status_lists: BTreeMap::new(),
            cases: BTreeMap::new(),
            applications: BTreeMap::new(),
        }
    }

    /// A state that starts as this one and leaves this one as it is.
    #[must_use]
    pub fn fork(&self) -> State<'_> {
        State::layer(
            Arc::clone(&self.genesis),
            Some(self),
            self.block,
            self.tree.clone(),
            self.trusted_parties,
        )
    }

    /// Takes a record of the block, or says why not. Blocks come in the order of their heights.
    ///
    /// # Errors
    ///
    /// The rules of `specs/registry.md`, "Rules"; a rejection changes nothing.
    pub fn apply(&mut self, record: &Record, block: &BlockContext) -> Result<Accepted, Rejection> {
        if let Some(index) = self.index_of(&record.id()) {
            return Err(Rejection::Duplicate { index });
        }
        let index = self.tree.size();
        match record.body() {
            Body::CredentialBatch(batch) => self.credential_batch(record, batch, index)?,
            Body::StatusListVersion(version) => self.status_list_version(record, version)?,
            Body::CaseEvent(event) => self.case_event(record, event, index, block)?,
            Body::Designation(designation) => {
                self.designation(record, designation, index, block)?
            }
            Body::Outcome(outcome) => self.outcome(record, outcome, index, block)?,
            Body::Erasure(erasure) => self.erasure(record, erasure, index)?,
        }
        if *block != self.block {
            self.blocks = self.blocks.then(index, block.height, block.time);
        }
        let leaf = record.leaf_hash();
        self.tree.push(leaf);
        self.records.insert(record.id(), index);
        self.block = *block;
        Ok(Accepted { index, leaf })
    }

    /// What members sign after a block.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            network: self.genesis.network(),
            size: self.tree.size(),
            root: self.tree.root(),
            height: self.block.height,
            time: self.block.time,
            trusted_parties: self.trusted_parties,
            blocks: self.blocks,
        }
    }

    /// The document whose digest stands in the checkpoint.
    #[must_use]
    pub fn trusted_parties_document(&self) -> String {
        let mut latest: BTreeMap<ListId, StatusListEntry> = BTreeMap::new();
        for layer in self.layers() {
            for (list, status_list) in &layer.status_lists {
                latest.entry(*list).or_insert(status_list.entry(*list));
            }
        }
        let status_lists: Vec<StatusListEntry> = latest.into_values().collect();
        TrustedParties::document(&self.genesis, &status_lists)
    }

    /// How many records the ledger has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Where a record stands.
    #[must_use]
    pub fn index_of(&self, record: &RecordId) -> Option<u64> {
        self.find(|layer| layer.records.get(record)).copied()
    }

    /// What the ledger says of a case.
    #[must_use]
    pub fn case(&self, case: &CaseId) -> Option<&Case> {
        self.find(|layer| layer.cases.get(case))
    }

    /// What the ledger says of an application.
    #[must_use]
    pub fn application(&self, application: &ApplicationId) -> Option<&Application> {
        self.find(|layer| layer.applications.get(application))
    }

    /// Whether a status list token is the latest of its list.
    #[must_use]
    pub fn is_latest_status_list(&self, digest: &ContentDigest) -> bool {
        self.layers()
            .flat_map(|layer| &layer.status_lists)
            .filter(|(_list, version)| version.has(digest))
            .any(|(list, _version)| {
                self.status_list(list)
                    .is_some_and(|latest| latest.has(digest))
            })
    }

    fn status_list(&self, list: &ListId) -> Option<&StatusList> {
        self.find(|layer| layer.status_lists.get(list))
    }

    /// The record key of the issuer that made a record.
    fn issuer_of(&self, record: &Record) -> Result<KeyBytes, Rejection> {
        let Author::Ed25519(key) = record.author() else {
            return Err(Rejection::NotAuthorised);
        };
        let key = KeyBytes::from_bytes(*key);
        let mut issuers = self.genesis.parties().issuers().iter();
        if issuers.any(|issuer| issuer.record_key == key) {
            return Ok(key);
        }
        Err(Rejection::NotAuthorised)
    }

    /// This state and those below it, the newest first.
    fn layers(&self) -> impl Iterator<Item = &State<'below>> {
        successors(Some(self), |layer| layer.below)
    }

    fn find<'s, T: 's>(&'s self, look: impl Fn(&'s State<'below>) -> Option<T>) -> Option<T> {
        self.layers().find_map(look)
    }
}
