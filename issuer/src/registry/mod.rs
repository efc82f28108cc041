//! What the issuer says on the registry: signed, queued durably, submitted until it stands there.

mod group;
mod outbox;
mod recovery;
mod submission;

use protocol::{
    identity::SigningKey,
    registry::{
        NetworkId,
        record::{Body, CaseEvent, Record, UnverifiedRecord},
    },
};

#[cfg(test)]
pub(crate) use outbox::has_queued;
pub(crate) use outbox::{
    Lane, Outbox, QueuedRecord, WaitError, find, first_of_each_lane, queue, requeue, unqueue,
    waiting_events,
};
pub(crate) use submission::Submission;

/// The issuer as an author of records.
pub(crate) struct Author {
    pub(crate) network: NetworkId,
    pub(crate) key: SigningKey,
}

impl Author {
    /// Signs a statement for the registry.
    pub(crate) fn sign(&self, body: Body) -> Record {
        Record::sign(self.network, body, &self.key)
    }

    /// The event that a queued record is about, if it is about one.
    pub(crate) fn event(&self, queued: &QueuedRecord) -> Option<CaseEvent> {
        let record = UnverifiedRecord::decode(&queued.record).ok()?;
        let record = record.verify(&self.network).ok()?;
        match record.body() {
            Body::CaseEvent(event) => Some(*event),
            Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Erasure(_)
            | Body::Proposal(_)
            | Body::Approval(_)
            | Body::CaseEventGroup(_) => None,
        }
    }
}

/// Where a record stands, once a quorum of the members signed for it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// The index on the ledger.
    pub(crate) index: u64,
    /// The receipt (`c2sp.org/tlog-proof@v1`).
    pub(crate) receipt: String,
}
