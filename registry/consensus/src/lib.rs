//! Byzantine fault tolerant ordering of opaque records: the one place that knows the consensus engine.
//!
//! The validators of an epoch agree on a chain of blocks; a block carries records as bytes. What a record means is
//! decided by an [`Application`]: it offers records for a block, judges the blocks of others, makes final blocks
//! durable, and says from them who the members of the coming epochs are. Blocks reach it in height order, at least
//! once. The members also have a gossip channel for small messages, through
//! which records travel to whoever leads next and cosignatures to everybody.
//!
//! ```no_run
//! use registry_consensus::{Application, Config, Node};
//! use std::sync::Arc;
//!
//! fn start(config: Config, application: Arc<dyn Application>) -> anyhow::Result<()> {
//!     let node = Node::start(config, |_handle| application)?;
//!     node.handle().wake();
//!     Ok(())
//! }
//! ```
//!
//! It trusts the application's word on who the members are, the clock within [`Timing::skew_ms_max`], and its own
//! directory: a validator that loses its directory must not vote again in an epoch in which it may have voted
//! ([`Ballot`]). Fewer than a third of the validators may lie, crash or stay silent; a member that is not a
//! validator follows and has no vote.

mod application;
mod automaton;
mod block;
mod committee;
mod config;
mod delivery;
mod engine;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gathering;
mod gossip;
mod node;
pub mod planted;
#[cfg(feature = "simulation")]
pub mod simulation;
#[cfg(test)]
mod tests;

pub use application::{Application, CommitError, OrderedBlock, Verdict};
pub use block::{BLOCK_RECORDS_BYTES_MAX, BLOCK_RECORDS_MAX, RECORD_BYTES_MAX};
pub use committee::{Committee, CommitteeError, MEMBERS_MAX, Peer, Vote};
pub use config::{Ballot, Config, ConfigError, ConsensusKey, PeerKey, Timing};
pub use engine::{BLOCKS_FETCHED_MAX, FLOOR_BYTES_MAX};
pub use gossip::{GOSSIP_BYTES_MAX, GossipError, Recipients};
pub use node::{Handle, Node, NodeError};
