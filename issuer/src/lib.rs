//! The issuer: the consortium's service, which checks a person once and issues a signed KYC credential.
//!
//! A wallet seals its application to the reviewers; the service keeps ciphertext. Reviewers unlock their key in a session,
//! complete the common checks, and make an offer; redeeming it with the code from a letter confirms the residence. Each
//! step stands on the registry. When the wallet has its credentials, the evidence is destroyed.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let config = issuer::config::Config::load("issuer.toml".as_ref())?;
//! issuer::run(config).await?;
//! # Ok(())
//! # }
//! ```
//!
//! **Trusted**: the configuration, the genesis file, the key files, and a quorum of the registry's members. **Not
//! trusted**: wallets and everything they send, single registry nodes, and the disk (the vault shows alterations).
//! `README.md` says what an attacker with each of them can do.

mod anchor;
pub mod api;
mod application;
mod case;
mod closing;
pub mod config;
mod confirmation;
mod evidence;
mod issuance;
mod issuer;
mod registry;
mod secret;
pub mod setup;
mod staff;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use service::{clock, operations::Operations, random, serve::Server};

use crate::config::Config;
pub use crate::issuer::Issuer;
use crate::registry::Submission;

/// Time between two looks at what has expired.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Serves until SIGTERM or SIGINT.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let stop = service::serve::stop_signal().context("receiving signals")?;
    let server = Server::bind(&config.service).await?;
    let issuer = Arc::new(Issuer::open(config, clock::now(), &mut random::os())?);
    let submission = Submission::new(Arc::clone(&issuer)).context("reaching the registry")?;
    let tasks = [
        tokio::spawn(submission.run()),
        tokio::spawn(batch_anchors(Arc::clone(&issuer))),
        tokio::spawn(sweep(Arc::clone(&issuer))),
    ];
    let operations = Operations::new("tegata-issuer", env!("CARGO_PKG_VERSION"));
    let router = api::router(Arc::clone(&issuer));
    server.run(router, operations, stop).await;
    for task in tasks {
        task.abort();
    }
    Ok(())
}

/// Ends a round of anchors at every interval.
async fn batch_anchors(issuer: Arc<Issuer>) {
    let mut interval =
        tokio::time::interval(Duration::from_millis(issuer.config.anchor_interval_ms));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Ok(Err(error)) = api::blocking(&issuer, anchor::run_round).await {
            api::fault(&error);
        }
    }
}

/// Refreshes status lists, ends what has expired, closes what nobody will finish.
async fn sweep(issuer: Arc<Issuer>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        let swept = api::blocking(&issuer, |issuer| {
            status::refresh(issuer, clock::now())?;
            closing::sweep(issuer, clock::now())
        });
        if let Ok(Err(error)) = swept.await {
            api::fault(&error);
        }
    }
}
