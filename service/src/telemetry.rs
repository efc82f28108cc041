//! Logs: one JSON object per line on stdout, fields instead of sentences, the request id in every line.
//!
//! Bodies, query strings, header values and tokens are never written; neither is the text of a panic, because a panic
//! may quote what it was looking at.

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// Starts the log of this process, at `info` or at what `RUST_LOG` says. A second call changes nothing.
pub fn start() {
    start_with("info");
}

/// The same with other directives where `RUST_LOG` says nothing, for a program that runs a talkative library.
pub fn start_with(directives: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Says where a panic happened, not what it said.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let (file, line) = panic
        .location()
        .map_or(("unknown", 0), |place| (place.file(), place.line()));
    tracing::error!(file, line, "panic");
}
