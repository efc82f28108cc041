//! Anchors: what shows that an instance is on the registry. They come when the issuer's batch is final.

use protocol::issuance::{
    AnchorProof, AnchorsError, AnchorsResponse, NotificationId, anchors_request,
};
use protocol::registry::receipt::{ReceiptError, verify_receipt};
use protocol::registry::record::Body;
use protocol::registry::{Issuer, checkpoint::Committees, merkle::ProofError};
use vault::Changes;

use super::issuance::{Issuance, Stage};
use super::{ReceiveError, commit};
use crate::http::{Http, Post};
use crate::instance::StoredInstance;
use crate::network::{Network, below};
use crate::registry::Registry;
use crate::session::Session;

const JSON: &str = "application/json";
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Why an anchor does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The answer cannot be read.
    #[error(transparent)]
    Answer(#[from] AnchorsError),
    /// The batch is not on the registry.
    #[error("the batch is not on the registry")]
    Receipt(#[from] ReceiptError),
    /// The receipt is for another record.
    #[error("the receipt is not for a batch of this issuer at this place")]
    OtherRecord,
    /// The instance is not in the batch.
    #[error("the instance is not in the batch")]
    NotInBatch(#[from] ProofError),
}

/// Whether an anchor proof shows that the instance with this key is in a batch of this issuer on this network's registry.
pub(super) fn verify(
    proof: &AnchorProof,
    signing_input_hash: [u8; 32],
    thumbprint: [u8; 32],
    issuer: &Issuer,
    committees: &Committees,
) -> Result<(), AnchorError> {
    let entry = verify_receipt(&proof.receipt, &proof.record, committees)?;
    let Body::CredentialBatch(batch) = entry.record().body() else {
        return Err(AnchorError::OtherRecord);
    };
    let of_issuer = issuer.is_author(entry.record().author());
    if entry.index() != proof.batch || !of_issuer {
        return Err(AnchorError::OtherRecord);
    }
    proof
        .opening(signing_input_hash)
        .verify(thumbprint, batch)?;
    Ok(())
}

/// Fetches the anchors of an issuance whose instances are stored, and keeps those that hold.
pub(super) async fn fetch(
    session: &mut Session,
    network: &Network,
    http: &Http,
    issuance: &mut Issuance,
) -> Result<(), ReceiveError> {
    let issuer = network.issuer(Some(&issuance.issuer))?;
    let Stage::Stored {
        notification_id: Some(id),
        awaited,
        ..
    } = &mut issuance.stage
    else {
        return Ok(());
    };
    let Ok(id) = NotificationId::new(id.as_str()) else {
        return Ok(());
    };
    let url = below(issuer.id.url(), "anchors");
    let answer = http
        .post(Post {
            url: &url,
            media_type: JSON,
            body: anchors_request(&id).to_string().into_bytes(),
            accept: JSON,
            bearer: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
        .await?;
    let body = answer.of_type(JSON, &url)?;
    let response = AnchorsResponse::parse(&body).map_err(AnchorError::Answer)?;
    let now = session.clock.now();
    let registry = Registry::open(session, network)?;
    let mut changes = Changes::new();
    let mut missing = 0;
    for mut stored in StoredInstance::all(&session.vault)? {
        if stored.instance.issuance != issuance.id || stored.instance.anchor().is_some() {
            continue;
        }
        let hash = stored.instance.signing_input_hash();
        let of_instance = response
            .anchors
            .iter()
            .find(|anchor| Some(anchor.signing_input_hash) == hash);
        let Some((anchor, proof)) =
            of_instance.and_then(|anchor| Some((anchor, anchor.proof.as_ref()?)))
        else {
            missing += 1;
            continue;
        };
        let holder = stored
            .instance
            .verify(issuer, now)?
            .holder_key()
            .thumbprint();
        let hash = anchor.signing_input_hash;
        let verify = || verify(proof, hash, holder, issuer, &registry.committees());
        match verify() {
            Err(AnchorError::Receipt(ReceiptError::Checkpoint(_))) => {
                // Members may have begun to sign that the wallet does not know yet.
                registry.refresh(now).await?;
                verify()?;
            }
            verified => verified?,
        }
        stored.instance.set_anchor(proof);
        changes = stored.put(changes)?;
    }
    *awaited = missing;
    let changes = registry.remember(changes);
    commit(session, &issuance.put(changes)?)
}
