//! SIGKILL: of one node after the other, at random moments and just when it acknowledges; and of all nodes at once.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::{sleep, timeout};

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::Cluster;

/// Records between two power losses.
const RECORDS_BETWEEN: usize = 5;
/// A victim that does not acknowledge anything is killed after this.
const ACKNOWLEDGEMENT_PATIENCE: Duration = Duration::from_secs(3);

/// Kills a random node every 0.2 to 3 seconds, half of the time at the moment of an acknowledgement of its own; it comes back within a
/// second, so that sometimes several are away and there is no quorum.
pub async fn kills(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for _fault in 0..settings.times {
        let victim = below(&mut rng, settings.nodes);
        if below(&mut rng, 2) == 0 {
            sleep(between(&mut rng, 200, 3_000)).await;
        } else {
            let mut latest = load.recorder().subscribe();
            latest.mark_unchanged();
            let acknowledged = async {
                while latest.changed().await.is_ok() && latest.borrow_and_update().node != victim {}
            };
            let _in_time = timeout(ACKNOWLEDGEMENT_PATIENCE, acknowledged).await;
        }
        fired += usize::from(cluster.node(victim)?.kill().await?);
        if below(&mut rng, 2) == 0 {
            sleep(between(&mut rng, 1, 1_000)).await;
        }
        cluster.node(victim)?.launch()?;
    }
    conclude("kills", settings, &mut cluster, load, fired).await
}

/// Kills all nodes at once, again and again, as soon as some records were acknowledged.
pub async fn cluster_kills(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut fired = 0;
    for _fault in 0..settings.times {
        load.progress(RECORDS_BETWEEN, RECOVERY).await?;
        let ends = cluster.nodes.iter_mut().map(|node| node.kill());
        let ran = futures::future::try_join_all(ends).await?;
        fired += usize::from(ran.into_iter().all(|ran| ran));
        cluster.launch_all()?;
    }
    conclude("cluster kills", settings, &mut cluster, load, fired).await
}
