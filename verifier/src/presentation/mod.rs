//! Presentation: what the company asks, and what it makes of the answer.

pub(crate) mod query;
pub(crate) mod receive;
pub(crate) mod request;
mod verify;
