//! The one place of the services that reads the machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::Timestamp;

/// What the machine's clock says now; 1970-01-01 if it stands before that.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_unix(since_epoch().as_secs())
}

/// The same in milliseconds since 1970-01-01, for what happens several times a second.
#[must_use]
pub fn now_ms() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock; below it, time is an argument"
)]
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
