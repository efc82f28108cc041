//! A securities company's account opening: asks for a presentation, verifies it, lets the staff decide.
//!
//! The service starts applications, signs requests, receives encrypted presentations and holds them against the registry;
//! what it makes of them is decided by plain functions in `protocol` and by [`policy`]. What was disclosed lies in a vault.
//!
//! **Trusted**: the configuration, the genesis file, the vault's key, and that fewer than a third of the registry's members
//! lie together. **Not trusted**: wallets, browsers, single registry nodes, and whatever the network does.

pub mod api;
mod application;
pub mod config;
mod identity;
pub mod policy;
mod presentation;
mod registry;
mod secret;
pub mod setup;
mod staff;
mod status;
mod store;
mod tasks;
#[cfg(test)]
mod tests;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use service::{
    clock,
    operations::{Operations, Readiness},
    serve::serve,
};

pub use verifier::Verifier;

/// Runs the service until it is told to stop.
pub async fn run(config: &Path) -> anyhow::Result<()> {
    let config = config::Config::load(config).context("reading the configuration")?;
    let service = config.service.clone();
    let verifier = Arc::new(Verifier::open(config, clock::now()).context("opening the verifier")?);
    let tasks = tasks::start(&verifier);
    // Without the trusted parties nothing that is presented can be judged.
    let judge = Arc::clone(&verifier);
    let operations =
        Operations::new("tegata-verifier", env!("CARGO_PKG_VERSION")).ready_if(move || match judge
            .registry
            .trusted()
        {
            Some(_) => Readiness::Ready,
            None => Readiness::NotReady("registry"),
        });
    let served = serve(api::router(verifier), operations, &service).await;
    drop(tasks);
    served.context("serving")
}
