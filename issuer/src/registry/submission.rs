//! The task that brings queued records to the registry, lane by lane, and keeps to the active process definition.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context;
use protocol::{Timestamp, registry::record::UnverifiedRecord};
use registry_client::{Options, Reach, RegistryClient, SubmitError};
use service::clock;
use tokio::task::JoinSet;
use vault::{Changes, Kind};

use super::{Lane, QueuedRecord, Recorded, first_of_each_lane, recovery::recover};
use crate::{
    api::{blocking, fault},
    confirmation,
    issuer::Issuer,
    status,
    store::{SCHEMA, StoreError},
};

const CHECKPOINT: Kind = Kind::ordinary("registry-checkpoint");
const CHECKPOINT_ID: &str = "last";
/// Lanes that are submitted at one time.
const LANES_MAX: usize = 64;
/// How long a lane waits after a failure.
pub(super) const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How long a lane waits after a refusal that needs a person.
pub(super) const REFUSED_PAUSE: Duration = Duration::from_secs(60);
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
            let (lane, sequence) = (queued.lane, queued.sequence);
            tracing::warn!(%lane, sequence, %refusal, "the registry refuses a record");
            recover(issuer, client, queued, &record).await
        }
        Err(error @ (SubmitError::Unavailable(_) | SubmitError::Fork(_) | SubmitError::NoNode)) => {
            tracing::warn!(lane = %queued.lane, %error, "a record waits for the registry");
            Err(RETRY_PAUSE)
        }
    }
}

pub(super) async fn note(
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

/// Takes over the definition of the last checkpoint, unless a newer one is known, and remembers the checkpoint.
async fn activate(
    issuer: &Arc<Issuer>,
    client: &RegistryClient,
) -> Result<(), registry_client::ReadError> {
    let now: Timestamp = clock::now();
    let trusted = client.trusted_parties(now).await?;
    let Some(checkpoint) = client.last_checkpoint() else {
        return Ok(());
    };
    let height = checkpoint.checkpoint().height;
    let active = trusted.parties().process_definition_at(height);
    if active.version > issuer.definition().version {
        issuer.activate(active.clone());
    }
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
