//! Requests that read.

use super::problem::{malformed_name, of_store, of_tree, stopping};
use crate::{cosigning::Cosigned, replica::Replica, store::CosignedNote};
use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use protocol::{
    Timestamp,
    registry::{ApplicationId, CaseId, ContentDigest, checkpoint::VerifiedCheckpoint},
};
use serde::{Deserialize, Serialize};
use service::{
    extract::{Json, Query},
    refusal::Refusal,
};
use std::{str::FromStr, sync::Arc};

type Node = State<Arc<Replica>>;

/// What is under its own digest, or below its index, never changes.
pub(super) const FOR_EVER: (HeaderName, HeaderValue) = (
    header::CACHE_CONTROL,
    HeaderValue::from_static("public, max-age=31536000, immutable"),
);

const fn content_type(value: &'static str) -> (HeaderName, HeaderValue) {
    (header::CONTENT_TYPE, HeaderValue::from_static(value))
}

/// Runs a read of the store where it may wait for the disk.
pub(super) async fn blocking<T: Send + 'static, E: Send + 'static>(
    read: impl FnOnce() -> Result<Option<T>, E> + Send + 'static,
    refusal: impl FnOnce(&E) -> Refusal,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(Some(found))) => Ok(found),
        Ok(Ok(None)) => Err(Refusal::not_found()),
        Ok(Err(error)) => Err(refusal(&error)),
        Err(_cancelled) => Err(stopping()),
    }
}

/// A decimal number in its one spelling.
pub(super) fn decimal<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse()
        .ok()
        .filter(|number: &T| number.to_string() == text)
}

fn index(text: &str) -> Result<u64, Refusal> {
    decimal(text).ok_or_else(malformed_name)
}

fn latest(replica: &Replica) -> Result<Arc<Cosigned>, Refusal> {
    replica.latest().ok_or_else(Refusal::not_found)
}

pub(super) async fn entry(
    State(replica): Node,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let index = index(&name)?;
    let entry = blocking(move || replica.entry(index), of_store).await?;
    Ok(([content_type("application/cbor"), FOR_EVER], entry.record).into_response())
}

pub(super) async fn proof(
    State(replica): Node,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let index = index(&name)?;
    let proof = blocking(move || replica.proof(index), of_tree).await?;
    Ok(proof.into_response())
}

/// Others go on without a node that is no member's: what it has is true, and not the latest.
fn latest_of_members(replica: &Replica) -> Result<Arc<Cosigned>, Refusal> {
    if !replica.is_members() {
        return Err(Refusal::unavailable());
    }
    latest(replica)
}

pub(super) async fn checkpoint(State(replica): Node) -> Result<Response, Refusal> {
    let latest = latest_of_members(&replica)?;
    Ok(latest.checkpoint.as_note().to_owned().into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsistencyQuery {
    from: String,
    to: Option<String>,
}

#[derive(Serialize)]
struct ConsistencyAnswer {
    from: u64,
    to: u64,
    hashes: Vec<String>,
    checkpoint: String,
}

pub(super) async fn consistency(
    State(replica): Node,
    Query(query): Query<ConsistencyQuery>,
) -> Result<Response, Refusal> {
    let from = index(&query.from)?;
    let to = query.to.as_deref().map(index).transpose()?;
    let proof = blocking(move || replica.consistency(from, to), of_tree).await?;
    let answer = ConsistencyAnswer {
        from: proof.from,
        to: proof.to,
        hashes: proof.hashes.iter().map(ToString::to_string).collect(),
        checkpoint: proof.latest.checkpoint.as_note().to_owned(),
    };
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FinalizationQuery {
    height: String,
}

pub(super) async fn finalization(
    State(replica): Node,
    Query(query): Query<FinalizationQuery>,
) -> Result<Response, Refusal> {
    let height = index(&query.height)?;
    let floor = replica.floor(height).await;
    let floor = floor.ok_or_else(Refusal::not_found)?;
    Ok(([content_type("application/octet-stream")], floor).into_response())
}

/// The file as it is: whoever knows its digest needs nobody's word for it.
pub(super) async fn genesis(State(replica): Node) -> Response {
    let file = replica.genesis().as_file().to_vec();
    ([content_type("application/json")], file).into_response()
}

#[derive(Serialize)]
struct TrustedPartiesAnswer<'a> {
    checkpoint: &'a str,
    document: &'a str,
}

pub(super) async fn trusted_parties(State(replica): Node) -> Result<Response, Refusal> {
    let latest = latest_of_members(&replica)?;
    let answer = TrustedPartiesAnswer {
        checkpoint: latest.checkpoint.as_note(),
        document: &latest.document,
    };
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandoversQuery {
    from: String,
}

#[derive(Serialize)]
struct HandoversAnswer {
    handovers: Vec<CosignedNote>,
}

pub(super) async fn handovers(
    State(replica): Node,
    Query(query): Query<HandoversQuery>,
) -> Result<Response, Refusal> {
    let from = index(&query.from)?;
    let handovers = replica.handovers(from);
    Ok(Json(HandoversAnswer { handovers }).into_response())
}

#[derive(Serialize)]
struct CaseAnswer {
    records: Vec<u64>,
}

pub(super) async fn case(
    State(replica): Node,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let case: CaseId = name.parse().map_err(|_| malformed_name())?;
    let records = blocking(move || replica.case(&case).map(Some), of_store).await?;
    if records.is_empty() {
        return Err(Refusal::not_found());
    }
    Ok(Json(CaseAnswer { records }).into_response())
}

#[derive(Serialize)]
struct ApplicationAnswer {
    designation: u64,
    outcomes: Vec<u64>,
}

pub(super) async fn application(
    State(replica): Node,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let application: ApplicationId = name.parse().map_err(|_| malformed_name())?;
    let indexes = blocking(
        move || replica.application(&application).map(Some),
        of_store,
    )
    .await?;
    let Some((designation, outcomes)) = indexes.split_first() else {
        return Err(Refusal::not_found());
    };
    let answer = ApplicationAnswer {
        designation: *designation,
        outcomes: outcomes.to_vec(),
    };
    Ok(Json(answer).into_response())
}

pub(super) async fn status_list(
    State(replica): Node,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let digest: ContentDigest = name.parse().map_err(|_| malformed_name())?;
    let token = blocking(move || replica.status_list(&digest), of_store).await?;
    Ok((
        [content_type("application/statuslist+jwt"), FOR_EVER],
        token,
    )
        .into_response())
}

#[derive(Serialize)]
struct Health {
    height: u64,
    size: u64,
    cosigned: Option<u64>,
    cosigned_at: Option<Timestamp>,
}

/// That the process lives, and where its ledger stands. Whether it can work is for `GET /readyz` to say: who restarts a
/// node because the others are away makes things worse.
pub(super) async fn health(State(replica): Node) -> Response {
    let latest = replica.latest();
    let latest = latest.as_ref().map(|latest| &latest.checkpoint);
    let (height, size) = replica.progress();
    let health = Health {
        height,
        size,
        cosigned: latest.map(VerifiedCheckpoint::size),
        cosigned_at: latest.map(VerifiedCheckpoint::cosigned_at),
    };
    Json(health).into_response()
}
