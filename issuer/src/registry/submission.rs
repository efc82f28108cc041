//! The task that brings queued records to the registry, lane by lane, and keeps to the active process definition.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context;
use protocol::{Timestamp, registry::record::UnverifiedRecord};
use registry_client::{Options, Reach, RegistryClient, SubmitError};
use service::clock;
use tokio::task::JoinSet;
use vault::{Changes, Kind};

use super::{
    Lane, QueuedRecord, Recorded, first_of_each_lane, group::Group, recovery::recover,
    waiting_events,
};
use crate::{
    api::{blocking, fault},
    confirmation,
    issuer::Issuer,
    status,
    store::{SCHEMA, StoreError},
};

const MEMORY: Kind = Kind::ordinary("registry-memory");
const MEMORY_ID: &str = "last";
/// Records that are submitted at one time.
const RECORDS_MAX: usize = 64;
/// Records with events of cases among them: what comes while these are on their way waits, and is sent together.
const EVENT_RECORDS_MAX: usize = 4;
/// How long a lane waits after a failure.
pub(super) const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How long a lane waits after a refusal that needs a person.
pub(super) const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Time between two looks at the process definitions.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// What became of a record on its way, and which lanes it has kept busy.
pub(super) struct Ended {
    pub(super) lanes: Vec<Lane>,
    pub(super) then: Then,
}

/// How lanes go on.
pub(super) enum Then {
    /// With the next record.
    Next,
    /// After a pause.
    Pause(Duration),
    /// One by one: the ledger refuses a group for any of its events.
    Alone,
}

/// The records on their way.
#[derive(Default)]
struct Sending {
    tasks: JoinSet<Ended>,
    pauses: JoinSet<Vec<Lane>>,
    busy: HashSet<Lane>,
    /// How many of the records are about events of cases.
    event_records: usize,
    /// Lanes of groups that were refused.
    alone: HashSet<Lane>,
}

impl Sending {
    fn start(&mut self, lanes: Vec<Lane>, record: impl Future<Output = Ended> + Send + 'static) {
        self.event_records += usize::from(is_of_case(&lanes));
        self.busy.extend(lanes);
        self.tasks.spawn(record);
    }

    fn end(&mut self, ended: Ended) {
        if is_of_case(&ended.lanes) {
            self.event_records = self.event_records.saturating_sub(1);
        }
        match ended.then {
            Then::Next => {
                for lane in &ended.lanes {
                    self.alone.remove(lane);
                }
                self.free(&ended.lanes);
            }
            Then::Pause(pause) => {
                let paused = async move {
                    tokio::time::sleep(pause).await;
                    ended.lanes
                };
                self.pauses.spawn(paused);
            }
            Then::Alone => {
                self.free(&ended.lanes);
                self.alone.extend(ended.lanes);
            }
        }
    }

    fn free(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            self.busy.remove(lane);
        }
    }

    /// What cannot be sent now: its lane is busy, or enough is on its way and it will be sent with others.
    fn must_wait(&self, lane: Lane) -> bool {
        let may_join_others = matches!(lane, Lane::Case(_)) && !self.alone.contains(&lane);
        self.busy.contains(&lane)
            || self.tasks.len() >= RECORDS_MAX
            || (may_join_others && self.event_records >= EVENT_RECORDS_MAX)
    }

    /// A task of this service failed: everything is sent again.
    fn start_anew(&mut self) {
        *self = Self::default();
    }
}

fn is_of_case(lanes: &[Lane]) -> bool {
    matches!(lanes.first(), Some(Lane::Case(_)))
}

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
        if let Some(seen) = issuer.vault.get(MEMORY, MEMORY_ID)? {
            let memory = std::str::from_utf8(seen.body()).context("what was seen last")?;
            client.recall(memory).context("what was seen last")?;
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
        let mut sending = Sending::default();
        self.mirror_all().await;
        loop {
            self.send(&mut sending).await;
            tokio::select! {
                changed = arrivals.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                Some(ended) = sending.tasks.join_next(), if !sending.tasks.is_empty() => match ended {
                    Ok(ended) => sending.end(ended),
                    Err(error) => {
                        tracing::error!(%error, "a lane to the registry ended");
                        sending.start_anew();
                    }
                },
                Some(paused) = sending.pauses.join_next(), if !sending.pauses.is_empty() => match paused {
                    Ok(lanes) => sending.free(&lanes),
                    Err(_cancelled) => sending.start_anew(),
                },
                _ = refresh.tick() => self.refresh().await,
            }
        }
    }

    /// Sends what waits: events together where there are several, everything else one by one.
    async fn send(&self, sending: &mut Sending) {
        let in_flight = sending.busy.clone();
        let alone = sending.alone.clone();
        let found = blocking(&self.issuer, move |issuer| {
            let firsts = first_of_each_lane(&issuer.vault, |lane| in_flight.contains(&lane))?;
            let skip = |lane| in_flight.contains(&lane) || alone.contains(&lane);
            let events = waiting_events(&issuer.vault, &issuer.author, skip)?;
            Ok::<_, StoreError>((firsts, Group::of(&issuer.author, events)))
        });
        let (firsts, group) = match found.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                fault(&error);
                return;
            }
            Err(_panicked) => return,
        };
        let (issuer, client) = (&self.issuer, &self.client);
        if let Some(group) = group.filter(|_| sending.event_records < EVENT_RECORDS_MAX) {
            let (issuer, client) = (Arc::clone(issuer), Arc::clone(client));
            sending.start(group.lanes(), async move {
                group.submit(&issuer, &client).await
            });
        }
        for queued in firsts {
            if sending.must_wait(queued.lane) {
                continue;
            }
            let (issuer, client) = (Arc::clone(issuer), Arc::clone(client));
            sending.start(vec![queued.lane], async move {
                let lanes = vec![queued.lane];
                let then = match submit(&issuer, &client, queued).await {
                    Ok(()) => Then::Next,
                    Err(pause) => Then::Pause(pause),
                };
                Ended { lanes, then }
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

/// Takes over the definition of the last checkpoint, unless a newer one is known, and remembers what was seen.
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
    let memory = client.memory().unwrap_or_default();
    let remembered = blocking(issuer, move |issuer| {
        let changes = Changes::new().put(MEMORY, MEMORY_ID, SCHEMA, memory.as_bytes());
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
