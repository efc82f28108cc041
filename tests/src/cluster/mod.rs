//! Registry nodes by themselves: real processes on loopback whose connections, disks, clocks and lives can be disturbed.

pub mod disk;
mod founding;
pub mod history;
mod image;
pub mod load;
mod log;
pub mod node;
pub mod proxy;
pub mod usage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::identity::SigningKey;
use protocol::registry::Genesis;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;
use url::Url;

pub use image::TwinData;
pub use log::{Log, fetch_log};
pub use node::Node;

use crate::sandbox::http::below;
use disk::SmallDisk;
use proxy::Proxy;

/// As in production.
const EPOCH_BLOCKS: u64 = 500;
const START_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How nodes reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// At their own ports.
    Direct,
    /// Through a [`Proxy`].
    Proxied,
}

/// What to set up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Members that vote.
    pub validators: usize,
    /// Members that follow and cosign.
    pub observers: usize,
    /// The node's program.
    pub program: PathBuf,
    /// How nodes reach each other.
    pub links: Links,
    /// The size of each node's own disk, if it has one.
    pub disk_bytes: Option<u64>,
    /// Connections that a node takes from one address.
    pub clients_per_address: usize,
    /// Process definitions beside the first.
    pub definitions: Vec<Value>,
    /// Blocks of an epoch.
    pub epoch_blocks: u64,
}

impl Plan {
    /// Validators that reach each other directly.
    pub const fn new(validators: usize, program: PathBuf) -> Self {
        Self {
            validators,
            observers: 0,
            program,
            links: Links::Direct,
            disk_bytes: None,
            clients_per_address: 1_024,
            definitions: Vec::new(),
            epoch_blocks: EPOCH_BLOCKS,
        }
    }
}

/// A running network. Everything ends with it.
#[derive(Debug)]
pub struct Cluster {
    /// Its nodes, validators first.
    pub nodes: Vec<Node>,
    /// The file that it started from.
    pub genesis: Arc<Genesis>,
    /// The issuer whose records it takes.
    pub issuer: Arc<SigningKey>,
    proxy: Option<Proxy>,
    http: reqwest::Client,
    folder: TempDir,
}

impl Cluster {
    /// Sets a network up and starts it.
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut cluster = Self::set_up(plan).await?;
        cluster.launch_all()?;
        cluster.wait_for_all().await?;
        Ok(cluster)
    }

    /// Sets a network up; no node runs.
    pub async fn set_up(plan: &Plan) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tegata-cluster-")
            .tempdir()?;
        let founding::Founded {
            mut nodes,
            places,
            genesis,
            issuer,
        } = founding::found(folder.path(), plan).context("setting the network up")?;
        if let Some(bytes) = plan.disk_bytes {
            for node in &mut nodes {
                let log = node.folder.join("disk.log");
                node.disk = Some(SmallDisk::mount(&node.folder.join("data"), bytes, &log).await?);
            }
        }
        let proxy = match plan.links {
            Links::Direct => None,
            Links::Proxied => Some(Proxy::start(&places).await?),
        };
        Ok(Self {
            nodes,
            genesis: Arc::new(genesis),
            issuer: Arc::new(issuer),
            proxy,
            http: reqwest::Client::builder()
                .timeout(ANSWER_TIMEOUT)
                .no_proxy()
                .build()?,
            folder,
        })
    }

    /// The network between the nodes, if it was planned.
    pub fn proxy(&self) -> anyhow::Result<&Proxy> {
        self.proxy.as_ref().context("the nodes are linked directly")
    }

    /// A node by its number.
    pub fn node(&mut self, number: usize) -> anyhow::Result<&mut Node> {
        self.nodes.get_mut(number).context("no such node")
    }

    /// Where the nodes answer.
    pub fn urls(&self) -> Vec<Url> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }

    /// A client for all nodes that keeps its connections.
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Starts all nodes that do not run, without waiting.
    pub fn launch_all(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            if !node.is_running() {
                node.launch()?;
            }
        }
        Ok(())
    }

    /// Waits until every node serves.
    pub async fn wait_for_all(&mut self) -> anyhow::Result<()> {
        for number in 0..self.nodes.len() {
            self.wait_for(number).await?;
        }
        Ok(())
    }

    /// Waits until a node serves.
    pub async fn wait_for(&mut self, number: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.health(number).await.is_none() {
            let node = self.node(number)?;
            ensure!(
                node.is_running(),
                "node {number} ended\n{}",
                tail(&node.log())
            );
            ensure!(
                begun.elapsed() < START_PATIENCE,
                "node {number} does not serve\n{}",
                tail(&node.log())
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// What a node says of itself, if it answers and is well.
    pub async fn health(&self, number: usize) -> Option<Health> {
        let url = below(&self.nodes.get(number)?.url, "healthz").ok()?;
        let answer = self.http.get(url).send().await.ok()?;
        let answer: Value = answer.error_for_status().ok()?.json().await.ok()?;
        Some(Health {
            height: answer.get("height")?.as_u64()?,
            cosigned: answer.get("cosigned")?.as_u64()?,
        })
    }

    /// The folder of everything.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Keeps the folder for people to read.
    pub fn keep(mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }
}

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Blocks that it has committed.
    pub height: u64,
    /// Records under the latest checkpoint that a quorum signed.
    pub cosigned: u64,
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(12);
    lines.get(from..).unwrap_or_default().join("\n")
}
