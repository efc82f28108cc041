//! What the ledger says, as a fold over its records.
//!
//! [`State::apply`] is pure and total: the same records in the same blocks give the same state on every node, and whatever
//! is not allowed is a [`Rejection`] that changes nothing. There is no clock, no network and no map without an order in
//! here. A state can be forked: the fork sees all of the state below it and keeps its own changes apart, which is how a
//! node tries a block before it is final. A state over a [`Base`] keeps only what the latest records say and looks up the
//! rest: if that fails, nothing is said about the record ([`Rejection::Unreadable`]).

mod base;
mod cases;
mod consent;
mod fork;
mod governance;
mod issuance;
mod rejection;
mod snapshot;

#[cfg(test)]
mod tests;

pub use base::{Base, Placed, Subject, Unreadable};
pub use cases::Case;
pub use consent::Application;
pub use fork::{Changes, OtherState};
pub use governance::{Adopted, Pending};
pub use rejection::Rejection;
pub use snapshot::Snapshot;

use std::collections::BTreeMap;
use std::iter::successors;
use std::sync::Arc;

use base::Recent;
use governance::Governance;
use issuance::{ListKey, StatusList};
use protocol::Timestamp;
use protocol::planted::{Bug, planted};
use protocol::registry::checkpoint::{Checkpoint, Committees};
use protocol::registry::merkle::{Frontier, TreeHash};
use protocol::registry::record::{Author, Body, Record};
use protocol::registry::{
    BlocksDigest, ContentDigest, Genesis, Issuer, KeyBytes, Member, Parties, RecordId, Standing,
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
    /// Which records stand in which blocks, up to the last block with records.
    blocks: BlocksDigest,
    blocks_until: u64,
    tree: Frontier,
    /// The trusted parties document and its digest, unless it has changed since it was written last.
    document: Option<(ContentDigest, Arc<str>)>,
    governance: Arc<Governance>,
    /// The next batch of each issuer, by its first record key, as in all that follows.
    next_batches: BTreeMap<KeyBytes, u64>,
    status_lists: BTreeMap<ListKey, StatusList>,
    recent: Recent,
    /// What was recent before; only below all forks, as what follows.
    older: Recent,
    base: Option<Arc<dyn Base>>,
    /// Records below this index are looked up in the base.
    settled: u64,
}

impl State<'static> {
    /// The ledger without records.
    #[must_use]
    pub fn new(genesis: Arc<Genesis>) -> Self {
        let block = BlockContext {
            height: 0,
            time: Timestamp::from_unix(0),
        };
        let governance = Arc::new(Governance::new(&genesis));
        Self::layer(genesis, None, block, Frontier::default(), governance)
    }

    /// The same state, which need not keep in memory what stands in the base.
    #[must_use]
    pub fn over(self, base: Arc<dyn Base>) -> Self {
        let base = Some(base);
        Self { base, ..self }
    }
}

impl<'below> State<'below> {
    fn layer(
        genesis: Arc<Genesis>,
        below: Option<&'below State<'below>>,
        block: BlockContext,
        tree: Frontier,
        governance: Arc<Governance>,
    ) -> Self {
        Self {
            genesis,
            below,
            block,
            blocks: below.map_or(BlocksDigest::START, |below| below.blocks),
            blocks_until: below.map_or(0, |below| below.blocks_until),
            tree,
            document: below.and_then(|below| below.document.clone()),
            governance,
            next_batches: BTreeMap::new(),
            status_lists: BTreeMap::new(),
            recent: Recent::default(),
            older: Recent::default(),
            base: None,
            settled: 0,
        }
    }

    /// Takes a record of the block, or says why not. Blocks come in the order of their heights.
    ///
    /// # Errors
    ///
    /// The rules of `specs/registry.md`, "Rules"; a rejection changes nothing.
    pub fn apply(&mut self, record: &Record, block: &BlockContext) -> Result<Accepted, Rejection> {
        let stands = self.index_of(&record.id())?;
        if let Some(index) = stands
            && !planted(Bug::RepeatedRecord)
        {
            return Err(Rejection::Duplicate { index });
        }
        let index = self.tree.size();
        match record.body() {
            _ if stands.is_some() => {}
            Body::CredentialBatch(batch) => self.credential_batch(record, batch, index, block)?,
            Body::StatusListVersion(version) => {
                self.status_list_version(record, version, block)?;
            }
            Body::CaseEvent(_) | Body::CaseEventGroup(_) => {
                self.case_events(record, index, block)?;
            }
            Body::Designation(designation) => {
                self.designation(record, designation, index, block)?
            }
            Body::Outcome(outcome) => self.outcome(record, outcome, index, block)?,
            Body::Erasure(erasure) => self.erasure(record, erasure, index, block)?,
            Body::Proposal(_) | Body::Approval(_) => self.decide(record, index, block)?,
        }
        if self.changes_document(record, block) {
            self.document = None;
        }
        if block.height != self.blocks_until {
            self.blocks = self.blocks.then(index, block.height, block.time);
        }
        let leaf = record.leaf_hash();
        self.tree.push(leaf);
        self.recent.records.insert(record.id(), index);
        self.block = *block;
        self.blocks_until = block.height;
        Ok(Accepted { index, leaf })
    }

    /// Ends a block whose records were applied, and says whether members sign a checkpoint of it: if it has records, or if
    /// it is the first block in which other parties take part. Of several blocks that are ended at once only the last such
    /// one counts.
    pub fn end_block(&mut self, height: u64) -> bool {
        let changed = self.governance.last_change_until(height);
        if changed > self.block.height {
            // Its time stays that of the last record: what a checkpoint says follows from the records alone.
            self.block.height = changed;
            self.document = None;
        }
        if self.document.is_none() {
            let document = self.written_document();
            self.document = Some((ContentDigest::of(document.as_bytes()), document));
        }
        self.block.height == height
    }

    /// What members sign after a block.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let trusted_parties = match &self.document {
            Some((digest, _document)) => *digest,
            None => ContentDigest::of(self.written_document().as_bytes()),
        };
        Checkpoint {
            network: self.genesis.network(),
            size: self.tree.size(),
            root: self.tree.root(),
            height: self.block.height,
            time: self.block.time,
            trusted_parties,
            blocks: self.blocks,
        }
    }

    /// What members sign, and the document that it names.
    #[must_use]
    pub fn signed(&self) -> (Checkpoint, Arc<str>) {
        (self.checkpoint(), self.trusted_parties_document())
    }

    /// The document whose digest stands in the checkpoint.
    #[must_use]
    pub fn trusted_parties_document(&self) -> Arc<str> {
        match &self.document {
            Some((_digest, document)) => Arc::clone(document),
            None => self.written_document(),
        }
    }

    fn written_document(&self) -> Arc<str> {
        let height = self.block.height;
        let parties = self.governance.parties_at(height);
        let mut latest: BTreeMap<ListKey, StatusListEntry> = BTreeMap::new();
        for layer in self.layers() {
            for ((issuer, list), version) in &layer.status_lists {
                let mut issuers = parties.issuers().iter();
                if let Some(issuer) = issuers.find(|known| known.first_record_key() == *issuer) {
                    let key = (issuer.first_record_key(), *list);
                    let entry = || version.entry(issuer, *list);
                    latest.entry(key).or_insert_with(entry);
                }
            }
        }
        let mut status_lists: Vec<StatusListEntry> = latest.into_values().collect();
        status_lists.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        let standing = Standing {
            height,
            parties,
            scheduled: &self.governance.scheduled(height),
            status_lists: &status_lists,
        };
        TrustedParties::document(&self.genesis, &standing).into()
    }

    /// Status lists and decisions change the document, and so does the height at which a decision takes effect or an
    /// epoch begins.
    fn changes_document(&self, record: &Record, block: &BlockContext) -> bool {
        let epochs = self.genesis.epochs();
        let (before, now) = (self.block.height, block.height);
        epochs.of(before) != epochs.of(now)
            || self.governance.changes_between(before, now)
            || matches!(
                record.body(),
                Body::StatusListVersion(_) | Body::Proposal(_) | Body::Approval(_)
            )
    }

    /// Who takes part in a block of this height, which is not below that of the last block with a checkpoint.
    #[must_use]
    pub fn parties_at(&self, height: u64) -> &Arc<Parties> {
        self.governance.parties_at(height)
    }

    /// The members of an epoch, those suspended marked; none before all blocks are committed that can change them.
    #[must_use]
    pub fn committee_of_epoch(&self, epoch: u64, committed: u64) -> Option<Arc<[Member]>> {
        self.governance.committee_of_epoch(epoch, committed)
    }

    /// The committees that are adopted and not in force at this height.
    #[must_use]
    pub fn scheduled(&self, height: u64) -> Vec<protocol::registry::Committee> {
        self.governance.scheduled(height)
    }

    /// The first height above this one from which other members take part, if any are decided.
    #[must_use]
    pub fn next_change_of_committee(&self, height: u64) -> Option<u64> {
        self.governance.next_change_of_committee(height)
    }

    /// The first height above this one from which other parties hold, if any are decided.
    #[must_use]
    pub fn next_change(&self, height: u64) -> Option<u64> {
        self.governance.next_change(height)
    }

    /// Whose signatures the checkpoints of all heights need.
    #[must_use]
    pub fn committees(&self) -> Committees {
        Committees::dangerous_derived(&self.genesis, self.governance.committees())
    }

    /// The proposals that wait for approvals, or have lapsed since.
    pub fn proposals(&self) -> impl Iterator<Item = (RecordId, &Pending)> {
        self.governance.pending()
    }

    /// The changes that were adopted, the oldest first.
    pub fn adopted(&self) -> impl DoubleEndedIterator<Item = &Adopted> {
        self.governance.adopted()
    }

    /// How many records the ledger has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
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

    fn status_list(&self, list: &ListKey) -> Option<&StatusList> {
        self.find(|layer| layer.status_lists.get(list))
    }

    /// The issuer that made a record; one that has been retired may still say what ends: revocations and erasures.
    fn issuer_of(&self, record: &Record, block: &BlockContext) -> Result<&Issuer, Rejection> {
        let Author::Ed25519(key) = record.author() else {
            return Err(Rejection::NotAuthorised);
        };
        let key = KeyBytes::from_bytes(*key);
        let mut issuers = self.parties_at(block.height).issuers().iter();
        issuers
            .find(|issuer| issuer.record_key == key)
            .ok_or(Rejection::NotAuthorised)
    }

    /// The first record key of the issuer that made a record, if it still issues. Keys change; by its first one an issuer
    /// is known for ever.
    fn active_issuer_of(
        &self,
        record: &Record,
        block: &BlockContext,
    ) -> Result<KeyBytes, Rejection> {
        let issuer = self.issuer_of(record, block)?;
        if issuer.retired {
            return Err(Rejection::NotAuthorised);
        }
        Ok(issuer.first_record_key())
    }

    /// This state and those below it, the newest first.
    fn layers(&self) -> impl Iterator<Item = &State<'below>> {
        successors(Some(self), |layer| layer.below)
    }

    fn find<'s, T: 's>(&'s self, look: impl Fn(&'s State<'below>) -> Option<T>) -> Option<T> {
        self.layers().find_map(look)
    }
}
