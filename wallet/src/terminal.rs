//! Talking with the person, or with the script, at the other end.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use vault::{Passphrase, PassphraseError};
use zeroize::Zeroizing;

use crate::failure::{Advise, FailureKind};

/// Bytes of one line that is read.
const LINE_BYTES_MAX: u64 = 4096;

/// Where answers come from, and where questions go.
pub struct Terminal {
    source: Source,
    passphrase_fd: Option<u32>,
    descriptors: BTreeMap<u32, BufReader<File>>,
    /// Given through a descriptor, so that a script is not asked twice.
    given: Option<Zeroizing<String>>,
}

enum Source {
    Person,
    Script(Script),
}

/// Prepared answers and what was shown, for tests.
#[derive(Default)]
struct Script {
    answers: VecDeque<String>,
    shown: Vec<String>,
}

/// Why an answer could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Nobody is there to answer.
    #[error("this needs an answer, and there is no terminal to ask on")]
    NoTerminal,
    /// A line could not be read.
    #[error("the answer cannot be read")]
    Io(#[from] io::Error),
    /// The descriptor gave no line, or one that is too long or not UTF-8.
    #[error("descriptor {0} gives no line of text")]
    Descriptor(u32),
    /// The passphrase is too short.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The passphrase was typed differently the second time.
    #[error("the two passphrases differ")]
    Different,
}

impl Advise for TerminalError {
    fn advice(&self) -> String {
        match self {
            Self::NoTerminal => {
                "run it on a terminal, or give --yes, --passphrase-fd or --tx-code-fd".into()
            }
            Self::Io(_) | Self::Descriptor(_) => {
                "give the number of an open descriptor with one line of text".into()
            }
            Self::Passphrase(_) => {
                "choose a longer passphrase, for example five random words".into()
            }
            Self::Different => "run the command again and type the same passphrase twice".into(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::NoTerminal | Self::Descriptor(_) => FailureKind::Usage,
            Self::Io(_) | Self::Passphrase(_) | Self::Different => FailureKind::Refused,
        }
    }
}

impl Terminal {
    /// The terminal of this process; a passphrase is read from `passphrase_fd` if there is one.
    #[must_use]
    pub fn of_process(passphrase_fd: Option<u32>) -> Self {
        Self::new(Source::Person, passphrase_fd)
    }

    /// A terminal at which these answers are given, one for each question.
    #[must_use]
    pub fn scripted(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let script = Script {
            answers,
            shown: Vec::new(),
        };
        Self::new(Source::Script(script), None)
    }

    fn new(source: Source, passphrase_fd: Option<u32>) -> Self {
        Self {
            source,
            passphrase_fd,
            descriptors: BTreeMap::new(),
            given: None,
        }
    }

    /// What a scripted terminal has shown.
    #[must_use]
    pub fn shown(&self) -> &[String] {
        match &self.source {
            Source::Person => &[],
            Source::Script(script) => &script.shown,
        }
    }

    /// Shows lines to the person, beside the command's result.
    pub fn show(&mut self, text: &str) {
        match &mut self.source {
            // Nothing is lost if nobody listens.
            Source::Person => drop(writeln!(io::stderr(), "{text}")),
            Source::Script(script) => script.shown.push(text.to_owned()),
        }
    }

    /// Asks for the passphrase of the wallet.
    pub fn passphrase(&mut self, prompt: &str) -> Result<Passphrase, TerminalError> {
        if let Some(given) = &self.given {
            return Ok(Passphrase::new(given.as_str())?);
        }
        if let Some(descriptor) = self.passphrase_fd {
            let line = self.line_from(descriptor)?;
            let passphrase = Passphrase::new(line.as_str())?;
            self.given = Some(line);
            return Ok(passphrase);
        }
        Ok(Passphrase::new(self.secret_line(prompt)?.as_str())?)
    }

    /// Asks for a new passphrase, twice where a person types it.
    pub fn new_passphrase(&mut self) -> Result<Passphrase, TerminalError> {
        let first = self.passphrase("New passphrase (at least 12 characters): ")?;
        if self.passphrase_fd.is_some() {
            return Ok(first);
        }
        let second = self.passphrase("The same passphrase again: ")?;
        if first.is_same(&second) {
            Ok(first)
        } else {
            Err(TerminalError::Different)
        }
    }

    /// Takes the next passphrase of a script from the descriptor, not from memory.
    pub fn forget_passphrase(&mut self) {
        self.given = None;
    }

    /// Asks for a line that is not shown while it is typed, or reads it from a descriptor.
    pub fn secret(
        &mut self,
        prompt: &str,
        descriptor: Option<u32>,
    ) -> Result<Zeroizing<String>, TerminalError> {
        match descriptor {
            Some(descriptor) => self.line_from(descriptor),
            None => self.secret_line(prompt),
        }
    }

    /// Asks a question whose default is no.
    pub fn confirm(&mut self, question: &str) -> Result<bool, TerminalError> {
        let answer = match &mut self.source {
            Source::Script(script) => script.next()?,
            Source::Person if io::stdin().is_terminal() => {
                let mut stderr = io::stderr();
                write!(stderr, "{question} [y/N] ")?;
                stderr.flush()?;
                let mut line = String::new();
                io::stdin().lock().read_line(&mut line)?;
                line
            }
            Source::Person => return Err(TerminalError::NoTerminal),
        };
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "はい"))
    }

    fn secret_line(&mut self, prompt: &str) -> Result<Zeroizing<String>, TerminalError> {
        match &mut self.source {
            Source::Script(script) => script.next().map(Zeroizing::new),
            Source::Person if io::stdin().is_terminal() => {
                Ok(Zeroizing::new(rpassword::prompt_password(prompt)?))
            }
            Source::Person => Err(TerminalError::NoTerminal),
        }
    }

    /// The next line of a descriptor; several secrets may come through one.
    fn line_from(&mut self, descriptor: u32) -> Result<Zeroizing<String>, TerminalError> {
        let refused = || TerminalError::Descriptor(descriptor);
        let reader = match self.descriptors.entry(descriptor) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let file = File::open(format!("/dev/fd/{descriptor}")).map_err(|_| refused())?;
                place.insert(BufReader::new(file))
            }
        };
        let mut line = Zeroizing::new(String::new());
        io::Read::take(&mut *reader, LINE_BYTES_MAX)
            .read_line(&mut line)
            .map_err(|_| refused())?;
        let length = line.trim_end_matches(['\r', '\n']).len();
        if length == 0 || line.len() as u64 == LINE_BYTES_MAX {
            return Err(refused());
        }
        line.truncate(length);
        Ok(line)
    }
}

impl Script {
    fn next(&mut self) -> Result<String, TerminalError> {
        self.answers.pop_front().ok_or(TerminalError::NoTerminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_answer_is_a_usage_error() {
        let mut terminal = Terminal::scripted(&[]);
        let error = terminal.confirm("Give it?").unwrap_err();
        assert_eq!(error.kind(), FailureKind::Usage);
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        for (answer, expected) in [
            ("y", true),
            ("yes\n", true),
            ("はい", true),
            ("", false),
            ("n", false),
            ("yeah", false),
        ] {
            let mut terminal = Terminal::scripted(&[answer]);
            assert_eq!(terminal.confirm("Give it?").unwrap(), expected);
        }
    }

    #[test]
    fn a_passphrase_typed_differently_is_refused() {
        let mut terminal = Terminal::scripted(&["correct horse", "correct house"]);
        assert!(matches!(
            terminal.new_passphrase(),
            Err(TerminalError::Different)
        ));
    }
}
