//! The wallet against an issuer, a company and a registry that tests can turn hostile, one defect at a time.
//!
//! Names of tests are rows of the catalogue of bad inputs. Beside each refusal stands the same exchange without the defect: the
//! journeys of `journey.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "helpers of tests"
)]

mod company;
mod disclosing;
mod issuer;
mod journey;
mod killing;
mod presenting;
mod receiving;
mod registry;
mod server;
mod world;
