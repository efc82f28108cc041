//! An open wallet: the vault, the terminal, the clock and the randomness that a command works with.

use std::path::{Path, PathBuf};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use vault::{CommitError, OpenError, Passphrase, ReadError, Sensitive, Unlock, Vault};

use crate::clock::Clock;
use crate::failure::{Advise, FailureKind};
use crate::terminal::{Terminal, TerminalError};

/// The system's generator; a machine without one cannot keep secrets.
pub type SystemRng = UnwrapErr<SysRng>;

/// What a command works with.
pub struct Session {
    /// The open vault.
    pub vault: Vault,
    /// The person or script.
    pub terminal: Terminal,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub rng: SystemRng,
}

/// Why the wallet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The vault does not open.
    #[error("the wallet at {} does not open", directory.display())]
    Open {
        /// Where it is.
        directory: PathBuf,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The passphrase is missing.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The sensitive records do not open.
    #[error("the document images do not open")]
    Sensitive(#[source] OpenError),
    /// A record cannot be read.
    #[error("a record of the wallet cannot be read")]
    Read(#[from] ReadError),
    /// A record cannot be written.
    #[error("a record of the wallet cannot be written")]
    Write(#[from] CommitError),
    /// A record does not have the form that this program gives it.
    #[error("a record of the wallet has an unknown form")]
    Form(#[from] serde_json::Error),
}

impl Advise for SessionError {
    fn advice(&self) -> String {
        match self {
            Self::Open { source, .. } | Self::Sensitive(source) => open_advice(source),
            Self::Terminal(error) => error.advice(),
            Self::Read(_) | Self::Form(_) => {
                "update the program; if that does not help, restore the wallet from a backup".into()
            }
            Self::Write(CommitError::Conflict) => {
                "another command changed the wallet at the same time; run this one again".into()
            }
            Self::Write(_) => "check that the disk is not full, then run the command again".into(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Terminal(error) => error.kind(),
            Self::Open { .. }
            | Self::Sensitive(_)
            | Self::Read(_)
            | Self::Write(_)
            | Self::Form(_) => FailureKind::Refused,
        }
    }
}

fn open_advice(error: &OpenError) -> String {
    match error {
        OpenError::Missing => "make one with `tegata init`, or name its directory with --dir",
        OpenError::Busy => "wait until the other tegata command has finished, then run this again",
        OpenError::WrongSecret => {
            "type the passphrase again; if it is forgotten, `tegata passphrase --recover` takes the recovery code"
        }
        OpenError::Permissions(_) => "make the directory yours alone: chmod 700",
        OpenError::Header(_) | OpenError::Damaged(_) => "restore the wallet from a backup",
        OpenError::Io(_) => "check the disk and the permissions of the directory",
    }
    .into()
}

impl Session {
    /// Opens the wallet at `directory` with the passphrase that the terminal gives.
    pub fn open(
        directory: &Path,
        mut terminal: Terminal,
        clock: Clock,
    ) -> Result<Self, SessionError> {
        if !directory.join("header").exists() {
            let (directory, source) = (directory.to_owned(), OpenError::Missing);
            return Err(SessionError::Open { directory, source });
        }
        let passphrase = terminal.passphrase("Passphrase: ")?;
        let vault = open_vault(directory, &Unlock::Passphrase(&passphrase))?;
        Ok(Self {
            vault,
            terminal,
            clock,
            rng: UnwrapErr(SysRng),
        })
    }

    /// Asks for the passphrase again: an open wallet is not enough to read or write document images.
    pub fn passphrase_again(&mut self, what_for: &str) -> Result<Passphrase, SessionError> {
        Ok(self.terminal.passphrase(what_for)?)
    }

    /// Unlocks the document images.
    pub fn sensitive(&self, passphrase: &Passphrase) -> Result<Sensitive<'_>, SessionError> {
        self.vault
            .sensitive(&Unlock::Passphrase(passphrase))
            .map_err(SessionError::Sensitive)
    }
}

/// Opens a vault and says which one if it fails.
pub(crate) fn open_vault(directory: &Path, unlock: &Unlock<'_>) -> Result<Vault, SessionError> {
    Vault::open(directory, unlock).map_err(|source| SessionError::Open {
        directory: directory.to_owned(),
        source,
    })
}
