//! A consortium on one machine.

mod authority;
mod licence;
mod person;
mod ports;
mod process;
mod programs;
mod secret;

pub use authority::{Authority, Leaf};
pub use person::{Name, Person};
pub use ports::Ports;
pub use process::Process;
pub use programs::Programs;
pub use secret::Secret;
