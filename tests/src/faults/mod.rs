//! Faults of real nodes under load, any number of them, and what must hold nevertheless.
//!
//! Every run ends the same way: the faults stop, every client gets its last receipt within [`RECOVERY`] (N10), all nodes come to the
//! same log (N1), and [`History::violations`](crate::cluster::history::History::violations) compares that log with what
//! clients were told (N3, N4, N7).

mod clocks;
mod copies;
mod disks;
mod kills;
mod overload;
mod partitions;
mod pauses;
mod soak;
mod upgrades;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use serde::Serialize;
use tokio::time::sleep;

pub use clocks::clocks;
pub use copies::{images, twins};
pub use disks::disks;
pub use kills::{cluster_kills, kills};
pub use overload::overload;
pub use partitions::partitions;
pub use pauses::pauses;
pub use soak::soak;
pub use upgrades::upgrades;

use crate::cluster::load::{Load, Pace};
use crate::cluster::{Cluster, Log, Plan, fetch_log, tail};

/// After the faults have stopped, all must be well within this time.
pub const RECOVERY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// What a node may use at most: resident memory, and open files.
const RESIDENT_BYTES_MAX: u64 = 512 << 20;
const FILES_MAX: usize = 2_048;

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's program.
    pub program: PathBuf,
    /// How often the fault is to happen.
    pub times: usize,
    /// How many validators there are.
    pub nodes: usize,
    /// How many clients submit.
    pub clients: usize,
    /// Where the choices come from.
    pub seed: u64,
}

impl Settings {
    fn plan(&self) -> Plan {
        Plan::new(self.nodes, self.program.clone())
    }

    fn load(&self, cluster: &Cluster) -> anyhow::Result<Load> {
        let pace = Pace {
            clients: self.clients,
            pause: Duration::from_millis(5),
        };
        Load::start(cluster, pace, self.seed)
    }

    /// How many nodes may fail without harm to progress.
    const fn tolerated(&self) -> usize {
        self.nodes.saturating_sub(1) / 3
    }
}

/// What a scenario showed.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Which.
    pub scenario: &'static str,
    /// Where the choices came from.
    pub seed: u64,
    /// How many faults were to happen.
    pub planned: usize,
    /// How many were seen to happen.
    pub fired: usize,
    /// Different records that were acknowledged.
    pub acknowledged: usize,
    /// Attempts without a definite answer.
    pub unavailable: u64,
    /// The longest time without an acknowledgement.
    pub longest_silence_ms: u128,
    /// From the end of the faults until all was well.
    pub recovery_ms: u128,
    /// What must not be.
    pub violations: Vec<String>,
}

impl Outcome {
    /// Whether nothing was violated, in a run that counts: every fault happened, and records became final all the same.
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.counts()
    }

    fn counts(&self) -> bool {
        self.fired == self.planned && self.acknowledged > self.planned
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} of {} faults, {} records acknowledged, {} attempts unanswered, longest silence {} ms, well again after {} ms, \
             {} violations (seed {})",
            self.scenario,
            self.fired,
            self.planned,
            self.acknowledged,
            self.unavailable,
            self.longest_silence_ms,
            self.recovery_ms,
            self.violations.len(),
            self.seed
        )?;
        if !self.counts() {
            write!(formatter, "\n  the run does not count")?;
        }
        let mut violations = self.violations.iter();
        violations.try_for_each(|violation| write!(formatter, "\n  {violation}"))
    }
}

/// The faults are over: everything runs, reaches everything, and has time to recover; then all is compared.
async fn conclude(
    scenario: &'static str,
    settings: &Settings,
    cluster: &mut Cluster,
    load: Load,
    fired: usize,
) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    cluster.launch_all()?;
    cluster.wait_for_all().await?;
    let history = load.finish(RECOVERY).await?;
    let logs = equal_logs(cluster).await?;
    let recovery_ms = begun.elapsed().as_millis();
    let log = logs.first().context("there are nodes")?;
    let mut violations = history.violations(log);
    violations.extend(within_limits(cluster)?);
    Ok(Outcome {
        scenario,
        seed: settings.seed,
        planned: settings.times,
        fired,
        acknowledged: history.acknowledged_records(),
        unavailable: history.unavailable(),
        longest_silence_ms: history.longest_silence().as_millis(),
        recovery_ms,
        violations,
    })
}

/// N1 and N10: waits until every node has the same log, and fetches it from each.
async fn equal_logs(cluster: &Cluster) -> anyhow::Result<Vec<Log>> {
    let begun = Instant::now();
    loop {
        let mut logs = Vec::new();
        for node in &cluster.nodes {
            if let Ok(log) = fetch_log(cluster.http(), &node.url, &cluster.genesis).await {
                logs.push(log);
            }
        }
        let first = logs.first();
        let agree = first.is_none_or(|first| logs.iter().all(|log| log.agrees_with(first)));
        ensure!(agree, "N1: two nodes show different logs");
        let all = logs.len() == cluster.nodes.len();
        if all && first.is_some_and(|first| logs.iter().all(|log| log.size() == first.size())) {
            return Ok(logs);
        }
        if begun.elapsed() > RECOVERY {
            let sizes: Vec<_> = logs.iter().map(Log::size).collect();
            let tails = cluster.nodes.iter().map(|node| tail(&node.log()));
            let tails: Vec<_> = tails.collect();
            anyhow::bail!(
                "N10: the nodes have {sizes:?} records {RECOVERY:?} after the faults\n{}",
                tails.join("\n--\n")
            );
        }
        sleep(POLL).await;
    }
}

/// N11, as it is at the end of a run.
fn within_limits(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (number, node) in cluster.nodes.iter().enumerate() {
        let usage = node.usage()?;
        if usage.resident_bytes > RESIDENT_BYTES_MAX {
            let mib = usage.resident_bytes >> 20;
            found.push(format!("N11: node {number} holds {mib} MiB"));
        }
        if usage.files > FILES_MAX {
            found.push(format!("N11: node {number} has {} files open", usage.files));
        }
    }
    Ok(found)
}

/// A number below `bound`, which is not 0.
fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    rng.next_u32() as usize % bound
}

/// A time between two.
fn between(rng: &mut ChaCha20Rng, least_ms: usize, most_ms: usize) -> Duration {
    let ms = least_ms + below(rng, most_ms - least_ms);
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
