//! The registry's side: openings of cases, signed by an issuer before the clock starts, each acknowledged with its receipt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use protocol::identity::SigningKey;
use protocol::registry::Genesis;
use protocol::registry::receipt::verify_receipt;
use protocol::registry::record::Record;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::net::TcpStream;
use url::Url;

use super::{Figures, Writer, measure};
use crate::cluster::load::opening_of_a_case;
use crate::cluster::{Cluster, fetch_log};

/// Records signed beforehand for every second of a run; a client that needs more signs as it goes.
const PREPARED_PER_SECOND: u64 = 8_000;
/// One receipt of so many is verified after the run.
const SAMPLED_OF: u32 = 64;

/// Records whose receipts are looked at again after the measurement.
type Samples = Arc<Mutex<Vec<(Record, String)>>>;

/// Lets clients of all nodes write for a while, and checks receipts and the log afterwards.
pub async fn load(cluster: &Cluster, clients: usize, seconds: Duration) -> anyhow::Result<Figures> {
    let samples = Samples::default();
    let prepared = PREPARED_PER_SECOND * seconds.as_secs().saturating_add(1);
    let prepared = usize::try_from(prepared)? / clients.max(1);
    let mut writers = Vec::new();
    for number in 0..clients {
        let node = cluster.nodes.get(number % cluster.nodes.len());
        let mut writer = Client {
            url: node.context("a network has nodes")?.url.clone(),
            connection: None,
            genesis: Arc::clone(&cluster.genesis),
            issuer: Arc::clone(&cluster.issuer),
            rng: ChaCha20Rng::seed_from_u64(service::random::os().next_u64()),
            prepared: Vec::new(),
            samples: Arc::clone(&samples),
        };
        for _record in 0..prepared {
            let record = writer.sign();
            writer.prepared.push(record);
        }
        writers.push(writer);
    }
    let servers: anyhow::Result<Vec<u32>> = cluster.nodes.iter().map(|node| node.id()).collect();
    let system = format!("registry, {} nodes", cluster.nodes.len());
    let figures = measure(system, writers, &servers?, seconds).await?;
    let samples = std::mem::take(&mut *samples.lock().unwrap_or_else(PoisonError::into_inner));
    check(cluster, &figures, &samples).await?;
    Ok(figures)
}

/// Submits records until the ledger has `records`.
pub async fn fill(cluster: &Cluster, clients: usize, records: u64) -> anyhow::Result<()> {
    loop {
        let health = cluster.health(0).await.context("node 0 does not answer")?;
        if health.cosigned >= records {
            return Ok(());
        }
        load(cluster, clients, Duration::from_secs(10)).await?;
    }
}

/// The receipts that were kept verify, and what they vouch for stands in the log.
async fn check(
    cluster: &Cluster,
    figures: &Figures,
    samples: &[(Record, String)],
) -> anyhow::Result<()> {
    let url = &cluster.nodes.first().context("a network has nodes")?.url;
    let log = fetch_log(cluster.http(), url, &cluster.genesis).await?;
    ensure!(
        log.size() >= u64::try_from(figures.records)?,
        "{} records were acknowledged and the log has {}",
        figures.records,
        log.size()
    );
    for (record, receipt) in samples {
        let entry = verify_receipt(receipt, record.as_bytes(), cluster.genesis.committees())?;
        ensure!(
            entry.index() >= log.size() || log.leaf(entry.index()) == Some(record.leaf_hash()),
            "the record with a receipt for {} is not there",
            entry.index()
        );
    }
    Ok(())
}

struct Client {
    url: Url,
    connection: Option<SendRequest<Full<Bytes>>>,
    genesis: Arc<Genesis>,
    issuer: Arc<SigningKey>,
    rng: ChaCha20Rng,
    prepared: Vec<Record>,
    samples: Samples,
}

impl Client {
    fn sign(&mut self) -> Record {
        opening_of_a_case(&self.genesis, &self.issuer, &mut self.rng)
    }

    async fn post(&mut self, record: &Record) -> anyhow::Result<String> {
        let authority = self.url.authority().to_owned();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&authority).await?),
        };
        let request = Request::post("/records")
            .header("host", authority)
            .header("content-type", "application/cbor")
            .body(Full::new(Bytes::copy_from_slice(record.as_bytes())))?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8(body.to_vec())?;
        if !status.is_success() {
            bail!("{status}: {text}");
        }
        Ok(text)
    }
}

impl Writer for Client {
    async fn write(&mut self) -> anyhow::Result<()> {
        let record = match self.prepared.pop() {
            Some(record) => record,
            None => self.sign(),
        };
        match self.post(&record).await {
            Ok(receipt) => {
                if self.rng.next_u32().is_multiple_of(SAMPLED_OF) {
                    let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
                    samples.push((record, receipt));
                }
                Ok(())
            }
            Err(error) => {
                // The answer may still be on its way: the next request needs a connection of its own.
                self.connection = None;
                Err(error)
            }
        }
    }
}

async fn connect(authority: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
