//! Executes the log again, from the first record on. The tree and the digest of the blocks are computed here once more, apart
//! from the state, so that an error in either does not go unseen.

use super::{Violation, report::Fault};
use crate::{
    source::{entries_of, places_of},
    state::{BlockContext, State},
};
use protocol::registry::{
    BlocksDigest, Genesis, Parties,
    checkpoint::{Checkpoint, Committees},
    merkle::{self, TreeHash},
    record::{Record, UnverifiedRecord},
};
use rand_core::CryptoRng;
use std::{collections::BTreeMap, sync::Arc};

/// What the records say so far.
pub(super) struct Replay {
    genesis: Arc<Genesis>,
    state: State<'static>,
    leaves: Vec<TreeHash>,
    /// Complete subtrees with their sizes, from left to right.
    peaks: Vec<(u64, TreeHash)>,
    blocks: BlocksDigest,
    block: Option<BlockContext>,
    /// The checkpoint at the end of each block that is over, by size.
    ends: BTreeMap<u64, Checkpoint>,
    /// That of the last block, as far as it was read.
    latest: Checkpoint,
    /// The checkpoints of the blocks without records in which other parties began to take part, by height.
    beginnings: BTreeMap<u64, Checkpoint>,
}

impl Replay {
    pub(super) fn new(genesis: Arc<Genesis>) -> Self {
        let state = State::new(genesis.clone());
        Self {
            ends: BTreeMap::new(),
            latest: state.checkpoint(),
            beginnings: BTreeMap::new(),
            state,
            genesis,
            leaves: Vec::new(),
            peaks: Vec::new(),
            blocks: BlocksDigest::START,
            block: None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// What the checkpoint of this size must be; none if no block ends there.
    pub(super) fn checkpoint_at(&self, size: u64) -> Option<&Checkpoint> {
        let latest = Some(&self.latest).filter(|latest| latest.size == size);
        latest.or_else(|| self.ends.get(&size))
    }

    /// Whether a checkpoint is what the records say: at the end of a block with records, or where other parties begin.
    pub(super) fn is_true(&self, claim: &Checkpoint) -> bool {
        if self.checkpoint_at(claim.size) == Some(claim)
            || self.beginnings.get(&claim.height) == Some(claim)
        {
            return true;
        }
        let mut state = self.state.clone();
        claim.size == self.size() && state.end_block(claim.height) && state.checkpoint() == *claim
    }

    /// The document that a checkpoint of this height, over all records, must name.
    pub(super) fn document_at(&self, height: u64) -> Arc<str> {
        let mut state = self.state.clone();
        state.end_block(height);
        state.trusted_parties_document()
    }

    /// Who takes part after the last block.
    pub(super) fn parties(&self) -> &Arc<Parties> {
        self.state.parties_at(self.height())
    }

    fn height(&self) -> u64 {
        self.block.map_or(0, |block| block.height)
    }

    /// Whether the records say who signs a checkpoint: it is of these records, or no later one can have changed who does.
    pub(super) fn settles(&self, claim: &Checkpoint) -> bool {
        let epochs = self.genesis.epochs();
        let settled_until = epochs.last_height(epochs.of(self.height()).saturating_add(1));
        claim.size <= self.size() || claim.height <= settled_until
    }

    /// Whose signatures count, as far as the records say.
    pub(super) fn committees(&self) -> Committees {
        self.state.committees().dangerous_complete()
    }

    /// Takes a bundle that begins at entry `first`, of which the first ones may have been taken before: they must be the same.
    pub(super) fn take(
        &mut self,
        first: u64,
        bundle: &[u8],
        places: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<(), Violation> {
        let mut entries = entries_of(bundle).ok_or_else(|| {
            Violation::at(
                first,
                Fault::Entry,
                "the bundle does not hold whole entries",
            )
        })?;
        let mut places = places_of(places);
        if places.len() != entries.len() {
            let text = "entries and heights differ in number";
            return Err(Violation::at(first, Fault::Blocks, text));
        }
        for (index, entry) in (first..self.size()).zip(&entries) {
            let taken = usize::try_from(index)
                .ok()
                .and_then(|index| self.leaves.get(index));
            if taken != Some(&TreeHash::of_leaf(entry)) {
                let text = "the entry is another one than it was before";
                return Err(Violation::at(index, Fault::Rewritten, text));
            }
        }
        let known = usize::try_from(self.size().saturating_sub(first)).unwrap_or(usize::MAX);
        entries.drain(..known.min(entries.len()));
        places.drain(..known.min(places.len()));
        for (record, place) in self.verified(&entries, rng)?.iter().zip(places) {
            self.apply(record, place)?;
        }
        Ok(())
    }

    fn verified(
        &self,
        entries: &[&[u8]],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Record>, Violation> {
        let first = self.size();
        let decode = |(index, entry): (u64, &&[u8])| {
            UnverifiedRecord::decode(entry)
                .map_err(|error| Violation::at(index, Fault::Entry, &error.to_string()))
        };
        let records = (first..)
            .zip(entries)
            .map(decode)
            .collect::<Result<_, _>>()?;
        UnverifiedRecord::verify_all(records, &self.genesis.network(), rng).map_err(|refused| {
            let index = first + refused.position as u64;
            Violation::at(index, Fault::Signature, &refused.error.to_string())
        })
    }

    fn apply(&mut self, record: &Record, block: BlockContext) -> Result<(), Violation> {
        let index = self.size();
        if self.block != Some(block) {
            self.end_block();
            self.note_beginnings(block.height);
            let follows = self
                .block
                .is_none_or(|last| last.height < block.height && last.time <= block.time);
            if !follows {
                let text = "the block is not later than the one before it";
                return Err(Violation::at(index, Fault::Blocks, text));
            }
            self.blocks = self.blocks.then(index, block.height, block.time);
            self.block = Some(block);
        }
        self.state
            .apply(record, &block)
            .map_err(|rejection| Violation::at(index, Fault::Rule, &rejection.to_string()))?;
        let mut peak = (1, TreeHash::of_leaf(record.as_bytes()));
        self.leaves.push(peak.1);
        while let Some((size, left)) = self.peaks.pop() {
            if size != peak.0 {
                self.peaks.push((size, left));
                break;
            }
            peak = (2 * size, TreeHash::of_node(left, peak.1));
        }
        self.peaks.push(peak);
        Ok(())
    }

    /// Remembers what the members had to sign in blocks without records.
    fn note_beginnings(&mut self, before: u64) {
        while let Some(height) = self.state.next_change(self.state.checkpoint().height) {
            if height >= before || !self.state.end_block(height) {
                return;
            }
            self.beginnings.insert(height, self.checkpoint());
        }
    }

    /// What the members had to sign if the last block ends here, which only the next record tells.
    pub(super) fn pause(&mut self) {
        if let Some(block) = self.block {
            // Otherwise each checkpoint would write the whole document anew.
            self.state.end_block(block.height);
            self.latest = self.checkpoint();
        }
    }

    /// Remembers what the members had to sign after the last block.
    fn end_block(&mut self) {
        self.pause();
        self.ends.insert(self.size(), self.latest);
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut right_to_left = self.peaks.iter().rev().map(|(_, hash)| *hash);
        let last = right_to_left.next().unwrap_or(TreeHash::EMPTY);
        Checkpoint {
            size: self.size(),
            root: right_to_left.fold(last, |right, left| TreeHash::of_node(left, right)),
            blocks: self.blocks,
            ..self.state.checkpoint()
        }
    }

    /// The root of the first `size` records, and the proof that the first `of` extend them.
    pub(super) fn prefix(&self, size: u64, of: u64) -> Option<(TreeHash, Vec<TreeHash>)> {
        let mut stored: Vec<TreeHash> = Vec::new();
        let read = |stored: &[TreeHash], at: u64| stored.get(usize::try_from(at).ok()?).copied();
        for (index, leaf) in (0..of).zip(&self.leaves) {
            let added = merkle::append(index, *leaf, |at| read(&stored, at)).ok()?;
            stored.extend(added.into_iter().map(|(_, hash)| hash));
        }
        let root = merkle::root(size, |at| read(&stored, at)).ok()?;
        let proof = merkle::prove_consistency(size, of, |at| read(&stored, at)).ok()?;
        Some((root, proof))
    }
}
