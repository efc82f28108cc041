//! A node of the jointly operated registry.
//!
//! It keeps a copy of the ledger ([`replica`]), orders records with the other nodes (`registry-consensus`),
//! signs and collects signatures on checkpoints ([`cosigning`]), and answers readers ([`api`]). What a record
//! may say when is decided in [`state`], which is pure.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! registry::run::run(std::path::Path::new("node.toml")).await
//! # }
//! ```
//!
//! It trusts its configuration, its genesis file and its own disk; neither other nodes, as long as fewer
//! than a third of them lie, nor anyone who sends a request.

pub mod api;
pub mod audit;
pub mod clock;
pub mod config;
pub mod cosigning;
mod explorer;
#[cfg(test)]
mod fixture;
pub mod fsck;
pub mod genesis;
pub mod governance;
pub mod mempool;
mod message;
mod operations;
mod patience;
pub mod relay;
pub mod replica;
pub mod run;
pub mod setup;
mod source;
pub mod state;
pub mod store;
pub mod sync;
pub mod votes;
