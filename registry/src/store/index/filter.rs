//! Bloom filters: most runs need not be read to know that they have nothing.
//!
//! The bits of a key all lie in one line of the processor's cache.

/// Per posting; then three keys in a thousand that are not there are looked for in vain. A ledger of a million records has some
/// twenty runs, and every new record is looked for in all of them.
const BITS_PER_KEY: usize = 16;
const PROBES: u32 = 6;
const LINE_BYTES: usize = 64;

/// Which keys a run may have.
#[derive(Debug)]
pub(super) struct Filter(Vec<u8>);

impl Filter {
    pub(super) fn of(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let lines = (keys.len() * BITS_PER_KEY).div_ceil(LINE_BYTES * 8).max(1);
        let mut filter = Self(vec![0; lines * LINE_BYTES]);
        for key in keys {
            for (byte, bit) in filter.places(key) {
                if let Some(byte) = filter.0.get_mut(byte) {
                    *byte |= bit;
                }
            }
        }
        filter
    }

    /// None if it has no whole line.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let whole = !bytes.is_empty() && bytes.len().is_multiple_of(LINE_BYTES);
        whole.then(|| Self(bytes.to_vec()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn may_have(&self, key: u64) -> bool {
        let mut places = self.places(key);
        places.all(|(byte, bit)| self.0.get(byte).is_some_and(|found| found & bit != 0))
    }

    fn places(&self, key: u64) -> impl Iterator<Item = (usize, u8)> + use<> {
        // Keys are bits of a hash already; this one spreads them again, so that the line and the bits differ.
        let mut bits = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        bits ^= bits >> 29;
        let lines = (self.0.len() / LINE_BYTES) as u64;
        let line = usize::try_from(key % lines.max(1)).unwrap_or(0) * LINE_BYTES;
        (0..PROBES).map(move |probe| {
            let place = (bits >> (9 * probe)) & 0x1ff;
            let byte = usize::try_from(place >> 3).unwrap_or(0);
            (line + byte, 1 << (place & 7))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_there_are_found_and_few_others() {
        let spread = |n: u64| n.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        let keys: Vec<u64> = (0..10_000).map(spread).collect();
        let filter = Filter::of(keys.iter().copied());
        assert!(keys.iter().all(|key| filter.may_have(*key)));
        let wrong = (10_000..110_000).filter(|n| filter.may_have(spread(*n)));
        assert!(wrong.count() < 400);
        let read = Filter::from_bytes(filter.as_bytes()).unwrap();
        assert!(keys.iter().all(|key| read.may_have(*key)));
        assert!(Filter::from_bytes(&[]).is_none() && Filter::from_bytes(&[0; 63]).is_none());
    }
}
