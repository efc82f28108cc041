//! Rules for consent and what follows from it: designations by holders, outcomes by the companies they designated.

use protocol::Timestamp;
use protocol::registry::record::{Author, Body, Designation, Outcome, Record};

use super::{BlockContext, Placed, Rejection, State};

/// The outcomes of an application, by sequence number, and the code that each must have.
const OUTCOME_CODES: [u8; 2] = [1, 2];

/// What the ledger says of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    designation: u64,
    outcome_key: [u8; 32],
    expires: Timestamp,
    outcomes: Vec<u64>,
}

impl Application {
    /// Where its designation stands.
    #[must_use]
    pub const fn designation(&self) -> u64 {
        self.designation
    }

    /// Where its outcomes stand, in their order.
    #[must_use]
    pub fn outcomes(&self) -> &[u64] {
        &self.outcomes
    }

    fn designated(designation: &Designation, index: u64) -> Self {
        Self {
            designation: index,
            outcome_key: designation.outcome_key,
            expires: designation.expires,
            outcomes: Vec::new(),
        }
    }

    /// What the records of an application, all accepted, say of it; none if there are none.
    pub(super) fn of(records: &[Placed]) -> Option<Self> {
        let (first, outcomes) = records.split_first()?;
        let Body::Designation(designation) = first.record.body() else {
            return None;
        };
        Some(Self {
            outcomes: outcomes.iter().map(|outcome| outcome.index).collect(),
            ..Self::designated(designation, first.index)
        })
    }
}

impl State<'_> {
    /// A designation opens an application once, with an anchor of the author's that was not spent before, and has not
    /// expired.
    pub(super) fn designation(
        &mut self,
        record: &Record,
        designation: &Designation,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        if self.application(&designation.application)?.is_some() {
            return Err(Rejection::Conflict);
        }
        if designation.expires <= block.time {
            return Err(Rejection::Expired);
        }
        let anchor = &designation.anchor;
        let batch = self.batch(anchor.batch)?.ok_or(Rejection::Unknown)?;
        anchor
            .verify(record.author().thumbprint(), &batch)
            .map_err(|_cause| Rejection::Anchor)?;
        if self.is_spent(anchor.batch, anchor.leaf)? {
            return Err(Rejection::Conflict);
        }

        self.recent.spent.insert((anchor.batch, anchor.leaf));
        let application = Application::designated(designation, index);
        let applications = &mut self.recent.applications;
        applications.insert(designation.application, application);
        Ok(())
    }

    /// An outcome comes from the designated key before the designation expires: first received, then decided.
    pub(super) fn outcome(
        &mut self,
        record: &Record,
        outcome: &Outcome,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let mut application = self
            .application(&outcome.application)?
            .ok_or(Rejection::Unknown)?;
        if *record.author() != Author::Ed25519(application.outcome_key) {
            return Err(Rejection::NotAuthorised);
        }
        let next = application.outcomes.len();
        Rejection::unless_next(outcome.sequence.into(), next as u64)?;
        if OUTCOME_CODES.get(next) != Some(&outcome.code) {
            return Err(Rejection::StepNotAllowed);
        }
        if application.expires < block.time {
            return Err(Rejection::Expired);
        }
        application.outcomes.push(index);
        let applications = &mut self.recent.applications;
        applications.insert(outcome.application, application);
        Ok(())
    }
}
