//! Clients that submit one record after the other while nodes fail, and write down what they are told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::identity::SigningKey;
use protocol::registry::receipt::verify_receipt;
use protocol::registry::record::{Body, CaseEvent, Record};
use protocol::registry::{CaseId, Commitment, Genesis, OPENED, Salt};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use super::Cluster;
use super::history::{Acknowledgement, History, Recorder};
use super::log::fetch_checkpoint;
use crate::sandbox::http::below;

/// After an attempt without an answer.
const PAUSE: Duration = Duration::from_millis(50);
/// Every record of this many is submitted again after its receipt.
const AGAIN_OF: u32 = 8;
/// A checkpoint is read after every record of this many.
const READ_OF: u32 = 8;

/// How hard clients try.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many at a time.
    pub clients: usize,
    /// Between two records of one client.
    pub pause: Duration,
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts clients of all nodes.
    pub fn start(cluster: &Cluster, pace: Pace, seed: u64) -> anyhow::Result<Self> {
        Self::start_at(cluster, &cluster.urls(), pace, seed)
    }

    /// Starts clients of some nodes. Nodes are numbered as given here.
    pub fn start_at(
        cluster: &Cluster,
        nodes: &[Url],
        pace: Pace,
        seed: u64,
    ) -> anyhow::Result<Self> {
        ensure!(!nodes.is_empty(), "clients need a node");
        let recorder = Arc::new(Recorder::default());
        let (stop, stopped) = watch::channel(false);
        let mut clients = JoinSet::new();
        for number in 0..u64::try_from(pace.clients)? {
            let client = Client {
                nodes: nodes.to_vec(),
                http: cluster.http().clone(),
                genesis: Arc::clone(&cluster.genesis),
                issuer: Arc::clone(&cluster.issuer),
                recorder: Arc::clone(&recorder),
                rng: ChaCha20Rng::seed_from_u64(seed ^ (number << 32)),
                pause: pace.pause,
                stopped: stopped.clone(),
            };
            clients.spawn(client.run());
        }
        Ok(Self {
            recorder,
            stop,
            clients,
        })
    }

    /// What the clients see.
    pub const fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Waits until `more` acknowledgements have come from now on.
    pub async fn progress(&self, more: usize, patience: Duration) -> anyhow::Result<()> {
        let target = self.recorder.count() + more;
        let mut latest = self.recorder.subscribe();
        let reached = latest.wait_for(|latest| latest.count >= target);
        timeout(patience, reached).await.with_context(|| {
            format!("N10: no {more} records became final within {patience:?}")
        })??;
        Ok(())
    }

    /// Tells the clients to end: each gets its last receipt first, and all must get theirs in time.
    pub async fn finish(mut self, patience: Duration) -> anyhow::Result<History> {
        self.stop.send_replace(true);
        let ended = timeout(patience, async {
            while let Some(ended) = self.clients.join_next().await {
                ended.context("a client panicked")?;
            }
            anyhow::Ok(())
        });
        ended
            .await
            .with_context(|| format!("N10: no receipts within {patience:?} after the faults"))??;
        Ok(self.recorder.take())
    }
}

struct Client {
    nodes: Vec<Url>,
    http: reqwest::Client,
    genesis: Arc<Genesis>,
    issuer: Arc<SigningKey>,
    recorder: Arc<Recorder>,
    rng: ChaCha20Rng,
    pause: Duration,
    stopped: watch::Receiver<bool>,
}

impl Client {
    async fn run(mut self) {
        while !*self.stopped.borrow() {
            let record = opening_of_a_case(&self.genesis, &self.issuer, &mut self.rng);
            let number = self.recorder.record(record.leaf_hash());
            let begun = Instant::now();
            self.until_acknowledged(number, &record, begun).await;
            if self.rng.next_u32().is_multiple_of(AGAIN_OF) {
                self.attempt(number, &record, Instant::now()).await;
            }
            if self.rng.next_u32().is_multiple_of(READ_OF) {
                self.read().await;
            }
            sleep(self.pause).await;
        }
    }

    async fn until_acknowledged(&mut self, number: usize, record: &Record, begun: Instant) {
        while !self.attempt(number, record, begun).await {
            sleep(PAUSE).await;
        }
    }

    /// Submits a record to a random node. Whether nothing more is to be done for it.
    async fn attempt(&mut self, number: usize, record: &Record, begun_at: Instant) -> bool {
        let node = self.rng.next_u32() as usize % self.nodes.len();
        let begun = self.recorder.begin();
        match self.submit(node, record).await {
            Ok((StatusCode::OK, receipt)) => {
                match verify_receipt(&receipt, record.as_bytes(), self.genesis.committees()) {
                    Ok(entry) => {
                        let real = Acknowledgement {
                            begun: begun_at,
                            ended: Instant::now(),
                        };
                        let (told, under) = ((node, entry.index()), entry.checkpoint());
                        self.recorder
                            .acknowledged((number, begun), told, real, under);
                    }
                    Err(error) => self.recorder.refused(format!("a false receipt: {error}")),
                }
                true
            }
            Ok((status, problem))
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                let refused = format!("node {node} refused a record: {status} {problem}");
                self.recorder.refused(refused);
                true
            }
            Ok(_) | Err(_) => {
                self.recorder.unknown(number, begun);
                false
            }
        }
    }

    async fn submit(&self, node: usize, record: &Record) -> anyhow::Result<(StatusCode, String)> {
        let url = below(self.nodes.get(node).context("no such node")?, "records")?;
        let request = self.http.post(url);
        let request = request.header("content-type", "application/cbor");
        let answer = request.body(record.as_bytes().to_vec()).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    async fn read(&mut self) {
        let node = self.rng.next_u32() as usize % self.nodes.len();
        if let Some(url) = self.nodes.get(node)
            && let Ok(checkpoint) = fetch_checkpoint(&self.http, url, &self.genesis).await
        {
            self.recorder.saw(&checkpoint);
        }
    }
}

/// A record that opens a new case.
pub fn opening_of_a_case(genesis: &Genesis, key: &SigningKey, rng: &mut ChaCha20Rng) -> Record {
    let event = CaseEvent {
        case: CaseId::random(rng),
        sequence: 0,
        code: OPENED,
        definition: 1,
        commitment: Commitment::from_bytes(*Salt::random(rng).as_bytes()),
    };
    Record::sign(genesis.network(), Body::CaseEvent(event), key)
}
