//! The wallet of a person: `tegata`.
//!
//! One module for each use case: [`init`], [`passphrase`], [`trust`], [`apply`], [`applications`], [`receive`], [`list`],
//! [`present`], [`open`], [`accounts`], [`history`].
//! What they share: a [`session`] (the open vault, the terminal, the clock), the trusted [`network`], bounded
//! [`http`], and inert [`display`] of what strangers wrote.
//!
//! Every use case writes what it is about to do to the vault before the network step that depends on it; a command that was
//! killed can be run again.

mod account;
pub mod accounts;
pub mod applications;
pub mod apply;
mod case;
pub mod cli;
pub mod clock;
pub mod consent;
pub mod display;
mod document;
pub mod failure;
pub mod history;
pub mod http;
pub mod init;
mod instance;
pub mod list;
pub mod network;
pub mod open;
pub mod passphrase;
pub mod present;
pub mod receive;
pub mod registry;
pub mod report;
pub mod session;
pub mod terminal;
pub mod trust;
