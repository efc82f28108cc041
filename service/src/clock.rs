//! The one place of the services that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::Timestamp;

/// What the machine's clock says now; 1970-01-01 if it stands before that.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock; below it, time is an argument"
)]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix(since_epoch.as_secs())
}
