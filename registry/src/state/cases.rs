//! Rules for KYC cases: the order of their steps, and the erasure of their evidence.

use std::collections::BTreeMap;

use protocol::planted::{Bug, planted};
use protocol::registry::record::{Body, CaseEvent, Erasure, Record};
use protocol::registry::{CaseId, KeyBytes};

use super::{BlockContext, Placed, Rejection, State};

/// What the ledger says of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    issuer: KeyBytes,
    next_sequence: u32,
    /// The codes of the steps that happened, in their order.
    steps: Vec<u16>,
    stage: Stage,
    /// Where its records stand.
    records: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
    Erased,
}

impl Case {
    /// Where its events and its erasure receipt stand, in their order.
    #[must_use]
    pub fn records(&self) -> &[u64] {
        &self.records
    }

    fn opened_by(issuer: KeyBytes) -> Self {
        Self {
            issuer,
            next_sequence: 0,
            steps: Vec::new(),
            stage: Stage::Open,
            records: Vec::new(),
        }
    }

    fn add(&mut self, event: &CaseEvent, index: u64) {
        self.steps.push(event.code);
        self.next_sequence += 1;
        if self.records.last() != Some(&index) {
            self.records.push(index);
        }
    }
}

impl State<'_> {
    /// Each event comes from the case's issuer, is the next one, and is a step that the process definition of this block
    /// allows now: not done yet, all that must come before it done, the case not closed. Events that come together take
    /// effect in their order, all or none.
    pub(super) fn case_events(
        &mut self,
        record: &Record,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let issuer = self.active_issuer_of(record, block)?;
        let mut touched: BTreeMap<CaseId, Case> = BTreeMap::new();
        for event in record.body().case_events() {
            let known = match touched.get(&event.case) {
                Some(case) => Some(case.clone()),
                None => self.case(&event.case)?,
            };
            let case = match known {
                Some(case) if case.issuer != issuer => return Err(Rejection::NotAuthorised),
                Some(case) => case,
                None => Case::opened_by(issuer),
            };
            let case = self.after_event(case, event, index, block)?;
            touched.insert(event.case, case);
        }
        // Not `append`, which builds the whole map anew.
        self.recent.cases.extend(touched);
        Ok(())
    }

    fn after_event(
        &self,
        mut case: Case,
        event: &CaseEvent,
        index: u64,
        block: &BlockContext,
    ) -> Result<Case, Rejection> {
        Rejection::unless_next(event.sequence.into(), case.next_sequence.into())?;
        let parties = self.parties_at(block.height);
        let definition = parties.process_definition_at(block.height);
        if event.definition != definition.version {
            return Err(Rejection::InactiveDefinition {
                active: definition.version,
            });
        }
        let step = definition
            .step(event.code)
            .ok_or(Rejection::StepNotAllowed)?;
        // Every step but the one that opens a case comes after another one, so a case cannot begin elsewhere.
        let allowed = case.stage == Stage::Open
            && !case.steps.contains(&step.code)
            && (planted(Bug::AnyOrder)
                || step.after.iter().all(|before| case.steps.contains(before)));
        if !allowed {
            return Err(Rejection::StepNotAllowed);
        }
        if step.terminal {
            case.stage = Stage::Closed;
        }
        case.add(event, index);
        Ok(case)
    }

    /// What the records of a case, all accepted, say of it; none if there are none.
    pub(super) fn case_of(&self, id: &CaseId, records: &[Placed]) -> Option<Case> {
        // Keys and definitions that were in force at any time are still known.
        let parties = self.parties_at(self.block.height);
        let opened = records.first()?.record.author();
        let mut issuers = parties.issuers().iter();
        let issuer = issuers.find(|issuer| issuer.is_author(opened))?;
        let mut case = Case::opened_by(issuer.first_record_key());
        for placed in records {
            let events = placed.record.body().case_events().iter();
            for event in events.filter(|event| event.case == *id) {
                case.add(event, placed.index);
                let mut definitions = parties.process_definitions().iter();
                let definition = definitions.find(|known| known.version == event.definition);
                let step = definition.and_then(|definition| definition.step(event.code));
                if step.is_some_and(|step| step.terminal) {
                    case.stage = Stage::Closed;
                }
            }
            if let Body::Erasure(_) = placed.record.body() {
                case.stage = Stage::Erased;
                case.records.push(placed.index);
            }
        }
        Some(case)
    }

    /// The evidence of a closed case is erased once, by the case's issuer, even if it has been retired since.
    pub(super) fn erasure(
        &mut self,
        record: &Record,
        erasure: &Erasure,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let issuer = self.issuer_of(record, block)?.first_record_key();
        let mut case = self.case(&erasure.case)?.ok_or(Rejection::Unknown)?;
        if case.issuer != issuer {
            return Err(Rejection::NotAuthorised);
        }
        match case.stage {
            Stage::Open => return Err(Rejection::StepNotAllowed),
            Stage::Erased => return Err(Rejection::Conflict),
            Stage::Closed => {}
        }
        case.stage = Stage::Erased;
        case.records.push(index);
        self.recent.cases.insert(erasure.case, case);
        Ok(())
    }
}
