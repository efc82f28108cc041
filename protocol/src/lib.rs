//! All that two parties of Tegata must agree on.

pub mod application;
pub mod base64url;
pub mod credential;
pub mod envelope;
pub mod identity;
pub mod issuance;
pub mod json;
pub mod kyc;
pub mod presentation;
pub mod problem;
pub mod registry;
pub mod status;
mod time;

pub use time::{Date, Timestamp};
