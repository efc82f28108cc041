//! `POST /anchors`

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use protocol::issuance::{AnchorProof, AnchorsResponse, IssuedAnchor, parse_anchors_request};
use serde_json::Value;
use service::{
    extract::{RawBody, require_content_type},
    refusal::Refusal,
};

use super::{ANCHOR, StoredAnchor, batch};
use crate::{
    api::{blocking, fault},
    issuance::{Issuance, find_issuance},
    issuer::Issuer,
    store::{self, StoreError},
};

/// Routes of anchors.
pub(crate) fn router() -> Router<Arc<Issuer>> {
    Router::new().route("/anchors", post(show))
}

async fn show(
    State(issuer): State<Arc<Issuer>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Value>, Refusal> {
    require_content_type(&headers, "application/json")?;
    let id = parse_anchors_request(&body).map_err(|_| Refusal::malformed())?;
    let found = blocking(&issuer, move |issuer| match find_issuance(issuer, &id)? {
        None => Ok(None),
        Some(issuance) => anchors(issuer, &issuance.value).map(Some),
    });
    let response = found.await?.map_err(|error: StoreError| fault(&error))?;
    Ok(Json(response.ok_or_else(Refusal::not_found)?.to_json()))
}

fn anchors(issuer: &Issuer, issuance: &Issuance) -> Result<AnchorsResponse, StoreError> {
    let mut batches = BTreeMap::new();
    let mut anchors = Vec::with_capacity(issuance.anchors.len());
    for name in &issuance.anchors {
        let Some(found) = store::read::<StoredAnchor>(&issuer.vault, ANCHOR, name)? else {
            continue;
        };
        let anchor = found.value;
        let mut proof = None;
        if let Some((sequence, leaf)) = anchor.place {
            let batch = match batches.entry(sequence) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let batch = batch::load(issuer, sequence)?;
                    let tree = batch.as_ref().and_then(batch::Batch::tree);
                    place.insert(batch.zip(tree))
                }
            };
            if let Some((batch, tree)) = batch
                && let (Some((index, receipt)), Some(path)) = (&batch.recorded, tree.path(leaf))
            {
                proof = Some(AnchorProof {
                    nonce: anchor.nonce,
                    batch: *index,
                    leaf,
                    path,
                    receipt: receipt.clone(),
                    record: batch.record.clone(),
                });
            }
        }
        anchors.push(IssuedAnchor {
            signing_input_hash: anchor.signing_input_hash,
            proof,
        });
    }
    Ok(AnchorsResponse { anchors })
}
