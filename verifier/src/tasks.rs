//! What goes on without being asked: looking at the registry, submitting outcomes, clearing what is over.

use std::sync::Arc;
use std::time::Duration;

use service::clock;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::application::session;
use crate::registry;
use crate::status::monitor;
use crate::verifier::{Verifier, blocking};

/// After a look that failed.
const RETRY: Duration = Duration::from_secs(1);
const CLEARING: Duration = Duration::from_secs(30);

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
            verifier.registry.keep_checkpoint(&verifier.vault)
        })
        .await;
        let looked = monitor::look(&verifier, &trusted, now).await;
        if let Err(error) = kept.and(looked) {
            tracing::error!(%error, "the vault failed");
        }
        sleep(pause).await;
    }
}

/// Submits what is queued, in fixed slots, so that the time of a record says little about the time of a decision.
async fn submit_outcomes(verifier: Arc<Verifier>) {
    let mut slots = interval(Duration::from_millis(verifier.config.outcome_slot_ms));
    slots.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        slots.tick().await;
        let network = verifier.network();
        let queued = blocking(&verifier, move |verifier| {
            registry::queued(&verifier.vault, &network)
        })
        .await;
        let submitted = match queued {
            Ok(queued) if queued.is_empty() => {
                verifier.outbox.announced().await;
                continue;
            }
            Ok(queued) => registry::submit_queued(&verifier, queued).await,
            Err(error) => Err(error),
        };
        if let Err(error) = submitted {
            tracing::error!(%error, "the vault failed");
        }
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
