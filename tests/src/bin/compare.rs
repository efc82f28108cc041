//! `cargo compare`: the registry beside etcd and PostgreSQL, in turns on one machine, with the same clients and records as long.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tests::bench::Figures;
use tests::bench::etcd::Etcd;
use tests::bench::postgres::Postgres;
use tests::bench::registry::load;
use tests::cluster::{Cluster, Plan};
use tests::sandbox::Programs;

/// Every round measures each system once with each number of clients, in an order that turns from round to round. The tables have the
/// median of the rounds and their range.
#[derive(Parser)]
#[command(name = "cargo compare --")]
struct Cli {
    /// Numbers of nodes of the registry.
    #[arg(long, value_delimiter = ',', default_value = "4,7,10,20")]
    nodes: Vec<usize>,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    clients: Vec<usize>,
    /// How long each figure is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Bytes of a value that the peers are given: as many as a record of the registry has.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    /// etcd's server [default: do without etcd].
    #[arg(long)]
    etcd: Option<PathBuf>,
    /// The folder of PostgreSQL's programs [default: do without].
    #[arg(long)]
    postgres: Option<PathBuf>,
    /// A node's program [default: built from here].
    #[arg(long)]
    program: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum System {
    Registry(usize),
    Etcd,
    Postgres,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run(Cli::parse())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let program = match &cli.program {
        Some(program) => program.canonicalize()?,
        None => tokio::task::spawn_blocking(Programs::build_registry).await??,
    };
    let mut systems: Vec<System> = cli.nodes.iter().copied().map(System::Registry).collect();
    systems.extend(cli.etcd.is_some().then_some(System::Etcd));
    systems.extend(cli.postgres.is_some().then_some(System::Postgres));
    let mut all: Vec<Vec<Figures>> = Vec::new();
    for round in 0..cli.rounds {
        for place in 0..systems.len() {
            let place = (place + round) % systems.len();
            let system = systems.get(place).context("a place among the systems")?;
            for (number, figures) in measured(&cli, *system, &program)
                .await?
                .into_iter()
                .enumerate()
            {
                eprintln!("round {}: {figures}", round + 1);
                let row = place * cli.clients.len() + number;
                all.resize_with(all.len().max(row + 1), Vec::new);
                all.get_mut(row)
                    .context("a row was made for it")?
                    .push(figures);
            }
        }
    }
    print_table(&mut all);
    Ok(())
}

/// Starts a system afresh and measures it with each number of clients.
async fn measured(cli: &Cli, system: System, program: &Path) -> anyhow::Result<Vec<Figures>> {
    let seconds = Duration::from_secs(cli.seconds);
    let folder = tempfile::Builder::new()
        .prefix("tegata-compare-")
        .tempdir()?;
    let mut figures = Vec::new();
    match system {
        System::Registry(nodes) => {
            let mut plan = Plan::new(nodes, program.to_owned());
            plan.clients_per_address = cli.clients.iter().max().copied().unwrap_or_default() + 64;
            let cluster = Cluster::start(&plan).await?;
            for clients in &cli.clients {
                figures.push(load(&cluster, *clients, seconds).await?);
            }
        }
        System::Etcd => {
            let etcd = cli.etcd.as_ref().context("etcd's program")?;
            let etcd = Etcd::start(etcd, folder.path()).await?;
            for clients in &cli.clients {
                figures.push(etcd.load(*clients, cli.bytes, seconds).await?);
            }
        }
        System::Postgres => {
            let programs = cli.postgres.as_ref().context("PostgreSQL's programs")?;
            let postgres = Postgres::start(programs, &folder.path().join("postgres")).await?;
            for clients in &cli.clients {
                figures.push(postgres.load(*clients, cli.bytes, seconds).await?);
            }
        }
    }
    Ok(figures)
}

fn print_table(all: &mut [Vec<Figures>]) {
    println!(
        "| system | clients | records/s (range) | p50 ms | p99 ms (range) | server CPU us/record | of each server | load before |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for rounds in all {
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let median = rounds.len() / 2;
        let (Some(least), Some(middle), Some(most)) =
            (rounds.first(), rounds.get(median), rounds.last())
        else {
            continue;
        };
        let each = middle
            .cpu_us_each
            .iter()
            .map(|cpu| format!("{cpu:.0}"))
            .collect::<Vec<_>>();
        let p99 = |choose: fn(f64, f64) -> f64| {
            rounds
                .iter()
                .map(|one| one.p99_ms)
                .reduce(choose)
                .unwrap_or_default()
        };
        println!(
            "| {} | {} | {:.0} ({:.0} to {:.0}) | {:.1} | {:.1} ({:.1} to {:.1}) | {:.0} | {} | {:.1} |",
            middle.system,
            middle.clients,
            middle.per_second,
            least.per_second,
            most.per_second,
            middle.p50_ms,
            middle.p99_ms,
            p99(f64::min),
            p99(f64::max),
            middle.cpu_us,
            each.join(" "),
            middle.load_before,
        );
    }
}
