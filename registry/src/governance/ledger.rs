//! The ledger as one node shows it, checked with the genesis file.
//!
//! The parties stand in a document whose digest is in a checkpoint that a quorum of the members signed not longer than a day
//! ago; proposals and approvals are records with receipts. What the node computed itself (its height, and the heights of
//! decisions) is compared with the committees that the document announces: a node that leaves out a decision about members
//! is found out. That it leaves out another proposal is not.

use super::{
    failure::GovernanceError,
    view::{Proposed, View},
};
use crate::{
    audit::{Source, SourceError},
    replica::{ListedProposal, Proposals},
};
use protocol::{
    Timestamp,
    json::{self, Limits},
    registry::{
        Genesis, KeyBytes, RecordId, ServiceUrl, TrustedParties, TrustedPartiesError,
        checkpoint::{
            CheckpointError, Committees, Handover, HandoverError, UnverifiedCheckpoint,
            VerifiedCheckpoint,
        },
        receipt::{RECEIPT_BYTES_MAX, ReceiptError, VerifiedEntry, verify_receipt},
        record::{Approval, Author, Body, RECORD_BYTES_MAX},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use service::client::Outbound;
use std::path::Path;

/// A checkpoint that no quorum has signed for this long is not shown to be the latest.
const AGE_SECONDS_MAX: u64 = 24 * 60 * 60;
const TRUSTED_BYTES_MAX: usize = 8 * 1024 * 1024;
const PROPOSALS_BYTES_MAX: usize = 1024 * 1024;
/// The ledger may grow between two questions.
const ATTEMPTS: usize = 4;
/// Handovers are told in pages.
const PAGES_MAX: usize = 10_000;

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Unshown {
    /// Another status than expected.
    #[error("{0} is answered with status {1}")]
    Status(String, u16),
    /// Not what was asked for.
    #[error("the answer about {0} is malformed")]
    Malformed(String),
    /// Nothing was recorded yet.
    #[error("it has no checkpoint yet")]
    Empty,
    /// The checkpoint is not the members'.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The document is not the checkpoint's.
    #[error(transparent)]
    Document(#[from] TrustedPartiesError),
    /// The way from the genesis file to the members of today is not shown.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The newest checkpoint is old.
    #[error("no quorum has signed its checkpoint since {0}")]
    Stale(Timestamp),
    /// A receipt shows another record, or none.
    #[error("entry {0} is not shown by its receipt")]
    Entry(u64, #[source] Option<ReceiptError>),
    /// The decisions that it tells do not lead to the members that the checkpoint announces.
    #[error("the decisions that it lists do not lead to the members that the others signed for")]
    Withheld,
}

impl Unshown {
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::Status(_, 503) => {
                "name another member's node with --node: this one is starting, or its member takes no part any more"
            }
            Self::Status(..) | Self::Malformed(_) => {
                "name a registry node of this network with --node; it may be of an earlier build"
            }
            Self::Empty => "wait until a quorum of the members' nodes run",
            Self::Checkpoint(_) | Self::Document(_) | Self::Handover(_) => {
                "check that the genesis file is this network's; then tell the other members: the node lies or was changed"
            }
            Self::Stale(_) => {
                "name another member's node with --node: this one is cut off, or hides the newest ledger"
            }
            Self::Entry(..) | Self::Withheld => {
                "name another member's node with --node, and tell the others about this one"
            }
        }
    }
}

/// A node and what it is checked with.
pub struct Ledger {
    pub(super) genesis: Genesis,
    pub(super) http: Outbound,
    pub(super) node: ServiceUrl,
}

#[derive(Deserialize)]
struct TrustedPartiesAnswer {
    checkpoint: String,
    document: String,
}

#[derive(Deserialize)]
struct HandoversAnswer {
    handovers: Vec<Handover>,
}

impl Ledger {
    /// The node's address.
    #[must_use]
    pub fn node(&self) -> &str {
        self.node.as_str()
    }

    /// The network that is asked.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Reads and checks what the node shows. `also` names a proposal that is shown however old it is.
    ///
    /// # Errors
    ///
    /// Fails if the node does not answer, or what it answers does not follow from the genesis file.
    pub async fn view(
        &self,
        now: Timestamp,
        also: Option<&RecordId>,
    ) -> Result<View, GovernanceError> {
        let mut attempts = ATTEMPTS;
        loop {
            let view = self.read(now, also).await?;
            if view.is_complete() {
                return Ok(view);
            }
            // A change may have been decided between the two answers.
            attempts -= 1;
            if attempts == 0 {
                return Err(self.unbelievable(Unshown::Withheld));
            }
        }
    }

    async fn read(&self, now: Timestamp, also: Option<&RecordId>) -> Result<View, GovernanceError> {
        let mut listed: Proposals = self
            .json("proposals", PROPOSALS_BYTES_MAX)
            .await?
            .ok_or_else(|| self.unbelievable(Unshown::Status("proposals".to_owned(), 404)))?;
        if let Some(id) =
            also.filter(|id| listed.proposals.iter().all(|known| known.proposal != **id))
            && let Some(one) = self
                .json::<ListedProposal>(&format!("proposals/{id}"), PROPOSALS_BYTES_MAX)
                .await?
        {
            listed.proposals.push(one);
        }
        let answer: Option<TrustedPartiesAnswer> =
            self.json("trusted-parties", TRUSTED_BYTES_MAX).await?;
        let answer = answer.ok_or_else(|| self.unbelievable(Unshown::Empty))?;
        let committees = self.committees().await?;
        let (checkpoint, trusted) =
            check(&answer, &committees, now).map_err(|unshown| self.unbelievable(unshown))?;
        let mut proposals = Vec::new();
        for listed in listed.proposals {
            proposals.push(self.proposed(listed, &committees).await?);
        }
        Ok(View {
            height: listed.height.max(checkpoint.checkpoint().height),
            checkpoint,
            trusted,
            committees,
            proposals,
        })
    }

    /// Follows the members from those of the genesis file to those of today.
    async fn committees(&self) -> Result<Committees, GovernanceError> {
        let mut committees = self.genesis.committees().clone();
        for _page in 0..PAGES_MAX {
            let path = format!("handovers?from={}", committees.followed().saturating_add(1));
            let answer: Option<HandoversAnswer> = self.json(&path, TRUSTED_BYTES_MAX).await?;
            let handovers = answer.map(|answer| answer.handovers).unwrap_or_default();
            let before = committees.followed();
            for handover in &handovers {
                committees
                    .follow(handover)
                    .map_err(|error| self.unbelievable(error.into()))?;
            }
            if committees.followed() == before {
                break;
            }
        }
        Ok(committees)
    }

    async fn proposed(
        &self,
        listed: ListedProposal,
        committees: &Committees,
    ) -> Result<Proposed, GovernanceError> {
        let wrong = |index| self.unbelievable(Unshown::Entry(index, None));
        let entry = self.entry(listed.index, committees).await?;
        let Body::Proposal(proposal) = entry.record().body() else {
            return Err(wrong(listed.index));
        };
        if entry.record().id() != listed.proposal {
            return Err(wrong(listed.index));
        }
        let last_index = listed.approvals.last().copied().unwrap_or(listed.index);
        let mut approvals = vec![author(&entry).ok_or_else(|| wrong(listed.index))?];
        for index in listed.approvals {
            let entry = self.entry(index, committees).await?;
            let approval = Approval {
                proposal: listed.proposal,
            };
            let agrees = *entry.record().body() == Body::Approval(approval);
            let key = author(&entry).filter(|_key| agrees);
            approvals.push(key.ok_or_else(|| wrong(index))?);
        }
        Ok(Proposed {
            id: listed.proposal,
            index: listed.index,
            last_index,
            proposal: (**proposal).clone(),
            approvals,
            adopted: listed.adopted,
        })
    }

    /// An entry with its receipt.
    async fn entry(
        &self,
        index: u64,
        committees: &Committees,
    ) -> Result<VerifiedEntry, GovernanceError> {
        let wrong = |cause| self.unbelievable(Unshown::Entry(index, cause));
        let record = self
            .fetch(&format!("entries/{index}"), RECORD_BYTES_MAX)
            .await?;
        let receipt = self
            .fetch(&format!("proofs/{index}"), RECEIPT_BYTES_MAX)
            .await?;
        let (Some(record), Some(receipt)) = (record, receipt) else {
            return Err(wrong(None));
        };
        let receipt = String::from_utf8(receipt).map_err(|_cause| wrong(None))?;
        let entry =
            verify_receipt(&receipt, &record, committees).map_err(|cause| wrong(Some(cause)))?;
        if entry.index() != index {
            return Err(wrong(None));
        }
        Ok(entry)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<T>, GovernanceError> {
        let Some(body) = self.fetch(path, bytes_max).await? else {
            return Ok(None);
        };
        let limits = Limits::DEFAULT.with_bytes(bytes_max).with_string(bytes_max);
        let parsed = json::parse_as(&body, &limits);
        parsed
            .map(Some)
            .map_err(|_cause| self.unbelievable(Unshown::Malformed(path.to_owned())))
    }

    async fn fetch(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, GovernanceError> {
        let source = Source::Node {
            http: self.http.clone(),
            url: self.node.clone(),
        };
        source
            .fetch(path, bytes_max)
            .await
            .map_err(|error| match error {
                SourceError::Status(status) => {
                    self.unbelievable(Unshown::Status(path.to_owned(), status))
                }
                error
                @ (SourceError::Fetch(_) | SourceError::File(_) | SourceError::TooLong(_)) => {
                    self.unreachable(error.into())
                }
            })
    }

    pub(super) fn unreachable(&self, error: anyhow::Error) -> GovernanceError {
        GovernanceError::Unreachable(self.node().to_owned(), error)
    }

    pub(super) fn unbelievable(&self, unshown: Unshown) -> GovernanceError {
        GovernanceError::Unbelievable(self.node().to_owned(), unshown)
    }
}

fn check(
    answer: &TrustedPartiesAnswer,
    committees: &Committees,
    now: Timestamp,
) -> Result<(VerifiedCheckpoint, TrustedParties), Unshown> {
    let checkpoint =
        UnverifiedCheckpoint::parse(answer.checkpoint.as_bytes())?.verify(committees)?;
    let trusted = TrustedParties::verify(&answer.document, &checkpoint)?;
    // Neither other members than those that signed, nor epochs of another length.
    committees.clone().learn(&checkpoint, &trusted)?;
    if checkpoint.cosigned_at().plus_seconds(AGE_SECONDS_MAX) < now {
        return Err(Unshown::Stale(checkpoint.cosigned_at()));
    }
    Ok((checkpoint, trusted))
}

fn author(entry: &VerifiedEntry) -> Option<KeyBytes> {
    match entry.record().author() {
        Author::Ed25519(key) => Some(KeyBytes::from_bytes(*key)),
        Author::P256(_) => None,
    }
}

/// Reads a genesis file.
pub(super) fn read_genesis(path: &Path) -> Result<Genesis, GovernanceError> {
    let wrong = |source| GovernanceError::File {
        path: path.to_owned(),
        expected: "the genesis file of a network",
        source,
    };
    let file = std::fs::read(path).map_err(|error| wrong(error.into()))?;
    Genesis::parse(&file).map_err(|error| wrong(error.into()))
}
