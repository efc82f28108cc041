//! Epochs: spans of blocks during which the same members take part.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Shorter epochs would be over before their successor can be prepared.
const BLOCKS_MIN: u64 = 10;
/// In longer ones no change of members would ever take effect.
const BLOCKS_MAX: u64 = 100_000;

/// How the heights of blocks fall into epochs: epoch 0 begins with height 0, and all are of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Epochs(NonZeroU64);

/// A number that is no length of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an epoch has {BLOCKS_MIN} to {BLOCKS_MAX} blocks")]
pub struct EpochsError;

impl Epochs {
    /// Epochs of this many blocks.
    ///
    /// # Errors
    ///
    /// Fails if they would be too short or too long.
    pub fn of_blocks(blocks: u64) -> Result<Self, EpochsError> {
        NonZeroU64::new(blocks)
            .filter(|blocks| (BLOCKS_MIN..=BLOCKS_MAX).contains(&blocks.get()))
            .map(Self)
            .ok_or(EpochsError)
    }

    /// How many blocks an epoch has.
    #[must_use]
    pub const fn blocks(self) -> u64 {
        self.0.get()
    }

    /// How many blocks an epoch has, as a number that is not zero.
    #[must_use]
    pub const fn length(self) -> NonZeroU64 {
        self.0
    }

    /// The epoch of a height.
    #[must_use]
    pub const fn of(self, height: u64) -> u64 {
        height / self.0.get()
    }

    /// The first height of an epoch; no height of an epoch that never comes.
    #[must_use]
    pub const fn first_height(self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.0.get())
    }

    /// The last height of an epoch.
    #[must_use]
    pub const fn last_height(self, epoch: u64) -> u64 {
        self.first_height(epoch).saturating_add(self.0.get() - 1)
    }

    /// Whether an epoch begins with this height.
    #[must_use]
    pub const fn begins_at(self, height: u64) -> bool {
        height.is_multiple_of(self.0.get())
    }

    /// The height from which a change of members holds that is adopted in the block of height `adopted` and wished for from
    /// height `wished` on: a whole epoch lies between, in which everybody can learn who comes next.
    #[must_use]
    pub const fn effect_of_membership(self, adopted: u64, wished: u64) -> u64 {
        let soonest = self.first_height(self.of(adopted).saturating_add(2));
        let wished = self.first_height(wished.div_ceil(self.0.get()));
        if wished > soonest { wished } else { soonest }
    }
}

impl TryFrom<u64> for Epochs {
    type Error = EpochsError;

    fn try_from(blocks: u64) -> Result<Self, EpochsError> {
        Self::of_blocks(blocks)
    }
}

impl From<Epochs> for u64 {
    fn from(epochs: Epochs) -> Self {
        epochs.blocks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_fall_into_epochs_of_one_length() {
        let epochs = Epochs::of_blocks(20).unwrap();
        for (height, epoch) in [(0, 0), (19, 0), (20, 1), (39, 1), (40, 2)] {
            assert_eq!(epochs.of(height), epoch);
        }
        assert_eq!((epochs.first_height(2), epochs.last_height(2)), (40, 59));
        assert!(epochs.begins_at(40) && !epochs.begins_at(41));
        assert_eq!(epochs.first_height(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_change_of_members_waits_for_the_end_of_the_next_epoch() {
        let epochs = Epochs::of_blocks(20).unwrap();
        for (adopted, wished, effect) in [
            (1, 0, 40),
            (19, 0, 40),
            (20, 0, 60),
            (20, 60, 60),
            (20, 61, 80),
            (20, 200, 200),
        ] {
            assert_eq!(epochs.effect_of_membership(adopted, wished), effect);
        }
    }

    #[test]
    fn lengths_outside_the_bounds_are_refused() {
        for blocks in [0, 9, 100_001, u64::MAX] {
            assert_eq!(Epochs::of_blocks(blocks), Err(EpochsError));
        }
        for blocks in [10, 100_000] {
            assert_eq!(Epochs::of_blocks(blocks).unwrap().blocks(), blocks);
        }
    }
}
