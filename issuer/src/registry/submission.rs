//! The task that brings queued records to the registry, lane by lane, and keeps to the active process definition.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context;
use protocol::{
    Timestamp,
    registry::{
        CaseId,
        record::{Body, Record, UnverifiedRecord},
    },
};
use registry_client::{Options, Reach, Refusal, RegistryClient, SubmitError};
use service::clock;
use tokio::task::JoinSet;
use vault::{Changes, Kind};

use super::{Lane, QueuedRecord, Recorded, first_of_each_lane};
use crate::{
    api::{blocking, fault},
    case, confirmation,
    issuer::Issuer,
    status,
    store::{SCHEMA, StoreError},
};

const CHECKPOINT: Kind = Kind::ordinary("registry-checkpoint");
const CHECKPOINT_ID: &str = "last";
/// Lanes that are submitted at one time.
const LANES_MAX: usize = 64;
/// How long a lane waits after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How long a lane waits after a refusal that needs a person.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Time between two looks at the process definitions.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// The way to the registry.
pub(crate) struct Submission {
    issuer: Arc<Issuer>,
    client: Arc<RegistryClient>,
}

impl Submission {
    /// A client for the network of the genesis file, which accepts no older ledger than it has seen.
    pub(crate) fn new(issuer: Arc<Issuer>) -> anyhow::Result<Self> {
        let development = issuer.config.service.development_loopback_http;
        let certificates = match &issuer.config.registry.certificates {
            None => Vec::new(),
            Some(path) => service::config::read_certificates(path)?
                .iter()
                .map(|der| der.to_vec())
                .collect(),
        };
        let options = Options {
            reach: if development {
                Reach::DevelopmentLoopbackHttp
            } else {
                Reach::HttpsOnly
            },
            certificates,
        };
        let client = RegistryClient::new(Arc::new(issuer.genesis.clone()), &options)?;
        if let Some(seen) = issuer.vault.get(CHECKPOINT, CHECKPOINT_ID)? {
            let note = std::str::from_utf8(seen.body()).context("the last checkpoint")?;
            client.remember(note).context("the last checkpoint")?;
        }
        Ok(Self {
            issuer,
            client: Arc::new(client),
        })
    }

    /// Submits what is queued until it is aborted.
    pub(crate) async fn run(self) {
        let mut arrivals = self.issuer.outbox.arrivals();
        let mut refresh = tokio::time::interval(REFRESH_INTERVAL);
        let mut lanes: JoinSet<Lane> = JoinSet::new();
        let mut busy: HashSet<Lane> = HashSet::new();
        self.mirror_all().await;
        loop {
            self.start_lanes(&mut lanes, &mut busy).await;
            tokio::select! {
                changed = arrivals.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                Some(ended) = lanes.join_next(), if !lanes.is_empty() => match ended {
                    Ok(lane) => {
                        busy.remove(&lane);
                    }
                    Err(error) => {
                        tracing::error!(%error, "a lane to the registry ended");
                        busy.clear();
                        lanes.abort_all();
                    }
                },
                _ = refresh.tick() => self.refresh().await,
            }
        }
    }

    async fn start_lanes(&self, lanes: &mut JoinSet<Lane>, busy: &mut HashSet<Lane>) {
        let in_flight = busy.clone();
        let firsts = blocking(&self.issuer, move |issuer| {
            first_of_each_lane(&issuer.vault, |lane| in_flight.contains(&lane))
        });
        let firsts = match firsts.await {
            Ok(Ok(firsts)) => firsts,
            Ok(Err(error)) => {
                fault(&error);
                return;
            }
            Err(_panicked) => return,
        };
        for queued in firsts
            .into_iter()
            .take(LANES_MAX.saturating_sub(busy.len()))
        {
            busy.insert(queued.lane);
            let (issuer, client) = (Arc::clone(&self.issuer), Arc::clone(&self.client));
            lanes.spawn(async move {
                let lane = queued.lane;
                if let Err(pause) = submit(&issuer, &client, queued).await {
                    tokio::time::sleep(pause).await;
                }
                lane
            });
        }
    }

    /// Takes over the active process definition, and remembers the checkpoint by which it is active.
    async fn refresh(&self) {
        match activate(&self.issuer, &self.client).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the registry's trusted parties cannot be read"),
        }
    }

    /// Gives the nodes the status lists that stand on the registry: a node may have been away when they were recorded.
    async fn mirror_all(&self) {
        for list in 0..self.issuer.config.status_lists {
            mirror(&self.issuer, &self.client, list).await;
        }
    }
}

/// Brings one record to the registry and notes its receipt; or says how long the lane shall wait.
async fn submit(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
    queued: QueuedRecord,
) -> Result<(), Duration> {
    let record = UnverifiedRecord::decode(&queued.record)
        .and_then(|record| record.verify(&issuer.author.network));
    let Ok(record) = record else {
        tracing::error!(lane = %queued.lane, "a queued record cannot be read");
        return Err(REFUSED_PAUSE);
    };
    match client.submit(&record, &[]).await {
        Ok(receipt) => {
            let recorded = Recorded {
                index: receipt.entry().index(),
                receipt: receipt.text().to_owned(),
            };
            note(issuer, client, queued, recorded).await
        }
        Err(SubmitError::Refused(refusal)) => {
            recover(issuer, client, queued, &record, refusal).await
        }
        Err(error @ (SubmitError::Unavailable(_) | SubmitError::NoNode)) => {
            tracing::warn!(lane = %queued.lane, %error, "a record waits for the registry");
            Err(RETRY_PAUSE)
        }
    }
}

async fn note(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
    queued: QueuedRecord,
    recorded: Recorded,
) -> Result<(), Duration> {
    let lane = queued.lane;
    let noted = blocking(issuer, move |issuer| {
        confirmation::confirm(issuer, &queued, &recorded, clock::now())
    });
    match noted.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            fault(&error);
            return Err(RETRY_PAUSE);
        }
        Err(_panicked) => return Err(RETRY_PAUSE),
    }
    if let Lane::StatusList(id) = lane
        && let Some(list) = status::number(issuer, id)
    {
        mirror(issuer, client, list).await;
    }
    Ok(())
}

/// A refused case event may have been overtaken by a new process definition: then it is made anew by that one. Or it
/// stands already, made by the one before.
async fn recover(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
    queued: QueuedRecord,
    record: &Record,
    refusal: Refusal,
) -> Result<(), Duration> {
    tracing::error!(lane = %queued.lane, sequence = queued.sequence, %refusal, "the registry refuses a record");
    let Body::CaseEvent(event) = record.body() else {
        return Err(REFUSED_PAUSE);
    };
    if let Some(index) = standing(client, event.case, record).await {
        let recorded = Recorded {
            index,
            receipt: String::new(),
        };
        return note(issuer, client, queued, recorded).await;
    }
    let before = issuer.definition().version;
    let renewed = activate(issuer, client).await.is_ok() && issuer.definition().version != before;
    if !renewed && event.definition == before {
        return Err(REFUSED_PAUSE);
    }
    let case = event.case;
    match blocking(issuer, move |issuer| case::renew(issuer, case)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            fault(&error);
            Err(REFUSED_PAUSE)
        }
        Err(_panicked) => Err(RETRY_PAUSE),
    }
}

/// The index at which an event with the same commitment stands in the case.
async fn standing(client: &RegistryClient, case: CaseId, record: &Record) -> Option<u64> {
    let Body::CaseEvent(ours) = record.body() else {
        return None;
    };
    let entries = client.case(&case).await.ok()?;
    let found = entries.iter().find(|entry| {
        matches!(entry.record().body(), Body::CaseEvent(theirs)
            if theirs.sequence == ours.sequence && theirs.commitment == ours.commitment)
    });
    found.map(registry_client_index)
}

fn registry_client_index(entry: &protocol::registry::receipt::VerifiedEntry) -> u64 {
    entry.index()
}

async fn activate(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
) -> Result<(), registry_client::ReadError> {
    let now: Timestamp = clock::now();
    let trusted = client.trusted_parties(now).await?;
    let Some(checkpoint) = client.last_checkpoint() else {
        return Ok(());
    };
    // What is submitted now stands in a later block than the last.
    let next = checkpoint.checkpoint().height.saturating_add(1);
    issuer.activate(trusted.parties().process_definition_at(next).clone());
    let note = checkpoint.as_note().to_owned();
    let remembered = blocking(issuer, move |issuer| {
        let changes = Changes::new().put(CHECKPOINT, CHECKPOINT_ID, SCHEMA, note.as_bytes());
        crate::store::commit(&issuer.vault, &changes)
    });
    if let Ok(Err(error)) = remembered.await {
        fault(&error);
    }
    Ok(())
}

async fn mirror(issuer: &Arc<Issuer>, client: &RegistryClient, list: u16) {
    let published: Result<Result<_, StoreError>, _> =
        blocking(issuer, move |issuer| status::published(issuer, list)).await;
    let Ok(Ok(Some(version))) = published else {
        return;
    };
    match client.publish_status_list(&version.token).await {
        Ok(nodes) => tracing::info!(list, nodes, "status list mirrored"),
        Err(error) => tracing::warn!(list, %error, "no node took a status list"),
    }
}
