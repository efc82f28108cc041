//! One member's machine: its own disk and clock under a program that runs on the common simulated runtime.

use super::disk::Disk;
use commonware_runtime::{
    Clock, Error, Handle, Metrics, Name, Spawner, Supervisor, deterministic, signal,
    telemetry::metrics::{Metric, Registered},
};
use futures::FutureExt as _;
use governor::clock::{Clock as GovernorClock, ReasonablyRealtime};
use rand_core::{TryCryptoRng, TryRng};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Longer than any simulation.
const SLEEP_MAX: Duration = Duration::from_secs(1_000_000);

/// A machine's clock on the wall: ahead of the simulated time, or behind it.
#[derive(Clone, Default)]
pub struct Skew(Arc<AtomicI64>);

impl Skew {
    /// Sets the clock, in milliseconds ahead of the simulated time.
    pub fn set(&self, ahead_ms: i64) {
        self.0.store(ahead_ms, Ordering::Relaxed);
    }

    pub(super) fn of(&self, time: SystemTime) -> SystemTime {
        let ahead_ms = self.0.load(Ordering::Relaxed);
        let distance = Duration::from_millis(ahead_ms.unsigned_abs());
        let shown = if ahead_ms < 0 {
            time.checked_sub(distance)
        } else {
            time.checked_add(distance)
        };
        shown.unwrap_or(UNIX_EPOCH)
    }
}

/// The runtime as one program on one machine sees it.
pub(crate) struct Machine {
    inner: deterministic::Context,
    disk: Disk,
    skew: Skew,
    /// What the first part that broke down said.
    broken: Arc<OnceLock<String>>,
}

impl Machine {
    pub(crate) fn new(
        inner: deterministic::Context,
        disk: Disk,
        skew: Skew,
        broken: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            inner,
            disk,
            skew,
            broken,
        }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    fn with(&self, inner: deterministic::Context) -> Self {
        Self {
            inner,
            disk: self.disk.clone(),
            skew: self.skew.clone(),
            broken: self.broken.clone(),
        }
    }
}

impl Supervisor for Machine {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        self.with(self.inner.child(label))
    }

    fn with_attribute(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        self.inner = self.inner.with_attribute(key, value);
        self
    }
}

impl Spawner for Machine {
    fn shared(mut self, blocking: bool) -> Self {
        self.inner = self.inner.shared(blocking);
        self
    }

    fn dedicated(mut self) -> Self {
        self.inner = self.inner.dedicated();
        self
    }

    /// As on a real machine, a panic anywhere is the end of the whole program.
    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (disk, skew, broken) = (self.disk, self.skew, self.broken);
        self.inner.spawn(move |inner| {
            let told = broken.clone();
            let work = f(Self::new(inner, disk, skew, broken));
            async move {
                match AssertUnwindSafe(work).catch_unwind().await {
                    Ok(value) => value,
                    Err(panic) => {
                        let message = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                        let _kept = told.set(message.unwrap_or_default());
                        resume_unwind(panic)
                    }
                }
            }
        })
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> signal::Signal {
        self.inner.stopped()
    }
}

impl Metrics for Machine {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl Clock for Machine {
    fn current(&self) -> SystemTime {
        self.skew.of(self.inner.current())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep(duration.min(SLEEP_MAX))
    }

    /// As on a real machine, the time to sleep is reckoned once.
    fn sleep_until(
        &self,
        deadline: SystemTime,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let remaining = deadline.duration_since(self.current()).unwrap_or_default();
        self.inner.sleep(remaining.min(SLEEP_MAX))
    }
}

impl GovernorClock for Machine {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl ReasonablyRealtime for Machine {}

impl TryRng for Machine {
    type Error = <deterministic::Context as TryRng>::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.inner.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Machine {}
