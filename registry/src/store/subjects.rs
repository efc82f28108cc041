//! Records by what they speak of.

use super::{Store, StoreError};
use crate::state::{Base, BlockContext, Placed, Subject, Unreadable};
use protocol::registry::{ApplicationId, CaseId, record::UnverifiedRecord};

impl Store {
    /// The indexes of a case's records below `size`, in order.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn case(&self, case: &CaseId, size: u64) -> Result<Vec<u64>, StoreError> {
        self.indexes(&Subject::Case(*case), size)
    }

    /// The indexes of an application's records below `size`: the designation, then the outcomes.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreadable.
    pub fn application(
        &self,
        application: &ApplicationId,
        size: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.indexes(&Subject::Application(*application), size)
    }

    fn indexes(&self, subject: &Subject, size: u64) -> Result<Vec<u64>, StoreError> {
        let found = self.records_of(subject, size)?;
        Ok(found.into_iter().map(|placed| placed.index).collect())
    }

    /// The records below `size` by which a subject is found, in order.
    pub(super) fn records_of(
        &self,
        subject: &Subject,
        size: u64,
    ) -> Result<Vec<Placed>, StoreError> {
        let candidates = self.0.index.candidates(subject)?;
        let mut found = Vec::new();
        for index in candidates.into_iter().filter(|index| *index < size) {
            let placed = self.record(index)?;
            if Subject::all_of(&placed.record).contains(subject) {
                found.push(placed);
            }
        }
        Ok(found)
    }

    /// The record at an index in its place. Its signature was checked before it was stored.
    ///
    /// # Errors
    ///
    /// Fails if the ledger is not that long or the store is unreadable.
    pub fn record(&self, index: u64) -> Result<Placed, StoreError> {
        let entry = self.entry(index)?.ok_or(StoreError::Rotten { index })?;
        let record = UnverifiedRecord::decode(&entry.record)
            .and_then(|record| record.dangerous_without_signature(&self.0.network))
            .map_err(|_cause| StoreError::Rotten { index })?;
        Ok(Placed {
            index,
            block: BlockContext {
                height: entry.height,
                time: entry.time,
            },
            record,
        })
    }
}

impl Base for Store {
    fn placed(&self, index: u64) -> Result<Option<Placed>, Unreadable> {
        if index >= self.tip().size {
            return Ok(None);
        }
        self.record(index)
            .map(Some)
            .map_err(|error| unreadable(&error))
    }

    fn of_subject(&self, subject: &Subject, below: u64) -> Result<Vec<Placed>, Unreadable> {
        self.records_of(subject, below)
            .map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &StoreError) -> Unreadable {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the ledger cannot be read"
    );
    Unreadable
}
