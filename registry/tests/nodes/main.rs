//! Stories of real nodes: the binary, loopback, kill -9.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests end at the first surprise"
)]

mod audit;
mod browser;
mod cluster;
mod definitions;
mod explorer;
mod faults;
mod governance;
mod history;
mod interface;
mod joining;
mod load;
mod members;
mod reader;
