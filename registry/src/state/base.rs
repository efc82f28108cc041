//! What a state need not keep in memory: it looks up older records where they are stored.
//!
//! All that a base says follows from the records, which the state has accepted one after the other. It says nothing of records
//! from an index on that the state names: those it has not seen yet, though they may be stored already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use protocol::registry::record::{Body, CredentialBatch, Record};
use protocol::registry::{ApplicationId, CaseId, RecordId};

use super::{Application, BlockContext, Case, State};

/// What records can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The record with this id.
    Record(RecordId),
    /// The records of a case.
    Case(CaseId),
    /// The designation and the outcomes of an application.
    Application(ApplicationId),
    /// The designation that spent a leaf of a batch.
    Spent {
        /// Where the batch stands.
        batch: u64,
        /// Which leaf.
        leaf: u32,
    },
    /// Proposals and approvals.
    Governance,
}

impl Subject {
    /// All that a record can be found by; the same one perhaps more than once.
    #[must_use]
    pub fn all_of(record: &Record) -> Vec<Self> {
        let mut subjects = vec![Self::Record(record.id())];
        match record.body() {
            Body::CaseEvent(_) | Body::CaseEventGroup(_) => {
                let events = record.body().case_events().iter();
                subjects.extend(events.map(|event| Self::Case(event.case)));
            }
            Body::Erasure(erasure) => subjects.push(Self::Case(erasure.case)),
            Body::Designation(designation) => {
                let (batch, leaf) = (designation.anchor.batch, designation.anchor.leaf);
                subjects.push(Self::Application(designation.application));
                subjects.push(Self::Spent { batch, leaf });
            }
            Body::Outcome(outcome) => subjects.push(Self::Application(outcome.application)),
            Body::Proposal(_) | Body::Approval(_) => subjects.push(Self::Governance),
            Body::CredentialBatch(_) | Body::StatusListVersion(_) => {}
        }
        subjects
    }
}

/// A record in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it stands.
    pub index: u64,
    /// In which block.
    pub block: BlockContext,
    /// The record.
    pub record: Record,
}

/// The base cannot be read. It says nothing about the record that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the records of the ledger cannot be read")]
pub struct Unreadable;

/// Records by their index and by their subjects.
pub trait Base: fmt::Debug + Send + Sync {
    /// The record at an index; none if there is none.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    fn placed(&self, index: u64) -> Result<Option<Placed>, Unreadable>;

    /// The records of a subject below an index, in their order.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read.
    fn of_subject(&self, subject: &Subject, below: u64) -> Result<Vec<Placed>, Unreadable>;
}

/// What latest records say that can also be looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    pub(super) records: BTreeMap<RecordId, u64>,
    pub(super) batches: BTreeMap<u64, CredentialBatch>,
    /// Leaves of batches that a designation has spent.
    pub(super) spent: BTreeSet<(u64, u32)>,
    pub(super) cases: BTreeMap<CaseId, Case>,
    pub(super) applications: BTreeMap<ApplicationId, Application>,
}

impl Recent {
    pub(super) fn extend(&mut self, newer: Self) {
        self.records.extend(newer.records);
        self.batches.extend(newer.batches);
        self.spent.extend(newer.spent);
        self.cases.extend(newer.cases);
        self.applications.extend(newer.applications);
    }

    fn len(&self) -> usize {
        // Each record has its id here, but a group of events has many cases.
        self.records.len() + self.cases.len()
    }
}

impl State<'_> {
    /// All records that were applied stand in the base from now on: those that were applied last are kept in memory too,
    /// at most twice `kept_max` and what a block adds. Without a base nothing happens.
    pub fn settle(&mut self, kept_max: usize) {
        if self.base.is_none() {
            return;
        }
        self.settled = self.tree.size();
        if self.recent.len() >= kept_max {
            self.older = std::mem::take(&mut self.recent);
        }
    }

    /// Where a record stands.
    ///
    /// # Errors
    ///
    /// Fails if the base cannot be read.
    pub fn index_of(&self, record: &RecordId) -> Result<Option<u64>, Unreadable> {
        if let Some(index) = self.find_recent(|recent| recent.records.get(record)) {
            return Ok(Some(*index));
        }
        let found = self.look_up(&Subject::Record(*record))?;
        Ok(found.first().map(|placed| placed.index))
    }

    /// What the ledger says of a case.
    ///
    /// # Errors
    ///
    /// Fails if the base cannot be read.
    pub fn case(&self, case: &CaseId) -> Result<Option<Case>, Unreadable> {
        if let Some(known) = self.find_recent(|recent| recent.cases.get(case)) {
            return Ok(Some(known.clone()));
        }
        let records = self.look_up(&Subject::Case(*case))?;
        Ok(self.case_of(case, &records))
    }

    /// What the ledger says of an application.
    ///
    /// # Errors
    ///
    /// Fails if the base cannot be read.
    pub fn application(
        &self,
        application: &ApplicationId,
    ) -> Result<Option<Application>, Unreadable> {
        let known = self.find_recent(|recent| recent.applications.get(application));
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let records = self.look_up(&Subject::Application(*application))?;
        Ok(Application::of(&records))
    }

    /// The batch at an index, if there is one.
    pub(super) fn batch(&self, index: u64) -> Result<Option<CredentialBatch>, Unreadable> {
        if let Some(known) = self.find_recent(|recent| recent.batches.get(&index)) {
            return Ok(Some(*known));
        }
        let ground = self.ground();
        let Some(base) = ground.base.as_ref().filter(|_| index < ground.settled) else {
            return Ok(None);
        };
        Ok(base
            .placed(index)?
            .and_then(|placed| match placed.record.body() {
                Body::CredentialBatch(batch) => Some(*batch),
                Body::StatusListVersion(_)
                | Body::CaseEvent(_)
                | Body::CaseEventGroup(_)
                | Body::Designation(_)
                | Body::Outcome(_)
                | Body::Erasure(_)
                | Body::Proposal(_)
                | Body::Approval(_) => None,
            }))
    }

    pub(super) fn is_spent(&self, batch: u64, leaf: u32) -> Result<bool, Unreadable> {
        let known = self.find_recent(|recent| recent.spent.get(&(batch, leaf)));
        if known.is_some() {
            return Ok(true);
        }
        let found = self.look_up(&Subject::Spent { batch, leaf })?;
        Ok(!found.is_empty())
    }

    /// The records of a subject that are settled.
    fn look_up(&self, subject: &Subject) -> Result<Vec<Placed>, Unreadable> {
        let ground = self.ground();
        match &ground.base {
            Some(base) => base.of_subject(subject, ground.settled),
            None => Ok(Vec::new()),
        }
    }

    /// The state below all forks.
    fn ground(&self) -> &Self {
        self.layers().last().unwrap_or(self)
    }

    fn find_recent<'s, T: 's>(
        &'s self,
        look: impl Fn(&'s Recent) -> Option<&'s T>,
    ) -> Option<&'s T> {
        self.find(|layer| look(&layer.recent).or_else(|| look(&layer.older)))
    }
}
