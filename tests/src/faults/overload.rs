//! Ten times as many clients as keep the network busy: each is answered, with a receipt or with "later", and receipts come as fast as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Outcome, Settings, conclude};
use crate::cluster::load::opening_of_a_case;
use crate::cluster::{Cluster, Plan};
use crate::sandbox::http::below;

/// Clients that keep the network busy; so many times as many are too many.
const BUSY: usize = 32;
const TIMES: usize = 10;
/// Connections that a node takes from one address: fewer than come.
const CONNECTIONS: usize = BUSY * 2;
/// Receipts in a hundred of the busy network's that must still come.
const GOODPUT_PERCENT: usize = 80;
/// Longer than a node lets a submission wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Answers {
    receipts: AtomicUsize,
    later: AtomicUsize,
    without_a_time: AtomicUsize,
    others: AtomicUsize,
    unanswered: AtomicUsize,
}

/// Measures receipts under `BUSY` clients and under `TIMES` as many, `times` seconds each, while the ordinary clients go on.
pub async fn overload(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut plan = Plan::new(settings.nodes, settings.program.clone());
    plan.clients_per_address = CONNECTIONS;
    let mut cluster = Cluster::start(&plan).await?;
    let load = settings.load(&cluster)?;
    let time = Duration::from_secs(u64::try_from(settings.times)?);
    // Not the seed of the ordinary clients, whose records these would be.
    let seed = !settings.seed;
    let busy = press(&cluster, BUSY, time, seed).await?;
    let over = press(&cluster, BUSY * TIMES, time, seed ^ 1).await?;
    let (peak, goodput) = (count(&busy.receipts), count(&over.receipts));
    let told = format!(
        "receipts: {peak}, then {goodput}; told to come later: {}, then {}",
        count(&busy.later),
        count(&over.later)
    );
    eprintln!("{told} ({time:?} each)");
    let fired = if count(&over.later) > 0 {
        settings.times
    } else {
        0
    };
    let mut outcome = conclude("overload", settings, &mut cluster, load, fired).await?;
    for (what, answers) in [("busy", &busy), ("overloaded", &over)] {
        for (kind, number) in [
            (
                "answers that say \"later\" and not when",
                count(&answers.without_a_time),
            ),
            ("answers of another kind", count(&answers.others)),
            ("submissions without an answer", count(&answers.unanswered)),
        ] {
            if number > 0 {
                outcome
                    .violations
                    .push(format!("N11: {number} {kind} while {what}"));
            }
        }
    }
    if goodput * 100 < peak * GOODPUT_PERCENT {
        outcome.violations.push(format!("N11: {told}"));
    }
    Ok(outcome)
}

fn count(number: &AtomicUsize) -> usize {
    number.load(Ordering::Relaxed)
}

/// Clients that submit a new record after every answer; a connection carries one submission at a time.
async fn press(
    cluster: &Cluster,
    clients: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Arc<Answers>> {
    let answers = Arc::new(Answers::default());
    // Made once: making one takes longer than many submissions.
    let http = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .no_proxy()
        .build()?;
    let end = Instant::now() + time;
    let mut running = JoinSet::new();
    for number in 0..clients {
        let node = cluster
            .nodes
            .get(number % cluster.nodes.len())
            .context("a network has nodes")?;
        let url = below(&node.url, "records")?;
        let http = http.clone();
        let (genesis, issuer) = (Arc::clone(&cluster.genesis), Arc::clone(&cluster.issuer));
        let answers = Arc::clone(&answers);
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ (u64::try_from(number)? << 32));
        running.spawn(async move {
            while Instant::now() < end {
                let record = opening_of_a_case(&genesis, &issuer, &mut rng);
                let request = http
                    .post(url.clone())
                    .header("content-type", "application/cbor");
                let kind = match request.body(record.as_bytes().to_vec()).send().await {
                    Ok(answer) if answer.status() == StatusCode::OK => &answers.receipts,
                    Ok(answer) if is_later(answer.status()) => {
                        if answer.headers().contains_key(RETRY_AFTER) {
                            &answers.later
                        } else {
                            &answers.without_a_time
                        }
                    }
                    Ok(_) => &answers.others,
                    Err(_no_answer) => &answers.unanswered,
                };
                kind.fetch_add(1, Ordering::Relaxed);
                if !std::ptr::eq(kind, &answers.receipts) {
                    sleep(PAUSE).await;
                }
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.context("a client panicked")?;
    }
    Ok(answers)
}

/// 503 of a node, or 429 of one that has too many connections from one address.
fn is_later(status: StatusCode) -> bool {
    [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status)
}
