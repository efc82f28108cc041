//! The one place that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::Timestamp;

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine.
    System,
    /// A moment that tests choose.
    Fixed(Timestamp),
}

impl Clock {
    /// The time.
    #[must_use]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => system_time(),
            Self::Fixed(now) => now,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge at which time enters the wallet"
)]
fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_unix(since_epoch.map_or(0, |duration| duration.as_secs()))
}
