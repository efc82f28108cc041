//! Events of a case: the steps of the process definition, with what their commitments open to.

use protocol::{
    Date,
    kyc::{Check, Judgement, Process},
    registry::{
        CaseEventContent, CaseId, CheckResult, ContentDigest, ProcessDefinition, Salt,
        record::{Body, CaseEvent},
    },
};
use serde::{Deserialize, Serialize};

/// What a new event says.
pub(crate) struct EventContent<'a> {
    /// The step's name in the process definition.
    pub(crate) step: &'a str,
    /// Its result, if it is a check.
    pub(crate) judgement: Option<(Process, Judgement)>,
    /// The day.
    pub(crate) completed_at: Date,
    /// Who took the step, by the pseudonym of this case.
    pub(crate) reviewer: String,
    /// The documents that were judged.
    pub(crate) evidence: &'a [ContentDigest],
    /// What hides it all.
    pub(crate) salt: Salt,
}

/// One step that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) sequence: u32,
    step: String,
    code: u16,
    definition: u32,
    terminal: bool,
    check: Option<(Process, Judgement)>,
    completed_at: Date,
    reviewer: String,
    salt: [u8; 32],
    commitment: [u8; 32],
    /// The index on the ledger, once a quorum signed it.
    pub(crate) recorded: Option<u64>,
}

/// Why a step may not be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepError {
    /// The active process definition does not know the step.
    #[error("the active process definition has no such step")]
    Unknown,
    /// It was taken already.
    #[error("the step was already taken")]
    Repeated,
    /// Others must be taken before, or the case is closed.
    #[error("the step may not be taken now")]
    Order,
}

/// The event of a step that comes after `events`, as the process definition orders them. Every registry node checks the
/// same; here it keeps a refused record from being queued.
pub(super) fn next(
    events: &[Event],
    content: EventContent<'_>,
    definition: &ProcessDefinition,
) -> Result<Event, StepError> {
    let step = definition
        .step_named(content.step)
        .ok_or(StepError::Unknown)?;
    let taken = |code: u16| events.iter().any(|event| event.code == code);
    if taken(step.code) {
        return Err(StepError::Repeated);
    }
    if events.iter().any(|event| event.terminal) || !step.after.iter().all(|code| taken(*code)) {
        return Err(StepError::Order);
    }
    let result = content
        .judgement
        .map_or(CheckResult::None, |(_, judgement)| judgement.into());
    let commitment = CaseEventContent {
        process: content.step,
        result,
        completed_at: &content.completed_at.to_string(),
        reviewer: &content.reviewer,
        evidence: content.evidence,
    }
    .commit(&content.salt);
    Ok(Event {
        sequence: u32::try_from(events.len()).map_err(|_| StepError::Order)?,
        step: step.name.clone(),
        code: step.code,
        definition: definition.version,
        terminal: step.terminal,
        check: content.judgement,
        completed_at: content.completed_at,
        reviewer: content.reviewer,
        salt: *content.salt.as_bytes(),
        commitment: *commitment.as_bytes(),
        recorded: None,
    })
}

impl Event {
    /// The same event by another version of the process definition. The commitment does not depend on it.
    pub(super) fn renew(&mut self, definition: &ProcessDefinition) -> Result<(), StepError> {
        let step = definition
            .step_named(&self.step)
            .ok_or(StepError::Unknown)?;
        self.code = step.code;
        self.terminal = step.terminal;
        self.definition = definition.version;
        Ok(())
    }

    /// Which check, if it is one.
    pub(crate) fn process(&self) -> Option<Process> {
        self.check.map(|(process, _)| process)
    }

    /// The result of the check.
    pub(crate) fn judgement(&self) -> Option<Judgement> {
        self.check.map(|(_, judgement)| judgement)
    }

    /// The record's body.
    pub(crate) const fn body(&self, case: CaseId) -> Body {
        Body::CaseEvent(CaseEvent {
            case,
            sequence: self.sequence,
            code: self.code,
            definition: self.definition,
            commitment: protocol::registry::Commitment::from_bytes(self.commitment),
        })
    }

    /// What the credential says of it.
    pub(crate) fn to_check(&self, case: CaseId) -> Option<Check> {
        let (process, result) = self.check?;
        Some(Check {
            process,
            result,
            completed_at: self.completed_at,
            reviewer: self.reviewer.clone(),
            case,
            sequence: self.sequence,
            definition: self.definition,
            salt: Salt::from_bytes(self.salt),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::kyc::{CLOSED, OPENED};

    fn definition() -> ProcessDefinition {
        serde_json::from_value(
            serde_json::json!({"version": 1, "activation_height": 0, "steps": [
                {"code": 1, "name": "opened", "after": []},
                {"code": 2, "name": "identity_document", "after": [1]},
                {"code": 3, "name": "name_identification", "after": [1]},
                {"code": 4, "name": "asf_collation", "after": [1]},
                {"code": 5, "name": "residence", "after": [2, 3, 4]},
                {"code": 6, "name": "closed", "after": [1], "terminal": true}
            ]}),
        )
        .unwrap()
    }

    fn content(step: &str) -> EventContent<'_> {
        EventContent {
            step,
            judgement: step
                .parse()
                .ok()
                .map(|process| (process, Judgement::Passed)),
            completed_at: Date::parse("2026-11-23").unwrap(),
            reviewer: "r-1".to_owned(),
            evidence: &[],
            salt: Salt::from_bytes([7; 32]),
        }
    }

    /// The events of the steps, or the first refusal.
    fn events(steps: &[&str]) -> Result<Vec<Event>, StepError> {
        let mut events = Vec::new();
        for step in steps {
            events.push(next(&events, content(step), &definition())?);
        }
        Ok(events)
    }

    #[test]
    fn a_case_goes_through_its_steps_in_order() {
        let steps = [
            OPENED,
            "asf_collation",
            "identity_document",
            "name_identification",
            "residence",
            CLOSED,
        ];
        let events = events(&steps).unwrap();
        assert!(
            events
                .iter()
                .zip(0..)
                .all(|(event, sequence)| event.sequence == sequence)
        );
    }

    #[test]
    fn neg_i23_a_step_out_of_order_twice_or_after_the_end_is_refused() {
        for (steps, error) in [
            (&["identity_document"][..], StepError::Order),
            (&[OPENED, "residence"], StepError::Order),
            (
                &[OPENED, "identity_document", "identity_document"],
                StepError::Repeated,
            ),
            (&[OPENED, OPENED], StepError::Repeated),
            (&[OPENED, CLOSED, "identity_document"], StepError::Order),
            (&[OPENED, "astrology"], StepError::Unknown),
        ] {
            assert_eq!(events(steps).unwrap_err(), error, "{steps:?}");
        }
    }

    #[test]
    fn a_check_of_a_credential_opens_the_event_on_the_registry() {
        let case = CaseId::from_bytes([1; 16]);
        let events = events(&[OPENED, "asf_collation"]).unwrap();
        let Body::CaseEvent(record) = events[1].body(case) else {
            panic!("not a case event");
        };
        let check = events[1].to_check(case).unwrap();
        assert_eq!(check.opens(&[], record.commitment), Ok(()));
        assert!(events[0].to_check(case).is_none());
    }
}
