//! `cargo demo`: both journeys with the real programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tests::demo::narrator::{Voice, spoken};
use tests::demo::report::Report;
use tests::demo::{Stage, play};
use tests::sandbox::folder::{default_folder, prepare};
use tests::sandbox::{Programs, Site, WalletEntry};

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
    let folder = prepare(&folder)?;
    let programs = tokio::task::spawn_blocking(Programs::build).await??;
    let voice = if cli.json {
        Voice::Silent
    } else {
        Voice::Person
    };
    let (report, stage) = tokio::select! {
        played = Box::pin(play(&folder, &programs, voice)) => played,
        () = &mut stop => return Ok(false),
    };
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", conclusion(&report));
    }
    if let Some(mut stage) = stage {
        if cli.stay {
            stay(&stage, voice, stop).await?;
        }
        stage.sandbox.stop().await?;
    }
    if !report.holds && !cli.stay {
        keep_for_reading(temporary, voice);
    }
    Ok(report.holds)
}

async fn stay(stage: &Stage, voice: Voice, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut site = stage.sandbox.site.clone();
    site.wallets = vec![WalletEntry::of(&stage.wallet)];
    let path = site.announce()?;
    if voice == Voice::Person {
        println!("{}", by_hand(&site, &path));
    }
    stop.await;
    site.withdraw()
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

fn by_hand(site: &Site, path: &Path) -> String {
    let mut lines = vec!["  Everything stays up until Ctrl-C.\n".to_owned()];
    lines.push(format!("    issuer      {}", site.issuer.url));
    for company in &site.companies {
        lines.push(format!(
            "    company {}   {}   {}",
            company.short, company.url, company.name
        ));
    }
    for node in &site.nodes {
        lines.push(format!("    node        {}   {}", node.url, node.member));
    }
    lines.push(format!("    log-ins     {}\n", path.display()));
    let folder = path.parent().unwrap_or(path).display();
    lines.push(format!("    cargo sandbox offer --dir {folder}"));
    lines.push(format!("    cargo sandbox request a --dir {folder}"));
    if let Some(wallet) = site.wallets.first() {
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
