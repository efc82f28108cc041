//! What happened, for programs: each step with its milliseconds, each proof with what it saw.

use serde::Serialize;
use serde_json::{Map, Value};

/// The report of a demo.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Format of this report.
    pub tegata: &'static str,
    /// Whether every step succeeded and every proof holds.
    pub holds: bool,
    /// What ended the demo early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// From the first step to the last proof.
    pub elapsed_ms: u64,
    /// Time in which the person, the wallet and the services were at work for the first account.
    pub first_account_ms: u64,
    /// The same for the second.
    pub second_account_ms: u64,
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Proofs, in order.
    pub proofs: Vec<Proof>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// To which part of the story it belongs.
    pub part: Part,
    /// Its name for programs.
    pub name: &'static str,
    /// What was done.
    pub title: String,
    /// How long it took.
    pub ms: u64,
    /// What came of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

/// Parts of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The consortium is set up and started.
    Consortium,
    /// The first account.
    FirstAccount,
    /// The second account.
    SecondAccount,
    /// Records under load, with one node killed.
    Load,
}

/// One proof.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// Its name for programs.
    pub name: &'static str,
    /// What is claimed.
    pub claim: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What was seen, or why it does not hold.
    pub seen: String,
    /// How long the check took.
    pub ms: u64,
}

impl Report {
    /// A report without steps.
    pub fn new() -> Self {
        Self {
            tegata: "demo-report/1",
            ..Self::default()
        }
    }

    /// Milliseconds of all steps of a part.
    pub fn part_ms(&self, part: Part) -> u64 {
        self.steps
            .iter()
            .filter(|step| step.part == part)
            .map(|step| step.ms)
            .sum()
    }
}
