//! Process definitions: which steps a case has and in which order they may happen.

use serde::{Deserialize, Serialize};

use super::GenesisError;
use super::parties::{check_name, distinct, within};

const DEFINITIONS_MAX: usize = 256;
const STEPS_MAX: usize = 64;

/// The step that opens a case.
pub const OPENED: u16 = 1;

/// The steps of a case, from a height on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessDefinition {
    /// Versions count from 1.
    pub version: u32,
    /// The height of the first block in which it is active.
    pub activation_height: u64,
    /// The steps; a step comes after those that it names.
    pub steps: Vec<Step>,
}

/// A step of a case; it happens at most once in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The number that stands in case events.
    pub code: u16,
    /// The name that stands in commitments.
    pub name: String,
    /// The steps that must have happened before.
    pub after: Vec<u16>,
    /// Whether the case ends with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

impl ProcessDefinition {
    /// The step of this code.
    #[must_use]
    pub fn step(&self, code: u16) -> Option<&Step> {
        self.steps.iter().find(|step| step.code == code)
    }

    /// The step of this name.
    #[must_use]
    pub fn step_named(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }
}

pub(super) fn check(definitions: &[ProcessDefinition]) -> Result<(), GenesisError> {
    within("process definitions", definitions.len(), 1, DEFINITIONS_MAX)?;
    let first = definitions.first().map(|first| first.activation_height);
    if first != Some(0) {
        return Err(GenesisError::Invalid(
            "a first process definition that is not active from the start",
        ));
    }
    if !definitions.is_sorted_by(|a, b| a.activation_height < b.activation_height) {
        return Err(GenesisError::Invalid(
            "the order of the process definitions",
        ));
    }
    for (version, definition) in (1..).zip(definitions) {
        if definition.version != version {
            return Err(GenesisError::Invalid("the version of a process definition"));
        }
        check_steps(&definition.steps)?;
    }
    Ok(())
}

/// A step names earlier steps only, so that every step can be reached and none waits for itself.
fn check_steps(steps: &[Step]) -> Result<(), GenesisError> {
    within("steps", steps.len(), 2, STEPS_MAX)?;
    distinct("step codes", steps.iter().map(|step| step.code))?;
    distinct("step names", steps.iter().map(|step| &step.name))?;
    for (position, step) in steps.iter().enumerate() {
        check_name("a step's name", &step.name)?;
        distinct("the steps that a step comes after", step.after.iter())?;
        let opens = position == 0;
        let earlier = steps.get(..position).unwrap_or_default();
        let reachable = step.after.iter().all(|code| {
            earlier
                .iter()
                .any(|step| step.code == *code && !step.terminal)
        });
        let first = step.code == OPENED && step.after.is_empty() && !step.terminal;
        if !reachable || opens != first || opens != step.after.is_empty() {
            return Err(GenesisError::Invalid(
                "the order of a process definition's steps",
            ));
        }
    }
    if !steps.iter().any(|step| step.terminal) {
        return Err(GenesisError::Invalid("a process definition without an end"));
    }
    Ok(())
}
