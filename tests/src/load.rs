//! Records under load, while one node loses power.
//!
//! The records are case events: each opens a case of its own, signed by the issuer's record key, which the sandbox owns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::identity::SigningKey;
use protocol::registry::receipt::verify_receipt;
use protocol::registry::record::{Body, CaseEvent, Record};
use protocol::registry::{CaseId, Commitment, Genesis, NetworkId, OPENED, Salt};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use url::Url;

use crate::ledger;
use crate::sandbox::Sandbox;
use crate::sandbox::http::{Http, below};

/// Which node is killed: C's.
const VICTIM: usize = 3;
const CLIENTS: usize = 16;
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// What the load showed.
#[derive(Debug)]
pub struct LoadResult {
    /// Records that were acknowledged with a receipt.
    pub acknowledged: Vec<Acknowledged>,
    /// Of these, after the node was killed.
    pub acknowledged_after_kill: usize,
    /// Records per second, over the whole.
    pub records_per_second: u64,
    /// From the killed node's start until it had the whole ledger.
    pub caught_up_ms: u64,
}

/// A record that was acknowledged: its bytes and its index.
pub type Acknowledged = (Vec<u8>, u64);

struct Load {
    http: Http,
    genesis: Genesis,
    nodes: Vec<Url>,
    records: Vec<Record>,
    next: AtomicUsize,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

/// Submits `count` records to all nodes but the victim, kills the victim with SIGKILL after a third of them, restarts it,
/// and checks that every acknowledged record stands where its receipt says, on a survivor and on the one that came back.
pub async fn run(sandbox: &mut Sandbox, count: usize) -> anyhow::Result<LoadResult> {
    let load = Arc::new(Load::prepare(sandbox, count)?);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(Arc::clone(&load).submit_all(client));
    }
    while load.acknowledged.lock().await.len() < count / 3 {
        ensure!(!clients.is_empty(), "the clients ended early");
        tokio::time::sleep(POLL).await;
        fail_early(&mut clients).await?;
    }
    sandbox
        .nodes
        .get_mut(VICTIM)
        .context("there are four nodes")?
        .kill()
        .await?;
    let before_kill = load.acknowledged.lock().await.len();
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let elapsed = begun.elapsed();
    let acknowledged = load.acknowledged.lock().await.clone();
    ensure!(
        acknowledged.len() == count,
        "{} of {count} records were acknowledged",
        acknowledged.len()
    );

    let survivor = load.nodes.first().context("there are four nodes")?;
    load.check_none_missing(survivor, &acknowledged).await?;
    let restarted = Instant::now();
    sandbox.restart_node(VICTIM).await?;
    let victim = sandbox
        .nodes
        .get(VICTIM)
        .context("there are four nodes")?
        .url
        .clone();
    load.wait_until_caught_up(survivor, &victim).await?;
    let caught_up_ms = u64::try_from(restarted.elapsed().as_millis())?;
    load.check_none_missing(&victim, &acknowledged).await?;
    Ok(LoadResult {
        acknowledged_after_kill: acknowledged.len() - before_kill,
        records_per_second: u64::try_from(
            acknowledged.len() as u128 * 1_000 / elapsed.as_millis().max(1),
        )?,
        caught_up_ms,
        acknowledged,
    })
}

/// Submits records to one node, and gives what was acknowledged.
pub async fn submit(
    sandbox: &Sandbox,
    node: usize,
    count: usize,
) -> anyhow::Result<Vec<Acknowledged>> {
    let mut load = Load::prepare(sandbox, count)?;
    load.nodes = vec![sandbox.nodes.get(node).context("no such node")?.url.clone()];
    let load = Arc::new(load);
    Arc::clone(&load).submit_all(0).await?;
    let acknowledged = load.acknowledged.lock().await.clone();
    ensure!(
        acknowledged.len() == count,
        "{} of {count} records were acknowledged",
        acknowledged.len()
    );
    Ok(acknowledged)
}

/// Checks on every node that each acknowledged record stands where its receipt said.
pub async fn check_none_missing(
    sandbox: &Sandbox,
    acknowledged: &[Acknowledged],
) -> anyhow::Result<()> {
    let load = Load::prepare(sandbox, 0)?;
    let newest = acknowledged
        .iter()
        .map(|(_, index)| index + 1)
        .max()
        .unwrap_or_default();
    for node in &sandbox.nodes {
        load.wait_for_size(&node.url, newest).await?;
        load.check_none_missing(&node.url, acknowledged).await?;
    }
    Ok(())
}

impl Load {
    fn prepare(sandbox: &Sandbox, count: usize) -> anyhow::Result<Self> {
        let genesis = sandbox.site.read_genesis()?;
        let key = sandbox.site.issuer_record_key()?;
        let records = (0..count)
            .map(|_| opening_of_a_case(genesis.network(), &key))
            .collect();
        let survivors = sandbox
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != VICTIM);
        Ok(Self {
            http: sandbox.http.clone(),
            genesis,
            nodes: survivors.map(|(_, node)| node.url.clone()).collect(),
            records,
            next: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
        })
    }

    /// One client: takes the next record, submits it to its node, checks the receipt, and so on.
    async fn submit_all(self: Arc<Self>, client: usize) -> anyhow::Result<()> {
        let node = self
            .nodes
            .get(client % self.nodes.len())
            .context("there are nodes")?;
        let url = below(node, "records")?;
        while let Some(record) = self.records.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let index = self.submit(&url, record).await?;
            self.acknowledged
                .lock()
                .await
                .push((record.as_bytes().to_vec(), index));
        }
        Ok(())
    }

    async fn submit(&self, url: &Url, record: &Record) -> anyhow::Result<u64> {
        let deadline = Instant::now() + CATCH_UP_PATIENCE;
        loop {
            let request = self
                .http
                .posting(url)
                .header("content-type", "application/cbor");
            let answer = self
                .http
                .send(
                    request
                        .timeout(CATCH_UP_PATIENCE)
                        .body(record.as_bytes().to_vec()),
                )
                .await?;
            // A record may be submitted again: it has one identity.
            if answer.status.as_u16() == 503 && Instant::now() < deadline {
                tokio::time::sleep(POLL).await;
                continue;
            }
            let text = String::from_utf8_lossy(&answer.body);
            ensure!(
                answer.status.is_success(),
                "a record was answered {}: {text}",
                answer.status
            );
            return Ok(
                verify_receipt(&text, record.as_bytes(), self.genesis.committees())?.index(),
            );
        }
    }

    async fn check_none_missing(
        &self,
        node: &Url,
        acknowledged: &[Acknowledged],
    ) -> anyhow::Result<()> {
        for (record, index) in acknowledged {
            let entry = ledger::fetch_entry(&self.http, node, *index).await?;
            ensure!(
                entry.record == *record,
                "entry {index} is another record than the one acknowledged"
            );
            verify_receipt(&entry.receipt, record, self.genesis.committees())?;
        }
        Ok(())
    }

    async fn wait_until_caught_up(&self, survivor: &Url, victim: &Url) -> anyhow::Result<()> {
        let target = ledger::size(&self.http, survivor, &self.genesis).await?;
        self.wait_for_size(victim, target).await
    }

    async fn wait_for_size(&self, node: &Url, target: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + CATCH_UP_PATIENCE;
        while ledger::size(&self.http, node, &self.genesis)
            .await
            .unwrap_or_default()
            < target
        {
            ensure!(
                Instant::now() < deadline,
                "a node does not catch up to {target} records"
            );
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

fn opening_of_a_case(network: NetworkId, key: &SigningKey) -> Record {
    let mut rng = service::random::os();
    let event = CaseEvent {
        case: CaseId::random(&mut rng),
        sequence: 0,
        code: OPENED,
        definition: 1,
        commitment: Commitment::from_bytes(*Salt::random(&mut rng).as_bytes()),
    };
    Record::sign(network, Body::CaseEvent(event), key)
}

/// A client that ended with an error ends the load at once.
async fn fail_early(clients: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = clients.try_join_next() {
        ended??;
    }
    Ok(())
}
