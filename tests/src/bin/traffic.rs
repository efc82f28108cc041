//! `cargo traffic`: what two lying nodes of seven can tell about who opens accounts where.

use std::process::ExitCode;

use clap::Parser;
use tests::traffic::{LIARS, MEMBERS, Plan, RIGHT_MAX, Transport, run};

/// Lets people apply at five companies over simulated traffic, and an adversary with two of seven nodes guess where.
#[derive(Parser)]
#[command(name = "cargo traffic --")]
struct Cli {
    /// How many people apply.
    #[arg(long, default_value_t = 1_000)]
    applications: usize,
    /// Cells that each member sends in a slot.
    #[arg(long, default_value_t = 8)]
    cells: usize,
    /// Runs, each with another seed.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which transports; all of them if none is named.
    #[arg(long, value_enum)]
    transport: Vec<Transport>,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let all = [
        Transport::Cascade,
        Transport::ShortCascade,
        Transport::OneNode,
        Transport::WithoutDummies,
        Transport::WithoutSlots,
        Transport::OtherNode,
        Transport::OwnNode,
    ];
    let transports = if cli.transport.is_empty() {
        all.to_vec()
    } else {
        cli.transport
    };
    println!(
        "{MEMBERS} members, {} of them lying; {} applications at 5 companies, {} run(s) from seed {}",
        LIARS.len(),
        cli.applications,
        cli.runs,
        cli.seed
    );
    println!("transport        right  of which followed  cells   kB");
    let mut kept = true;
    for transport in transports {
        let (mut guesses, mut right, mut followed, mut cells, mut bytes) = (0, 0, 0, 0, 0);
        for seed in cli.seed..cli.seed + cli.runs {
            let plan = Plan {
                transport,
                applications: cli.applications,
                cells: cli.cells,
                seed,
            };
            let found = run(&plan)?;
            guesses += found.guesses;
            right += found.right;
            followed += found.followed;
            cells += found.cells;
            bytes += found.cell_bytes;
        }
        let percent = |part: usize| 100.0 * part as f64 / guesses.max(1) as f64;
        println!(
            "{:16} {:4.1} % {:14.1} % {cells:8} {:6}",
            format!("{transport:?}"),
            percent(right),
            percent(followed),
            bytes / 1_000,
        );
        if transport == Transport::Cascade {
            kept &= percent(right) <= 100.0 * RIGHT_MAX;
        }
    }
    println!(
        "as built, at most {:.0} % may be right: {}",
        100.0 * RIGHT_MAX,
        if kept { "kept" } else { "NOT KEPT" }
    );
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
