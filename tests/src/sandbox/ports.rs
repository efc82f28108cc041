//! Free ports on loopback, outside the range from which the system serves itself: a node that was killed must find its
//! port free when it comes back.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};
use rand_core::Rng;

const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;
const TRIES: usize = 1_000;

/// Hands out ports that nothing listens on, each once.
#[derive(Debug, Default)]
pub struct Ports {
    taken: BTreeSet<u16>,
}

impl Ports {
    /// A free port, at random, so that two sandboxes do not want the same.
    pub fn take(&mut self) -> anyhow::Result<u16> {
        let mut rng = service::random::os();
        for _ in 0..TRIES {
            let offset =
                u16::try_from(rng.next_u32() % u32::from(COUNT)).context("smaller than a port")?;
            let port = FIRST + offset;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && self.taken.insert(port) {
                return Ok(port);
            }
        }
        bail!("no free port between {FIRST} and {}", FIRST + COUNT)
    }
}
