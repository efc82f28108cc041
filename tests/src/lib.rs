//! Harness, scenarios and the sandbox: a consortium on one machine, run by the real programs.
//!
//! [`sandbox::Sandbox`] makes keys, certificates and people, starts the registry nodes, the issuer and the companies, and
//! gives a wallet to whoever wants one. [`story`] plays the two journeys on it, and [`proof`] checks what they claim.
//!
//! **Trusted**: the machine. All keys are development keys, all people are invented, and everything listens on loopback.

pub mod canary;
pub mod sandbox;
