//! The service as wallets, pages and staff meet it, with a registry in the same process.

mod ledger;
mod presentation;
mod session;
mod staff;
mod wallet;
mod world;
