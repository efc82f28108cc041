//! Partitions by the proxy: symmetric, without a quorum, asymmetric, with a bridge, flapping; and slow or lossy links.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::sleep;

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::load::Load;
use crate::cluster::proxy::Flow;
use crate::cluster::{Cluster, Links};

const KINDS: usize = 7;
/// Records that must become final while a quorum is together.
const PROGRESS: usize = 5;
/// What was on its way when the links were cut has arrived or is lost after this.
const SETTLED: Duration = Duration::from_secs(1);
/// How long it is looked whether nodes without a quorum go on.
const LOOKED: Duration = Duration::from_secs(3);

/// Disturbs the links again and again, each time in another way, and heals them.
pub async fn partitions(settings: &Settings) -> anyhow::Result<Outcome> {
    ensure!(settings.nodes >= 4, "a partition needs four nodes");
    let mut plan = settings.plan();
    plan.links = Links::Proxied;
    let mut cluster = Cluster::start(&plan).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for number in 0..settings.times {
        load.progress(PROGRESS, RECOVERY).await?;
        let before = cluster.proxy()?.disturbed();
        disturb(number % KINDS, settings, &cluster, &load, &mut rng).await?;
        fired += usize::from(cluster.proxy()?.disturbed() > before);
        cluster.proxy()?.heal();
    }
    load.progress(PROGRESS, RECOVERY).await?;
    conclude("partitions", settings, &mut cluster, load, fired).await
}

async fn disturb(
    kind: usize,
    settings: &Settings,
    cluster: &Cluster,
    load: &Load,
    rng: &mut ChaCha20Rng,
) -> anyhow::Result<()> {
    let proxy = cluster.proxy()?;
    let nodes = shuffled(settings.nodes, rng);
    let isolated = settings.tolerated();
    match kind {
        // The greater side is a quorum and goes on.
        0 => {
            let (few, most) = nodes.split_at(isolated);
            proxy.partition(&[few, most]);
            load.progress(PROGRESS, RECOVERY).await
        }
        // Neither side is a quorum: nothing becomes final.
        1 => {
            let (one, other) = nodes.split_at(settings.nodes / 2);
            proxy.partition(&[one, other]);
            nothing_is_final(cluster).await
        }
        // One more than tolerated are alone, each by itself.
        2 => {
            let (alone, rest) = nodes.split_at(isolated + 1);
            let mut groups: Vec<&[usize]> = alone.chunks(1).collect();
            groups.push(rest);
            proxy.partition(&groups);
            nothing_is_final(cluster).await
        }
        // One node hears nobody and is heard.
        3 => {
            let deaf = below(rng, settings.nodes);
            for other in (0..settings.nodes).filter(|other| *other != deaf) {
                proxy.set(other, deaf, Flow::Held);
            }
            load.progress(PROGRESS, RECOVERY).await
        }
        // One node reaches both sides, of which one is with it a quorum.
        4 => {
            let (few, most) = nodes.split_at(isolated);
            let bridge: Vec<usize> = few.iter().chain(most.first()).copied().collect();
            proxy.partition(&[&bridge, most]);
            load.progress(PROGRESS, RECOVERY).await
        }
        // Links come and go.
        5 => {
            let (few, most) = nodes.split_at(isolated);
            for _flap in 0..4 {
                proxy.partition(&[few, most]);
                sleep(between(rng, 50, 700)).await;
                proxy.heal();
                sleep(between(rng, 50, 700)).await;
            }
            Ok(())
        }
        // Everything is late, and connections break with what is on its way.
        _ => {
            proxy.delay(between(rng, 5, 100));
            for _loss in 0..6 {
                proxy.reset(below(rng, settings.nodes), below(rng, settings.nodes));
                sleep(between(rng, 50, 500)).await;
            }
            load.progress(PROGRESS, RECOVERY).await
        }
    }
}

/// N1: without a quorum no checkpoint grows.
async fn nothing_is_final(cluster: &Cluster) -> anyhow::Result<()> {
    sleep(SETTLED).await;
    let before = sizes(cluster).await;
    let begun = Instant::now();
    while begun.elapsed() < LOOKED {
        sleep(Duration::from_millis(500)).await;
        let now = sizes(cluster).await;
        ensure!(
            now.iter().max() <= before.iter().max(),
            "N1: records became final without a quorum: {before:?}, then {now:?}"
        );
    }
    Ok(())
}

async fn sizes(cluster: &Cluster) -> Vec<Option<u64>> {
    let health = (0..cluster.nodes.len()).map(|number| cluster.health(number));
    let health = futures::future::join_all(health).await.into_iter();
    health.map(|health| Some(health?.cosigned)).collect()
}

fn shuffled(count: usize, rng: &mut ChaCha20Rng) -> Vec<usize> {
    let mut nodes: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        nodes.swap(last, below(rng, last + 1));
    }
    nodes
}
