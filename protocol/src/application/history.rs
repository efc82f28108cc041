//! Whether the checks in a credential are what the consortium recorded when it made them.

use std::collections::BTreeSet;

use crate::kyc::{Check, Process};
use crate::registry::receipt::VerifiedEntry;
use crate::registry::record::{Body, CaseEvent};
use crate::registry::{CaseId, ContentDigest, Issuer, ProcessDefinition};

/// Events of one case.
const EVENTS_MAX: usize = 64;

/// The steps of a case as the registry holds them, with the checks that opened theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedHistory {
    case: CaseId,
    steps: Vec<VerifiedStep>,
}

/// One step of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedStep {
    /// Its place in the case.
    pub sequence: u32,
    /// The step's name in the process definition.
    pub name: String,
    /// The version of the process definition.
    pub definition: u32,
    /// Where the event stands on the registry.
    pub index: u64,
    /// What the credential says of it, if it says anything.
    pub check: Option<Check>,
}

/// Why checks and registry do not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No checks, checks of several cases, or a process twice.
    #[error("the checks are not those of one case")]
    Checks,
    /// The events are not the case from its beginning, by the credential's issuer.
    #[error("the events are not those of the case")]
    Events,
    /// A step that no process definition has, or before one that it comes after.
    #[error("a step is not allowed by its process definition")]
    Order,
    /// A check is not the step at its place.
    #[error("a check is not the step that the registry holds")]
    Step,
    /// A check does not open its commitment.
    #[error("a check does not open its commitment")]
    Opening,
}

/// Recomputes every check's commitment and finds it at its place in the case.
///
/// `events` are the case's entries from the registry, each with its proof checked; `documents` are the digests in the
/// credential's evidence.
pub fn verify_history(
    checks: &[Check],
    documents: &[ContentDigest],
    events: &[VerifiedEntry],
    issuer: &Issuer,
    definitions: &[ProcessDefinition],
) -> Result<VerifiedHistory, HistoryError> {
    let case = one_case(checks)?;
    let events = events_of(case, events, issuer)?;
    let mut steps = Vec::with_capacity(events.len());
    let mut done: BTreeSet<u16> = BTreeSet::new();
    for (index, event) in &events {
        let definition = definitions
            .iter()
            .find(|definition| definition.version == event.definition);
        let step = definition
            .and_then(|definition| definition.step(event.code))
            .ok_or(HistoryError::Order)?;
        if !step.after.iter().all(|code| done.contains(code)) || !done.insert(event.code) {
            return Err(HistoryError::Order);
        }
        steps.push(VerifiedStep {
            sequence: event.sequence,
            name: step.name.clone(),
            definition: event.definition,
            index: *index,
            check: None,
        });
    }
    for check in checks {
        let position = usize::try_from(check.sequence).map_err(|_| HistoryError::Step)?;
        let (Some(step), Some((_, event))) = (steps.get_mut(position), events.get(position)) else {
            return Err(HistoryError::Step);
        };
        if step.name != check.process.name() || step.definition != check.definition {
            return Err(HistoryError::Step);
        }
        check
            .opens(documents, event.commitment)
            .map_err(|_| HistoryError::Opening)?;
        step.check = Some(check.clone());
    }
    Ok(VerifiedHistory { case, steps })
}

fn one_case(checks: &[Check]) -> Result<CaseId, HistoryError> {
    let case = checks.first().ok_or(HistoryError::Checks)?.case;
    let processes: BTreeSet<Process> = checks.iter().map(|check| check.process).collect();
    if checks.iter().all(|check| check.case == case) && processes.len() == checks.len() {
        Ok(case)
    } else {
        Err(HistoryError::Checks)
    }
}

/// The case from sequence 0 without a gap, all by its issuer.
fn events_of<'e>(
    case: CaseId,
    entries: &'e [VerifiedEntry],
    issuer: &Issuer,
) -> Result<Vec<(u64, &'e CaseEvent)>, HistoryError> {
    let mut events = Vec::new();
    for entry in entries.iter().take(EVENTS_MAX) {
        match entry.record().body() {
            body @ (Body::CaseEvent(_) | Body::CaseEventGroup(_))
                if issuer.is_author(entry.record().author()) =>
            {
                let of_case = body.case_events().iter().filter(|event| event.case == case);
                let before = events.len();
                events.extend(of_case.map(|event| (entry.index(), event)));
                if events.len() == before {
                    return Err(HistoryError::Events);
                }
            }
            // The receipt of the erasure follows the events of a closed case.
            Body::Erasure(erasure) if erasure.case == case => {}
            Body::CaseEvent(_)
            | Body::CaseEventGroup(_)
            | Body::Erasure(_)
            | Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Proposal(_)
            | Body::Approval(_) => return Err(HistoryError::Events),
        }
    }
    let contiguous = (0..)
        .zip(&events)
        .all(|(sequence, (_, event))| event.sequence == sequence);
    let ascending = events.is_sorted_by(|(one, _), (other, _)| one <= other);
    if contiguous && ascending && !events.is_empty() {
        Ok(events)
    } else {
        Err(HistoryError::Events)
    }
}

impl VerifiedHistory {
    /// The case.
    #[must_use]
    pub const fn case(&self) -> CaseId {
        self.case
    }

    /// The steps of the case in order.
    #[must_use]
    pub fn steps(&self) -> &[VerifiedStep] {
        &self.steps
    }

    /// The checks that opened their events.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().filter_map(|step| step.check.as_ref())
    }
}
