//! `cargo demo`: both journeys with the real programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use tests::demo::narrator::{Voice, spoken};
use tests::demo::report::Report;
use tests::demo::{Stage, play};
use tests::sandbox::{Description, Programs, default_folder};

/// In every folder that is ours to empty.
const MARK: &str = ".tegata-sandbox";

/// Plays both journeys with the real programs, and proves what it claims.
#[derive(Parser)]
#[command(name = "cargo demo --")]
struct Cli {
    /// Print the report as JSON instead of the story.
    #[arg(long)]
    json: bool,
    /// Leave everything up until Ctrl-C, and write sandbox.json.
    #[arg(long)]
    stay: bool,
    /// The folder for everything; emptied first if it held a sandbox [default: a temporary one, or target/sandbox with --stay].
    #[arg(long)]
    dir: Option<PathBuf>,
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

async fn run(cli: Cli) -> anyhow::Result<bool> {
    let stop = service::serve::stop_signal().context("waiting for Ctrl-C")?;
    tokio::pin!(stop);
    let temporary = tempfile::Builder::new()
        .prefix("tegata-")
        .tempdir()
        .context("making a folder")?;
    let folder = match (cli.dir, cli.stay) {
        (Some(folder), _) => folder,
        (None, true) => default_folder(),
        (None, false) => temporary.path().join("sandbox"),
    };
    prepare(&folder)?;
    let folder = folder.canonicalize().context("finding the folder")?;
    let programs = tokio::task::spawn_blocking(Programs::build).await??;
    let voice = if cli.json {
        Voice::Silent
    } else {
        Voice::Person
    };
    let (report, stage) = tokio::select! {
        played = play(&folder, &programs, voice) => played,
        () = &mut stop => return Ok(false),
    };
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", conclusion(&report));
    }
    if let Some(mut stage) = stage {
        if cli.stay {
            stay(&folder, &stage, voice, stop).await?;
        }
        stage.sandbox.stop().await?;
    }
    if !report.holds && !cli.stay {
        keep_for_reading(temporary, voice);
    }
    Ok(report.holds)
}

/// Empties a folder that held a sandbox, and refuses any other that holds something.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    if let Ok(description) = Description::read(folder) {
        ensure!(
            !description.is_up(),
            "a sandbox is up in {}; stop it first (Ctrl-C)",
            folder.display()
        );
    }
    if folder.join(MARK).is_file() {
        std::fs::remove_dir_all(folder).context("emptying the folder")?;
    }
    std::fs::create_dir_all(folder).context("making the folder")?;
    let mut entries = std::fs::read_dir(folder).context("reading the folder")?;
    ensure!(
        entries.next().is_none(),
        "{} holds something that is no sandbox",
        folder.display()
    );
    std::fs::write(folder.join(MARK), "").context("writing into the folder")
}

async fn stay(
    folder: &Path,
    stage: &Stage,
    voice: Voice,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let description = Description::of(&stage.sandbox, std::slice::from_ref(&stage.wallet))?;
    let path = description.write(folder)?;
    if voice == Voice::Person {
        println!("{}", by_hand(&description, &path));
    }
    stop.await;
    Description::remove(folder)
}

fn conclusion(report: &Report) -> String {
    let holding = report.proofs.iter().filter(|proof| proof.holds).count();
    let verdict = if report.holds { "  All hold." } else { "" };
    format!(
        "\n  First account {}, second account {}. {holding} of {} proofs hold.{verdict} ({} in all)\n",
        spoken(report.first_account_ms),
        spoken(report.second_account_ms),
        report.proofs.len(),
        spoken(report.elapsed_ms)
    )
}

fn by_hand(description: &Description, path: &Path) -> String {
    let mut lines = vec!["  Everything stays up until Ctrl-C.\n".to_owned()];
    lines.push(format!("    issuer      {}", description.issuer.url));
    for company in &description.companies {
        lines.push(format!(
            "    company {}   {}   {}",
            company.short, company.url, company.name
        ));
    }
    for node in &description.nodes {
        lines.push(format!("    node        {}   {}", node.url, node.member));
    }
    lines.push(format!("    log-ins     {}\n", path.display()));
    let folder = path.parent().unwrap_or(path).display();
    lines.push(format!("    cargo sandbox offer --dir {folder}"));
    lines.push(format!("    cargo sandbox request a --dir {folder}"));
    if let Some(wallet) = description.wallets.first() {
        lines.push(format!(
            "    target/debug/tegata --dir {} accounts\n",
            wallet.folder.display()
        ));
    }
    lines.join("\n")
}

/// A demo that failed leaves its logs.
fn keep_for_reading(temporary: tempfile::TempDir, voice: Voice) {
    let path = temporary.keep();
    if voice == Voice::Person {
        println!("  Logs: {}\n", path.join("sandbox/logs").display());
    }
}
