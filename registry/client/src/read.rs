//! Reads: asked of one node after the other until an answer is valid.

use protocol::Timestamp;
use protocol::json::{self, Limits};
use protocol::registry::TrustedParties;
use protocol::registry::checkpoint::{Committees, UnverifiedCheckpoint, VerifiedCheckpoint};
use protocol::registry::note::NOTE_BYTES_MAX;
use protocol::registry::receipt::{RECEIPT_BYTES_MAX, VerifiedEntry, verify_receipt};
use protocol::registry::record::RECORD_BYTES_MAX;
use serde::Deserialize;

use crate::fault::Next;
use crate::memory::Floor;
use crate::node::Node;
use crate::{Fault, ReadError, RegistryClient};

/// A checkpoint that no quorum has signed for this long is not shown to be the latest.
pub(crate) const CHECKPOINT_AGE_SECONDS_MAX: u64 = 24 * 60 * 60;
pub(crate) const TRUSTED_PARTIES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What was read, and the checkpoint that shows it.
type Shown<T> = (T, Option<VerifiedCheckpoint>);

impl RegistryClient {
    /// The latest checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if no node shows one that a quorum signed in the last day and that extends what was seen before.
    pub async fn checkpoint(&self, now: Timestamp) -> Result<VerifiedCheckpoint, ReadError> {
        let verify = |answers: &[Vec<u8>], committees: &Committees| {
            let checkpoint = fresh_checkpoint(only(answers)?, committees, now)?;
            Ok((checkpoint.clone(), Some(checkpoint)))
        };
        self.read(&[("/checkpoint".to_owned(), NOTE_BYTES_MAX)], verify)
            .await
    }

    /// Who is to be trusted now, and the latest status lists.
    ///
    /// # Errors
    ///
    /// As [`RegistryClient::checkpoint`].
    pub async fn trusted_parties(&self, now: Timestamp) -> Result<TrustedParties, ReadError> {
        let verify = |answers: &[Vec<u8>], committees: &Committees| {
            let answer = TrustedPartiesAnswer::parse(only(answers)?)?;
            let checkpoint = fresh_checkpoint(answer.checkpoint.as_bytes(), committees, now)?;
            let parties = TrustedParties::verify(&answer.document, &checkpoint)?;
            Ok(((parties, checkpoint.clone()), Some(checkpoint)))
        };
        let resource = ("/trusted-parties".to_owned(), TRUSTED_PARTIES_BYTES_MAX);
        let (parties, checkpoint) = self.read(&[resource], verify).await?;
        // Further ahead, handovers that were not shown may lie between.
        if checkpoint.checkpoint().height <= self.committees().settled_until() {
            let learned = self.following.learn(&checkpoint, &parties);
            learned.map_err(|error| ReadError::Unavailable(Some(error.into())))?;
        }
        Ok(parties)
    }

    /// The record at an index.
    ///
    /// # Errors
    ///
    /// Fails if no node shows it, or more nodes than may be faulty say that the ledger is not that long.
    pub async fn entry(&self, index: u64) -> Result<VerifiedEntry, ReadError> {
        let verify = |answers: &[Vec<u8>], committees: &Committees| {
            verified_entry(index, answers, committees)
        };
        self.read(&entry_resources(index), verify).await
    }

    /// The record at an index, as one node shows it.
    pub(crate) async fn entry_from(
        &self,
        node: &Node,
        index: u64,
        floor: Floor,
    ) -> Result<VerifiedEntry, Fault> {
        let verify = |answers: &[Vec<u8>], committees: &Committees| {
            verified_entry(index, answers, committees)
        };
        let resources = entry_resources(index);
        let entry = self.read_from(node, &resources, &verify, floor).await?;
        entry.ok_or(Fault::Malformed)
    }

    /// Asks one node after the other for resources that belong together, until one node's answers are valid.
    pub(crate) async fn read<T>(
        &self,
        resources: &[(String, usize)],
        verify: impl Fn(&[Vec<u8>], &Committees) -> Result<Shown<T>, Fault>,
    ) -> Result<T, ReadError> {
        let mut last_fault = None;
        let mut pauses = self.pauses.iter();
        loop {
            let mut absent = 0;
            let floor = self.memory.floor();
            for node in self.shuffled(&[]) {
                match self.read_from(&node, resources, &verify, floor).await {
                    Ok(Some(value)) => return Ok(value),
                    Ok(None) => absent += 1,
                    Err(fault) => {
                        tracing::warn!(node = node.name(), %fault, "registry read failed");
                        match fault.next() {
                            Next::AnotherNode(fault) => last_fault = Some(fault),
                            Next::GiveUp(error) => return Err(error),
                        }
                    }
                }
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None if absent >= self.believed() => return Err(ReadError::NotFound),
                None => return Err(ReadError::Unavailable(last_fault)),
            }
        }
    }

    /// Asks one node; none if it says that there is no such thing.
    async fn read_from<T>(
        &self,
        node: &Node,
        resources: &[(String, usize)],
        verify: &impl Fn(&[Vec<u8>], &Committees) -> Result<Shown<T>, Fault>,
        floor: Floor,
    ) -> Result<Option<T>, Fault> {
        let mut answers = Vec::with_capacity(resources.len());
        for (path, bytes_max) in resources {
            match node.get(path, *bytes_max).await? {
                Some(answer) => answers.push(answer),
                None => return Ok(None),
            }
        }
        let verify = |committees: &Committees| verify(&answers, committees);
        let (value, checkpoint) = self.checked(node, verify).await?;
        if let Some(checkpoint) = checkpoint {
            if Floor::of(&checkpoint) < floor {
                return Err(Fault::Stale);
            }
            self.memory.admit(&checkpoint, node).await?;
        }
        Ok(Some(value))
    }
}

#[derive(Deserialize)]
pub(crate) struct TrustedPartiesAnswer {
    pub(crate) checkpoint: String,
    pub(crate) document: String,
}

impl TrustedPartiesAnswer {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let limits = Limits::DEFAULT
            .with_bytes(TRUSTED_PARTIES_BYTES_MAX)
            .with_string(TRUSTED_PARTIES_BYTES_MAX);
        json::parse_as(body, &limits).map_err(|_cause| Fault::Malformed)
    }
}

fn fresh_checkpoint(
    note: &[u8],
    committees: &Committees,
    now: Timestamp,
) -> Result<VerifiedCheckpoint, Fault> {
    let checkpoint = UnverifiedCheckpoint::parse(note)?.verify(committees)?;
    let until = checkpoint
        .cosigned_at()
        .plus_seconds(CHECKPOINT_AGE_SECONDS_MAX);
    if until < now {
        return Err(Fault::Stale);
    }
    Ok(checkpoint)
}

fn verified_entry(
    index: u64,
    answers: &[Vec<u8>],
    committees: &Committees,
) -> Result<Shown<VerifiedEntry>, Fault> {
    let [record, receipt] = answers else {
        return Err(Fault::Malformed);
    };
    let receipt = str::from_utf8(receipt).map_err(|_cause| Fault::Malformed)?;
    let entry = verify_receipt(receipt, record, committees)?;
    if entry.index() != index {
        return Err(Fault::Malformed);
    }
    let checkpoint = entry.checkpoint().clone();
    Ok((entry, Some(checkpoint)))
}

/// A record and its receipt.
fn entry_resources(index: u64) -> [(String, usize); 2] {
    [
        (format!("/entries/{index}"), RECORD_BYTES_MAX),
        (format!("/proofs/{index}"), RECEIPT_BYTES_MAX),
    ]
}

fn only(answers: &[Vec<u8>]) -> Result<&[u8], Fault> {
    match answers {
        [answer] => Ok(answer),
        _ => Err(Fault::Malformed),
    }
}
