//! What a stranger may use of a service. Every number has its test at the limit and one beyond.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;

/// Request line and headers together.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Header lines in one request.
pub const HEADERS_MAX: usize = 64;
/// A request line and its headers must be complete after this; so must a TLS handshake. An idle connection closes after it too.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// A request, with its body, must be answered after this.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which no byte moves in either direction is closed after this.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection is asked to end after this, however busy it is.
pub const CONNECTION_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long running requests may take to end after a stop signal.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Connections from one address.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 64;
/// Connections altogether.
pub const CONNECTIONS_MAX: usize = 2_048;
/// Requests that are being answered at one time.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 512;

/// Body of an ordinary request.
pub const BODY_BYTES: usize = 64 * 1024;
/// Body of a credential request.
pub const CREDENTIAL_REQUEST_BYTES: usize = 256 * 1024;
/// Body of a presentation that is posted directly.
pub const DIRECT_POST_BYTES: usize = 512 * 1024;
/// An application for KYC with its document images.
pub const APPLICATION_BYTES: usize = 12 * 1024 * 1024;

/// A document that a service fetches from elsewhere.
pub const FETCHED_BYTES: usize = 512 * 1024;
/// A fetch from elsewhere, from connecting to the last byte.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Lets a route read a body of up to `bytes` instead of [`BODY_BYTES`]; a longer one is answered with 413.
///
/// ```
/// use axum::{Router, routing::post};
/// use service::limits::{DIRECT_POST_BYTES, body_limit};
///
/// let router: Router = Router::new()
///     .route("/responses/{id}", post(async || "ok").layer(body_limit(DIRECT_POST_BYTES)));
/// ```
pub fn body_limit(bytes: usize) -> DefaultBodyLimit {
    DefaultBodyLimit::max(bytes)
}
