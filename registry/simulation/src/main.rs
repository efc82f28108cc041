//! `cargo sim`: runs the registry through faults that are drawn from seeds.

use clap::Parser;
use registry_simulation::{
    Outcome,
    campaign::{Campaign, SEEDS_FOR_ALL_KINDS, run_all},
    planted::{MISTAKES, Planted},
};
use std::{panic, process::ExitCode, thread};

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
    /// On how many threads; as many as there are processors if not said.
    #[arg(long)]
    jobs: Option<usize>,
    /// Says what each seed did.
    #[arg(long)]
    verbose: bool,
    /// Plants each mistake in turn, and fails unless every one is found within the seeds.
    #[arg(long)]
    planted: bool,
    /// Of the planted mistakes only those in whose description this occurs.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.verbose {
        // What panics on a simulated machine ends a simulated process, and is told by the run.
        panic::set_hook(Box::new(|_| {}));
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let campaign = Campaign {
        from: arguments.from,
        seeds: arguments.seeds,
        jobs: arguments.jobs.unwrap_or(processors),
        planted: None,
    };
    let good = if arguments.planted {
        find_planted(&campaign, &arguments)
    } else {
        find_violations(&campaign, arguments.verbose)
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn find_violations(campaign: &Campaign, verbose: bool) -> bool {
    let told = |seed: u64, outcome: &Outcome| {
        tell_violations(seed, outcome);
        if !outcome.violations.is_empty() {
            println!("seed {seed}: again with: cargo sim -- --seeds 1 --from {seed} --verbose");
        }
        if verbose {
            println!(
                "seed {seed}: {} records in {} blocks, {} s, {:?}",
                outcome.records,
                outcome.blocks,
                outcome.lasted.as_secs(),
                outcome.fired
            );
        }
    };
    let report = run_all(campaign, &told);
    for (kind, count) in &report.fired {
        println!("{count:>8} {kind}");
    }
    let missing = report.never_fired();
    let complete = missing.is_empty() || report.seeds < SEEDS_FOR_ALL_KINDS;
    if !complete {
        println!("never happened, so these seeds do not count: {missing:?}");
    }
    println!(
        "seeds {}, records final {}, violations {}",
        report.seeds,
        report.records,
        report.violations.len()
    );
    complete && report.violations.is_empty()
}

fn tell_violations(seed: u64, outcome: &Outcome) {
    for violation in &outcome.violations {
        println!("seed {seed}: {violation}");
    }
}

fn find_planted(campaign: &Campaign, arguments: &Arguments) -> bool {
    if !cfg!(feature = "planted") {
        println!("mistakes are planted only in a build with --features planted");
        return false;
    }
    let wanted = |planted: &&Planted| planted.what.contains(&arguments.only);
    let mut all = MISTAKES.iter().any(|planted| wanted(&planted));
    for planted in MISTAKES.iter().filter(wanted) {
        let campaign = Campaign {
            planted: Some(planted),
            ..*campaign
        };
        let report = run_all(&campaign, &|seed, outcome| {
            if arguments.verbose {
                tell_violations(seed, outcome);
            }
        });
        let what = planted.what;
        match report.first_of(planted) {
            Some((seed, violation)) => println!("{what}: seed {seed}: {violation}"),
            None => {
                all = false;
                println!(
                    "{what}: not found in {} seeds, with {} other violations",
                    report.seeds,
                    report.violations.len()
                );
            }
        }
    }
    all
}
