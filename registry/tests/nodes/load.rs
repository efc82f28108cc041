//! What four nodes on one machine cost and deliver. Prints figures; run with `--ignored --nocapture load`.

use crate::cluster::Cluster;
use futures::{StreamExt as _, stream};
use protocol::registry::record::Record;
use std::time::{Duration, Instant};

#[tokio::test]
#[ignore = "prints figures, which say something on a quiet machine only"]
async fn load() {
    let mut cluster = Cluster::start(4, 0).await;
    let warm = cluster.opened_case();
    cluster.record(0, &warm).await;

    let before = usage(&cluster);
    let begun = Instant::now();
    cluster
        .until("ten idle seconds have passed", async || {
            begun.elapsed() > Duration::from_secs(10)
        })
        .await;
    let cost = (usage(&cluster).cpu_ms - before.cpu_ms) / 10;
    println!("idle: {cost} ms of processor time per second for 4 nodes, {before:?}");

    let mut latencies = Vec::new();
    for number in 0..40 {
        let record = cluster.opened_case();
        let begun = Instant::now();
        cluster.record(number % 4, &record).await;
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    println!(
        "one client: p50 {:?}, p90 {:?}, max {:?}",
        latencies[20], latencies[36], latencies[39]
    );

    let records: Vec<Record> = (0..3200).map(|_| cluster.opened_case()).collect();
    let begun = Instant::now();
    let before = usage(&cluster);
    let first = cluster.height(0).await;
    let mut latencies: Vec<Duration> = stream::iter(records.iter().enumerate())
        .map(async |(number, record)| {
            let begun = Instant::now();
            let answer = cluster.submit(number % 4, record.as_bytes()).await;
            assert!(answer.status().is_success());
            begun.elapsed()
        })
        .buffer_unordered(64)
        .collect()
        .await;
    let elapsed = begun.elapsed();
    latencies.sort();
    let cpu = usage(&cluster).cpu_ms - before.cpu_ms;
    let blocks = cluster.height(0).await - first;
    println!(
        "64 clients: {:.0} records/s in {blocks} blocks, p50 {:?}, p99 {:?}; {cpu} ms of processor time, {:?}",
        records.len() as f64 / elapsed.as_secs_f64(),
        latencies[latencies.len() / 2],
        latencies[latencies.len() * 99 / 100],
        usage(&cluster)
    );

    let size = cluster.size(0).await;
    cluster.kill(3);
    let begun = Instant::now();
    cluster.spawn(3);
    cluster.until_serving(3).await;
    println!("restart with {size:?} entries: {:?}", begun.elapsed());

    cluster.kill(3);
    std::fs::remove_dir_all(cluster.directory(3).join("data")).unwrap();
    let begun = Instant::now();
    cluster.spawn(3);
    cluster
        .until("the empty node has caught up", async || {
            cluster.size(3).await == size
        })
        .await;
    println!("from an empty disk: {:?}", begun.elapsed());
}

/// Processor time and resident memory of all nodes.
#[derive(Debug)]
struct Usage {
    cpu_ms: u64,
    resident_mib: u64,
}

fn usage(cluster: &Cluster) -> Usage {
    let mut usage = Usage {
        cpu_ms: 0,
        resident_mib: 0,
    };
    for node in 0..4 {
        let process = format!("/proc/{}", cluster.pid(node));
        let stat = std::fs::read_to_string(format!("{process}/stat")).unwrap();
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        // Hundredths of seconds in user and system mode: fields 14 and 15 of proc(5).
        let ticks: u64 = fields[11..13]
            .iter()
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        usage.cpu_ms += ticks * 10;
        usage.resident_mib += cluster.resident_mib(node);
    }
    usage
}
