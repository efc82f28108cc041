//! A node of the jointly operated registry.

pub mod state;
