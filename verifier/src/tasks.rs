//! What goes on without being asked: looking at the registry, submitting outcomes, clearing what is over.

use std::sync::Arc;
use std::time::Duration;

use service::clock;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::application::session;
use crate::registry::{self, Round};
use crate::status::monitor;
use crate::verifier::{Verifier, blocking};

/// After a look that failed.
const RETRY: Duration = Duration::from_secs(1);
const CLEARING: Duration = Duration::from_secs(30);
/// When nothing waits, what was refused is looked at this often.
const REFUSED_AGAIN: Duration = Duration::from_secs(600);

/// Starts the tasks; they end when the set is dropped.
pub(crate) fn start(verifier: &Arc<Verifier>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(look_at_registry(Arc::clone(verifier)));
    tasks.spawn(submit_outcomes(Arc::clone(verifier)));
    tasks.spawn(clear_sessions(Arc::clone(verifier)));
    tasks
}

/// Reads trusted parties and status lists on a schedule, whether or not anyone is presenting, and so tells no one who is.
async fn look_at_registry(verifier: Arc<Verifier>) {
    let pause = Duration::from_secs(verifier.config.refresh_interval_s);
    loop {
        let now = clock::now();
        let trusted = match verifier.registry.refresh(now).await {
            Ok(trusted) => trusted,
            Err(error) => {
                tracing::warn!(%error, "trusted parties not read");
                sleep(RETRY).await;
                continue;
            }
        };
        let kept = blocking(&verifier, |verifier| {
            verifier.registry.keep_memory(&verifier.vault)
        })
        .await;
        let looked = monitor::look(&verifier, &trusted, now).await;
        if let Err(error) = kept.and(looked) {
            tracing::error!(%error, "the vault failed");
        }
        sleep(pause).await;
    }
}

/// Hands what is queued to the own node, and asks again until there are receipts. The node keeps the slots.
async fn submit_outcomes(verifier: Arc<Verifier>) {
    let pause = Duration::from_millis(verifier.config.outcome_poll_ms);
    loop {
        let (network, now) = (verifier.network(), clock::now());
        let queued = blocking(&verifier, move |verifier| {
            registry::queued(&verifier.vault, &network, now)
        })
        .await;
        let round = match queued {
            Ok(queued) => registry::submit_queued(&verifier, queued, now).await,
            Err(error) => {
                tracing::error!(%error, "the vault failed");
                sleep(RETRY).await;
                continue;
            }
        };
        let pause = match round {
            Round { recorded: 1.., .. } => continue,
            Round { waiting: 0, .. } => REFUSED_AGAIN,
            Round { .. } => pause,
        };
        let _announced_or_over = timeout(pause, verifier.outbox.announced()).await;
    }
}

/// Removes sessions that are over, with their secrets.
async fn clear_sessions(verifier: Arc<Verifier>) {
    let mut ticks = interval(CLEARING);
    loop {
        ticks.tick().await;
        let removed = blocking(&verifier, |verifier| {
            session::remove_expired(&verifier.vault, clock::now())
        })
        .await;
        match removed {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "sessions cleared"),
            Err(error) => tracing::error!(%error, "the vault failed"),
        }
    }
}
