//! SIGSTOP: nodes stand still, leaders among them, and go on as if nothing had been.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::time::sleep;

use super::{Outcome, RECOVERY, Settings, below, between, conclude};
use crate::cluster::Cluster;

/// Records that must become final while one node stands still, and after.
const PROGRESS: usize = 5;

/// Pauses a random node for 1 to 5 seconds; every fourth time one more than is tolerated, so that nothing can become final. Leaders take
/// turns with every block: whoever is paused is soon one.
pub async fn pauses(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for number in 0..settings.times {
        let first = below(&mut rng, settings.nodes);
        let too_many = number % 4 == 3;
        let count = if too_many {
            settings.tolerated() + 1
        } else {
            1
        };
        let paused: Vec<usize> = (first..first + count)
            .map(|node| node % settings.nodes)
            .collect();
        for node in &paused {
            cluster.node(*node)?.pause()?;
        }
        sleep(between(&mut rng, 1_000, 5_000)).await;
        if !too_many {
            load.progress(PROGRESS, RECOVERY).await?;
        }
        let mut still = true;
        for node in &paused {
            still &= cluster.node(*node)?.stands_still()?;
        }
        fired += usize::from(still);
        for node in &paused {
            cluster.node(*node)?.resume()?;
        }
        load.progress(PROGRESS, RECOVERY).await?;
    }
    conclude("pauses", settings, &mut cluster, load, fired).await
}
