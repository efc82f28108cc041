//! Clocks that are wrong: of as many nodes as may be faulty, by an hour, ahead or behind, by a library that is loaded before the system's.

use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{Outcome, RECOVERY, Settings, below, conclude};
use crate::cluster::Cluster;

/// Records that become final under each wrong clock, and after.
const PROGRESS: usize = 20;
const SKEWS: [&str; 4] = ["+1h", "-1h", "+20s", "-40s"];

/// Starts a random node anew with a wrong clock, and then with the right one; `faketime` is libfaketime's shared object.
pub async fn clocks(settings: &Settings, faketime: &Path) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.plan()).await?;
    let load = settings.load(&cluster)?;
    let mut rng = ChaCha20Rng::seed_from_u64(settings.seed);
    let mut fired = 0;
    for number in 0..settings.times {
        let victim = below(&mut rng, settings.nodes);
        let skew = SKEWS.get(number % SKEWS.len()).copied().unwrap_or_default();
        let node = cluster.node(victim)?;
        node.stop().await?;
        node.environment
            .insert("LD_PRELOAD".to_owned(), faketime.into());
        node.environment.insert("FAKETIME".to_owned(), skew.into());
        node.environment
            .insert("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".into());
        let said = node.log().len();
        node.launch()?;
        cluster.wait_for(victim).await?;
        load.progress(PROGRESS, RECOVERY).await?;
        let node = cluster.node(victim)?;
        fired += usize::from(is_wrong(&node.log_after(said)));
        node.stop().await?;
        node.environment.clear();
        node.launch()?;
        cluster.wait_for(victim).await?;
    }
    load.progress(PROGRESS, RECOVERY).await?;
    conclude("wrong clocks", settings, &mut cluster, load, fired).await
}

/// Whether the node's own log lines bear another time than this machine's, by more than ten seconds.
fn is_wrong(log: &str) -> bool {
    let mut times = log.lines().rev().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line.get("timestamp")?
            .as_str()?
            .parse::<jiff::Timestamp>()
            .ok()
    });
    let now = i64::try_from(service::clock::now().as_unix()).unwrap_or(i64::MAX);
    times
        .next()
        .is_some_and(|time| (time.as_second() - now).abs() > 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_seen_in_the_log() {
        let now =
            jiff::Timestamp::from_second(i64::try_from(service::clock::now().as_unix()).unwrap())
                .unwrap();
        let line = |time: jiff::Timestamp| format!("{{\"timestamp\":\"{time}\"}}\n");
        assert!(!is_wrong(&line(now)));
        assert!(is_wrong(&line(now + jiff::SignedDuration::from_hours(1))));
        assert!(is_wrong(&line(now - jiff::SignedDuration::from_secs(40))));
        assert!(!is_wrong("no time\n"));
    }
}
