//! What an audit found, for people and for programs.

use protocol::{Timestamp, registry::NetworkId};
use serde::Serialize;
use std::fmt;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An entry is no record.
    Entry,
    /// A record is not signed by its author, or for another network.
    Signature,
    /// A record stands against the rules.
    Rule,
    /// Heights or times of blocks are not in order.
    Blocks,
    /// An entry changed after it was final.
    Rewritten,
    /// A node shows a checkpoint and not the records under it.
    Withheld,
    /// A checkpoint does not follow from the records.
    Checkpoint,
    /// A checkpoint is malformed, or a member's signature on it is wrong.
    Forged,
    /// Fewer members than a quorum signed a checkpoint that is shown.
    NoQuorum,
    /// The trusted parties document is not the one of the checkpoint.
    TrustedParties,
    /// Members signed two ledgers.
    DoubleSignature,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What kind of thing.
    pub fault: Fault,
    /// Which entry, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Which node showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Which members are shown to have signed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// In words.
    pub text: String,
}

impl Violation {
    pub(super) fn at(index: u64, fault: Fault, text: &str) -> Self {
        Self {
            fault,
            index: Some(index),
            node: None,
            members: Vec::new(),
            text: text.to_owned(),
        }
    }

    pub(super) fn of(node: &str, fault: Fault, text: &str) -> Self {
        Self {
            fault,
            index: None,
            node: Some(node.to_owned()),
            members: Vec::new(),
            text: text.to_owned(),
        }
    }
}

impl Violation {
    pub(super) fn shown_by(self, node: &str) -> Self {
        Self {
            node: Some(node.to_owned()),
            ..self
        }
    }
}

/// What is wrong, each thing once.
#[derive(Default)]
pub(super) struct Violations(Vec<Violation>);

impl Violations {
    /// Adds a violation; false if the same members did the same before.
    pub(super) fn add(&mut self, violation: Violation) -> bool {
        let same = |known: &Violation| {
            known.fault == violation.fault
                && known.members == violation.members
                && known.text == violation.text
                && (known.node == violation.node || !known.members.is_empty())
        };
        if self.0.iter().any(same) {
            return false;
        }
        self.0.push(violation);
        true
    }

    pub(super) fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}: ")?;
        }
        if let Some(index) = self.index {
            write!(f, "entry {index}: ")?;
        }
        write!(f, "{}", self.text)?;
        if !self.members.is_empty() {
            write!(f, " (signed by {})", self.members.join(", "))?;
        }
        Ok(())
    }
}

/// How a node's checkpoint relates to the records that were executed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// It is what follows from the records.
    Agrees {
        /// How many records it covers.
        size: u64,
    },
    /// It is larger, and the node proved that it extends what was executed.
    Ahead {
        /// How many records it covers.
        size: u64,
    },
    /// It is larger, and there was no proof to check, or its members are not known from what was executed.
    NotCompared {
        /// How many records it claims to cover.
        size: u64,
    },
    /// See the violations.
    Wrong,
    /// No quorum has signed anything yet.
    Empty,
    /// It did not answer.
    Unreachable {
        /// Why.
        problem: String,
    },
}

/// A node and what it showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// What it showed.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The network.
    pub network: NetworkId,
    /// How many records were executed again, from the first one on.
    pub records: u64,
    /// The root that follows from them.
    pub root: String,
    /// The height of the last block with records.
    pub height: u64,
    /// Its time.
    pub time: Timestamp,
    /// Every node that was asked.
    pub nodes: Vec<NodeReport>,
    /// All that is wrong.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "network   {}", self.network)?;
        writeln!(
            f,
            "records   {}, each signature and each rule checked from the first one on",
            self.records
        )?;
        writeln!(
            f,
            "root      {} at height {}, {}",
            self.root, self.height, self.time
        )?;
        for node in &self.nodes {
            let says = match &node.standing {
                Standing::Agrees { size } => format!("agrees at {size} records"),
                Standing::Ahead { size } => {
                    format!("is ahead at {size} records, which extend these")
                }
                Standing::NotCompared { size } => format!("claims {size} records, not compared"),
                Standing::Wrong => "shows something wrong, see below".to_owned(),
                Standing::Empty => "has no cosigned checkpoint yet".to_owned(),
                Standing::Unreachable { problem } => format!("does not answer: {problem}"),
            };
            writeln!(f, "node      {} {says}", node.name)?;
        }
        for violation in &self.violations {
            writeln!(f, "WRONG     {violation}")?;
        }
        let result = match self.violations.len() {
            0 => "nothing is wrong".to_owned(),
            1 => "1 thing is wrong".to_owned(),
            many => format!("{many} things are wrong"),
        };
        writeln!(f, "result    {result}")
    }
}
