//! What members have proposed and decided.

use super::problem::malformed_name;
use crate::replica::Replica;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use protocol::registry::RecordId;
use service::{extract::Json, refusal::Refusal};
use std::sync::Arc;

pub(super) async fn list(State(replica): State<Arc<Replica>>) -> Response {
    Json(replica.proposals()).into_response()
}

pub(super) async fn one(
    State(replica): State<Arc<Replica>>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let record: RecordId = name.parse().map_err(|_| malformed_name())?;
    let proposal = replica.proposal(&record).ok_or_else(Refusal::not_found)?;
    Ok(Json(proposal).into_response())
}
