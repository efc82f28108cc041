//! `cargo sim`: the registry's nodes as they are, on simulated machines, with faults drawn from seeds.
//!
//! Each seed draws a plan of faults ([`plan`]), runs the nodes and clients through it ([`run`]), and checks the
//! invariants of the ledger afterwards ([`check`]). `specs/faults.md` says what is covered and what is not.

mod check;
mod client;
mod cluster;
mod network;
mod plan;
mod run;

use clap::Parser;
use run::Outcome;
use std::{collections::BTreeMap, panic, process::ExitCode};

/// Runs the registry through faults that are drawn from seeds.
#[derive(Parser)]
#[command(name = "sim")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Says what each seed did.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.verbose {
        // What panics on a simulated machine ends a simulated process, and is told by the run.
        panic::set_hook(Box::new(|_| {}));
    }
    let mut records = 0;
    let mut violations = 0;
    let mut fired: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in arguments.from..arguments.from.saturating_add(arguments.seeds) {
        let outcome = once(seed);
        let mut found = outcome.violations;
        if seed == arguments.from && once(seed).trace != outcome.trace {
            found.push("N13: the same seed did not give the same history".to_owned());
        }
        for violation in &found {
            println!("seed {seed}: {violation}");
        }
        if !found.is_empty() {
            println!("seed {seed}: again with: cargo sim -- --seeds 1 --from {seed} --verbose");
        }
        if arguments.verbose {
            println!(
                "seed {seed}: {} records, {:?}",
                outcome.records, outcome.fired
            );
        }
        records += outcome.records;
        violations += found.len();
        for (name, count) in outcome.fired {
            *fired.entry(name).or_default() += count;
        }
    }
    for (name, count) in &fired {
        println!("{count:>8} {name}");
    }
    println!(
        "seeds {}, records final {records}, violations {violations}",
        arguments.seeds
    );
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A run that panics has failed.
fn once(seed: u64) -> Outcome {
    panic::catch_unwind(|| run::run(seed)).unwrap_or_else(|panic| {
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
