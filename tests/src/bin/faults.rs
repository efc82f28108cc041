//! `cargo faults`: any number of faults of real nodes under load.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rand_core::Rng;
use tests::faults::{self, Outcome, Settings};
use tests::sandbox::Programs;

/// Disturbs real nodes under load, and checks what clients were told. Without figures: a few faults of each kind.
#[derive(Parser)]
#[command(name = "cargo faults --")]
struct Cli {
    /// SIGKILL of one node.
    #[arg(long)]
    kills: Option<usize>,
    /// SIGKILL of all nodes at once.
    #[arg(long)]
    cluster_kills: Option<usize>,
    /// Partitions, slow and lossy links.
    #[arg(long)]
    partitions: Option<usize>,
    /// SIGSTOP for some seconds.
    #[arg(long)]
    pauses: Option<usize>,
    /// Disks that are full for a while.
    #[arg(long)]
    disks: Option<usize>,
    /// Validators.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Clients that submit all the time.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// The node's program [default: built from here].
    #[arg(long)]
    program: Option<PathBuf>,
    /// One JSON object per kind.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was violated.
async fn run(cli: Cli) -> anyhow::Result<bool> {
    let program = match cli.program {
        // A node on a disk of its own is started from another folder.
        Some(program) => program.canonicalize()?,
        None => tokio::task::spawn_blocking(Programs::build)
            .await??
            .registry(),
    };
    let seed = cli.seed.unwrap_or_else(|| service::random::os().next_u64());
    eprintln!("seed {seed}");
    let figures = [
        cli.kills,
        cli.cluster_kills,
        cli.partitions,
        cli.pauses,
        cli.disks,
    ];
    let all = figures.iter().all(Option::is_none);
    let settings = |figure: Option<usize>, otherwise| {
        let times = figure.or(all.then_some(otherwise)).unwrap_or(0);
        (times > 0).then(|| Settings {
            program: program.clone(),
            times,
            nodes: cli.nodes,
            clients: cli.clients,
            seed,
        })
    };
    let mut holds = true;
    let mut report = |outcome: Outcome| -> anyhow::Result<()> {
        holds &= outcome.holds();
        if cli.json {
            println!("{}", serde_json::to_string(&outcome)?);
        } else {
            println!("{outcome}");
        }
        Ok(())
    };
    let [kills, cluster_kills, partitions, pauses, disks] = figures;
    if let Some(settings) = settings(kills, 6) {
        report(Box::pin(faults::kills(&settings)).await?)?;
    }
    if let Some(settings) = settings(cluster_kills, 3) {
        report(Box::pin(faults::cluster_kills(&settings)).await?)?;
    }
    if let Some(settings) = settings(partitions, 7) {
        report(Box::pin(faults::partitions(&settings)).await?)?;
    }
    if let Some(settings) = settings(pauses, 4) {
        report(Box::pin(faults::pauses(&settings)).await?)?;
    }
    if let Some(settings) = settings(disks, 2) {
        report(Box::pin(faults::disks(&settings)).await?)?;
    }
    Ok(holds)
}
