//! The shell an HTTP service of Tegata runs in.
//!
//! A role gives an [`axum::Router`] and a [`config::ServiceConfig`]; the shell listens, speaks TLS, bounds everything
//! a stranger can send, answers mistakes as RFC 9457 problems, sets the security headers, writes one log line per
//! request and answers the operator's questions ([`operations`]). It knows no word of the domain.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use axum::{Router, routing::get};
//!
//! service::telemetry::start();
//! let config = service::config::ServiceConfig::loopback_for_development(0);
//! let router = Router::new().route("/healthz", get(async || "ok"));
//! let operations = service::operations::Operations::new("example", env!("CARGO_PKG_VERSION"));
//! service::serve::serve(router, operations, &config).await?;
//! # Ok(())
//! # }
//! ```
//!
//! **Trusted**: the configuration file and the files it names. **Not trusted**: every byte of a request, the number of
//! connections, how fast they are read or written, and everything that [`client::Outbound`] is answered.

pub mod bearer;
pub mod client;
pub mod clock;
pub mod config;
pub mod extract;
pub mod limits;
pub mod operations;
pub mod random;
pub mod refusal;
pub mod serve;
pub mod staff;
pub mod telemetry;
