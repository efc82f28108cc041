//! Governance: what the members can decide together, and what becomes of the parties (`specs/registry.md`, "Governance").
//!
//! A member proposes a [`Change`] with its governance key; when a quorum of the members in force has approved, the change is
//! adopted. What a change makes of the parties is decided here, the same for nodes, auditors and the command line.

mod change;
mod effect;

#[cfg(test)]
mod tests;

pub use change::{CHANGE_BYTES_MAX, Change, ChangeError, Party};
pub use effect::Entry;
