//! `cargo sandbox`: offers and requests from a sandbox that is up, each as one line of JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use protocol::registry::Genesis;
use rand_core::Rng;
use serde_json::{Value, json};
use tests::sandbox::applicant::obtain_offer;
use tests::sandbox::folder::{default_folder, prepare};
use tests::sandbox::http::{Http, below, text};
use tests::sandbox::{Person, Programs, Sandbox, Site, TrustModel};

/// Offers and requests from a sandbox that is up (cargo demo -- --stay).
#[derive(Parser)]
#[command(name = "cargo sandbox")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a sandbox without playing the journeys, and keeps it up until Ctrl-C.
    Up {
        /// The folder of the sandbox; emptied first if it held one.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Stop when standard input ends, too: for a program that starts it.
        #[arg(long)]
        while_stdin_is_open: bool,
        /// Who votes on the order of records.
        #[arg(long, value_enum, default_value_t)]
        model: TrustModel,
    },
    /// A credential offer for a fresh synthetic applicant whose checks have passed.
    Offer {
        /// The folder of the sandbox.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// A presentation request of a company, asking for name, birthdate and address.
    Request {
        /// The company: a or b.
        company: String,
        /// The folder of the sandbox.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = match Cli::parse().command {
        Command::Up {
            dir,
            while_stdin_is_open,
            model,
        } => return up(dir, while_stdin_is_open, model).await,
        Command::Offer { dir } => offer(dir).await,
        Command::Request { company, dir } => request(&company, dir).await,
    };
    match line {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says where everything is, in one line of JSON, once it is up.
async fn up(folder: Option<PathBuf>, while_stdin_is_open: bool, model: TrustModel) -> ExitCode {
    let kept = async {
        let stop = service::serve::stop_signal()?;
        let folder = prepare(&folder.unwrap_or_else(default_folder))?;
        let programs = tokio::task::spawn_blocking(Programs::build).await??;
        let mut sandbox = Sandbox::start_as(&folder, &programs, model).await?;
        sandbox.site.announce()?;
        println!("{}", serde_json::to_string(&sandbox.site)?);
        let stdin_ended = async {
            let _ = tokio::task::spawn_blocking(|| {
                std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
            })
            .await;
        };
        tokio::select! {
            () = stop => {}
            () = stdin_ended, if while_stdin_is_open => {}
        }
        sandbox.site.withdraw()?;
        sandbox.stop().await
    };
    match Box::pin(kept).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn offer(folder: Option<PathBuf>) -> anyhow::Result<Value> {
    let sandbox = find(folder)?;
    let genesis =
        Genesis::parse(&std::fs::read(&sandbox.genesis).context("reading the genesis file")?)?;
    let http = Http::new()?;
    let reviewer = sandbox.issuer.log_in(&http).await?;
    let person = Person::from_seed(service::random::os().next_u64());
    let (_, offer) = obtain_offer(&http, &sandbox.issuer.url, &genesis, &reviewer, &person).await?;
    Ok(json!({"offer": offer.offer, "tx_code": offer.tx_code}))
}

async fn request(company: &str, folder: Option<PathBuf>) -> anyhow::Result<Value> {
    let sandbox = find(folder)?;
    let company = sandbox.company(company)?;
    let body =
        json!({"account_type": "general", "tax_residences": ["JP"], "purpose": "identification"});
    let begun = Http::new()?
        .post_json(&below(&company.url, "applications")?, &body)
        .await?;
    Ok(json!({"request": text(&begun, "request")?, "result_url": text(&begun, "result_url")?}))
}

fn find(folder: Option<PathBuf>) -> anyhow::Result<Site> {
    let folder = folder.unwrap_or_else(default_folder);
    let sandbox = Site::read(&folder)?;
    ensure!(
        sandbox.is_up(),
        "the sandbox in {} is not up; start it: cargo demo -- --stay",
        folder.display()
    );
    Ok(sandbox)
}
