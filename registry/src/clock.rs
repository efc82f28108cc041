//! The time as a node sees it: real, or that of a simulation.

use protocol::Timestamp;
use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

/// A node's clocks and timer.
pub trait Clock: Send + Sync + 'static {
    /// What the clock on the wall shows; it may jump.
    fn now(&self) -> Timestamp;

    /// A time that only grows, to measure durations with.
    fn instant(&self) -> Instant;

    /// Resolves after a duration.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        service::clock::now()
    }

    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
