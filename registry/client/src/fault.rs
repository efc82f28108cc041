//! What goes wrong with one node, and with all of them.

use protocol::registry::TrustedPartiesError;
use protocol::registry::checkpoint::{CheckpointError, HandoverError};
use protocol::registry::merkle::ProofError;
use protocol::registry::receipt::ReceiptError;

/// Why one node's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, no answer in time, or a broken one.
    #[error("no answer")]
    Unreachable(#[source] reqwest::Error),
    /// An answer longer than anything that was asked for.
    #[error("the answer is too long")]
    TooLong,
    /// The node refuses, redirects or fails.
    #[error("the node answers with status {0}")]
    Status(u16),
    /// Not what was asked for.
    #[error("the answer is malformed")]
    Malformed,
    /// The content is not the one that its digest names.
    #[error("the answer has another digest")]
    Digest,
    /// Older than what this client has seen, or than it accepts.
    #[error("the answer is of an old ledger")]
    Stale,
    /// The receipt does not show the record.
    #[error("the receipt is invalid")]
    Receipt(#[from] ReceiptError),
    /// The checkpoint is not signed by a quorum.
    #[error("the checkpoint is invalid")]
    Checkpoint(#[from] CheckpointError),
    /// The document is not the one in the checkpoint.
    #[error("the trusted parties document is invalid")]
    TrustedParties(#[from] TrustedPartiesError),
    /// The announcement of other members is not one.
    #[error("the handover is invalid")]
    Handover(#[from] HandoverError),
    /// The ledger is not shown to extend the one seen before.
    #[error("the consistency proof is invalid")]
    Consistency(#[from] ProofError),
    /// A quorum signed two ledgers of one size.
    #[error("the members signed two different ledgers of one size")]
    Fork {
        /// The checkpoint seen before.
        seen: String,
        /// The one that contradicts it.
        other: String,
    },
}

/// Why a read has no result.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// More members than may be faulty say that it is not on the ledger.
    #[error("it is not on the ledger")]
    NotFound,
    /// No node gave a valid answer; worth another try later.
    #[error("no node gave a valid answer")]
    Unavailable(#[source] Option<Fault>),
    /// A quorum of members signed two ledgers that contradict each other. Both notes together prove it to anyone.
    #[error("the members signed two different ledgers of one size")]
    Fork {
        /// The checkpoint seen before.
        seen: String,
        /// The one that contradicts it.
        other: String,
    },
}

/// What may still come of a read after a node failed.
pub(crate) enum Next {
    AnotherNode(Fault),
    GiveUp(ReadError),
}

impl Fault {
    /// Whether an answer may be valid under the signatures of members that are not known yet.
    pub(crate) const fn may_be_of_other_members(&self) -> bool {
        matches!(
            self,
            Self::Checkpoint(_) | Self::Receipt(ReceiptError::Checkpoint(_)) | Self::Handover(_)
        )
    }

    /// A fork is proved whoever shows it; anything else may be this node's own fault.
    pub(crate) fn next(self) -> Next {
        match self {
            Self::Fork { seen, other } => Next::GiveUp(ReadError::Fork { seen, other }),
            fault @ (Self::Unreachable(_)
            | Self::TooLong
            | Self::Status(_)
            | Self::Malformed
            | Self::Digest
            | Self::Stale
            | Self::Receipt(_)
            | Self::Checkpoint(_)
            | Self::TrustedParties(_)
            | Self::Handover(_)
            | Self::Consistency(_)) => Next::AnotherNode(fault),
        }
    }
}
