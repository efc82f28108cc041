//! Runs targets over their corpus, and over each entry cut short and bent: for ordinary tests, without a fuzzer. The targets
//! are those of the module `fuzz` beside it.

use super::fuzz::Target;
use std::path::Path;

/// Positions in one entry that are bent, at most.
const POSITIONS_MAX: usize = 64;

/// Replays the folder of each target.
///
/// # Panics
///
/// If a target does, or has no corpus.
pub fn replay(corpus: &Path, targets: &[Target]) {
    for (name, target) in targets {
        let entries = std::fs::read_dir(corpus.join(name)).expect("a folder of the corpus");
        let mut replayed = 0;
        for entry in entries {
            let data = std::fs::read(entry.expect("an entry").path()).expect("a readable entry");
            target(&data);
            bend(&data, *target);
            replayed += 1;
        }
        assert!(replayed > 0, "{name} has no corpus");
    }
}

fn bend(data: &[u8], target: fn(&[u8])) {
    let step = data.len().div_ceil(POSITIONS_MAX).max(1);
    for at in (0..data.len()).step_by(step) {
        target(&data[..at]);
        for pattern in [0x01, 0x20, 0x80] {
            let mut bent = data.to_vec();
            bent[at] ^= pattern;
            target(&bent);
        }
        let mut doubled = data.to_vec();
        doubled.splice(at..at, data[at..].iter().copied().take(16));
        target(&doubled);
    }
}
