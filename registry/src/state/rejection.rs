//! Why the ledger does not take a record.

/// The ledger does not take a record, and is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// This very record stands already: whoever submits it again has succeeded.
    #[error("the record stands at index {index} already")]
    Duplicate {
        /// Where it stands.
        index: u64,
    },
    /// Another record stands where this one would: its sequence number, application, anchor or erasure is taken.
    #[error("another record stands in this one's place")]
    Conflict,
    /// The author may not say this.
    #[error("the author may not make this record")]
    NotAuthorised,
    /// The sequence number leaves a gap.
    #[error("the sequence number must be {expected}")]
    OutOfSequence {
        /// The next number.
        expected: u64,
    },
    /// The case, application or batch that the record speaks of is not on the ledger.
    #[error("the record speaks of something that is not on the ledger")]
    Unknown,
    /// The case event follows a process definition that is not active.
    #[error("process definition {active} is active")]
    InactiveDefinition {
        /// The version that is active.
        active: u32,
    },
    /// The process does not allow this step now.
    #[error("the process does not allow this step now")]
    StepNotAllowed,
    /// The designation's path does not lead to the batch.
    #[error("the anchor is not in the batch")]
    Anchor,
    /// The designation or proposal has expired, or would be expired at once.
    #[error("the time for this is over")]
    Expired,
    /// The proposed change cannot be made of the parties as they are, or is too far ahead.
    #[error("the change does not fit the parties")]
    Unfit,
    /// Too many proposals or changes wait already.
    #[error("too many decisions wait already")]
    TooMany,
    /// Nothing is said about the record: what it depends on cannot be read.
    #[error(transparent)]
    Unreadable(#[from] super::Unreadable),
}

impl Rejection {
    /// Rejects a sequence number that is not the next one.
    pub(super) fn unless_next(sequence: u64, expected: u64) -> Result<(), Self> {
        match sequence.cmp(&expected) {
            std::cmp::Ordering::Less => Err(Self::Conflict),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Self::OutOfSequence { expected }),
        }
    }
}
