//! The layers around a role's router: request id, log, headers, panics, limits.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    HeaderMap, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use protocol::problem::ProblemType;
use rand_core::Rng;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::limits::{BODY_BYTES, REQUEST_TIMEOUT, REQUESTS_IN_FLIGHT_MAX};
use crate::operations::Traffic;
use crate::refusal::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Set on every answer.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        STRICT_TRANSPORT_SECURITY,
        "max-age=63072000; includeSubDomains",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Puts `router` into the shell. `Server::run` does this; tests that call a router directly may, too.
///
/// A handler that sets `Cache-Control` keeps it; every other answer says `no-store`.
pub fn shell(router: Router) -> Router {
    measured_shell(router, Arc::default())
}

/// The same, with a count of what is asked and answered.
pub(super) fn measured_shell(router: Router, traffic: Arc<Traffic>) -> Router {
    let places = Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT_MAX));
    router
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::of(ProblemType::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn(limit_time))
        .layer(from_fn(refuse_odd_bodies))
        .layer(from_fn(move |request, next| {
            limit_requests(Arc::clone(&places), request, next)
        }))
        .layer(from_fn(move |request, next| {
            observe(Arc::clone(&traffic), request, next)
        }))
}

/// Request id, log line, count and security headers.
async fn observe(traffic: Arc<Traffic>, request: Request, next: Next) -> Response {
    let mut bytes = [0u8; 12];
    crate::random::os().fill_bytes(&mut bytes);
    let id = protocol::base64url::encode(&bytes);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", request_id = id);
    async move {
        let begun = Instant::now();
        let open = traffic.request();
        let mut response = next.run(request).await;
        drop(open);
        let took = begun.elapsed();
        traffic.answered(&method, &route, response.status(), took);
        log(&method, &route, response.status(), took);
        set_headers(response.headers_mut(), &id);
        response
    }
    .instrument(span)
    .await
}

fn log(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let (status, elapsed_ms) = (status.as_u16(), took.as_secs_f64() * 1_000.0);
    tracing::info!(%method, route, status, elapsed_ms, "answered");
}

fn set_headers(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
}

async fn limit_requests(places: Arc<Semaphore>, request: Request, next: Next) -> Response {
    match places.try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_none) => Refusal::unavailable().into_response(),
    }
}

/// Compressed bodies are not read (a few bytes could become many), and a body with two lengths has none.
async fn refuse_odd_bodies(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(CONTENT_ENCODING) {
        return closing(Refusal::unsupported_media_type());
    }
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        return closing(Refusal::malformed());
    }
    next.run(request).await
}

async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => closing(Refusal::unavailable()),
    }
}

fn closing(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The panic itself is logged by the hook of `telemetry`; its text goes nowhere.
fn answer_panic(_payload: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::internal().into_response()
}
