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

#[expect(
    unreachable_pub,
    reason = "a library for the fuzz targets, a module here"
)]
#[path = "../fuzz/src/replay.rs"]
mod replay;

#[test]
fn every_entry_of_the_corpus_keeps_the_rules_of_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    replay::replay(&corpus, &fuzz::TARGETS);
}

#[test]
fn the_corpus_of_evidence_reaches_both_kinds_of_contradiction() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/evidence");
    let genesis = include_bytes!("../../specs/vectors/registry/genesis.json");
    let genesis = protocol::registry::Genesis::parse(genesis).unwrap();
    for (name, members) in [("one-size", 2), ("prefix", 1), ("no-contradiction", 0)] {
        let text = std::fs::read(corpus.join(name)).unwrap();
        let evidence = protocol::registry::checkpoint::UnverifiedEvidence::parse(&text).unwrap();
        let shown = evidence.verify(&fuzz::founders_for_ever(&genesis));
        assert_eq!(
            shown.map_or(0, |shown| shown.members.len()),
            members,
            "{name}"
        );
    }
}
