//! Certified replay: the records that a peer tells are executed without their signatures, and believed when all that follows from
//! them is what a quorum of the members signed.
//!
//! The signed checkpoint is checked before the first record is stored. It vouches for the records (root), for the blocks in
//! which they stand (digest, height, time) and for what was decided (trusted parties document), so a record that
//! its author did not sign cannot be among them unless a quorum lied; and a quorum that lies can also make such a
//! record final. Who does not believe that audits: `tegata-registry audit`.

use crate::{
    replica::{OpenError, RECENT_MAX, decides, restored_state, snapshot},
    source::{BUNDLE_ENTRIES, entries_of, places_of},
    state::{BlockContext, Rejection, State},
    store::{BlockRecords, Store, StoreError, Unchecked},
};
use protocol::{
    Timestamp,
    registry::{
        Genesis,
        checkpoint::Checkpoint,
        record::{Record, UnverifiedRecord},
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// Entries and the places of their blocks, as a peer tells them.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The index of the first entry: a multiple of the width of a full bundle.
    pub first: u64,
    /// The entries, each with its length in two bytes before it.
    pub entries: Vec<u8>,
    /// Height and time of the block of each.
    pub places: Vec<u8>,
}

/// Why what a peer tells does not become part of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A bundle is not as long as it must be, or holds something else than records.
    #[error("the bundle that begins at entry {first} does not hold the records that it must")]
    Bundle {
        /// Where it begins.
        first: u64,
    },
    /// The blocks are not in order, or lie beyond the checkpoint.
    #[error("the block of entry {index} cannot follow the one before it")]
    Blocks {
        /// The first entry of the block.
        index: u64,
    },
    /// A record breaks the rules.
    #[error("entry {index} breaks the rules")]
    Rejected {
        /// Where it stands.
        index: u64,
        /// Which rule.
        #[source]
        source: Rejection,
    },
    /// There are not as many records as the members signed.
    #[error("the records end before the checkpoint")]
    Incomplete,
    /// Something else follows from the records than the members signed.
    #[error("the records are not those that the members signed")]
    Contradiction,
    /// This node's own store fails. That is not the peer's doing, unless it filled the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This node's own ledger cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A replay on its way to a checkpoint. Dropped before its end, it leaves nothing that a start would believe.
pub struct Replay {
    genesis: Arc<Genesis>,
    target: Checkpoint,
    state: State<'static>,
    unchecked: Unchecked,
    /// The block of the last entry.
    last: BlockContext,
    decided: BTreeSet<u64>,
}

/// A ledger that is what the members signed.
pub struct Replayed {
    /// Where it is stored.
    pub store: Store,
    /// The trusted parties document at its end.
    pub document: Arc<str>,
    /// The heights of the replayed blocks in which other members were decided.
    pub decided: BTreeSet<u64>,
}

impl Replay {
    /// Goes on from what the store has to a checkpoint with a quorum's signatures.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn begin(
        genesis: &Arc<Genesis>,
        store: Store,
        target: &Checkpoint,
    ) -> Result<Self, ReplayError> {
        let state = restored_state(genesis, &store)?;
        let last = BlockContext {
            height: store.tip().height,
            time: Timestamp::from_unix(0),
        };
        let unchecked = store.begin_unchecked(snapshot(&state))?;
        Ok(Self {
            genesis: genesis.clone(),
            target: *target,
            state,
            unchecked,
            last,
            decided: BTreeSet::new(),
        })
    }

    /// The number of the bundle that is wanted next, and how many entries it must have; none if all are here.
    #[must_use]
    pub fn wanted(&self) -> Option<(u64, u64)> {
        wanted(self.state.size(), self.target.size)
    }

    /// Takes the bundle that is wanted next.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be a part of the ledger, or the store fails: then the replay is of no use any more.
    pub fn take(&mut self, bundle: &Bundle) -> Result<(), ReplayError> {
        let first = bundle.first;
        let wrong = || ReplayError::Bundle { first };
        let (number, width) = self.wanted().ok_or_else(wrong)?;
        let entries = entries_of(&bundle.entries).ok_or_else(wrong)?;
        let places = places_of(&bundle.places);
        if first != number * BUNDLE_ENTRIES
            || entries.len() as u64 != width
            || places.len() != entries.len()
        {
            return Err(wrong());
        }
        let known = usize::try_from(self.state.size() - first).map_err(|_| wrong())?;
        let mut blocks: Vec<(BlockContext, Vec<Arc<Record>>)> = Vec::new();
        for (entry, place) in entries.into_iter().zip(places).skip(known) {
            let record = UnverifiedRecord::decode(entry)
                .and_then(|record| record.dangerous_without_signature(&self.genesis.network()))
                .map_err(|_cause| wrong())?;
            self.apply(&record, place)?;
            match blocks.last_mut().filter(|(block, _)| *block == place) {
                Some((_, records)) => records.push(Arc::new(record)),
                None => blocks.push((place, vec![Arc::new(record)])),
            }
        }
        let blocks: Vec<BlockRecords<'_>> = blocks
            .iter()
            .map(|(block, records)| BlockRecords {
                height: block.height,
                time: block.time,
                records,
            })
            .collect();
        self.unchecked.append(&blocks)?;
        self.state.settle(RECENT_MAX);
        Ok(())
    }

    fn apply(&mut self, record: &Record, block: BlockContext) -> Result<(), ReplayError> {
        let index = self.state.size();
        if block != self.last {
            let follows = self.last.height < block.height && self.last.time <= block.time;
            let within = block.height <= self.target.height && block.time <= self.target.time;
            if !follows || !within {
                return Err(ReplayError::Blocks { index });
            }
            self.last = block;
        }
        let before = decides(record).then(|| self.state.committees());
        let applied = self.state.apply(record, &block);
        applied.map_err(|source| ReplayError::Rejected { index, source })?;
        if before.is_some_and(|before| before != self.state.committees()) {
            self.decided.insert(block.height);
        }
        Ok(())
    }

    /// Makes the records part of the ledger, if all that follows from them is what the members signed.
    ///
    /// # Errors
    ///
    /// Fails if something else follows, or the store fails.
    pub fn finish(mut self) -> Result<Replayed, ReplayError> {
        if self.wanted().is_some() {
            return Err(ReplayError::Incomplete);
        }
        self.state.end_block(self.target.height);
        if self.state.checkpoint() != self.target {
            return Err(ReplayError::Contradiction);
        }
        let document = self.state.trusted_parties_document();
        let snapshot = snapshot(&self.state);
        let store = self.unchecked.accept(self.target.height, snapshot)?;
        Ok(Replayed {
            store,
            document,
            decided: self.decided,
        })
    }
}

/// The number of the bundle that is wanted after `size` entries, and how many entries it has if there are `end` altogether.
pub(super) fn wanted(size: u64, end: u64) -> Option<(u64, u64)> {
    let number = size / BUNDLE_ENTRIES;
    let width = end.saturating_sub(number * BUNDLE_ENTRIES);
    (size < end).then(|| (number, width.min(BUNDLE_ENTRIES)))
}
