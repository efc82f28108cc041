//! From a submitted record to its receipt.

use super::Replica;
use crate::{
    mempool::{Full, Offered, Origin},
    message::Message,
    state::{BlockContext, Rejection},
};
use protocol::registry::{
    ContentDigest, merkle,
    receipt::write_receipt,
    record::{Record, RecordError},
};
use registry_consensus::Recipients;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A record without a receipt after this time is answered with "later"; submitting it again is harmless.
pub(super) const RECEIPT_TIMEOUT: Duration = Duration::from_secs(20);
/// What breaks a rule only because this node is behind is held at most this long.
const HOLD_MAX: Duration = Duration::from_secs(3);
/// The same while nothing is known of being behind and the ledger does not grow: what another node was told may be
/// on its way.
const HOLD_QUIET: Duration = Duration::from_millis(500);
/// A held record is looked at again this often, if no block comes.
const HOLD_STEP: Duration = Duration::from_millis(50);

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not a record of this network.
    #[error("not a record of this network")]
    Record(#[from] RecordError),
    /// Against the rules of the ledger.
    #[error("the ledger does not accept the record")]
    Rejected(#[from] Rejection),
    /// Too many records wait.
    #[error(transparent)]
    Full(#[from] Full),
    /// Too many records wait for their slot.
    #[error(transparent)]
    SlotsFull(#[from] crate::relay::Full),
    /// Only outcomes are relayed.
    #[error("only outcomes are relayed")]
    NotRelayed,
    /// Not final, or not cosigned, within the time that a submission waits.
    #[error("the record is not final yet")]
    NotYet,
    /// The store failed.
    #[error("the receipt cannot be made")]
    Proof(#[from] merkle::TreeError),
}

/// How a record relates to the committed ledger.
pub(super) enum Standing {
    Recorded(u64),
    Acceptable,
    Rejected(Rejection),
}

/// Patience with what records on their way to this node may put right.
struct Hold {
    begun: Instant,
    size: u64,
    grown: Instant,
}

impl Hold {
    fn begin(now: Instant) -> Self {
        Self {
            begun: now,
            size: 0,
            grown: now,
        }
    }

    fn lasts(&mut self, replica: &Replica) -> bool {
        let (_, size) = replica.progress();
        if size > self.size {
            self.size = size;
            self.grown = replica.clock.instant();
        }
        let elapsed = |since| replica.clock.instant().saturating_duration_since(since);
        let patient = elapsed(self.grown) < HOLD_QUIET || replica.may_be_behind();
        patient && elapsed(self.begun) < HOLD_MAX
    }
}

/// Whether another record, on its way to this node, may make the same record acceptable.
pub(super) const fn may_change(rejection: Rejection) -> bool {
    match rejection {
        Rejection::OutOfSequence { .. }
        | Rejection::Unknown
        | Rejection::InactiveDefinition { .. }
        | Rejection::StepNotAllowed => true,
        Rejection::Duplicate { .. }
        | Rejection::Conflict
        | Rejection::NotAuthorised
        | Rejection::Anchor
        | Rejection::Expired
        | Rejection::Unfit
        | Rejection::TooMany
        | Rejection::Unreadable(_) => false,
    }
}

impl Replica {
    /// Brings a record onto the ledger; the receipt is given once the record is durable, final and cosigned by a quorum.
    ///
    /// # Errors
    ///
    /// Fails if it is no record, breaks a rule, or takes too long.
    pub async fn submit(&self, bytes: &[u8]) -> Result<String, SubmitError> {
        let record = self.record(bytes)?;
        let begun = self.clock.instant();
        let mut hold = Hold::begin(begun);
        let mut heights = self.heights.subscribe();
        loop {
            heights.mark_unchanged();
            match self.standing(&record) {
                Standing::Recorded(index) => {
                    let receipt = self.receipt_of(index);
                    return self
                        .within(begun, RECEIPT_TIMEOUT, receipt)
                        .await
                        .unwrap_or(Err(SubmitError::NotYet));
                }
                // No block would come from the others: they do not connect to who is no member.
                Standing::Acceptable if !self.is_members() => return Err(SubmitError::NotYet),
                Standing::Acceptable => {
                    self.offer(&record)?;
                    let next_block = heights.changed();
                    match self.within(begun, RECEIPT_TIMEOUT, next_block).await {
                        Some(Ok(())) => {}
                        Some(Err(_)) | None => return Err(SubmitError::NotYet),
                    }
                }
                Standing::Rejected(rejection) => {
                    if !may_change(rejection) || !hold.lasts(self) {
                        self.mempool().remove(&record.id());
                        return Err(rejection.into());
                    }
                    let now = self.clock.instant();
                    let _new_or_same = self.within(now, HOLD_STEP, heights.changed()).await;
                }
            }
        }
    }

    /// Whether a status list token is the latest of its list, now or as soon as this node has caught up.
    pub async fn is_latest_status_list(&self, digest: &ContentDigest) -> bool {
        let mut hold = Hold::begin(self.clock.instant());
        let mut heights = self.heights.subscribe();
        loop {
            if self.committed().state.is_latest_status_list(digest) {
                return true;
            }
            if !hold.lasts(self) {
                return false;
            }
            let now = self.clock.instant();
            let _new_or_same = self.within(now, HOLD_STEP, heights.changed()).await;
        }
    }

    /// What `work` comes to, if it does so within a duration after `begun`.
    async fn within<T>(
        &self,
        begun: Instant,
        duration: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let elapsed = self.clock.instant().saturating_duration_since(begun);
        let end = self.clock.sleep(duration.saturating_sub(elapsed));
        tokio::select! {
            biased;
            done = work => Some(done),
            () = end => None,
        }
    }

    fn offer(&self, record: &Arc<Record>) -> Result<(), Full> {
        let now = self.clock.instant();
        let offered = self.mempool().offer(record.clone(), Origin::Here, now)?;
        if offered == Offered::New {
            let message = Message::Record(record.as_bytes().to_vec().into());
            self.tell(&message, Recipients::All);
            self.wake();
        }
        Ok(())
    }

    pub(super) fn standing(&self, record: &Record) -> Standing {
        let committed = self.committed();
        match committed.state.index_of(&record.id()) {
            Ok(Some(index)) => return Standing::Recorded(index),
            Ok(None) => {}
            Err(unreadable) => return Standing::Rejected(unreadable.into()),
        }
        let context = BlockContext {
            height: committed.height.saturating_add(1),
            time: self.clock.now(),
        };
        match committed.state.fork().apply(record, &context) {
            Ok(_) => Standing::Acceptable,
            Err(rejection) => Standing::Rejected(rejection),
        }
    }

    /// Forgets what waits and can stand on the ledger no more, whoever still waits for it.
    pub(super) fn forget_impossible(&self) {
        let waiting = self.mempool().records();
        for record in waiting {
            let hopeless = match self.standing(&record) {
                Standing::Recorded(_) => true,
                Standing::Acceptable | Standing::Rejected(Rejection::Unreadable(_)) => false,
                Standing::Rejected(rejection) => !may_change(rejection),
            };
            if hopeless {
                self.mempool().remove(&record.id());
            }
        }
    }

    /// Whether blocks are known to exist, or to come, that this node has not committed.
    fn may_be_behind(&self) -> bool {
        let (height, size) = {
            let committed = self.committed();
            (committed.height, committed.state.size())
        };
        let tip = self
            .consensus
            .get()
            .map_or(0, registry_consensus::Handle::tip);
        tip > height || self.cosigning.dangerous_largest_size() > size || !self.mempool().is_empty()
    }

    /// The receipt of an entry, as soon as a cosigned checkpoint covers it.
    pub(super) async fn receipt_of(&self, index: u64) -> Result<String, SubmitError> {
        let mut latest = self.cosigning.subscribe();
        let cosigned = latest
            .wait_for(|latest| {
                latest
                    .as_ref()
                    .is_some_and(|latest| latest.checkpoint.size() > index)
            })
            .await
            .map_err(|_closed| SubmitError::NotYet)?
            .clone()
            .ok_or(SubmitError::NotYet)?;
        Ok(self.receipt(index, &cosigned)?)
    }

    /// The receipt of an entry that a checkpoint covers.
    pub(super) fn receipt(
        &self,
        index: u64,
        cosigned: &crate::cosigning::Cosigned,
    ) -> Result<String, merkle::TreeError> {
        let size = cosigned.checkpoint.size();
        let path = merkle::prove_inclusion(index, size, |index| self.store.hash(index))?;
        Ok(write_receipt(index, &path, cosigned.checkpoint.as_note()))
    }
}
