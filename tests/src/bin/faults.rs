//! `cargo faults`: any number of faults of real nodes under load.

use std::path::PathBuf;
use std::pin::Pin;
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
    /// Old images of a disk that are put back.
    #[arg(long)]
    images: Option<usize>,
    /// Second instances with the same keys.
    #[arg(long)]
    twins: Option<usize>,
    /// Seconds of ten times as many clients as keep the network busy, after as many seconds with these.
    #[arg(long)]
    overload: Option<usize>,
    /// Minutes of light faults of all kinds.
    #[arg(long)]
    soak: Option<usize>,
    /// Rounds of exchanging every node for the build that --other names, and back.
    #[arg(long, requires = "other")]
    upgrades: Option<usize>,
    /// Another build of the node.
    #[arg(long)]
    other: Option<PathBuf>,
    /// Nodes with a wrong clock.
    #[arg(long, requires = "faketime")]
    clocks: Option<usize>,
    /// libfaketime's shared object.
    #[arg(long)]
    faketime: Option<PathBuf>,
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

/// A scenario that begins when it is awaited.
type Running = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>>>>;

fn running(scenario: impl Future<Output = anyhow::Result<Outcome>> + 'static) -> Running {
    Box::pin(scenario)
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
    let settings = |times| Settings {
        program: program.clone(),
        times,
        nodes: cli.nodes,
        clients: cli.clients,
        seed,
    };
    let mut outcomes: Vec<Running> = Vec::new();
    let figures = [
        (cli.kills, 6),
        (cli.cluster_kills, 3),
        (cli.partitions, 7),
        (cli.pauses, 4),
        (cli.disks, 2),
        (cli.images, 1),
        (cli.twins, 1),
    ];
    let special = [cli.overload, cli.soak, cli.upgrades, cli.clocks];
    let all =
        figures.iter().all(|(figure, _)| figure.is_none()) && special.iter().all(Option::is_none);
    let figures = figures.map(|(figure, otherwise)| figure.or(all.then_some(otherwise)));
    let [
        kills,
        cluster_kills,
        partitions,
        pauses,
        disks,
        images,
        twins,
    ] = figures.map(|figure| figure.filter(|times| *times > 0).map(settings));
    let [overload, soak, upgrades, clocks] = special.map(|figure| figure.map(settings));
    outcomes.extend(kills.map(|it| running(async move { faults::kills(&it).await })));
    outcomes
        .extend(cluster_kills.map(|it| running(async move { faults::cluster_kills(&it).await })));
    outcomes.extend(partitions.map(|it| running(async move { faults::partitions(&it).await })));
    outcomes.extend(pauses.map(|it| running(async move { faults::pauses(&it).await })));
    outcomes.extend(disks.map(|it| running(async move { faults::disks(&it).await })));
    outcomes.extend(images.map(|it| running(async move { faults::images(&it).await })));
    outcomes.extend(twins.map(|it| running(async move { faults::twins(&it).await })));
    outcomes.extend(overload.map(|it| running(async move { faults::overload(&it).await })));
    outcomes.extend(soak.map(|it| running(async move { faults::soak(&it).await })));
    if let (Some(it), Some(other)) = (upgrades, cli.other) {
        let other = other.canonicalize()?;
        outcomes.push(running(async move { faults::upgrades(&it, &other).await }));
    }
    if let (Some(it), Some(faketime)) = (clocks, cli.faketime) {
        let faketime = faketime.canonicalize()?;
        outcomes.push(running(async move { faults::clocks(&it, &faketime).await }));
    }
    let mut holds = true;
    for outcome in outcomes {
        let outcome = outcome.await?;
        holds &= outcome.holds();
        if cli.json {
            println!("{}", serde_json::to_string(&outcome)?);
        } else {
            println!("{outcome}");
        }
    }
    Ok(holds)
}
