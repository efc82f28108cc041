//! Records on their way to the registry.
//!
//! Keys: kind `outbox`, id `LANE/SEQUENCE`, so that the records of a lane sort in the order in which they must be
//! accepted. Atomicity: a record is queued in the transaction that makes it true (a case's new event, a batch, a status
//! list version) and removed in the transaction that notes its receipt. Restart: what is queued is submitted again; the
//! same record gives the same receipt.

use std::{fmt, time::Duration};

use protocol::registry::{
    CaseId, ListId,
    record::{CaseEvent, GROUP_EVENTS_MAX, Record},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use vault::{Changes, Kind, Vault};

use super::Author;
use crate::store::{self, StoreError, Versioned};

const OUTBOX: Kind = Kind::ordinary("outbox");

/// Records that the registry accepts only in order. Lanes do not wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lane {
    /// Events of a case, then its erasure receipt.
    Case(CaseId),
    /// Credential batches.
    Batches,
    /// Versions of a status list.
    StatusList(ListId),
}

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(case) => write!(formatter, "case/{case}"),
            Self::Batches => formatter.write_str("batches"),
            Self::StatusList(list) => write!(formatter, "status/{list}"),
        }
    }
}

/// A record that waits for its receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueuedRecord {
    pub(crate) lane: Lane,
    pub(crate) sequence: u64,
    /// The signed record.
    pub(crate) record: Vec<u8>,
}

impl QueuedRecord {
    fn id(&self) -> String {
        id(self.lane, self.sequence)
    }
}

fn id(lane: Lane, sequence: u64) -> String {
    format!("{lane}/{sequence:020}")
}

/// Adds a record to the changes that make it true.
pub(crate) fn queue(
    changes: Changes,
    lane: Lane,
    sequence: u64,
    record: &Record,
) -> Result<Changes, StoreError> {
    let queued = QueuedRecord {
        lane,
        sequence,
        record: record.as_bytes().to_vec(),
    };
    store::create(changes, OUTBOX, &queued.id(), &queued)
}

/// The signals around the queue: something was queued, something was confirmed.
pub(crate) struct Outbox {
    queued: watch::Sender<u64>,
    confirmed: watch::Sender<u64>,
}

/// The registry did not confirm in time. The record stays queued.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the registry has not confirmed yet")]
pub(crate) struct WaitError;

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            queued: watch::Sender::new(0),
            confirmed: watch::Sender::new(0),
        }
    }

    /// To be called after a commit that queued records.
    pub(crate) fn announce(&self) {
        self.queued
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever something is queued.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// Changes whenever something was confirmed, and what follows from it was done.
    pub(crate) fn confirmations(&self) -> watch::Receiver<u64> {
        self.confirmed.subscribe()
    }

    /// To be called after a commit that noted a receipt.
    pub(crate) fn announce_confirmed(&self) {
        self.confirmed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until no record of the lane is queued.
    pub(crate) async fn wait(
        &self,
        vault: &Vault,
        lane: Lane,
        patience: Duration,
    ) -> Result<(), WaitError> {
        let mut confirmations = self.confirmations();
        let drained = async {
            while has_queued(vault, lane) {
                if confirmations.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(patience, drained)
            .await
            .map_err(|_| WaitError)
    }
}

/// Whether a record of the lane waits. The index of ids is in memory: this reads no disk.
pub(crate) fn has_queued(vault: &Vault, lane: Lane) -> bool {
    let prefix = format!("{lane}/");
    vault.list(OUTBOX).iter().any(|id| id.starts_with(&prefix))
}

/// The first record of each lane, but not of those that `skip` names.
pub(crate) fn first_of_each_lane(
    vault: &Vault,
    skip: impl Fn(Lane) -> bool,
) -> Result<Vec<QueuedRecord>, StoreError> {
    let mut firsts: Vec<QueuedRecord> = Vec::new();
    let mut seen = String::new();
    for id in vault.list(OUTBOX) {
        let lane = id.rsplit_once('/').map_or("", |(lane, _)| lane);
        if lane == seen {
            continue;
        }
        lane.clone_into(&mut seen);
        if let Some(found) = store::read::<QueuedRecord>(vault, OUTBOX, &id)?
            && !skip(found.value.lane)
        {
            firsts.push(found.value);
        }
    }
    Ok(firsts)
}

/// Events of cases that wait, in the order in which each case must have them, but not those of lanes that `skip` names: what one
/// record can say of them. What comes after anything else in its lane has to wait for that.
pub(crate) fn waiting_events(
    vault: &Vault,
    author: &Author,
    skip: impl Fn(Lane) -> bool,
) -> Result<Vec<(QueuedRecord, CaseEvent)>, StoreError> {
    let mut events = Vec::new();
    let mut ended = String::new();
    for id in vault.list(OUTBOX) {
        let lane = id.rsplit_once('/').map_or("", |(lane, _)| lane);
        if events.len() >= GROUP_EVENTS_MAX || lane == ended {
            continue;
        }
        let Some(found) = store::read::<QueuedRecord>(vault, OUTBOX, &id)? else {
            continue;
        };
        let queued = found.value;
        let event = if skip(queued.lane) {
            None
        } else {
            author.event(&queued)
        };
        match event {
            Some(event) => events.push((queued, event)),
            None => lane.clone_into(&mut ended),
        }
    }
    Ok(events)
}

/// Reads a queued record, to be removed with [`store::remove`] in the changes that note its receipt.
pub(crate) fn find(
    vault: &Vault,
    lane: Lane,
    sequence: u64,
) -> Result<Option<Versioned<QueuedRecord>>, StoreError> {
    store::read(vault, OUTBOX, &id(lane, sequence))
}

/// Puts another record in the place of a queued one.
pub(crate) fn requeue(
    changes: Changes,
    mut queued: Versioned<QueuedRecord>,
    record: &Record,
) -> Result<Changes, StoreError> {
    queued.value.record = record.as_bytes().to_vec();
    let id = queued.value.id();
    store::replace(changes, OUTBOX, &id, &queued)
}

/// Removes a queued record in the changes that note its receipt.
pub(crate) fn unqueue(changes: Changes, queued: &Versioned<QueuedRecord>) -> Changes {
    let id = queued.value.id();
    store::remove(changes, OUTBOX, &id, queued)
}
