//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use protocol::application::{AccountType, Country, CountryError};
use serde_json::json;
use url::Url;
use vault::KdfCost;

use crate::accounts::accounts;
use crate::applications::applications;
use crate::apply::{ApplyRequest, apply};
use crate::clock::Clock;
use crate::consent::Consent;
use crate::failure::Failure;
use crate::history::history;
use crate::init::init;
use crate::list::{list, show};
use crate::network::Setting;
use crate::open::{OpenRequest, open};
use crate::passphrase::{Current, change_passphrase};
use crate::present::{PresentRequest, present};
use crate::receive::{ReceiveRequest, receive};
use crate::report::Report;
use crate::session::Session;
use crate::terminal::Terminal;
use crate::trust::trust;

/// Holds your KYC credential, and opens accounts with it.
#[derive(Parser)]
#[command(name = "tegata", version)]
pub struct Arguments {
    /// Directory of the wallet.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long, global = true)]
    json: bool,
    /// Read the passphrase from this open file descriptor instead of the terminal.
    #[arg(long, global = true, value_name = "NUMBER")]
    passphrase_fd: Option<u32>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new wallet, and print its recovery code once.
    Init,
    /// Change the passphrase.
    ///
    /// Copies and backups that were made before still open with the old one.
    Passphrase {
        /// Use the recovery code instead of the current passphrase.
        #[arg(long)]
        recover: bool,
    },
    #[command(flatten)]
    Use(UseCommand),
}

/// The commands that need an open wallet.
#[derive(Subcommand)]
enum UseCommand {
    /// Trust the network that a genesis file describes.
    Trust {
        /// The genesis file of the consortium.
        genesis: PathBuf,
        /// Allow plain http on this machine, for a sandbox. Never for real data.
        #[arg(long)]
        development: bool,
    },
    /// Apply for KYC.
    Apply {
        /// The form, as JSON.
        #[arg(long)]
        form: PathBuf,
        /// An image of the identity document; may be given several times.
        #[arg(long = "document", required = true)]
        documents: Vec<PathBuf>,
        /// To whom, if the network has several issuers.
        #[arg(long)]
        issuer: Option<String>,
        /// Do not ask before sending.
        #[arg(long)]
        yes: bool,
    },
    /// Show how your applications for KYC stand.
    Applications,
    /// Receive the credential.
    Receive {
        /// The offer's link; without it, what is ready for you or was interrupted.
        offer: Option<String>,
        /// Read the code of the letter from this open file descriptor.
        #[arg(long, value_name = "NUMBER")]
        tx_code_fd: Option<u32>,
    },
    /// List the credentials.
    List,
    /// Show what your credential says.
    Show,
    /// Answer a company's request.
    Present {
        /// The link from the company's page.
        request: String,
        /// Do not ask before giving what the request asks for.
        #[arg(long)]
        yes: bool,
    },
    /// Open an account at a company.
    Open {
        /// The company's address.
        company: Url,
        /// The kind of account.
        #[arg(long, value_enum)]
        account: AccountKind,
        /// A country in which you are resident for tax, as two letters; may be given several times.
        #[arg(long = "tax-residence", required = true, value_parser = country)]
        tax_residences: Vec<Country>,
        /// Do not ask before giving what the company asks for.
        #[arg(long)]
        yes: bool,
    },
    /// Show how your applications to companies stand.
    Accounts,
    /// Show what was given to whom.
    History,
}

#[derive(Clone, Copy, ValueEnum)]
enum AccountKind {
    /// You compute and declare gains yourself.
    General,
    /// The company computes them.
    Specific,
}

fn country(text: &str) -> Result<Country, CountryError> {
    Country::try_from(text.to_owned())
}

/// Runs one command and prints its result.
pub async fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    match execute(arguments).await {
        Ok(report) if json => {
            println!("{}", report.json);
            ExitCode::SUCCESS
        }
        Ok(report) => {
            println!("{}", report.text);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            if json {
                println!(
                    "{}",
                    json!({"error": failure.what(), "advice": failure.advice()})
                );
            } else {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}

async fn execute(arguments: Arguments) -> Result<Report, Failure> {
    let directory = arguments.dir.unwrap_or_else(default_directory);
    let mut terminal = Terminal::of_process(arguments.passphrase_fd);
    match arguments.command {
        Command::Init => Ok(init(&directory, &mut terminal, KdfCost::FLOOR)?),
        Command::Passphrase { recover } => {
            let current = if recover {
                Current::RecoveryCode
            } else {
                Current::Passphrase
            };
            Ok(change_passphrase(
                &directory,
                &mut terminal,
                current,
                KdfCost::FLOOR,
            )?)
        }
        Command::Use(command) => {
            let mut session = Session::open(&directory, terminal, Clock::System)?;
            in_session(&mut session, command).await
        }
    }
}

async fn in_session(session: &mut Session, command: UseCommand) -> Result<Report, Failure> {
    Ok(match command {
        UseCommand::Trust {
            genesis,
            development,
        } => {
            let setting = if development {
                Setting::Development
            } else {
                Setting::Production
            };
            trust(session, &genesis, setting)?
        }
        UseCommand::Apply {
            form,
            documents,
            issuer,
            yes,
        } => {
            let request = ApplyRequest {
                form: &form,
                documents: &documents,
                issuer: issuer.as_deref(),
                consent: Consent::of_flag(yes),
            };
            apply(session, request).await?
        }
        UseCommand::Applications => applications(session).await?,
        UseCommand::Receive { offer, tx_code_fd } => {
            let request = ReceiveRequest {
                offer: offer.as_deref(),
                tx_code_fd,
            };
            receive(session, request).await?
        }
        UseCommand::List => list(session)?,
        UseCommand::Show => show(session)?,
        UseCommand::Present { request, yes } => {
            let request = PresentRequest {
                request: &request,
                consent: Consent::of_flag(yes),
                declaration: None,
            };
            present(session, request).await?
        }
        UseCommand::Open {
            company,
            account,
            tax_residences,
            yes,
        } => {
            let request = OpenRequest {
                company: &company,
                account: account.into(),
                tax_residences,
                consent: Consent::of_flag(yes),
            };
            open(session, request).await?
        }
        UseCommand::Accounts => accounts(session).await?,
        UseCommand::History => history(session)?,
    })
}

impl From<AccountKind> for AccountType {
    fn from(kind: AccountKind) -> Self {
        match kind {
            AccountKind::General => Self::General,
            AccountKind::Specific => Self::Specific,
        }
    }
}

/// The place that the system gives to data of this program.
fn default_directory() -> PathBuf {
    match directories::ProjectDirs::from("", "", "tegata") {
        Some(directories) => directories.data_local_dir().join("default"),
        None => PathBuf::from(".tegata"),
    }
}
