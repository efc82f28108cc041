//! Requests that change something.

use super::problem;
use crate::replica::{Relayed, Replica};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::{
    problem::{Problem, ProblemType},
    registry::ContentDigest,
};
use service::{
    extract::{RawBody, require_content_type},
    refusal::Refusal,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

pub(super) async fn post_record(
    State(replica): State<Arc<Replica>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Refusal> {
    require_content_type(&headers, "application/cbor")?;
    let receipt = replica.submit(&body).await;
    receipt
        .map(IntoResponse::into_response)
        .map_err(|error| problem::of_submission(&error))
}

pub(super) async fn relay(
    State(replica): State<Arc<Replica>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Refusal> {
    require_content_type(&headers, "application/cbor")?;
    match replica.relay(&body).await {
        Ok(Relayed::Recorded(receipt)) => Ok(receipt.into_response()),
        Ok(Relayed::Waits) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(error) => Err(problem::of_submission(&error)),
    }
}

pub(super) async fn put_status_list(
    State(replica): State<Arc<Replica>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    RawBody(token): RawBody,
) -> Result<StatusCode, Refusal> {
    require_content_type(&headers, "application/statuslist+jwt")?;
    let digest: ContentDigest = digest.parse().map_err(|_| problem::malformed_name())?;
    if ContentDigest::of(&token) != digest || !replica.is_latest_status_list(&digest).await {
        return Err(not_the_latest());
    }
    let kept = tokio::task::spawn_blocking(move || replica.mirror_status_list(&token));
    match kept.await {
        Ok(Ok(true)) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(false)) => Err(not_the_latest()),
        Ok(Err(error)) => Err(problem::of_store(&error)),
        Err(_cancelled) => Err(problem::stopping()),
    }
}

fn not_the_latest() -> Refusal {
    Problem::new(ProblemType::InvalidRequest)
        .with_code("not_the_latest_version")
        .into()
}

/// Large bodies are read a few at a time: whoever finds no place is told to come later.
pub(super) async fn limit_large_bodies(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match places.try_acquire_owned() {
        Ok(_place) => next.run(request).await,
        Err(_none) => Refusal::unavailable().into_response(),
    }
}
