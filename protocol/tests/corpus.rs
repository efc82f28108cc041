//! Replays the corpus of the fuzz targets (`protocol/fuzz`), and each entry cut short and bent.
#![expect(
    clippy::indexing_slicing,
    reason = "positions come from the length of what they index"
)]

use std::path::Path;

#[expect(
    unreachable_pub,
    reason = "a library for the fuzz targets, a module here"
)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Positions in one entry that are bent, at most.
const POSITIONS_MAX: usize = 64;

#[test]
fn every_entry_of_the_corpus_keeps_the_rules_of_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in fuzz::TARGETS {
        let entries = std::fs::read_dir(corpus.join(name)).unwrap();
        let mut replayed = 0;
        for entry in entries {
            let data = std::fs::read(entry.unwrap().path()).unwrap();
            target(&data);
            bend(&data, target);
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

#[test]
fn the_corpus_of_evidence_reaches_both_kinds_of_contradiction() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/evidence");
    let genesis = include_bytes!("../../specs/vectors/registry/genesis.json");
    let genesis = protocol::registry::Genesis::parse(genesis).unwrap();
    for (name, members) in [("one-size", 2), ("prefix", 1), ("no-contradiction", 0)] {
        let text = std::fs::read(corpus.join(name)).unwrap();
        let evidence = protocol::registry::checkpoint::UnverifiedEvidence::parse(&text).unwrap();
        let shown = evidence.verify(genesis.committees());
        assert_eq!(
            shown.map_or(0, |shown| shown.members.len()),
            members,
            "{name}"
        );
    }
}
