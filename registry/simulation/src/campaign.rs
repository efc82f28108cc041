//! Many seeds, on several threads: each is a world of its own.

use crate::{
    lock,
    planted::{Mistake, Planted},
    run::{KINDS, Outcome, run},
};
use std::{
    collections::BTreeMap,
    panic,
    sync::Mutex,
    thread::{self, ScopedJoinHandle},
};

/// Fewer seeds need not meet every kind of fault.
pub const SEEDS_FOR_ALL_KINDS: u64 = 200;
/// What is not optimised needs much.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Which seeds are run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub jobs: usize,
    /// What is planted, if anything: then the campaign ends once it is found.
    pub planted: Option<&'static Planted>,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Report {
    /// How many seeds were run.
    pub seeds: u64,
    /// Records on their ledgers.
    pub records: usize,
    /// Which seeds violated what, in order.
    pub violations: Vec<(u64, String)>,
    /// How often each kind of fault happened.
    pub fired: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The first violation by which a planted mistake is found.
    #[must_use]
    pub fn first_of(&self, planted: &Planted) -> Option<&(u64, String)> {
        let mut violations = self.violations.iter();
        violations.find(|(_, violation)| planted.is_seen_in(violation))
    }

    /// The kinds of faults that never happened.
    #[must_use]
    pub fn never_fired(&self) -> Vec<&'static str> {
        let fired = |kind: &&&str| self.fired.get(**kind).is_none_or(|count| *count == 0);
        KINDS.iter().filter(fired).copied().collect()
    }
}

/// Runs the seeds and tells of each as it ends.
pub fn run_all(campaign: &Campaign, told: &(dyn Fn(u64, &Outcome) + Sync)) -> Report {
    let next = Mutex::new(campaign.from..campaign.from.saturating_add(campaign.seeds));
    let report = Mutex::new(Report::default());
    let worker = || {
        loop {
            let Some(seed) = lock(&next).next() else {
                return;
            };
            let mistake = campaign.planted.map(|planted| planted.mistake);
            let mut outcome = once(seed, mistake);
            let twice = seed == campaign.from && mistake.is_none();
            if twice && once(seed, None).trace != outcome.trace {
                let what = "N13: the same seed did not give the same history";
                outcome.violations.push(what.to_owned());
            }
            told(seed, &outcome);
            let found = campaign.planted.is_some_and(|planted| {
                let mut violations = outcome.violations.iter();
                violations.any(|violation| planted.is_seen_in(violation))
            });
            if found {
                let mut next = lock(&next);
                next.start = next.end;
            }
            lock(&report).add(seed, outcome);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<ScopedJoinHandle<'_, ()>> = (0..campaign.jobs.max(1))
            .filter_map(|_| {
                let thread = thread::Builder::new().stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, worker).ok()
            })
            .collect();
        if threads.is_empty() {
            worker();
        }
    });
    let mut report = report.into_inner().unwrap_or_default();
    report.violations.sort();
    report
}

impl Report {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.records += outcome.records;
        let violations = outcome.violations.into_iter();
        self.violations.extend(violations.map(|what| (seed, what)));
        for (kind, count) in outcome.fired {
            *self.fired.entry(kind).or_default() += count;
        }
    }
}

/// A run that panics has failed.
fn once(seed: u64, mistake: Option<Mistake>) -> Outcome {
    panic::catch_unwind(|| run(seed, mistake)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Outcome {
            violations: vec![format!("the run broke off: {}", said.unwrap_or_default())],
            ..Outcome::default()
        }
    })
}
