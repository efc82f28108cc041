//! Free ports on loopback.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;

/// Hands out ports that nothing listens on, each once.
#[derive(Debug, Default)]
pub struct Ports {
    taken: BTreeSet<u16>,
}

impl Ports {
    /// A free port. Another program could take it before it is used; then the start fails and says so.
    pub fn take(&mut self) -> anyhow::Result<u16> {
        loop {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
            let port = listener.local_addr()?.port();
            if self.taken.insert(port) {
                return Ok(port);
            }
        }
    }
}
