//! `cargo load`: throughput, latency and processor time of a network of registry nodes under many clients.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tests::bench::registry::{fill, load};
use tests::cluster::{Cluster, Plan};
use tests::sandbox::Programs;

/// Starts a network and measures it while clients submit. Every record counts once its receipt has come.
#[derive(Parser)]
#[command(name = "cargo load --")]
struct Cli {
    /// Validators.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Clients that submit one record after the other.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Records that the ledger has before it is measured.
    #[arg(long, default_value_t = 0)]
    records: u64,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
    /// The node's program [default: built from here].
    #[arg(long)]
    program: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let program = match cli.program {
        Some(program) => program.canonicalize()?,
        None => tokio::task::spawn_blocking(Programs::build_registry).await??,
    };
    let mut plan = Plan::new(cli.nodes, program);
    plan.clients_per_address = cli.clients + 64;
    let cluster = Cluster::start(&plan).await?;
    if cli.records > 0 {
        fill(&cluster, cli.clients.max(256), cli.records).await?;
    }
    let figures = load(&cluster, cli.clients, Duration::from_secs(cli.seconds)).await?;
    if cli.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        println!("{figures}");
    }
    Ok(())
}
