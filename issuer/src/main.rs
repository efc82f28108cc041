//! The tegata-issuer program.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use issuer::{config::Config, setup};

/// The consortium's issuer of KYC credentials.
#[derive(Parser)]
#[command(name = "tegata-issuer", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Write keys, an empty vault, issuer.toml, and issuer.json for the genesis file.
    Setup(Box<setup::Arguments>),
}

fn main() -> ExitCode {
    match start(Program::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tegata-issuer: {error:#}\nSee issuer/README.md for what each part needs.");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Setup(arguments) => {
            let told = setup::set_up(&arguments, &mut service::random::os())?;
            print!("{}", told.as_str());
            Ok(())
        }
        Command::Run { config } => {
            service::telemetry::start();
            let config =
                Config::load(&config).with_context(|| format!("reading {}", config.display()))?;
            let runtime = tokio::runtime::Runtime::new().context("starting")?;
            runtime.block_on(issuer::run(config))
        }
    }
}
