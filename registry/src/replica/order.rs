//! What consensus asks: offer records, judge a block, commit it, take a message.

use super::{
    Committed, RECENT_MAX, Replica,
    committee::committee,
    handover::{announcement, decides},
    snapshot,
};
use crate::{
    cosigning::Pace,
    mempool::{Full, Offered, Origin},
    message::Message,
    patience::Patience,
    state::{BlockContext, OtherState, State},
    store::StoreError,
};
use bytes::Bytes;
use protocol::{
    Timestamp,
    planted::{Bug, planted},
    registry::{
        checkpoint::Checkpoint,
        record::{Record, RecordError},
    },
};
use registry_consensus::{
    Application, BLOCK_RECORDS_BYTES_MAX, BLOCK_RECORDS_MAX, CommitError, Committee, OrderedBlock,
    PeerKey, Recipients, Verdict,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

/// A node this many blocks behind the others signs only what it ends up with.
const CATCHING_UP_BLOCKS: u64 = 3;

/// A final block that this node cannot store.
#[derive(Debug, thiserror::Error)]
enum BlockError {
    #[error("a final block holds a record that this node refuses")]
    Record(#[from] RecordError),
    #[error("a final block holds a record against the rules of this node")]
    Rejected(#[from] crate::state::Rejection),
    #[error(transparent)]
    Other(#[from] OtherState),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store's root after the block is not the state's")]
    Root,
}

impl Application for Replica {
    fn committed_height(&self) -> u64 {
        self.committed().height
    }

    fn waiting(&self) -> usize {
        self.mempool().len()
    }

    fn propose(&self, ancestors: &[OrderedBlock], height: u64, time_ms: u64) -> Vec<Bytes> {
        let waiting = self.mempool().records();
        if waiting.is_empty() {
            return Vec::new();
        }
        let Ok(ancestors) = self.verified_blocks(ancestors) else {
            return Vec::new();
        };
        let committed = self.committed();
        let Some(mut state) = committed.after(&ancestors) else {
            return Vec::new();
        };
        let context = context(height, time_ms);
        let mut chosen = Vec::new();
        let mut room = BLOCK_RECORDS_BYTES_MAX;
        for record in waiting {
            let bytes = record.as_bytes();
            if chosen.len() >= BLOCK_RECORDS_MAX || bytes.len() > room {
                break;
            }
            if state.apply(&record, &context).is_ok() {
                room -= bytes.len();
                chosen.push(Bytes::copy_from_slice(bytes));
            }
        }
        chosen
    }

    fn validate(&self, ancestors: &[OrderedBlock], block: &OrderedBlock) -> Verdict {
        // Signatures first: they take the longest and need no lock.
        let (Ok(ancestors), Ok(records)) = (
            self.verified_blocks(ancestors),
            self.records(&block.records),
        ) else {
            return Verdict::Invalid;
        };
        let committed = self.committed();
        if block.height <= committed.height {
            return Verdict::Passed;
        }
        let Some(mut state) = committed.after(&ancestors) else {
            return Verdict::Invalid;
        };
        let context = context(block.height, block.time_ms);
        // A record whose standing cannot be read gets no vote either; the commit will end this node.
        let acceptable = |record: &Arc<Record>| state.apply(record, &context).is_ok();
        let valid = records.iter().all(acceptable);
        drop(state);
        drop(committed);
        if valid && planted(Bug::EarlyCommit) {
            let _untold = self.commit(block);
        }
        if valid {
            Verdict::Valid
        } else {
            Verdict::Invalid
        }
    }

    fn commit(&self, block: &OrderedBlock) -> Result<(), CommitError> {
        if block.height <= self.committed_height() {
            return Ok(());
        }
        self.append(block).map_err(|source| CommitError {
            height: block.height,
            source: Box::new(source),
        })?;
        self.heights.send_replace(block.height);
        // The next leader may be waiting for this block.
        self.wake();
        Ok(())
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        let members = self.committed().members(epoch)?;
        // A name that cannot be resolved now must not stop an epoch from beginning: it is asked for again meanwhile.
        self.addresses.meet(&members);
        committee(&members, &self.addresses)
    }

    fn electorate(&self, epoch: u64) -> Option<Committee> {
        let members = self.committed().members(epoch)?;
        committee(&members, &self.addresses)
    }

    fn change_awaits(&self) -> bool {
        let committed = self.committed();
        let next = committed.state.next_change_of_committee(committed.height);
        next.is_some()
    }

    /// A node that is further behind takes the records themselves, up to a cosigned checkpoint ([`crate::sync`]), and blocks from
    /// a little below it.
    fn keep_from(&self) -> u64 {
        let cosigned = self.latest();
        let cosigned = cosigned.map_or(0, |latest| latest.checkpoint.checkpoint().height);
        let kept = self.kept_blocks.get().copied().unwrap_or(u64::MAX);
        cosigned.min(self.committed().height).saturating_sub(kept)
    }

    fn on_gossip(&self, from: PeerKey, message: Bytes) {
        match Message::decode(&message) {
            Some(Message::Record(bytes)) => self.on_records(vec![(from, bytes)]),
            Some(Message::Checkpoint(note)) => {
                if let Some(reply) = self.cosigning.receive(from, &note, self.clock.instant()) {
                    self.tell(&Message::Checkpoint(reply), Recipients::One(from));
                }
            }
            Some(Message::Wanted(height)) => {
                if let Some(note) = self.cosigning.wanted(from, height, self.clock.instant()) {
                    self.tell(&Message::Checkpoint(note), Recipients::One(from));
                }
            }
            Some(Message::Cell(cell)) => self.on_cell(from, &cell),
            None => tracing::warn!(%from, "a message of another version"),
        }
    }

    /// Records wait for one another, so that their signatures are checked together; everything else keeps its order.
    fn on_gossip_of_many(&self, messages: Vec<(PeerKey, Bytes)>) {
        let mut records = Vec::new();
        for (from, message) in messages {
            match Message::decode(&message) {
                Some(Message::Record(bytes)) => records.push((from, bytes)),
                Some(Message::Checkpoint(_) | Message::Wanted(_) | Message::Cell(_)) | None => {
                    self.on_gossip(from, message);
                }
            }
        }
        self.on_records(records);
    }
}

impl Replica {
    fn on_records(&self, told: Vec<(PeerKey, Bytes)>) {
        let now = self.clock.instant();
        let told = {
            let mut patience = self.patience();
            let heard = told.into_iter();
            let heard = heard.filter(|(from, _)| patience.bears(*from, 0, now));
            heard.collect::<Vec<_>>()
        };
        let (origins, bytes): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        if let Ok(records) = self.records(&bytes) {
            self.offer_all(origins.into_iter().zip(records));
            return;
        }
        // At least one is not valid, and the other senders are not to suffer for it.
        let mut by_sender: BTreeMap<PeerKey, Vec<Bytes>> = BTreeMap::new();
        for (from, bytes) in origins.into_iter().zip(bytes) {
            by_sender.entry(from).or_default().push(bytes);
        }
        for (from, bytes) in by_sender {
            match self.records(&bytes) {
                Ok(records) => self.offer_all(records.into_iter().map(|record| (from, record))),
                // Nodes check what they tell, so this one lies.
                Err(error) => {
                    tracing::warn!(%from, %error, "a record that is not valid");
                    self.patience().lose(from, now);
                }
            }
        }
    }

    fn offer_all(&self, told: impl Iterator<Item = (PeerKey, Arc<Record>)>) {
        let mut without_room = 0_usize;
        for (from, record) in told {
            if self.committed().state.index_of(&record.id()) != Ok(None) {
                continue;
            }
            let origin = Origin::Peer(from);
            let offered = self.mempool().offer(record, origin, self.clock.instant());
            match offered {
                Ok(Offered::New) => self.wake(),
                Ok(Offered::Known) => {}
                Err(Full) => without_room += 1,
            }
        }
        if without_room > 0 {
            tracing::warn!(without_room, "records that others told could not wait");
        }
    }

    fn patience(&self) -> MutexGuard<'_, Patience> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        if let Some(consensus) = self.consensus.get() {
            consensus.wake();
        }
    }

    fn append(&self, block: &OrderedBlock) -> Result<(), BlockError> {
        if block.records.is_empty() {
            self.store.note_height(block.height)?;
            let mut committed = self.write();
            committed.height = block.height;
            let signed = committed.state.end_block(block.height);
            let state = signed.then(|| committed.state.signed());
            drop(committed);
            if let Some((checkpoint, document)) = state {
                self.cosign(&checkpoint, document, block.height);
            }
            return Ok(());
        }
        let records = self.records(&block.records)?;
        let context = context(block.height, block.time_ms);
        let decides = records.iter().any(|record| decides(record));
        let changes = {
            let committed = self.committed();
            let mut fork = committed.state.fork();
            for record in &records {
                fork.apply(record, &context)?;
            }
            if decides
                && let Some((checkpoint, document)) =
                    announcement(&fork, &committed.state.committees(), block.height)
            {
                self.cosigning.announce(&checkpoint, document);
            }
            fork.into_changes()
        };
        let root = self.store.append(block.height, context.time, &records)?;
        let (checkpoint, document) = {
            let mut committed = self.write();
            committed.state.take(changes)?;
            committed.state.settle(RECENT_MAX);
            committed.state.end_block(block.height);
            committed.height = block.height;
            if decides {
                self.cosigning.follow(committed.state.committees());
            }
            committed.state.signed()
        };
        if checkpoint.root != root {
            return Err(BlockError::Root);
        }
        self.forget(&records);
        self.cosign(&checkpoint, document, block.height);
        // Only after the signature, for which others wait.
        if self.store.is_mark_due() {
            let snapshot = snapshot(&self.committed().state);
            self.store.mark(snapshot)?;
        }
        Ok(())
    }

    /// Signs the checkpoint of a block that is on the disk, unless the others have gone on long ago.
    fn cosign(&self, checkpoint: &Checkpoint, document: Arc<str>, height: u64) {
        let tip = self
            .consensus
            .get()
            .map_or(0, registry_consensus::Handle::tip);
        let pace = if tip > height.saturating_add(CATCHING_UP_BLOCKS) {
            Pace::CatchingUp
        } else {
            Pace::Live
        };
        let now = self.clock.now();
        if let Some(note) = self.cosigning.committed(checkpoint, document, pace, now) {
            self.tell(&Message::Checkpoint(note), Recipients::All);
        }
    }

    fn forget(&self, records: &[Arc<Record>]) {
        let mut mempool = self.mempool();
        let mut verified = self.verified();
        for record in records {
            mempool.remove(&record.id());
            verified.remove(&record.leaf_hash());
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Committed> {
        self.committed
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn verified_blocks(&self, blocks: &[OrderedBlock]) -> Result<Vec<VerifiedBlock>, RecordError> {
        let verified = |block: &OrderedBlock| {
            Ok(VerifiedBlock {
                context: context(block.height, block.time_ms),
                records: self.records(&block.records)?,
            })
        };
        blocks.iter().map(verified).collect()
    }
}

/// A block whose records are signed by their authors.
struct VerifiedBlock {
    context: BlockContext,
    records: Vec<Arc<Record>>,
}

impl Committed {
    /// The state after `ancestors`, of which some may be committed meanwhile; none if one of them is invalid.
    fn after(&self, ancestors: &[VerifiedBlock]) -> Option<State<'_>> {
        let mut state = self.state.fork();
        for block in ancestors
            .iter()
            .filter(|block| block.context.height > self.height)
        {
            for record in &block.records {
                state.apply(record, &block.context).ok()?;
            }
        }
        Some(state)
    }
}

/// Blocks count milliseconds, so that they can follow each other quickly; the ledger counts seconds.
fn context(height: u64, time_ms: u64) -> BlockContext {
    BlockContext {
        height,
        time: Timestamp::from_unix(time_ms / 1000),
    }
}
