//! `tegata-registry propose`, `approve`, `proposals` and `show`: how a member's officer decides with the others
//! (`specs/registry.md`, "Governance").
//!
//! Everything that is decided on is read from one node and checked with the genesis file: the parties under a checkpoint that
//! a quorum of members signed, each proposal and each approval with its receipt. Only the node's word are the height of the
//! ledger, the height of a decision, and that there is no further proposal ([`Ledger`]). What a change does is computed here
//! ([`Forecast`]) by the rules of the ledger itself, and told in plain words before anything is signed.

mod arguments;
mod change;
mod command;
mod describe;
mod failure;
mod forecast;
mod keys;
mod ledger;
mod plain;
mod preview;
mod question;
mod submission;
#[cfg(test)]
mod tests;
mod view;

pub use arguments::{
    ApproveArguments, ChangeArguments, Connection, KeyArguments, KeyCommand, PartiesArguments,
    ProposalsArguments, ProposeArguments, ShowArguments,
};
pub use command::{approve, failure, key, parties, proposals, propose, show};
pub use failure::GovernanceError;
pub use forecast::{Forecast, Strength, Timing};
pub use ledger::Ledger;
pub use plain::{Fingerprint, plain};
pub use view::{Proposed, Standing, View};
