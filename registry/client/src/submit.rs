//! Submitting records. It may be repeated at will: a record that stands already is answered with its receipt.

use protocol::registry::checkpoint::Committees;
use protocol::registry::receipt::{
    RECEIPT_BYTES_MAX, ReceiptError, UnverifiedReceipt, VerifiedEntry, verify_receipt,
};
use protocol::registry::record::{RECORD_BYTES_MAX, Record};
use reqwest::StatusCode;

use crate::fault::Next;
use crate::node::Node;
use crate::{Fault, ReadError, RegistryClient};

/// Why the ledger does not take a record, as a node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The record is malformed or too long.
    #[error("the record is malformed")]
    Malformed,
    /// The author may not make this record, or did not sign it.
    #[error("the author may not make this record")]
    NotAuthorised,
    /// Another record stands in its place.
    #[error("another record stands in this one's place")]
    Conflict,
    /// The rules do not allow it now.
    #[error("the rules of the ledger do not allow the record")]
    AgainstRules,
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// More members than may be faulty refuse the record: submitting it again is of no use.
    #[error("the ledger refuses the record")]
    Refused(#[source] Refusal),
    /// No node gave a receipt. The record may stand or not: submitting it again is harmless.
    #[error("no node gave a receipt")]
    Unavailable(#[source] Option<Fault>),
    /// The members signed two ledgers.
    #[error("the registry has forked")]
    Fork(#[source] ReadError),
    /// All members are to be avoided.
    #[error("there is no node to submit to")]
    NoNode,
}

/// A record is on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    text: String,
    entry: VerifiedEntry,
}

impl Receipt {
    /// The text that shows it to anyone, offline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the record stands, and under which checkpoint. The receipt is for this record's bytes: those submitted may
    /// carry another ECDSA signature over the same statement.
    #[must_use]
    pub const fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// What became of an outcome that is to be relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// It stands.
    Recorded(Box<Receipt>),
    /// It waits for its slot, or is on its way.
    Waits,
}

enum Answer {
    Recorded(Box<Receipt>),
    Refused(Refusal),
}

impl RegistryClient {
    /// Brings a record onto the ledger through the node of a random member that is none of those to avoid.
    ///
    /// Another node is asked if one does not answer, or refuses: a refusal counts when more members give it than may be
    /// faulty.
    ///
    /// # Errors
    ///
    /// Fails if the ledger refuses the record or no node gives a receipt.
    pub async fn submit(&self, record: &Record, avoid: &[&str]) -> Result<Receipt, SubmitError> {
        let mut last_fault = None;
        let mut pauses = self.pauses.iter();
        loop {
            // Each round counts anew, and each reason by itself: what a lagging node refuses now it may take later.
            let mut refusals: Vec<Refusal> = Vec::new();
            let nodes = self.shuffled(avoid);
            if nodes.is_empty() {
                return Err(SubmitError::NoNode);
            }
            let believed = self.believed().min(nodes.len());
            for node in nodes {
                match self.submit_to(&node, record).await {
                    Ok(Answer::Recorded(receipt)) => return Ok(*receipt),
                    Ok(Answer::Refused(refusal)) => {
                        refusals.push(refusal);
                        let same = refusals.iter().filter(|other| **other == refusal);
                        if same.count() >= believed {
                            return Err(SubmitError::Refused(refusal));
                        }
                    }
                    Err(fault) => {
                        tracing::warn!(node = node.name(), %fault, "a record was not acknowledged");
                        match fault.next() {
                            Next::AnotherNode(fault) => last_fault = Some(fault),
                            Next::GiveUp(error) => return Err(SubmitError::Fork(error)),
                        }
                    }
                }
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(SubmitError::Unavailable(last_fault)),
            }
        }
    }

    /// Hands an outcome to the node of the caller's own member, which brings it onto the ledger through other members'
    /// nodes, mixed with what all members send. To be repeated until there is a receipt: the node keeps nothing on disk.
    ///
    /// Whoever asked another member for it would tell that member whose outcome it is. So the own node alone is believed
    /// when it refuses; a receipt is checked as any other.
    ///
    /// # Errors
    ///
    /// Fails if the node refuses the record or does not answer, or is none of this network.
    pub async fn relay(&self, record: &Record, own_member: &str) -> Result<Relayed, SubmitError> {
        let node = self.node_of(own_member).ok_or(SubmitError::NoNode)?;
        let answer = node
            .post_record("/relay", record.as_bytes(), RECEIPT_BYTES_MAX)
            .await;
        let answered = match answer {
            Ok((StatusCode::ACCEPTED, _empty)) => return Ok(Relayed::Waits),
            Ok((status, body)) => self.answer(&node, record, status, body).await,
            Err(fault) => Err(fault),
        };
        match answered {
            Ok(Answer::Recorded(receipt)) => Ok(Relayed::Recorded(receipt)),
            Ok(Answer::Refused(refusal)) => Err(SubmitError::Refused(refusal)),
            Err(fault) => Err(match fault.next() {
                Next::AnotherNode(fault) => SubmitError::Unavailable(Some(fault)),
                Next::GiveUp(error) => SubmitError::Fork(error),
            }),
        }
    }

    async fn submit_to(&self, node: &Node, record: &Record) -> Result<Answer, Fault> {
        let (status, body) = node
            .post_record("/records", record.as_bytes(), RECEIPT_BYTES_MAX)
            .await?;
        self.answer(node, record, status, body).await
    }

    async fn answer(
        &self,
        node: &Node,
        record: &Record,
        status: StatusCode,
        body: Vec<u8>,
    ) -> Result<Answer, Fault> {
        let refusal = match status {
            StatusCode::OK => return self.receipt(node, record, body).await,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Refusal::Malformed,
            StatusCode::FORBIDDEN => Refusal::NotAuthorised,
            StatusCode::CONFLICT => Refusal::Conflict,
            StatusCode::UNPROCESSABLE_ENTITY => Refusal::AgainstRules,
            other => return Err(Fault::Status(other.as_u16())),
        };
        Ok(Answer::Refused(refusal))
    }

    async fn receipt(&self, node: &Node, record: &Record, body: Vec<u8>) -> Result<Answer, Fault> {
        let text = String::from_utf8(body).map_err(|_cause| Fault::Malformed)?;
        let entry = match self.verified(node, &text, record.as_bytes()).await {
            Err(Fault::Receipt(ReceiptError::Proof(_))) => {
                self.standing(node, record, &text).await?
            }
            verified => verified?,
        };
        self.memory.admit(entry.checkpoint(), node).await?;
        Ok(Answer::Recorded(Box::new(Receipt { text, entry })))
    }

    async fn verified(
        &self,
        node: &Node,
        receipt: &str,
        record: &[u8],
    ) -> Result<VerifiedEntry, Fault> {
        let verify = |committees: &Committees| {
            let entry = verify_receipt(receipt, record, committees)?;
            let checkpoint = entry.checkpoint().clone();
            Ok((entry, Some(checkpoint)))
        };
        Ok(self.checked(node, verify).await?.0)
    }

    /// The entry of a record that stands under another of the many signatures that ECDSA allows: the same statement by the
    /// same author, but another leaf.
    async fn standing(
        &self,
        node: &Node,
        record: &Record,
        text: &str,
    ) -> Result<VerifiedEntry, Fault> {
        let index = UnverifiedReceipt::parse(text)?.dangerous_index();
        let path = format!("/entries/{index}");
        let standing = node.get(&path, RECORD_BYTES_MAX).await?;
        let standing = standing.ok_or(Fault::Malformed)?;
        let entry = self.verified(node, text, &standing).await?;
        if entry.record().id() != record.id() {
            return Err(Fault::Malformed);
        }
        Ok(entry)
    }
}
