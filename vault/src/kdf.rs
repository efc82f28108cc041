//! Argon2id (RFC 9106): what a guess at the passphrase costs.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// The memory an attacker, or a damaged header, can make us take: 1 GiB.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 10;
const LANES_MAX: u32 = 8;

/// The cost of one derivation of a key from a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A cost that is below the floor or above the cap.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the cost of the key derivation is out of bounds")]
pub struct KdfCostError;

impl KdfCost {
    /// 64 MiB, 3 passes, 4 lanes: the least that a vault is made with.
    pub const FLOOR: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };

    /// A cost at or above [`Self::FLOOR`] in every part, and at most 1 GiB, 10 passes, 8 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, KdfCostError> {
        let floor = Self::FLOOR;
        if memory_kib < floor.memory_kib || passes < floor.passes || lanes < floor.lanes {
            return Err(KdfCostError);
        }
        Self::within_cap(memory_kib, passes, lanes).ok_or(KdfCostError)
    }

    /// The cheapest cost there is, so that tests that open many vaults stay fast. A passphrase under it can be guessed.
    #[must_use]
    pub const fn dangerous_cheap() -> Self {
        Self {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        }
    }

    /// A cost as a header states it. Only the cap matters when opening: a header that states less was either made so, or
    /// leads to another key.
    pub(crate) fn within_cap(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let lanes_fit = (1..=LANES_MAX).contains(&lanes);
        let passes_fit = (1..=PASSES_MAX).contains(&passes);
        let memory_fits = memory_kib >= lanes.saturating_mul(8) && memory_kib <= MEMORY_KIB_MAX;
        (lanes_fit && passes_fit && memory_fits).then_some(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (chunk, value) in
            bytes
                .chunks_exact_mut(4)
                .zip([self.memory_kib, self.passes, self.lanes])
        {
            chunk.copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn derive(self, passphrase: &[u8], salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .expect("the bounds of KdfCost lie inside those of Argon2");
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, salt, key.as_mut())
            .expect("a salt of 16 bytes and an output of 32 bytes are always accepted");
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_below_the_floor_is_refused() {
        assert!(KdfCost::new(64 * 1024, 3, 4).is_ok());
        assert_eq!(KdfCost::new(64 * 1024 - 1, 3, 4), Err(KdfCostError));
        assert_eq!(KdfCost::new(64 * 1024, 2, 4), Err(KdfCostError));
        assert_eq!(KdfCost::new(64 * 1024, 3, 3), Err(KdfCostError));
    }

    #[test]
    fn a_cost_above_the_cap_is_refused() {
        assert!(KdfCost::within_cap(MEMORY_KIB_MAX, 10, 8).is_some());
        assert!(KdfCost::within_cap(MEMORY_KIB_MAX + 1, 10, 8).is_none());
        assert!(KdfCost::within_cap(MEMORY_KIB_MAX, 11, 8).is_none());
        assert!(KdfCost::within_cap(MEMORY_KIB_MAX, 10, 9).is_none());
        assert!(KdfCost::within_cap(0, 0, 0).is_none());
        assert!(KdfCost::within_cap(u32::MAX, u32::MAX, u32::MAX).is_none());
    }
}
