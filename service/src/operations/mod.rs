//! What the operator of a service asks it: does it live, can it do its work, and how much of it does it do.
//!
//! | path | answer | where |
//! | --- | --- | --- |
//! | GET /readyz | `ready`, or 503 and one word that says why not | everywhere |
//! | GET /metrics | Prometheus text | the operator's listener; in development the service's own as well |
//! | GET /healthz | `ok` as long as the process lives | the operator's listener; a role has its own |
//!
//! Metrics count requests by route, which tells a competitor how busy a company is: strangers do not see them. No
//! label holds a name, an identifier or anything else that a request brought.

mod exposition;
mod process;
mod traffic;

pub use exposition::{Exposition, Kind};
pub(crate) use traffic::Traffic;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use protocol::Timestamp;

/// Whether a service can do its work now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot; one word says why.
    NotReady(&'static str),
}

type Ask = dyn Fn() -> Readiness + Send + Sync;
type Measure = dyn Fn(&mut Exposition) + Send + Sync;

/// How a role answers its operator.
pub struct Operations {
    program: &'static str,
    version: &'static str,
    started: Timestamp,
    readiness: Box<Ask>,
    measure: Box<Measure>,
}

impl Operations {
    /// A program that is ready as soon as it listens, and measures nothing but its traffic.
    #[must_use]
    pub fn new(program: &'static str, version: &'static str) -> Self {
        Self {
            program,
            version,
            started: crate::clock::now(),
            readiness: Box::new(|| Readiness::Ready),
            measure: Box::new(|_| {}),
        }
    }

    /// Says how to find out whether the program can do its work. Called for each question: it must not wait.
    #[must_use]
    pub fn ready_if(mut self, ask: impl Fn() -> Readiness + Send + Sync + 'static) -> Self {
        self.readiness = Box::new(ask);
        self
    }

    /// Adds what the role measures. Called for each question: it must not wait.
    #[must_use]
    pub fn measuring(mut self, measure: impl Fn(&mut Exposition) + Send + Sync + 'static) -> Self {
        self.measure = Box::new(measure);
        self
    }

    fn answer_readiness(&self) -> Response {
        match (self.readiness)() {
            Readiness::Ready => (StatusCode::OK, "ready\n").into_response(),
            Readiness::NotReady(word) => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("{word}\n")).into_response()
            }
        }
    }

    fn answer_metrics(&self, traffic: &Traffic) -> Response {
        let mut to = Exposition::default();
        let labels = [("program", self.program), ("version", self.version)];
        to.family("tegata_build_info", Kind::Gauge, "Which program this is.");
        to.sample(&labels, 1);
        let ready = u8::from((self.readiness)() == Readiness::Ready);
        to.gauge("tegata_ready", "1 if the program can do its work.", ready);
        process::measure(self.started, &mut to);
        traffic.measure(&mut to);
        (self.measure)(&mut to);
        let content_type = "text/plain; version=0.0.4; charset=utf-8";
        ([(CONTENT_TYPE, content_type)], to.into_text()).into_response()
    }
}

/// Routes that any listener may have.
pub(crate) fn public(operations: &Arc<Operations>) -> Router {
    let operations = Arc::clone(operations);
    Router::new().route(
        "/readyz",
        get(move || async move { operations.answer_readiness() }),
    )
}

/// Routes for the operator alone.
pub(crate) fn private(operations: &Arc<Operations>, traffic: &Arc<Traffic>) -> Router {
    let (operations, traffic) = (Arc::clone(operations), Arc::clone(traffic));
    Router::new().route(
        "/metrics",
        get(move || async move { operations.answer_metrics(&traffic) }),
    )
}
