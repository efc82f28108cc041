//! The registry's nodes as they are, on simulated machines, with faults drawn from seeds (`specs/simulation.md`).
//!
//! Each seed draws a plan of faults and decisions (`plan`), runs nodes, clients, readers and the members' assembly through
//! it ([`run()`]), and checks the invariants of the ledger afterwards (`check`). [`campaign`] runs many.

mod assembly;
pub mod campaign;
mod check;
mod client;
mod cluster;
mod desk;
mod judge;
mod ledger;
mod network;
mod plan;
pub mod planted;
mod player;
mod reader;
mod run;
mod trouble;
mod witness;

pub use run::{KINDS, Outcome, run};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A thread that panics has ended its run; what it left is only looked at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
