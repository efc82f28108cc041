//! Requests and connections, counted. Routes are those of the program and never paths that somebody asked for, so their
//! number is bounded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::{Exposition, Kind};

/// The upper bounds of the buckets, in seconds; one without a bound follows.
const BUCKETS: [(f64, &str); 9] = [
    (0.001, "0.001"),
    (0.005, "0.005"),
    (0.025, "0.025"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (5.0, "5"),
    (20.0, "20"),
];

/// What a service counts of its requests and connections.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    answered: Mutex<BTreeMap<Answer, Times>>,
    in_flight: AtomicU64,
    refused: AtomicU64,
    connections: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Default)]
struct Times {
    count: u64,
    seconds: f64,
    buckets: [u64; BUCKETS.len()],
}

/// One request or connection among those that are open.
#[derive(Debug)]
pub(crate) struct Open<'c>(&'c AtomicU64);

impl<'c> Open<'c> {
    fn in_(count: &'c AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Traffic {
    /// Counts a request until the answer is dropped.
    pub(crate) fn request(&self) -> Open<'_> {
        Open::in_(&self.in_flight)
    }

    /// Counts a connection until the answer is dropped.
    pub(crate) fn connection(&self) -> Open<'_> {
        Open::in_(&self.connections)
    }

    /// Counts a connection that was turned away.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Counts an answer.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        took: Duration,
    ) {
        let answer = Answer {
            route: route.to_owned(),
            method: name(method),
            status: status.as_u16(),
        };
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let times = answered.entry(answer).or_default();
        times.count += 1;
        times.seconds += took.as_secs_f64();
        for (count, (bound, _)) in times.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(took.as_secs_f64() <= bound);
        }
    }

    pub(super) fn measure(&self, to: &mut Exposition) {
        let value = |count: &AtomicU64| count.load(Relaxed);
        to.gauge(
            "tegata_http_requests_in_flight",
            "Requests being answered.",
            value(&self.in_flight),
        );
        to.gauge(
            "tegata_http_connections",
            "Open connections.",
            value(&self.connections),
        );
        to.counter(
            "tegata_http_connections_refused_total",
            "Connections turned away because too many were open.",
            value(&self.refused),
        );
        let answered = self
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        to.family(
            "tegata_http_requests_total",
            Kind::Counter,
            "Requests answered.",
        );
        for (answer, times) in &answered {
            let status = answer.status.to_string();
            let labels = [
                ("route", answer.route.as_str()),
                ("method", answer.method),
                ("status", &status),
            ];
            to.sample(&labels, times.count);
        }
        let mut by_route: BTreeMap<&str, Times> = BTreeMap::new();
        for (answer, times) in &answered {
            by_route.entry(&answer.route).or_default().add(times);
        }
        to.family(
            "tegata_http_request_seconds",
            Kind::Histogram,
            "How long answers took.",
        );
        for (route, times) in by_route {
            for (count, (_, bound)) in times.buckets.iter().zip(BUCKETS) {
                to.sample_of("_bucket", &[("route", route), ("le", bound)], count);
            }
            to.sample_of("_bucket", &[("route", route), ("le", "+Inf")], times.count);
            to.sample_of("_sum", &[("route", route)], times.seconds);
            to.sample_of("_count", &[("route", route)], times.count);
        }
    }
}

impl Times {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count += more;
        }
    }
}

/// Strangers may invent methods; they are one.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(traffic: &Traffic) -> String {
        let mut to = Exposition::default();
        traffic.measure(&mut to);
        to.into_text()
    }

    #[test]
    fn answers_are_counted_by_route_method_and_status_and_timed_by_route() {
        let traffic = Traffic::default();
        let (ok, bad) = (StatusCode::OK, StatusCode::BAD_REQUEST);
        traffic.answered(&Method::GET, "/a", ok, Duration::from_millis(2));
        traffic.answered(&Method::GET, "/a", ok, Duration::from_secs(30));
        traffic.answered(&Method::POST, "/a", bad, Duration::from_millis(300));
        let text = text(&traffic);
        for line in [
            "tegata_http_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 2",
            "tegata_http_requests_total{route=\"/a\",method=\"POST\",status=\"400\"} 1",
            "tegata_http_request_seconds_bucket{route=\"/a\",le=\"0.001\"} 0",
            "tegata_http_request_seconds_bucket{route=\"/a\",le=\"0.005\"} 1",
            "tegata_http_request_seconds_bucket{route=\"/a\",le=\"0.5\"} 2",
            "tegata_http_request_seconds_bucket{route=\"/a\",le=\"20\"} 2",
            "tegata_http_request_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3",
            "tegata_http_request_seconds_count{route=\"/a\"} 3",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
    }

    #[test]
    fn an_invented_method_makes_no_series_of_its_own() {
        let traffic = Traffic::default();
        for method in ["INVENTED", "ALSO"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            traffic.answered(&method, "none", StatusCode::NOT_FOUND, Duration::ZERO);
        }
        assert!(text(&traffic).contains("method=\"other\",status=\"404\"} 2\n"));
    }

    #[test]
    fn what_is_open_is_counted_until_it_is_dropped() {
        let traffic = Traffic::default();
        let open = traffic.request();
        assert!(text(&traffic).contains("tegata_http_requests_in_flight 1\n"));
        drop(open);
        assert!(text(&traffic).contains("tegata_http_requests_in_flight 0\n"));
    }
}
