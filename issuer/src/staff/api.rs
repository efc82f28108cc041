//! `/staff/…`

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use protocol::{
    kyc::{Judgement, Process},
    problem::{Problem, ProblemType},
    registry::CaseId,
};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{
    bearer::Bearer, clock, extract::Json, random, refusal::Refusal, staff::SessionError,
};
use zeroize::Zeroizing;

use super::{CheckError, ReviewError, Reviewer, check, review};
use crate::{
    api::{blocking, fault},
    case::{self, CaseSummary, StepError},
    issuance::{OfferMakingError, make_offer, revoke},
    issuer::Issuer,
    registry::Lane,
};

/// Routes of the staff.
pub(crate) fn router() -> Router<Arc<Issuer>> {
    Router::new()
        .route("/staff/sessions", post(open_session).delete(close_session))
        .route("/staff/cases", get(list_cases))
        .route("/staff/cases/{case}", get(show_case))
        .route("/staff/cases/{case}/documents/{index}", get(show_document))
        .route("/staff/cases/{case}/checks/{process}", post(complete_check))
        .route("/staff/cases/{case}/offer", post(offer))
        .route("/staff/cases/{case}/revoke", post(revoke_case))
}

/// A member of staff with an open session; anything else is 401.
struct Session(Arc<Reviewer>);

impl FromRequestParts<Arc<Issuer>> for Session {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, issuer: &Arc<Issuer>) -> Result<Self, Refusal> {
        let token = Bearer::from_request_parts(parts, issuer).await?;
        let found = issuer.sessions.find(&token, clock::now());
        let (_name, reviewer) = found.map_err(|_| Refusal::unauthorized())?;
        Ok(Self(reviewer))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    passphrase: String,
}

async fn open_session(
    State(issuer): State<Arc<Issuer>>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Refusal> {
    let Credentials { name, passphrase } = credentials;
    let passphrase = Zeroizing::new(passphrase);
    let wait = |_: SessionError| Refusal::of(ProblemType::TooManyRequests);
    issuer.sessions.may_try(&name, clock::now()).map_err(wait)?;
    let Ok(key) = issuer.reviewers.unlock(&name, passphrase).await else {
        tracing::warn!("log-in refused");
        return Err(Refusal::unauthorized());
    };
    let reviewer = Reviewer {
        name: name.clone(),
        key,
    };
    let session = issuer
        .sessions
        .open(&name, reviewer, clock::now(), &mut random::os());
    let token = session.map_err(wait)?;
    Ok((
        StatusCode::CREATED,
        axum::Json(json!({"token": token.reveal()})),
    )
        .into_response())
}

async fn close_session(
    State(issuer): State<Arc<Issuer>>,
    _session: Session,
    token: Bearer,
) -> StatusCode {
    issuer.sessions.close(&token);
    StatusCode::NO_CONTENT
}

async fn list_cases(
    State(issuer): State<Arc<Issuer>>,
    _session: Session,
) -> Result<Response, Refusal> {
    let cases = blocking(&issuer, |issuer| case::load_all(&issuer.vault)).await?;
    let cases = cases.map_err(|error| fault(&error))?;
    let summaries: Vec<_> = cases
        .iter()
        .map(|(id, case)| CaseSummary::new(*id, case))
        .collect();
    Ok(axum::Json(json!({"cases": summaries})).into_response())
}

async fn show_case(
    State(issuer): State<Arc<Issuer>>,
    Session(reviewer): Session,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = parse_case(&id)?;
    tracing::info!(case = %id, reviewer = reviewer.pseudonym(id, &issuer.secret), "application read");
    let shown = blocking(&issuer, move |issuer| {
        let application = review::open(issuer, id, &reviewer, clock::now())?;
        let case = case::load(&issuer.vault, id)?
            .ok_or(ReviewError::Unknown)?
            .value;
        let documents: Vec<Value> = application
            .documents()
            .iter()
            .map(|image| json!({"kind": image.kind(), "media_type": image.media_type(), "bytes": image.data().len()}))
            .collect();
        let form = application.form().stated();
        Ok(axum::Json(json!({
            "case": CaseSummary::new(id, &case),
            "application": {"form": form, "documents": documents},
        })))
    });
    Ok(shown
        .await?
        .map_err(|error| refuse_review(&error))?
        .into_response())
}

async fn show_document(
    State(issuer): State<Arc<Issuer>>,
    Session(reviewer): Session,
    Path((id, index)): Path<(String, usize)>,
) -> Result<Response, Refusal> {
    let id = parse_case(&id)?;
    tracing::info!(case = %id, reviewer = reviewer.pseudonym(id, &issuer.secret), index, "document read");
    let opened = blocking(&issuer, move |issuer| {
        review::open(issuer, id, &reviewer, clock::now())
    });
    let application = opened.await?.map_err(|error| refuse_review(&error))?;
    let image = application
        .documents()
        .get(index)
        .ok_or_else(Refusal::not_found)?;
    // Bytes of a stranger: the browser must neither guess their type nor run them.
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static(image.media_type().name()),
        ),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        ),
    ];
    Ok((headers, image.data().to_vec()).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompletedCheck {
    result: Judgement,
}

async fn complete_check(
    State(issuer): State<Arc<Issuer>>,
    Session(reviewer): Session,
    Path((id, process)): Path<(String, String)>,
    Json(check): Json<CompletedCheck>,
) -> Result<StatusCode, Refusal> {
    let id = parse_case(&id)?;
    let process: Process = process.parse().map_err(|_| Refusal::not_found())?;
    let pseudonym = reviewer.pseudonym(id, &issuer.secret);
    let completed = blocking(&issuer, move |issuer| {
        check::complete(issuer, &reviewer, id, (process, check.result), clock::now())
    });
    completed.await?.map_err(|error| refuse_check(&error))?;
    tracing::info!(case = %id, reviewer = pseudonym, %process, "check completed");
    issuer
        .confirmed(Lane::Case(id))
        .await
        .map_err(|_| Refusal::unavailable())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn offer(
    State(issuer): State<Arc<Issuer>>,
    Session(reviewer): Session,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = parse_case(&id)?;
    let made = blocking(&issuer, move |issuer| {
        make_offer(issuer, &reviewer, id, clock::now())
    });
    let made = made.await?.map_err(|error| refuse_offer(&error))?;
    tracing::info!(case = %id, "offer made");
    let mut answer = json!({"tx_code": made.transaction_code.reveal()});
    if let (true, Value::Object(members)) = (issuer.config.offers_shown_to_staff, &mut answer) {
        members.insert("offer".to_owned(), made.link.as_str().into());
    }
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

async fn revoke_case(
    State(issuer): State<Arc<Issuer>>,
    _session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let id = parse_case(&id)?;
    let revoked = blocking(&issuer, move |issuer| revoke(issuer, id, clock::now())).await?;
    let lanes = revoked
        .map_err(|error| fault(&error))?
        .ok_or_else(Refusal::not_found)?;
    tracing::info!(case = %id, "credentials revoked");
    for lane in lanes {
        issuer
            .confirmed(lane)
            .await
            .map_err(|_| Refusal::unavailable())?;
    }
    Ok(StatusCode::NO_CONTENT)
}

fn parse_case(text: &str) -> Result<CaseId, Refusal> {
    text.parse().map_err(|_| Refusal::not_found())
}

fn conflict(code: &'static str) -> Refusal {
    Problem::new(ProblemType::Conflict).with_code(code).into()
}

fn unprocessable(code: &'static str) -> Refusal {
    Problem::new(ProblemType::Unprocessable)
        .with_code(code)
        .into()
}

fn refuse_review(error: &ReviewError) -> Refusal {
    match error {
        ReviewError::Unknown => Refusal::not_found(),
        ReviewError::Gone => Refusal::of(ProblemType::Gone),
        ReviewError::MyNumber => unprocessable("my_number"),
        ReviewError::Sealed => unprocessable("not_sealed_for_this_issuer"),
        ReviewError::Application(_) => unprocessable("application_breaks_a_rule"),
        ReviewError::Evidence(_) | ReviewError::Close(_) | ReviewError::Store(_) => fault(error),
    }
}

fn refuse_check(error: &CheckError) -> Refusal {
    match error {
        CheckError::NotByStaff => Problem::new(ProblemType::Forbidden)
            .with_code("not_by_staff")
            .into(),
        CheckError::Over => conflict("case_over"),
        CheckError::Step(StepError::Unknown) => conflict("step_unknown"),
        CheckError::Step(StepError::Repeated) => conflict("step_repeated"),
        CheckError::Step(StepError::Order) => conflict("step_out_of_order"),
        CheckError::Review(error) => refuse_review(error),
        CheckError::Close(_) | CheckError::Store(_) => fault(error),
    }
}

fn refuse_offer(error: &OfferMakingError) -> Refusal {
    match error {
        OfferMakingError::NotChecked => conflict("checks_not_passed"),
        OfferMakingError::NotRecorded => Refusal::unavailable(),
        OfferMakingError::DocumentExpired => conflict("document_expired"),
        OfferMakingError::ReplyKey => conflict("reply_key_unusable"),
        OfferMakingError::Review(error) => refuse_review(error),
        OfferMakingError::Store(_) => fault(error),
    }
}
