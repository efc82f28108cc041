//! Tells the story while it happens: aligned lines on a terminal, or nothing, and the report at the end.

use std::io::Write;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::report::{Part, Proof, Report, Step};

/// Columns of a step's title; Japanese letters take two.
const TITLE_COLUMNS: usize = 66;

/// Where the story goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// To a person, on standard output.
    Person,
    /// To nobody; the report is what counts.
    Silent,
}

/// Tells and records.
pub struct Narrator {
    voice: Voice,
    report: Report,
    begun: Instant,
}

/// What a step brought beside its result.
#[derive(Debug, Default)]
pub struct Facts(Map<String, Value>);

impl Facts {
    /// Nothing to report.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more fact.
    pub fn and(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

impl Narrator {
    /// Begins a story.
    pub fn new(voice: Voice) -> Self {
        Self {
            voice,
            report: Report::new(),
            begun: Instant::now(),
        }
    }

    /// A line as it is.
    pub fn say(&self, line: &str) {
        if self.voice == Voice::Person {
            println!("{line}");
        }
    }

    /// A heading.
    pub fn chapter(&self, numeral: &str, title: &str) {
        self.say(&format!("\n  {numeral}  {title}\n"));
    }

    /// Something happens: its title is shown when it begins, its time when it has ended.
    pub async fn step<T>(
        &mut self,
        part: Part,
        name: &'static str,
        title: &str,
        act: impl Future<Output = anyhow::Result<(T, Facts)>>,
    ) -> anyhow::Result<T> {
        self.begin(title);
        let begun = Instant::now();
        let (result, facts) = match act.await {
            Ok(done) => done,
            Err(error) => {
                self.end("✗", begun);
                return Err(error.context(title.to_owned()));
            }
        };
        let ms = self.end("✓", begun);
        self.report.steps.push(Step {
            part,
            name,
            title: title.to_owned(),
            ms,
            facts: facts.0,
        });
        Ok(result)
    }

    /// Something is checked. A check that cannot be carried out does not hold.
    pub async fn proof(
        &mut self,
        name: &'static str,
        claim: &'static str,
        check: impl Future<Output = anyhow::Result<String>>,
    ) {
        self.begin(claim);
        let begun = Instant::now();
        let (holds, seen) = match check.await {
            Ok(seen) => (true, seen),
            Err(error) => (false, format!("{error:#}")),
        };
        let ms = self.end(if holds { "✓" } else { "✗" }, begun);
        self.say(&format!(
            "        {}",
            if holds { dim(&seen) } else { seen.clone() }
        ));
        self.report.proofs.push(Proof {
            name,
            claim,
            holds,
            seen,
            ms,
        });
    }

    /// Time spent on a part so far.
    pub fn part_ms(&self, part: Part) -> u64 {
        self.report.part_ms(part)
    }

    /// Ends the story.
    pub fn finish(mut self, failure: Option<&anyhow::Error>) -> Report {
        self.report.elapsed_ms = milliseconds(self.begun);
        self.report.first_account_ms = self.part_ms(Part::FirstAccount);
        self.report.second_account_ms = self.part_ms(Part::SecondAccount);
        self.report.failure = failure.map(|error| format!("{error:#}"));
        self.report.holds = failure.is_none()
            && !self.report.proofs.is_empty()
            && self.report.proofs.iter().all(|proof| proof.holds);
        self.report
    }

    fn begin(&self, title: &str) {
        if self.voice == Voice::Person {
            let padding = " ".repeat(TITLE_COLUMNS.saturating_sub(columns(title)));
            print!("    · {title}{padding}");
            let _ = std::io::stdout().flush();
        }
    }

    fn end(&self, mark: &str, begun: Instant) -> u64 {
        let ms = milliseconds(begun);
        if self.voice == Voice::Person {
            println!("{mark} {:>8}", spoken(ms));
        }
        ms
    }
}

/// A duration for people.
pub fn spoken(ms: u64) -> String {
    if ms < 1_000 {
        format!("{ms} ms")
    } else {
        format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
    }
}

/// Facts as one fact each, from a JSON object.
pub fn facts_of(value: &Value) -> Facts {
    Facts::none().and("said", json!(value))
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How many columns a terminal needs: wide letters begin in the Hangul block.
fn columns(text: &str) -> usize {
    text.chars()
        .map(|letter| {
            if u32::from(letter) >= 0x1100 && !('\u{2000}'..='\u{2e7f}').contains(&letter) {
                2
            } else {
                1
            }
        })
        .sum()
}

fn dim(text: &str) -> String {
    use std::io::IsTerminal;
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[2m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_story_holds_only_if_every_proof_does() {
        let mut narrator = Narrator::new(Voice::Silent);
        narrator
            .proof("first", "one is one", async { Ok("1 = 1".to_owned()) })
            .await;
        narrator
            .proof("second", "one is two", async { anyhow::bail!("1 ≠ 2") })
            .await;
        let report = narrator.finish(None);
        assert!(!report.holds);
        assert_eq!(
            report
                .proofs
                .iter()
                .map(|proof| proof.holds)
                .collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn a_story_without_proofs_does_not_hold() {
        assert!(!Narrator::new(Voice::Silent).finish(None).holds);
    }

    #[tokio::test]
    async fn a_step_that_fails_ends_the_story_with_its_title() {
        let mut narrator = Narrator::new(Voice::Silent);
        let act = async { anyhow::bail!("no") };
        let error = narrator
            .step::<()>(Part::Load, "load", "loading", act)
            .await
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "loading: no");
        assert!(!narrator.finish(Some(&error)).holds);
    }

    #[test]
    fn columns_count_wide_letters_twice() {
        assert_eq!(columns("abc"), 3);
        assert_eq!(columns("手形"), 4);
        assert_eq!(columns("a · b"), 5);
    }
}
