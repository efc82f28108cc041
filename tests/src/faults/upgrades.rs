//! Another build, one node at a time, and back, while clients submit: no submission fails.

use std::path::Path;

use anyhow::ensure;

use super::{Outcome, RECOVERY, Settings, conclude};
use crate::cluster::Cluster;

/// Records between two restarts.
const PROGRESS: usize = 10;

/// Exchanges every node for `other` and back, so many times; each is asked to stop, and the next one's turn comes when it serves.
pub async fn upgrades(settings: &Settings, other: &Path) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut fired = 0;
    for _round in 0..settings.times {
        let mut exchanged = 0;
        for program in [other, &settings.program] {
            for number in 0..settings.nodes {
                load.progress(PROGRESS, RECOVERY).await?;
                let node = cluster.node(number)?;
                node.stop().await?;
                node.program = program.to_owned();
                node.launch()?;
                cluster.wait_for(number).await?;
                let running =
                    std::fs::read_link(format!("/proc/{}/exe", cluster.node(number)?.id()?))?;
                ensure!(
                    running == program,
                    "node {number} runs {}",
                    running.display()
                );
                exchanged += 1;
            }
        }
        fired += usize::from(exchanged == 2 * settings.nodes);
    }
    conclude("upgrades", settings, &mut cluster, load, fired).await
}
