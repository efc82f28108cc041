//! Requests that change something.

use super::problem;
use crate::replica::Replica;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
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

pub(super) async fn put_status_list(
    State(replica): State<Arc<Replica>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    RawBody(token): RawBody,
) -> Result<StatusCode, Refusal> {
    require_content_type(&headers, "application/statuslist+jwt")?;
    let digest: ContentDigest = digest.parse().map_err(|_| problem::malformed_name())?;
    let kept = tokio::task::spawn_blocking(move || {
        if ContentDigest::of(&token) != digest {
            return Ok(false);
        }
        replica.mirror_status_list(&token)
    });
    match kept.await {
        Ok(Ok(true)) => Ok(StatusCode::NO_CONTENT),
        Ok(Ok(false)) => Err(Problem::new(ProblemType::InvalidRequest)
            .with_code("not_the_latest_version")
            .into()),
        Ok(Err(error)) => Err(problem::of_store(&error)),
        Err(_cancelled) => Err(problem::stopping()),
    }
}
