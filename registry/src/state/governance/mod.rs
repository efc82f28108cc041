//! Rules for governance: members propose changes of the parties, a quorum approves, and the change takes effect at a height.
//!
//! Who takes part is a line of [`Parties`] in time. An adopted change is applied to the parties that hold where it takes
//! effect and to all that were decided for later, so that what was adopted last holds everywhere after it.

mod decision;

pub use decision::{Adopted, Pending};

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::registry::governance::{Change, ChangeError};
use protocol::registry::{
    Committee, Epochs, Genesis, Member, Parties, RecordId, SCHEDULED_COMMITTEES_MAX,
};

use super::Rejection;

/// Changes that are adopted and have not taken effect.
const FUTURE_MAX: usize = 64;

/// Who takes part when, and what is proposed.
#[derive(Clone, Debug)]
pub(super) struct Governance {
    epochs: Epochs,
    /// The parties by the height from which they hold. Those before the ones in force are forgotten.
    timeline: Vec<(u64, Arc<Parties>)>,
    /// The members of all times by the height from which they take part.
    committees: Vec<(u64, Arc<[Member]>)>,
    pending: BTreeMap<RecordId, Arc<Pending>>,
    adopted: Vec<Arc<Adopted>>,
}

impl Governance {
    pub(super) fn new(genesis: &Genesis) -> Self {
        let parties = Arc::new(genesis.parties().clone());
        Self {
            epochs: genesis.epochs(),
            committees: vec![(0, parties.members().into())],
            timeline: vec![(0, parties)],
            pending: BTreeMap::new(),
            adopted: Vec::new(),
        }
    }

    /// The parties in a block of this height, which is not below the height of the last change that took effect.
    pub(super) fn parties_at(&self, height: u64) -> &Arc<Parties> {
        let holding = self.timeline.iter().rfind(|(from, _)| *from <= height);
        let (_, parties) = holding
            .or(self.timeline.first())
            .expect("the line begins with the genesis");
        parties
    }

    /// The parties when all that is decided holds.
    fn decided(&self) -> &Parties {
        let last = self.timeline.last();
        &last.expect("the line begins with the genesis").1
    }

    /// The members of a block of any height so far.
    fn members_at(&self, height: u64) -> &Arc<[Member]> {
        let sitting = self.committees.iter().rfind(|(from, _)| *from <= height);
        &sitting.expect("the first committee begins with height 0").1
    }

    /// The committee of an epoch, once the blocks up to `committed` leave no doubt about it.
    pub(super) fn committee_of_epoch(&self, epoch: u64, committed: u64) -> Option<Arc<[Member]>> {
        let current = self.epochs.of(committed.saturating_add(1));
        let fixed = epoch <= current.saturating_add(1);
        fixed.then(|| Arc::clone(self.members_at(self.epochs.first_height(epoch))))
    }

    pub(super) fn committees(&self) -> impl Iterator<Item = (u64, &[Member])> {
        let committees = self.committees.iter();
        committees.map(|(from, members)| (*from, &**members))
    }

    /// The committees that are adopted and not in force at this height.
    pub(super) fn scheduled(&self, height: u64) -> Vec<Committee> {
        let future = self.committees.iter().filter(|(from, _)| *from > height);
        let scheduled = future.map(|(from, members)| Committee {
            height: *from,
            members: members.to_vec(),
        });
        scheduled.collect()
    }

    pub(super) fn next_change_of_committee(&self, height: u64) -> Option<u64> {
        let mut heights = self.committees.iter().map(|(from, _)| *from);
        heights.find(|from| *from > height)
    }

    /// Whether the parties are others above `from` than at `to`.
    pub(super) fn changes_between(&self, from: u64, to: u64) -> bool {
        let mut heights = self.timeline.iter().map(|(height, _)| *height);
        heights.any(|height| from < height && height <= to)
    }

    pub(super) fn next_change(&self, height: u64) -> Option<u64> {
        let mut heights = self.timeline.iter().map(|(from, _)| *from);
        heights.find(|from| *from > height)
    }

    /// The last height, up to this one, from which other parties hold; 0 if there was none.
    pub(super) fn last_change_until(&self, height: u64) -> u64 {
        let heights = self.timeline.iter().map(|(from, _)| *from);
        heights.filter(|from| *from <= height).max().unwrap_or(0)
    }

    /// Puts a change into the line of parties; the answer is the height at which it takes effect.
    fn adopt(&mut self, change: &Change, wished: u64, adopted_at: u64) -> Result<u64, Rejection> {
        let effect = change.effect(self.epochs, wished, adopted_at);
        let unfit = |_cause: ChangeError| Rejection::Unfit;
        let mut line = self.timeline.clone();
        let at = line.partition_point(|(from, _)| *from < effect);
        if line.get(at).is_none_or(|(from, _)| *from != effect) {
            line.insert(at, (effect, Arc::clone(self.parties_at(effect))));
        }
        for (_, parties) in line.iter_mut().skip(at) {
            *parties = Arc::new(parties.changed(change, effect).map_err(unfit)?);
        }
        let holding = line.partition_point(|(from, _)| *from <= adopted_at);
        line.drain(..holding.saturating_sub(1));
        if line.len() > FUTURE_MAX {
            return Err(Rejection::TooMany);
        }
        self.timeline = line;
        self.seat(adopted_at)?;
        Ok(effect)
    }

    /// Derives the committees after a height from the line of parties.
    fn seat(&mut self, height: u64) -> Result<(), Rejection> {
        self.committees.retain(|(from, _)| *from <= height);
        let past = self.committees.len();
        for (from, parties) in self.timeline.iter().filter(|(from, _)| *from > height) {
            let (_, last) = self
                .committees
                .last()
                .expect("the first committee begins with height 0");
            if **last != *parties.members() {
                self.committees.push((*from, parties.members().into()));
            }
        }
        if self.committees.len() - past > SCHEDULED_COMMITTEES_MAX {
            return Err(Rejection::TooMany);
        }
        Ok(())
    }
}
