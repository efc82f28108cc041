//! Outcomes on their way to the registry.
//!
//! Keys: kind `outbox`, id `APPLICATION/SEQUENCE`, so that the outcomes of an application sort in the order in which they
//! are accepted. Atomicity: a record is queued in the transaction that makes it true, and removed once the registry gave
//! its receipt. Restart: what is queued is submitted again; the same record gives the same receipt.

use protocol::base64url;
use protocol::registry::record::{Record, UnverifiedRecord};
use protocol::registry::{ApplicationId, NetworkId};
use registry_client::{Refusal, SubmitError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use vault::{Changes, Kind, Vault};

use crate::store::{self, StoreError};
use crate::verifier::Verifier;

const OUTBOX: Kind = Kind::ordinary("outbox");

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
}

/// A record that waits for its receipt.
pub(crate) struct Queued {
    id: String,
    record: Record,
}

/// Adds a record to the changes that make it true.
pub(crate) fn queue(
    changes: Changes,
    application: ApplicationId,
    sequence: u32,
    record: &Record,
) -> Result<Changes, StoreError> {
    let stored = Stored {
        record: base64url::encode(record.as_bytes()),
    };
    store::create(
        changes,
        OUTBOX,
        &format!("{application}/{sequence}"),
        &stored,
    )
}

/// Whether an outcome of this application has no receipt yet.
pub(crate) fn waits(vault: &Vault, application: ApplicationId) -> bool {
    let prefix = format!("{application}/");
    vault.list(OUTBOX).iter().any(|id| id.starts_with(&prefix))
}

/// The first waiting record of each application.
pub(crate) fn queued(vault: &Vault, network: &NetworkId) -> Result<Vec<Queued>, StoreError> {
    let mut firsts: Vec<Queued> = Vec::new();
    let mut seen = String::new();
    for (id, stored) in store::read_all::<Stored>(vault, OUTBOX)? {
        let application = id.split('/').next().unwrap_or_default();
        if application == seen {
            continue;
        }
        application.clone_into(&mut seen);
        let bytes = base64url::decode(&stored.value.record).unwrap_or_default();
        match UnverifiedRecord::decode(&bytes).and_then(|record| record.verify(network)) {
            Ok(record) => firsts.push(Queued { id, record }),
            Err(error) => tracing::error!(%error, "a queued outcome is not one of this network"),
        }
    }
    Ok(firsts)
}

/// Submits what waits, one record of each application; says whether more is waiting.
pub(crate) async fn submit_queued(
    verifier: &Verifier,
    queued: Vec<Queued>,
) -> Result<(), StoreError> {
    for waiting in queued {
        match verifier
            .registry
            .submit(&waiting.record, verifier.own_member())
            .await
        {
            Ok(receipt) => {
                tracing::info!(index = receipt.entry().index(), "outcome recorded");
                remove(&verifier.vault, &waiting.id)?;
            }
            Err(SubmitError::Refused(refusal)) => {
                // The designation expired, or the record stands already in another form: again is of no use.
                tracing::error!(
                    reason = refused_because(refusal),
                    "outcome refused by the registry"
                );
                remove(&verifier.vault, &waiting.id)?;
            }
            Err(
                error @ (SubmitError::Unavailable(_) | SubmitError::Fork(_) | SubmitError::NoNode),
            ) => {
                tracing::warn!(%error, "outcome not recorded yet");
            }
        }
    }
    Ok(())
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
