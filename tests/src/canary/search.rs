//! Many needles in one pass over a haystack.

use std::collections::HashMap;

/// Needles of at least two bytes, sorted by how they begin.
pub(super) struct Needles<T> {
    /// For every first two bytes, whether any needle begins so: this table alone is asked for most positions.
    begins: Vec<bool>,
    by_begin: HashMap<u16, Vec<(Vec<u8>, T)>>,
}

impl<T: Clone> Needles<T> {
    pub(super) fn new(needles: impl IntoIterator<Item = (Vec<u8>, T)>) -> Self {
        let mut begins = vec![false; 1 << 16];
        let mut by_begin: HashMap<u16, Vec<(Vec<u8>, T)>> = HashMap::new();
        for (needle, mark) in needles {
            let [first, second, ..] = *needle else {
                continue;
            };
            let begin = u16::from_be_bytes([first, second]);
            if let Some(begins) = begins.get_mut(usize::from(begin)) {
                *begins = true;
            }
            by_begin.entry(begin).or_default().push((needle, mark));
        }
        Self { begins, by_begin }
    }

    /// The marks of all needles that stand in `haystack`.
    pub(super) fn find(&self, haystack: &[u8]) -> Vec<T> {
        let mut found = Vec::new();
        for (position, pair) in haystack.windows(2).enumerate() {
            let &[first, second] = pair else { continue };
            let begin = u16::from_be_bytes([first, second]);
            if !self
                .begins
                .get(usize::from(begin))
                .is_some_and(|begins| *begins)
            {
                continue;
            }
            let rest = haystack.get(position..).unwrap_or_default();
            let candidates = self.by_begin.get(&begin).map_or(&[][..], Vec::as_slice);
            found.extend(
                candidates
                    .iter()
                    .filter(|(needle, _)| rest.starts_with(needle))
                    .map(|(_, mark)| mark.clone()),
            );
        }
        found
    }
}
