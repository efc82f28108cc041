//! Replays the corpus of the fuzz targets (`registry/fuzz`), and each entry cut short and bent.
#![expect(
    clippy::indexing_slicing,
    reason = "positions come from the length of what they index"
)]

use registry_consensus::Verdict;
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
#[path = "../../protocol/fuzz/src/replay.rs"]
mod replay;

#[test]
fn neg_l09_whatever_peers_and_clients_send_a_node_keeps_its_rules() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    replay::replay(&corpus, &fuzz::TARGETS);
}

#[test]
fn the_corpus_reaches_what_lies_behind_the_readers() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let seed = |name: &str| std::fs::read(corpus.join(name)).unwrap();
    assert!(registry_consensus::fuzzing::frame(&seed("frame/three")));
    assert!(registry_consensus::fuzzing::block(&seed(
        "block/two-records"
    )));
    assert_eq!(fuzz::judged(&seed("proposal/next-event")), Verdict::Valid);
    assert_eq!(fuzz::judged(&seed("proposal/again")), Verdict::Invalid);
    for (name, status) in [
        ("get-checkpoint", 200),
        ("get-entry", 200),
        ("get-proof", 200),
        ("get-consistency", 200),
        ("get-tile", 200),
        ("get-trusted-parties", 200),
        ("get-case", 200),
        ("post-known-record", 200),
        ("post-forged-record", 403),
        ("delete-record", 405),
        ("get-nothing", 404),
    ] {
        let answer = fuzz::asked(&seed(&format!("http/{name}")));
        assert_eq!(answer.unwrap().as_u16(), status, "{name}");
    }
    // A good record waits for a block.
    assert_eq!(fuzz::asked(&seed("http/post-next-record")), None);
}
