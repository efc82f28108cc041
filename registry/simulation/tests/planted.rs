//! Every planted mistake is found: the simulation can fail. Only with the feature `planted`, in which the mistakes exist.

#![cfg(feature = "planted")]

use registry_simulation::{
    campaign::{Campaign, run_all},
    planted::MISTAKES,
};
use std::{panic, thread};

/// Within so many seeds.
const SEEDS: u64 = 1_000;

#[test]
fn every_planted_mistake_is_found_within_a_thousand_seeds() {
    panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for planted in &MISTAKES {
        let campaign = Campaign {
            from: 0,
            seeds: SEEDS,
            jobs: thread::available_parallelism().map_or(1, usize::from),
            planted: Some(planted),
        };
        let report = run_all(&campaign, &|_, _| {});
        let what = planted.what;
        match report.first_of(planted) {
            Some((seed, violation)) => println!("{what}: seed {seed}: {violation}"),
            None => missed.push(what),
        }
    }
    let _hook = panic::take_hook();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
