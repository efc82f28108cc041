//! Copies of a node: an old image of its disk is put back, and a second instance runs with the same keys.

use std::time::Duration;

use anyhow::ensure;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::{Instant, sleep};

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::{Cluster, TwinData};

/// Records that become final after an image was taken, and after it was put back.
const PROGRESS: usize = 10;

/// Blocks of an epoch, which each image waits for.
const IMAGE_EPOCH_BLOCKS: u64 = 100;
/// Until an epoch is over, on a machine with other work.
const EPOCH_PATIENCE: Duration = Duration::from_secs(120);

/// Takes an image of a random node's disk, lets it go on, and puts the image back: it must follow again, and no other ledger may come of
/// it. What lies with its keys says in which epoch it voted; it stays, as on a machine whose data disk alone was restored.
pub async fn images(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut plan = settings.plan();
    plan.epoch_blocks = IMAGE_EPOCH_BLOCKS;
    let mut cluster = Cluster::start(&plan).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for number in 0..settings.times {
        let victim = below(&mut rng, settings.nodes);
        load.progress(PROGRESS, RECOVERY).await?;
        let image = cluster.folder().join(format!("image{number}"));
        cluster.node(victim)?.kill().await?;
        cluster.node(victim)?.take_image(&image)?;
        cluster.node(victim)?.launch()?;
        cluster.wait_for(victim).await?;
        let old = cluster.health(victim).await.map(|health| health.height);
        load.progress(PROGRESS, RECOVERY).await?;
        sleep(between(&mut rng, 100, 3_000)).await;
        let new = cluster.health(victim).await.map(|health| health.height);
        cluster.node(victim)?.kill().await?;
        cluster.node(victim)?.put_image(&image)?;
        cluster.node(victim)?.launch()?;
        cluster.wait_for(victim).await?;
        fired += usize::from(new > old);
        std::fs::remove_dir_all(image)?;
        load.progress(PROGRESS, RECOVERY).await?;
        next_epoch(&cluster, victim).await?;
    }
    conclude("old images", settings, &mut cluster, load, fired).await
}

/// Starts a second instance of a random node: on the same data, which it must refuse, and from a copy of the folder, where it runs beside
/// the first for a while. There must be one ledger, whatever the two say.
pub async fn twins(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for _fault in 0..settings.times {
        let victim = below(&mut rng, settings.nodes);
        load.progress(PROGRESS, RECOVERY).await?;
        cluster.node(victim)?.kill().await?;
        let mut twin = cluster.twin(victim, TwinData::Copied)?;
        cluster.node(victim)?.launch()?;
        cluster.wait_for(victim).await?;
        refuses_the_folder(&mut cluster, victim).await?;
        twin.launch()?;
        sleep(between(&mut rng, 2_000, 6_000)).await;
        fired += usize::from(twin.is_running());
        twin.kill().await?;
        std::fs::remove_dir_all(&twin.folder)?;
        // The first may have ended for its twin's sake: an operator starts it again.
        cluster.launch_all()?;
        load.progress(PROGRESS, RECOVERY).await?;
    }
    conclude("two instances", settings, &mut cluster, load, fired).await
}

/// Waits until a node is in a later epoch, in which it votes again: more nodes without votes in one epoch than may be faulty end the
/// ledger there.
async fn next_epoch(cluster: &Cluster, node: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let height = async || Some(cluster.health(node).await?.height);
    let first = height().await.unwrap_or_default() / IMAGE_EPOCH_BLOCKS;
    while height()
        .await
        .is_none_or(|now| now / IMAGE_EPOCH_BLOCKS == first)
    {
        ensure!(
            begun.elapsed() < EPOCH_PATIENCE,
            "N10: no new epoch within {EPOCH_PATIENCE:?}"
        );
        sleep(super::POLL).await;
    }
    Ok(())
}

async fn refuses_the_folder(cluster: &mut Cluster, number: usize) -> anyhow::Result<()> {
    let mut second = cluster.twin(number, TwinData::Shared)?;
    second.launch()?;
    let begun = Instant::now();
    while second.is_running() {
        if begun.elapsed() > RECOVERY {
            second.kill().await?;
            anyhow::bail!("N9: a second instance runs on the data of node {number}");
        }
        sleep(super::POLL).await;
    }
    std::fs::remove_dir_all(&second.folder)?;
    let first = cluster.node(number)?;
    ensure!(first.is_running(), "the first instance ended");
    Ok(())
}
