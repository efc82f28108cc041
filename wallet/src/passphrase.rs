//! `tegata passphrase`: another passphrase for the same wallet.

use std::path::Path;

use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::json;
use vault::{KdfCost, RecoveryCode, RecoveryCodeError, Unlock};

use crate::failure::{Advise, FailureKind};
use crate::report::Report;
use crate::session::{SessionError, open_vault};
use crate::terminal::{Terminal, TerminalError};

/// What opens the wallet while its passphrase is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    /// The passphrase that is replaced.
    Passphrase,
    /// The recovery code, because the passphrase is forgotten.
    RecoveryCode,
}

/// Why the passphrase was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseChangeError {
    /// An answer is missing.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The wallet does not open.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What was typed is no recovery code.
    #[error(transparent)]
    RecoveryCode(#[from] RecoveryCodeError),
}

impl Advise for PassphraseChangeError {
    fn advice(&self) -> String {
        match self {
            Self::Terminal(error) => error.advice(),
            Self::Session(error) => error.advice(),
            Self::RecoveryCode(_) => {
                "compare it with what you wrote down, and type it again".into()
            }
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Terminal(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::RecoveryCode(_) => FailureKind::Refused,
        }
    }
}

/// Replaces the passphrase. Copies of the old directory still open with the old one.
pub fn change_passphrase(
    directory: &Path,
    terminal: &mut Terminal,
    current: Current,
    cost: KdfCost,
) -> Result<Report, PassphraseChangeError> {
    let (passphrase, code);
    let unlock = match current {
        Current::Passphrase => {
            passphrase = terminal.passphrase("Current passphrase: ")?;
            Unlock::Passphrase(&passphrase)
        }
        Current::RecoveryCode => {
            code = RecoveryCode::parse(&terminal.secret("Recovery code: ", None)?)?;
            Unlock::RecoveryCode(&code)
        }
    };
    let vault = open_vault(directory, &unlock)?;
    terminal.forget_passphrase();
    let new = terminal.new_passphrase()?;
    vault
        .change_passphrase(&unlock, &new, cost, &mut UnwrapErr(SysRng))
        .map_err(|source| SessionError::Open {
            directory: directory.to_owned(),
            source,
        })?;
    let lines = [
        "The passphrase is changed.".to_owned(),
        "Copies and backups of the wallet that were made before still open with the old one."
            .to_owned(),
    ];
    Ok(Report::new(&lines, json!({"changed": true})))
}
