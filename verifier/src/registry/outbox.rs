//! Outcomes on their way to the registry.
//!
//! Keys: kind `outbox`, id `APPLICATION/SEQUENCE`, so that the outcomes of an application sort in the order in which they
//! are accepted. Atomicity: a record is queued in the transaction that makes it true, and removed once the registry gave
//! its receipt. Restart: what is queued is handed in again; the same record gives the same receipt. A record that the
//! registry refuses stays, with the reason, for the staff to see; it is tried again every hour, because one node said so.

use protocol::Timestamp;
use protocol::base64url;
use protocol::registry::record::{Record, UnverifiedRecord};
use protocol::registry::{ApplicationId, NetworkId};
use registry_client::{Fault, Refusal, Relayed, SubmitError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use vault::{Changes, Kind, Vault};

use crate::store::{self, StoreError, Versioned};
use crate::verifier::Verifier;

const OUTBOX: Kind = Kind::ordinary("outbox");
/// Records that are handed in at one time; the node takes a few in each of its slots.
const ROUND_MAX: usize = 256;
const REFUSED_SECONDS: u64 = 3_600;

/// Wakes the task that submits.
#[derive(Default)]
pub(crate) struct Outbox(Notify);

impl Outbox {
    /// To be called after a commit that queued records.
    pub(crate) fn announce(&self) {
        self.0.notify_one();
    }

    /// Waits for an announcement.
    pub(crate) async fn announced(&self) {
        self.0.notified().await;
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    record: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

/// The registry did not take a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    /// Why, in a word.
    pub(crate) reason: String,
    /// When it said so last.
    pub(crate) at: Timestamp,
}

/// How the outcomes of an application stand on the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutcomeStanding {
    /// All have their receipt, or there are none.
    Recorded,
    /// One has none yet.
    Waits,
    /// The registry refuses one.
    Refused(Refused),
}

/// A record that waits for its receipt.
pub(crate) struct Queued {
    id: String,
    record: Record,
    version: u64,
}

/// Adds a record to the changes that make it true.
pub(crate) fn queue(
    changes: Changes,
    application: ApplicationId,
    sequence: u32,
    record: &Record,
) -> Result<Changes, StoreError> {
    let id = format!("{application}/{sequence}");
    store::create(changes, OUTBOX, &id, &stored(record, None))
}

fn stored(record: &Record, refused: Option<Refused>) -> Stored {
    Stored {
        record: base64url::encode(record.as_bytes()),
        refused,
    }
}

/// How the outcomes of an application stand.
pub(crate) fn standing(
    vault: &Vault,
    application: ApplicationId,
) -> Result<OutcomeStanding, StoreError> {
    let prefix = format!("{application}/");
    let mut standing = OutcomeStanding::Recorded;
    for id in vault.list(OUTBOX) {
        if !id.starts_with(&prefix) {
            continue;
        }
        match store::read::<Stored>(vault, OUTBOX, &id)?.map(|stored| stored.value.refused) {
            Some(Some(refused)) => return Ok(OutcomeStanding::Refused(refused)),
            Some(None) => standing = OutcomeStanding::Waits,
            None => {}
        }
    }
    Ok(standing)
}

/// The applications of which the registry refuses an outcome.
pub(crate) fn refused(vault: &Vault) -> Result<Vec<ApplicationId>, StoreError> {
    let all = store::read_all::<Stored>(vault, OUTBOX)?;
    let refused = all
        .iter()
        .filter(|(_, stored)| stored.value.refused.is_some());
    Ok(refused
        .filter_map(|(id, _)| application_of(id).parse().ok())
        .collect())
}

fn application_of(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// The first waiting record of each application, and of some applications only if there are many.
pub(crate) fn queued(
    vault: &Vault,
    network: &NetworkId,
    now: Timestamp,
) -> Result<Vec<Queued>, StoreError> {
    let mut firsts: Vec<Queued> = Vec::new();
    let mut seen = String::new();
    for (id, stored) in store::read_all::<Stored>(vault, OUTBOX)? {
        let application = application_of(&id);
        if application == seen {
            continue;
        }
        application.clone_into(&mut seen);
        let Versioned { value, version } = stored;
        let due = |refused: &Refused| refused.at.plus_seconds(REFUSED_SECONDS) <= now;
        if !value.refused.as_ref().is_none_or(due) {
            continue;
        }
        let bytes = base64url::decode(&value.record).unwrap_or_default();
        match UnverifiedRecord::decode(&bytes).and_then(|record| record.verify(network)) {
            Ok(record) => firsts.push(Queued {
                id,
                record,
                version,
            }),
            Err(error) => tracing::error!(%error, "a queued outcome is not one of this network"),
        }
        if firsts.len() == ROUND_MAX {
            break;
        }
    }
    Ok(firsts)
}

/// What became of a round of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    /// So many have their receipt now; the next ones of their applications may be handed in.
    pub(crate) recorded: usize,
    /// So many are to be handed in again.
    pub(crate) waiting: usize,
}

/// Hands in what waits, one record of each application. What becomes of one record holds up no other.
pub(crate) async fn submit_queued(
    verifier: &Verifier,
    queued: Vec<Queued>,
    now: Timestamp,
) -> Round {
    let mut round = Round {
        recorded: 0,
        waiting: queued.len(),
    };
    for outcome in queued {
        let member = verifier.own_member();
        let kept = match verifier.registry.relay(&outcome.record, member).await {
            Ok(Relayed::Recorded(receipt)) => {
                tracing::info!(index = receipt.entry().index(), "outcome recorded");
                round.waiting -= 1;
                round.recorded += 1;
                remove(&verifier.vault, &outcome.id)
            }
            Ok(Relayed::Waits) => Ok(()),
            Err(SubmitError::Refused(refusal)) => {
                // The designation expired, or another record stands in its place.
                let reason = refused_because(refusal);
                tracing::error!(reason, "outcome refused by the registry");
                round.waiting -= 1;
                let reason = reason.to_owned();
                note_refusal(&verifier.vault, &outcome, Refused { reason, at: now })
            }
            Err(error @ SubmitError::Unavailable(Some(Fault::Unreachable(_)))) => {
                // It answers for the others as little as for this one.
                tracing::warn!(%error, "the own node does not answer; outcomes wait");
                return round;
            }
            Err(
                error @ (SubmitError::Unavailable(_) | SubmitError::Fork(_) | SubmitError::NoNode),
            ) => {
                tracing::warn!(%error, "outcome not recorded yet");
                Ok(())
            }
        };
        if let Err(error) = kept {
            tracing::error!(%error, "what became of an outcome was not stored");
            round.waiting += 1;
        }
    }
    round
}

const fn refused_because(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "malformed",
        Refusal::NotAuthorised => "not_authorised",
        Refusal::Conflict => "conflict",
        Refusal::AgainstRules => "against_rules",
    }
}

fn remove(vault: &Vault, id: &str) -> Result<(), StoreError> {
    store::commit(vault, &Changes::new().delete(OUTBOX, id)).map(|_| ())
}

fn note_refusal(vault: &Vault, outcome: &Queued, refused: Refused) -> Result<(), StoreError> {
    let noted = stored(&outcome.record, Some(refused));
    let changes = store::replace(Changes::new(), OUTBOX, &outcome.id, outcome.version, &noted)?;
    store::commit(vault, &changes).map(|_| ())
}
