//! Histories of the registry in trouble: in none is an invariant violated, and everything that can go wrong does.
//!
//! A seed that fails is printed with the command that repeats it. Optimised it is two hundred
//! (`cargo test --release --workspace --test seeds`), otherwise as many as fit into the ordinary tests.

use registry_simulation::{
    Outcome,
    campaign::{Campaign, SEEDS_FOR_ALL_KINDS, run_all},
};
use std::{panic, thread};

/// The seeds that every change is tried with.
const SEEDS: u64 = if cfg!(debug_assertions) {
    20
} else {
    SEEDS_FOR_ALL_KINDS
};

#[test]
fn every_invariant_holds_in_histories_in_which_everything_goes_wrong() {
    // What panics on a simulated machine ends a simulated process, and is told by the run.
    panic::set_hook(Box::new(|_| {}));
    let campaign = Campaign {
        from: 0,
        seeds: SEEDS,
        jobs: thread::available_parallelism().map_or(1, usize::from),
        planted: None,
    };
    let report = run_all(&campaign, &|seed: u64, outcome: &Outcome| {
        println!(
            "seed {seed}: {} records, {:?}",
            outcome.records, outcome.fired
        );
    });
    let _hook = panic::take_hook();
    for (seed, violation) in &report.violations {
        println!("seed {seed}: {violation}; again with: cargo sim -- --seeds 1 --from {seed}");
    }
    println!(
        "seeds {}, records final {}, violations {}",
        report.seeds,
        report.records,
        report.violations.len()
    );
    assert!(report.violations.is_empty(), "see the output above");
    let missing = report.never_fired();
    assert!(
        missing.is_empty() || report.seeds < SEEDS_FOR_ALL_KINDS,
        "never happened: {missing:?}"
    );
}
