//! Full disks: one node's writes fail, the others go on, and it comes back without repair once there is space.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::sleep;

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::{Cluster, Node, tail};

/// Room for what a run writes; what is free is filled up.
const DISK_BYTES: u64 = 512 << 20;
/// The disk is filled up to at most this many bytes, so that another write fails each time.
const SPARE_BYTES_MAX: usize = 64 * 1024;
const PROGRESS: usize = 10;
/// `ENOSPC`, as the system calls it: `errno(3)`.
const NO_SPACE: &str = "No space left on device";

/// Fills the disk of a random node, sees the others go on, frees the space, and starts the node again if it ended, as a supervisor would.
pub async fn disks(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut plan = settings.plan();
    plan.disk_bytes = Some(DISK_BYTES);
    let mut cluster = Cluster::start(&plan).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for _fault in 0..settings.times {
        let victim = below(&mut rng, settings.nodes);
        let spare = u64::try_from(below(&mut rng, SPARE_BYTES_MAX))?;
        let node = cluster.node(victim)?;
        let said = node.log().len();
        if let Some(disk) = &node.disk {
            disk.fill(spare)?;
        }
        load.progress(PROGRESS, RECOVERY).await?;
        fired += usize::from(met_the_end(cluster.node(victim)?, said).await);
        sleep(between(&mut rng, 0, 2_000)).await;
        let node = cluster.node(victim)?;
        if let Some(disk) = &node.disk {
            disk.free()?;
        }
        back(&mut cluster, victim).await?;
        load.progress(PROGRESS, RECOVERY).await?;
    }
    conclude("full disks", settings, &mut cluster, load, fired).await
}

/// Whether a write of the node fails for want of space, within the time that it takes to fill what was spared.
async fn met_the_end(node: &mut Node, said: usize) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < RECOVERY {
        if node.log_after(said).contains(NO_SPACE) {
            return true;
        }
        sleep(Duration::from_millis(100)).await;
    }
    false
}

/// The node follows again, restarted as often as it ends in the meantime.
async fn back(cluster: &mut Cluster, victim: usize) -> anyhow::Result<()> {
    let mut others = 0;
    for other in (0..cluster.nodes.len()).filter(|other| *other != victim) {
        let health = cluster.health(other).await;
        others = others.max(health.map_or(0, |health| health.cosigned));
    }
    let begun = Instant::now();
    loop {
        let size = cluster.health(victim).await.map(|health| health.cosigned);
        if size.is_some_and(|size| size >= others) {
            return Ok(());
        }
        let node = cluster.node(victim)?;
        if !node.is_running() {
            node.launch()?;
        }
        ensure!(
            begun.elapsed() < RECOVERY,
            "N10: node {victim} has {size:?} of {others} records {RECOVERY:?} after its disk had space again\n{}",
            tail(&node.log())
        );
        sleep(Duration::from_millis(100)).await;
    }
}
