//! Hours of light faults: one at a time, of every kind that needs nothing special, while memory is watched.

use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::sleep;

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::{Cluster, Links};

const PROGRESS: usize = 5;
/// How much a node's memory may grow in an hour, in percent; it is judged from a run of an hour on.
const GROWTH_PERCENT: u64 = 1;
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs for `settings.times` minutes. The first half lets memory settle; its growth is measured over the second.
pub async fn soak(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut plan = settings.plan();
    plan.links = Links::Proxied;
    let mut cluster = Cluster::start(&plan).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let minutes = u32::try_from(settings.times)?;
    let (begun, length) = (Instant::now(), Duration::from_secs(60) * minutes);
    let mut at_half = None;
    let mut faults = 0;
    while begun.elapsed() < length {
        load.progress(PROGRESS, RECOVERY).await?;
        let victim = below(&mut rng, settings.nodes);
        match below(&mut rng, 3) {
            0 => {
                cluster.node(victim)?.kill().await?;
                sleep(between(&mut rng, 10, 2_000)).await;
                cluster.node(victim)?.launch()?;
                cluster.wait_for(victim).await?;
            }
            1 => {
                cluster.node(victim)?.pause()?;
                sleep(between(&mut rng, 100, 3_000)).await;
                cluster.node(victim)?.resume()?;
            }
            _ => {
                let rest: Vec<usize> = (0..settings.nodes).filter(|node| *node != victim).collect();
                cluster.proxy()?.partition(&[&[victim], &rest]);
                sleep(between(&mut rng, 500, 5_000)).await;
                cluster.proxy()?.heal();
            }
        }
        faults += 1;
        sleep(between(&mut rng, 1_000, 15_000)).await;
        if at_half.is_none() && begun.elapsed() >= length / 2 {
            at_half = Some((Instant::now(), resident(&cluster)?));
        }
    }
    let end = resident(&cluster)?;
    eprintln!("{faults} faults; memory at half time {at_half:?}, at the end {end} bytes");
    let fired = if faults > 0 { settings.times } else { 0 };
    let mut outcome = conclude("soak", settings, &mut cluster, load, fired).await?;
    if let Some((half, before)) = at_half.filter(|_| length >= HOUR) {
        let allowed =
            before + before * GROWTH_PERCENT * half.elapsed().as_secs() / 100 / HOUR.as_secs();
        if end > allowed {
            let grown = format!(
                "N11: memory grew from {before} to {end} bytes in {:?}",
                half.elapsed()
            );
            outcome.violations.push(grown);
        }
    }
    Ok(outcome)
}

/// The memory of all nodes together.
fn resident(cluster: &Cluster) -> anyhow::Result<u64> {
    let usage = cluster
        .nodes
        .iter()
        .map(|node| Ok(node.usage()?.resident_bytes));
    usage.sum()
}
