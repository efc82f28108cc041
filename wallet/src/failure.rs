//! What a command says when it does not do what was asked: one line about what happened, one about what to do.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// An error that knows what its reader can do about it.
pub trait Advise: Error {
    /// One sentence in the imperative.
    fn advice(&self) -> String;

    /// Whether the command was wrong, or what it asked for.
    fn kind(&self) -> FailureKind {
        FailureKind::Refused
    }
}

/// How a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It was refused or did not work: exit status 1.
    Refused,
    /// It was called wrongly: exit status 2.
    Usage,
}

/// The end of a command that failed.
#[derive(Debug)]
pub struct Failure {
    what: String,
    advice: String,
    kind: FailureKind,
}

impl Failure {
    /// What happened, with its causes.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// How the command failed.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The exit status of the program.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            FailureKind::Refused => ExitCode::from(1),
            FailureKind::Usage => ExitCode::from(2),
        }
    }
}

impl<E: Advise> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !what.ends_with(&text) {
                what.push_str(": ");
                what.push_str(&text);
            }
            cause = error.source();
        }
        Self {
            what,
            advice: error.advice(),
            kind: error.kind(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhint: {}", self.what, self.advice)
    }
}
