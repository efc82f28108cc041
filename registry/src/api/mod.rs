//! The node's HTTP interface (`specs/node-api.md`).
//!
//! | method and path | request | answer | problems |
//! | --- | --- | --- | --- |
//! | POST /records | `application/cbor`, a record | receipt, once durable, final and cosigned | 400 403 409 413 415 422 503 |
//! | POST /relay | `application/cbor`, an outcome | receipt, or 202: it waits for its slot | 400 403 409 413 415 422 503 |
//! | GET /entries/{index} | | the record, `application/cbor` | 400 404 |
//! | GET /proofs/{index} | | receipt against the latest checkpoint | 400 404 |
//! | GET /checkpoint | | the latest cosigned checkpoint, a note | 404 503 |
//! | GET /consistency?from=N&to=M | | `{"from","to","hashes","checkpoint"}` | 400 404 |
//! | GET /finalization?height=N | | consensus' certificate of the greatest height up to N that has one here, and its block | 400 404 |
//! | GET /tile/{level}/{number} | | hashes, C2SP tlog-tiles | 400 404 |
//! | GET /tile/entries/{number} | | entries, C2SP tlog-tiles | 400 404 |
//! | GET /tile/blocks/{number} | | height and time of each entry's block | 400 404 |
//! | GET /genesis | | the genesis file, whose SHA-256 is the network's id | |
//! | GET /trusted-parties | | `{"checkpoint","document"}` | 404 503 |
//! | GET /handovers?from=K | | `{"handovers":[{"checkpoint","document"}]}`, those with checkpoints of height K and above | 400 |
//! | GET /cases/{case} | | `{"records":[index]}` | 400 404 |
//! | GET /applications/{application} | | `{"designation":index,"outcomes":[index]}` | 400 404 |
//! | GET /proposals | | `{"height","proposals":[...]}` | |
//! | GET /proposals/{record} | | one of them, however old | 400 404 |
//! | PUT /status-lists/{digest} | `application/statuslist+jwt` | 204 | 400 404 413 415 |
//! | GET /status-lists/{digest} | | the token | 400 404 |
//! | GET /healthz | | `{"height","size","cosigned","cosigned_at"}`, as long as the process lives | |
//! | GET /openapi.json | | this interface as OpenAPI 3.1 (`specs/registry-openapi.json`) | |
//! | GET /readyz | | `ready`, or one word that says why not (`operations.rs`) | 503 |
//!
//! Problems are RFC 9457. Every request may be repeated: a record that stands already is answered with
//! its receipt. Everything that is read is as of the latest checkpoint that a quorum signed.

mod openapi;
mod problem;
mod proposals;
mod read;
#[cfg(test)]
mod tests;
mod tile;
mod write;

use crate::{replica::Replica, store::STATUS_LIST_BYTES_MAX};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};
use protocol::relay::CONTENT_BYTES_MAX;
use service::limits::body_limit;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A longer body is no record: 413.
const RECORD_BODY_BYTES: usize = protocol::registry::record::RECORD_BYTES_MAX;

/// Status list tokens that are received at one time.
const STATUS_LISTS_AT_ONCE_MAX: usize = 8;

/// The routes of a node.
pub fn router(replica: Arc<Replica>) -> Router {
    let places = Arc::new(Semaphore::new(STATUS_LISTS_AT_ONCE_MAX));
    let status_list = put(write::put_status_list)
        .layer(body_limit(STATUS_LIST_BYTES_MAX))
        .layer(from_fn_with_state(places, write::limit_large_bodies))
        .get(read::status_list);
    Router::new()
        .route(
            "/records",
            post(write::post_record).layer(body_limit(RECORD_BODY_BYTES)),
        )
        .route(
            "/relay",
            post(write::relay).layer(body_limit(CONTENT_BYTES_MAX)),
        )
        .route("/entries/{index}", get(read::entry))
        .route("/proofs/{index}", get(read::proof))
        .route("/checkpoint", get(read::checkpoint))
        .route("/consistency", get(read::consistency))
        .route("/finalization", get(read::finalization))
        .route("/tile/{*path}", get(tile::tile))
        .route("/genesis", get(read::genesis))
        .route("/trusted-parties", get(read::trusted_parties))
        .route("/handovers", get(read::handovers))
        .route("/cases/{case}", get(read::case))
        .route("/applications/{application}", get(read::application))
        .route("/proposals", get(proposals::list))
        .route("/proposals/{record}", get(proposals::one))
        .route("/status-lists/{digest}", status_list)
        .route("/healthz", get(read::health))
        .route("/openapi.json", get(openapi::openapi))
        .with_state(replica)
}
