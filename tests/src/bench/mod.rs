//! How many records a second become final, how late, and at what cost: the same clients against the registry and against its peers.
//!
//! Every client writes one record after the other and waits for each acknowledgement, which all systems give only when the
//! record is durable where they promise it. Processor time is what the system counts for the servers' processes.

pub mod etcd;
pub mod postgres;
pub mod registry;

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::usage;

/// Before the figures begin.
const WARM_UP: Duration = Duration::from_secs(2);
/// After a write that was not acknowledged.
const PAUSE: Duration = Duration::from_millis(20);

/// One client of one system.
pub trait Writer: Send + 'static {
    /// Writes a new record and waits for its acknowledgement.
    fn write(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What a run showed.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// The system, and how many nodes it has.
    pub system: String,
    /// Clients at a time.
    pub clients: usize,
    /// How long it was measured.
    pub seconds: f64,
    /// Records acknowledged in that time.
    pub records: usize,
    /// Writes that were not acknowledged.
    pub failed: usize,
    /// Acknowledged records a second.
    pub per_second: f64,
    /// Half of all acknowledgements came within this time.
    pub p50_ms: f64,
    /// 99 of 100 did.
    pub p99_ms: f64,
    /// Processor time of all servers, per record, in microseconds.
    pub cpu_us: f64,
    /// The same of each server: leader first where there is one; nodes of the registry take turns.
    pub cpu_us_each: Vec<f64>,
    /// Processor time of the clients, per record.
    pub client_cpu_us: f64,
    /// The machine's load average before the run.
    pub load_before: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.cpu_us_each.iter().map(|cpu| format!("{cpu:.0}"));
        write!(
            formatter,
            "{}, {} clients, {:.0} s: {:.0} records/s, p50 {:.1} ms, p99 {:.1} ms, server CPU {:.0} us a record ({}), \
             client CPU {:.0} us, {} failed, load before {:.2}",
            self.system,
            self.clients,
            self.seconds,
            self.per_second,
            self.p50_ms,
            self.p99_ms,
            self.cpu_us,
            each.collect::<Vec<_>>().join(" "),
            self.client_cpu_us,
            self.failed,
            self.load_before,
        )
    }
}

/// Lets all writers work and measures for `seconds` after a short warm-up.
pub async fn measure<W: Writer>(
    system: String,
    writers: Vec<W>,
    servers: &[u32],
    seconds: Duration,
) -> anyhow::Result<Figures> {
    let load_before = load_average()?;
    let clients = writers.len();
    let (stop, stopped) = watch::channel(false);
    let mut running = JoinSet::new();
    let begin = Instant::now() + WARM_UP;
    let end = begin + seconds;
    for writer in writers {
        running.spawn(work(writer, begin..end, stopped.clone()));
    }
    sleep(begin.saturating_duration_since(Instant::now())).await;
    let (before, own_before, begun) = (all_cpu(servers)?, own_cpu()?, Instant::now());
    sleep(end.saturating_duration_since(Instant::now())).await;
    let (after, own_after, took) = (all_cpu(servers)?, own_cpu()?, begun.elapsed());
    stop.send_replace(true);
    let mut all = Work::default();
    while let Some(ended) = running.join_next().await {
        let one = ended.context("a client panicked")?;
        all.latencies.extend(one.latencies);
        all.failed += one.failed;
    }
    all.latencies.sort_unstable();
    let records = all.latencies.len();
    let per_record = |cpu: Duration| micros(cpu) / (records.max(1) as f64);
    let each: Vec<f64> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| per_record(after.saturating_sub(*before)))
        .collect();
    Ok(Figures {
        system,
        clients,
        seconds: took.as_secs_f64(),
        records,
        failed: all.failed,
        per_second: records as f64 / took.as_secs_f64(),
        p50_ms: quantile(&all.latencies, 50),
        p99_ms: quantile(&all.latencies, 99),
        cpu_us: each.iter().sum(),
        cpu_us_each: each,
        client_cpu_us: per_record(own_after.saturating_sub(own_before)),
        load_before,
    })
}

#[derive(Debug, Default)]
struct Work {
    latencies: Vec<Duration>,
    failed: usize,
}

async fn work<W: Writer>(
    mut writer: W,
    counted: std::ops::Range<Instant>,
    stopped: watch::Receiver<bool>,
) -> Work {
    let mut work = Work::default();
    while !*stopped.borrow() {
        let begun = Instant::now();
        let written = writer.write().await;
        let ended = Instant::now();
        match written {
            Ok(()) if counted.contains(&ended) => work.latencies.push(ended - begun),
            Ok(()) => {}
            Err(error) => {
                if work.failed == 0 {
                    eprintln!("a write was not acknowledged: {error:#}");
                }
                work.failed += 1;
                sleep(PAUSE).await;
            }
        }
    }
    work
}

fn all_cpu(servers: &[u32]) -> anyhow::Result<Vec<Duration>> {
    let cpu = servers.iter().map(|id| Ok(usage::of_process(*id)?.cpu));
    cpu.collect()
}

fn own_cpu() -> anyhow::Result<Duration> {
    Ok(usage::of_process(std::process::id())?.cpu)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The latency that so many of a hundred do not exceed, in milliseconds.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted
        .get(place)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// Processes that wanted to run, on average of the last minute: `proc(5)`.
pub fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    let first = text.split_whitespace().next().context("loadavg is empty")?;
    Ok(first.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Steady;

    impl Writer for Steady {
        async fn write(&mut self) -> anyhow::Result<()> {
            sleep(Duration::from_millis(5)).await;
            Ok(())
        }
    }

    #[test]
    fn a_quantile_is_a_latency_that_was_measured() {
        let latencies: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&latencies, 50), 100.0);
        assert_eq!(quantile(&latencies, 99), 198.0);
        assert_eq!(quantile(&[], 99), 0.0);
    }

    #[tokio::test]
    async fn writes_within_the_time_are_counted() {
        let own = std::process::id();
        let (writers, time) = (vec![Steady, Steady], Duration::from_millis(500));
        let figures = measure("steady".to_owned(), writers, &[own], time)
            .await
            .unwrap();
        assert!(figures.records > 0 && figures.records <= 200, "{figures}");
        assert!(figures.p50_ms >= 5.0, "{figures}");
        assert_eq!((figures.failed, figures.cpu_us_each.len()), (0, 1));
    }
}
