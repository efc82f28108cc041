//! Receiving applications, and telling applicants where they stand.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use protocol::{
    Timestamp,
    json::Limits,
    kyc::{CaseStatus, OPENED, Submission, SubmissionReceipt},
    registry::{CaseId, Salt},
};
use service::{
    bearer::Bearer,
    clock,
    extract::{RawBody, json_body},
    limits::{APPLICATION_BYTES, body_limit},
    random,
    refusal::Refusal,
};
use vault::Changes;

use crate::{
    api::{blocking, fault},
    case::{self, CASE, Case, EventContent, StepError},
    closing::SERVICE,
    evidence::EvidenceError,
    issuer::Issuer,
    registry::Lane,
    store::{self, StoreError},
};

/// Routes of applicants.
pub(crate) fn router() -> Router<Arc<Issuer>> {
    Router::new()
        .route(
            "/applications",
            post(submit).layer(body_limit(APPLICATION_BYTES)),
        )
        .route("/applications/{case}", get(show))
}

/// Why an application is not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// As many cases are under way as may be.
    #[error("too many cases are under way")]
    Full,
    /// The active process definition does not let a case open.
    #[error("the case cannot be opened")]
    Step(#[from] StepError),
    /// The evidence cannot be written.
    #[error("the evidence cannot be written")]
    Evidence(#[from] EvidenceError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Keeps a sealed application and opens its case.
fn receive(
    issuer: &Issuer,
    submission: &Submission,
    now: Timestamp,
) -> Result<SubmissionReceipt, IntakeError> {
    if issuer.evidence.count()? >= issuer.config.cases_open_max {
        return Err(IntakeError::Full);
    }
    let mut rng = random::os();
    let (id, token) = (CaseId::random(&mut rng), Bearer::generate(&mut rng));
    let mut case = Case::new(token.hash(), submission.reply_key, now);
    let content = EventContent {
        step: OPENED,
        judgement: None,
        completed_at: now.date_in_japan(),
        reviewer: SERVICE.to_owned(),
        evidence: &[],
        salt: Salt::random(&mut rng),
    };
    let event = case.append(content, &issuer.definition())?;
    let (sequence, record) = (event.sequence, issuer.author.sign(event.body(id)));
    // The files come first: a case in the vault has its evidence. Files without a case are removed at the next start.
    let sealed = serde_json::to_vec(&submission.sealed).map_err(StoreError::Encode)?;
    issuer
        .evidence
        .write(id, &sealed, &issuer.secret, &mut rng)?;
    let changes = issuer.queue(Changes::new(), Lane::Case(id), u64::from(sequence), &record)?;
    let changes = store::create(changes, CASE, &id.to_string(), &case)?;
    issuer.commit(&changes)?;
    Ok(SubmissionReceipt {
        case: id,
        token: token.reveal().to_owned(),
    })
}

/// The state of a case for whoever holds its token. A case that does not exist and a wrong token look alike.
fn status(issuer: &Issuer, id: CaseId, token: &Bearer) -> Result<Option<CaseStatus>, StoreError> {
    let case = case::load(&issuer.vault, id)?;
    Ok(case
        .filter(|case| case.value.token().matches(token))
        .map(|case| case.value.status()))
}

async fn submit(
    State(issuer): State<Arc<Issuer>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Refusal> {
    let submission = read_submission(&headers, &body)?;
    let received = blocking(&issuer, move |issuer| {
        receive(issuer, &submission, clock::now())
    })
    .await?;
    match received {
        Ok(receipt) => {
            tracing::info!(case = %receipt.case, "application received");
            Ok((StatusCode::CREATED, axum::Json(receipt)).into_response())
        }
        Err(IntakeError::Full) => Err(Refusal::unavailable()),
        Err(error @ (IntakeError::Step(_) | IntakeError::Evidence(_) | IntakeError::Store(_))) => {
            Err(fault(&error))
        }
    }
}

fn read_submission(headers: &HeaderMap, body: &Bytes) -> Result<Submission, Refusal> {
    let limits = Limits::DEFAULT
        .with_bytes(APPLICATION_BYTES)
        .with_string(APPLICATION_BYTES);
    json_body(headers, body, &limits)
}

async fn show(
    State(issuer): State<Arc<Issuer>>,
    Path(id): Path<String>,
    token: Bearer,
) -> Result<axum::Json<CaseStatus>, Refusal> {
    let id: CaseId = id.parse().map_err(|_| Refusal::not_found())?;
    let found = blocking(&issuer, move |issuer| status(issuer, id, &token)).await?;
    found
        .map_err(|error| fault(&error))?
        .map(axum::Json)
        .ok_or_else(Refusal::not_found)
}
