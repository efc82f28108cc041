//! The command line of a registry node.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use protocol::registry::{Epochs, MemberRole};
use registry::{
    audit::{self, AuditArguments, EvidenceArguments},
    fsck::{self, FsckArguments},
    genesis::{Entries, write_genesis},
    governance::{
        self, ApproveArguments, GovernanceError, KeyArguments, PartiesArguments,
        ProposalsArguments, ProposeArguments, ShowArguments,
    },
    setup::{Exposure, NewMember, setup},
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A node of the jointly operated registry.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the node until SIGTERM.
    Run {
        /// The configuration, node.toml.
        #[arg(long)]
        config: PathBuf,
    },
    /// Makes keys, node.toml, and member.json for the genesis file.
    Setup(SetupArguments),
    /// Makes the genesis file of a network from the entries of its parties.
    Genesis(GenesisArguments),
    /// Executes the log again from the first record on, and compares it with what every node shows. Exit status: 0 if nothing is
    /// wrong, 2 if something is, 1 if there was no audit.
    Audit(AuditArguments),
    /// Checks evidence that members signed two ledgers.
    Evidence(EvidenceArguments),
    /// Proposes a change to the members: shows what will happen, asks, signs and sends.
    Propose(ProposeArguments),
    /// Approves another member's proposal: shows what will happen, asks, signs and sends.
    Approve(ApproveArguments),
    /// Lists what waits for approvals, and what is decided and does not hold yet.
    Proposals(ProposalsArguments),
    /// Shows a proposal: what it changes, who approved, when it expires and takes effect.
    Show(ShowArguments),
    /// Shows who takes part, with fingerprints of keys.
    Parties(PartiesArguments),
    /// Makes keys, and shows fingerprints of keys.
    Key(KeyArguments),
    /// Examines the ledger of a node that does not run: derives everything from its entries again and compares. Exit status: 0
    /// if nothing is wrong, 2 if something is, 1 if it could not be examined.
    Fsck(FsckArguments),
}

#[derive(Args)]
struct SetupArguments {
    /// Where the files go.
    #[arg(long)]
    dir: PathBuf,
    /// The member's name, such as a.example.
    #[arg(long)]
    name: String,
    /// What the member is.
    #[arg(long)]
    role: Role,
    /// Where the node answers readers.
    #[arg(long)]
    url: String,
    /// Where the node meets the others, host:port.
    #[arg(long)]
    peer_address: String,
    /// The member votes on blocks.
    #[arg(long)]
    validator: bool,
    /// Plain HTTP on loopback, for one machine.
    #[arg(long)]
    development_loopback_http: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Consortium,
    Company,
    Notary,
}

#[derive(Args)]
struct GenesisArguments {
    /// The network's name for people.
    #[arg(long)]
    name: String,
    /// member.json of every member.
    #[arg(long, num_args = 1.., required = true)]
    members: Vec<PathBuf>,
    /// issuer.json of every issuer.
    #[arg(long, num_args = 1..)]
    issuers: Vec<PathBuf>,
    /// verifier.json of every verifier.
    #[arg(long, num_args = 1..)]
    verifiers: Vec<PathBuf>,
    /// The process definitions.
    #[arg(long, num_args = 1.., required = true)]
    definitions: Vec<PathBuf>,
    /// How many blocks an epoch has: members change between epochs only.
    #[arg(long, default_value_t = 500)]
    epoch_blocks: u64,
    /// The genesis file.
    #[arg(long)]
    out: PathBuf,
}

/// The consensus engine opens several spans for every message, which cost more than they tell.
const LOG: &str = "info,commonware=warn";

/// The exit status of an audit or examination that found something.
const SOMETHING_IS_WRONG: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run { config } => run(&config),
        Command::Setup(arguments) => run_setup(arguments),
        Command::Genesis(arguments) => run_genesis(arguments),
        Command::Audit(arguments) => match run_audit(&arguments) {
            Ok(false) => return ExitCode::from(SOMETHING_IS_WRONG),
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        },
        Command::Fsck(arguments) => match fsck::run(&arguments) {
            Ok(false) => return ExitCode::from(SOMETHING_IS_WRONG),
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        },
        Command::Evidence(arguments) => {
            audit::verify_evidence(&arguments).map(|shown| print!("{shown}"))
        }
        Command::Propose(arguments) => {
            return decide(governance::propose(&arguments, service::clock::now()));
        }
        Command::Approve(arguments) => {
            return decide(governance::approve(&arguments, service::clock::now()));
        }
        Command::Proposals(arguments) => {
            return decide(governance::proposals(&arguments, service::clock::now()));
        }
        Command::Show(arguments) => {
            return decide(governance::show(&arguments, service::clock::now()));
        }
        Command::Parties(arguments) => {
            return decide(governance::parties(&arguments, service::clock::now()));
        }
        Command::Key(arguments) => {
            return told(governance::key(&arguments, &mut service::random::os()));
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tegata-registry: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Path) -> anyhow::Result<()> {
    service::telemetry::start_with(LOG);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(registry::run::run(config))
}

/// Runs a command of a member's officer.
fn decide(command: impl Future<Output = Result<(), GovernanceError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => told(runtime.block_on(command)),
        Err(error) => {
            eprintln!("tegata-registry: starting the runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What happened, and what to do, if it did not work.
fn told(outcome: Result<(), GovernanceError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", governance::failure(&error));
            ExitCode::FAILURE
        }
    }
}

fn run_audit(arguments: &AuditArguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(audit::run(arguments))
}

fn run_setup(arguments: SetupArguments) -> anyhow::Result<()> {
    let member = NewMember {
        name: arguments.name,
        role: match arguments.role {
            Role::Consortium => MemberRole::Consortium,
            Role::Company => MemberRole::Company,
            Role::Notary => MemberRole::Notary,
        },
        url: arguments.url.try_into().context("--url")?,
        peer_address: arguments.peer_address,
        validator: arguments.validator,
    };
    let exposure = if arguments.development_loopback_http {
        Exposure::LoopbackForDevelopment
    } else {
        Exposure::Tls
    };
    setup(&arguments.dir, member, exposure, &mut service::random::os())
}

fn run_genesis(arguments: GenesisArguments) -> anyhow::Result<()> {
    let entries = Entries {
        members: arguments.members,
        issuers: arguments.issuers,
        verifiers: arguments.verifiers,
        definitions: arguments.definitions,
    };
    let epochs = Epochs::of_blocks(arguments.epoch_blocks).context("--epoch-blocks")?;
    let network = write_genesis(&arguments.name, epochs, &entries, &arguments.out)?;
    println!("network {network}");
    Ok(())
}
