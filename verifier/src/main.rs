//! The tegata-verifier program.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use verifier::setup::{self, SetupArguments};

/// A securities company's account opening.
#[derive(Parser)]
#[command(name = "tegata-verifier", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Makes keys, a vault, a configuration and the public entry for the genesis file in a new folder.
    Setup(Box<SetupArguments>),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Setup(arguments) => {
            print!(
                "{}",
                setup::set_up(&arguments, &mut service::random::os())?.as_str()
            );
            Ok(())
        }
        Command::Run { config } => {
            service::telemetry::start();
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(verifier::run(&config))
        }
    }
}
