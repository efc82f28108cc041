//! `tegata init`: a new wallet.

use std::path::Path;

use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde_json::json;
use vault::{CreateError, KdfCost, NewSlot, RecoveryCode, Vault};

use crate::failure::{Advise, FailureKind};
use crate::report::Report;
use crate::terminal::{Terminal, TerminalError};

/// Why no wallet was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There was no acceptable passphrase.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The vault was not made.
    #[error("the wallet cannot be made")]
    Create(#[from] CreateError),
}

impl Advise for InitError {
    fn advice(&self) -> String {
        match self {
            Self::Terminal(error) => error.advice(),
            Self::Create(CreateError::Exists) => {
                "use it, or choose another directory with --dir".into()
            }
            Self::Create(_) => "choose a directory of your own with --dir".into(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Terminal(error) => error.kind(),
            Self::Create(_) => FailureKind::Refused,
        }
    }
}

/// Makes an empty wallet. The recovery code is in the report and nowhere else.
pub fn init(directory: &Path, terminal: &mut Terminal, cost: KdfCost) -> Result<Report, InitError> {
    if directory.join("header").exists() {
        return Err(CreateError::Exists.into());
    }
    let passphrase = terminal.new_passphrase()?;
    let mut rng = UnwrapErr(SysRng);
    let recovery_code = RecoveryCode::generate(&mut rng);
    let slots = [
        NewSlot::Passphrase(&passphrase, cost),
        NewSlot::RecoveryCode(&recovery_code),
    ];
    drop(Vault::create(directory, &slots, &mut rng)?);
    let code = recovery_code.to_text();
    let lines = [
        format!("A new wallet is in {}.", directory.display()),
        String::new(),
        "Recovery code:".to_owned(),
        String::new(),
        format!("    {}", *code),
        String::new(),
        "Write it down and keep it away from this machine. It opens the wallet when the passphrase is forgotten, and it".to_owned(),
        "is not shown again.".to_owned(),
    ];
    let json = json!({"directory": directory, "recovery_code": *code});
    Ok(Report::new(&lines, json))
}
