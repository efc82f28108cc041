//! What to do about a record that the registry refuses.
//!
//! A case event may have been overtaken by a new process definition. Which one is active cannot be read: a checkpoint
//! says the height of the last block with records, and blocks without go on. So the definitions that may be active are
//! tried in turn; the events that wait are signed anew by each. Their commitments stay.

use std::{sync::Arc, time::Duration};

use protocol::registry::{
    CaseId, ProcessDefinition,
    receipt::VerifiedEntry,
    record::{Body, CaseEvent, Record},
};
use registry_client::RegistryClient;
use service::clock;

use super::{
    QueuedRecord, Recorded,
    submission::{REFUSED_PAUSE, RETRY_PAUSE, note},
};
use crate::{
    api::{blocking, fault},
    case,
    issuer::Issuer,
};

/// Finds the event on the ledger, or makes it anew by another definition; or says how long the lane shall wait.
pub(super) async fn recover(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
    queued: QueuedRecord,
    record: &Record,
) -> Result<(), Duration> {
    let Body::CaseEvent(event) = record.body() else {
        return Err(REFUSED_PAUSE);
    };
    if let Some(index) = standing(client, event).await {
        // Nobody asks for the receipt of an event; that it was proved is enough.
        let receipt = String::new();
        return note(issuer, client, queued, Recorded { index, receipt }).await;
    }
    let Some(next) = next_definition(client, event.definition).await else {
        return Err(REFUSED_PAUSE);
    };
    let tried_all = next.version <= event.definition;
    issuer.activate(next);
    renew(issuer, event.case).await?;
    if tried_all {
        Err(REFUSED_PAUSE)
    } else {
        Ok(())
    }
}

/// The index at which an event with the same commitment stands in the case: made by the definition before, when the
/// service stopped between sending it and noting its receipt.
async fn standing(client: &RegistryClient, ours: &CaseEvent) -> Option<u64> {
    let is_ours = |entry: &&VerifiedEntry| {
        let mut theirs = entry.record().body().case_events().iter();
        theirs.any(|theirs| {
            theirs.case == ours.case
                && theirs.sequence == ours.sequence
                && theirs.commitment == ours.commitment
        })
    };
    let entries = client.case(&ours.case, &[]).await.ok()?;
    entries.iter().find(is_ours).map(VerifiedEntry::index)
}

/// The definition to try after one was refused: the next that may be active, or the first again.
async fn next_definition(client: &RegistryClient, refused: u32) -> Option<ProcessDefinition> {
    let trusted = client.trusted_parties(clock::now()).await.ok()?;
    let height = client.last_checkpoint()?.checkpoint().height;
    let parties = trusted.parties();
    let active_then = parties.process_definition_at(height).version;
    let definitions = parties.process_definitions().iter();
    let candidates: Vec<_> = definitions
        .filter(|definition| definition.version >= active_then)
        .collect();
    let next = candidates
        .iter()
        .find(|definition| definition.version > refused);
    let next = next.or_else(|| candidates.first());
    next.map(|definition| (*definition).clone())
}

async fn renew(issuer: &Arc<Issuer>, id: CaseId) -> Result<(), Duration> {
    match blocking(issuer, move |issuer| case::renew(issuer, id)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            fault(&error);
            Err(REFUSED_PAUSE)
        }
        Err(_panicked) => Err(RETRY_PAUSE),
    }
}
