//! Harness, scenarios and the sandbox: a consortium on one machine, run by the real programs.
//!
//! [`sandbox::Sandbox`] makes keys, certificates and people, starts the registry nodes, the issuer and the companies, and
//! gives a wallet to whoever wants one. [`journey`] has the acts of people, [`demo`] tells them as a story and proves what it
//! claims.
//!
//! **Trusted**: the machine. All keys are development keys, all people are invented, and everything listens on loopback.

pub mod bench;
pub mod canary;
pub mod cluster;
pub mod demo;
pub mod faults;
pub mod holder;
pub mod journey;
pub mod ledger;
pub mod load;
pub mod sandbox;
pub mod traffic;
