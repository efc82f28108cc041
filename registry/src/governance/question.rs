//! What an officer is asked before anything is signed.

use super::{
    arguments::Decision, failure::GovernanceError, forecast::Forecast, plain::Page, view::View,
};
use std::io::{IsTerminal as _, Write as _};

/// What an officer is asked, and all that the answer rests on.
pub(super) struct Question {
    text: String,
    warnings: Vec<String>,
    pub(super) forecast: Forecast,
    /// How many members agree already.
    agreed: usize,
}

impl Question {
    pub(super) fn of(
        mut page: Page,
        warnings: Vec<String>,
        forecast: Forecast,
        agreed: usize,
    ) -> Self {
        warn(&mut page, &warnings);
        Self {
            text: page.into_text(),
            warnings,
            forecast,
            agreed,
        }
    }

    fn is_as_before(&self, before: &Self) -> bool {
        self.agreed == before.agreed && self.forecast.is_as_before(&before.forecast)
    }
}

/// Shows what is to be signed and asks. While somebody reads, others may decide: the node is read again after the answer, and
/// asked again is who has read something else. None after a dry run.
pub(super) async fn asked(
    decision: &Decision,
    what: &str,
    question: impl AsyncFn() -> Result<(Question, View), GovernanceError>,
) -> Result<Option<(Question, View)>, GovernanceError> {
    let (mut shown, _) = question().await?;
    loop {
        print!("{}", shown.text);
        if decision.dry_run {
            println!("\nThis was a dry run: nothing was signed, nothing was sent.");
            return Ok(None);
        }
        confirm(decision, what, &shown.warnings)?;
        let (again, view) = question().await?;
        if again.is_as_before(&shown) {
            return Ok(Some((again, view)));
        }
        shown = again;
        println!("\nThe ledger has changed while this was read. This is what it is now:\n");
    }
}

/// Adds what to think about twice.
pub(super) fn warn(page: &mut Page, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    page.heading(if warnings.len() == 1 {
        "WARNING"
    } else {
        "WARNINGS"
    });
    for warning in warnings {
        page.bullet("!", warning);
    }
}

/// Asks; with warnings the answer must be written in full.
fn confirm(
    decision: &Decision,
    question: &str,
    warnings: &[String],
) -> Result<(), GovernanceError> {
    println!();
    if decision.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(GovernanceError::NoTerminal);
    }
    let choice = if warnings.is_empty() {
        "[y/N]"
    } else {
        "There are warnings: write yes to go on. [yes/N]"
    };
    eprint!("{question} {choice} ");
    let _unseen = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    let answer = line.trim().to_lowercase();
    let agreed = answer == "yes" || (answer == "y" && warnings.is_empty());
    if read.is_ok() && agreed {
        Ok(())
    } else {
        Err(GovernanceError::Declined)
    }
}
