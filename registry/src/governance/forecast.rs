//! What a change will do: computed from the checked parties by the rules of the ledger, before anyone signs.

use super::view::View;
use protocol::registry::{
    Epochs, Parties,
    governance::{Change, ChangeError},
};

/// How many take part, and how many of them may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// Members in force.
    pub members: usize,
    /// How many of them decide, and sign checkpoints.
    pub quorum: usize,
    /// Members in force that vote on blocks.
    pub validators: usize,
    /// How many validators have to vote for a block.
    pub votes: usize,
}

impl Strength {
    /// The strength of a network of these parties.
    #[must_use]
    pub fn of(parties: &Parties) -> Self {
        let validators = parties
            .members_in_force()
            .filter(|member| member.validator)
            .count();
        Self {
            members: parties.members_in_force().count(),
            quorum: parties.quorum(),
            validators,
            votes: validators - validators.saturating_sub(1) / 3,
        }
    }

    /// How many validators may fail or lie (f) without stopping or splitting the ledger.
    #[must_use]
    pub const fn faults(&self) -> usize {
        self.validators - self.votes
    }

    /// How many members may be silent without stopping checkpoints and decisions.
    #[must_use]
    pub const fn silent(&self) -> usize {
        self.members - self.quorum
    }
}

/// When a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The first height at which it holds, if it is decided in the next block.
    pub effect: u64,
    /// The last height of a deciding block for that.
    pub decide_by: u64,
}

impl Timing {
    fn of(change: &Change, epochs: Epochs, wished: u64, height: u64) -> Self {
        let next = height.saturating_add(1);
        let effect = change.effect(epochs, wished, next);
        let decide_by = if !change.is_of_membership() {
            effect.saturating_sub(1)
        } else {
            // A whole epoch lies between the one of the decision and the one of the effect.
            epochs
                .first_height(epochs.of(effect).saturating_sub(1))
                .saturating_sub(1)
        };
        Self { effect, decide_by }
    }
}

/// A change and what it makes of the parties.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The change.
    pub change: Change,
    /// When it holds.
    pub timing: Timing,
    /// The parties where it takes effect, without it.
    pub before: Parties,
    /// The same with it.
    pub after: Parties,
    /// The parties when all that is decided holds, without it.
    pub last: Parties,
}

impl Forecast {
    /// What becomes of a change that is decided in the next block.
    ///
    /// # Errors
    ///
    /// Fails if the change cannot be made, there or after what is decided for later.
    pub fn of(view: &View, change: &Change, wished: u64) -> Result<Self, ChangeError> {
        let timing = Timing::of(change, view.trusted.epochs(), wished, view.height);
        let before = view.parties_at(timing.effect)?;
        let after = before.changed(change, timing.effect)?;
        let last = view.parties_at(u64::MAX)?;
        last.changed(change, timing.effect)?;
        Ok(Self {
            change: change.clone(),
            timing,
            before,
            after,
            last,
        })
    }

    /// Whether the same becomes of the change in a later view. That other changes than those of members hold some blocks later
    /// makes no difference.
    #[must_use]
    pub fn is_as_before(&self, before: &Self) -> bool {
        let in_time = !self.change.is_of_membership() || self.timing.effect == before.timing.effect;
        in_time
            && (&self.change, &self.before, &self.last)
                == (&before.change, &before.before, &before.last)
    }
}
