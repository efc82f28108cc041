//! The service's HTTP interface (specs/verifier-api.md).
//!
//! | method, path | request | answer | refusals |
//! | --- | --- | --- | --- |
//! | POST /applications | JSON: account type, tax residences, purpose | 201, link for the wallet, result URL | 400, 422, 503 |
//! | GET /requests/{id} | | `application/oauth-authz-req+jwt` | 404 |
//! | POST /requests/{id} | form: `wallet_metadata`, `wallet_nonce` | `application/oauth-authz-req+jwt` | 400, 404 |
//! | POST /responses/{id} | form: `response`, or `error` | 200, JSON for the wallet | 400, 404, 413, 503 |
//! | GET /results/{id} | | state, without personal data | 404 |
//! | GET /applications/{id} | bearer token of the holder | state and openings | 401, 404 |
//! | POST /staff/sessions | name, passphrase | 201, token | 401, 429 |
//! | DELETE /staff/sessions | token | 204 | 401 |
//! | GET /staff/applications | token | summaries | 401 |
//! | GET /staff/tasks | token | accounts whose credential no longer holds | 401 |
//! | GET /staff/applications/{id} | token | disclosed claims, report, case history | 401, 404 |
//! | GET /staff/applications/{id}/documents/{n} | token | the image, as attachment | 401, 404 |
//! | POST /staff/applications/{id}/decision | token; `{"result":"opened"\|"declined"}` | 204 | 401, 404, 409, 422, 503 |
//! | GET /healthz | | `ok` | |
//!
//! GET is idempotent. A started application that nobody answers is gone after its lifetime, so POST /applications may be
//! repeated. POST /responses may be repeated after 503; after 200 the session is consumed, and the same response is refused.
//! A decision may be repeated: the second is answered with 409.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use protocol::application::StartRequest;
use protocol::presentation::{REQUEST_MEDIA_TYPE, RESPONSE_BYTES_MAX, RequestUriPost};
use protocol::problem::{OAuthError, Problem, ProblemType};
use protocol::registry::ApplicationId;
use service::bearer::Bearer;
use service::extract::{Json, RawBody, require_content_type};
use service::limits::body_limit;
use service::refusal::Refusal;
use service::{clock, random};

use crate::application::start::{self, StartError};
use crate::application::{session, status};
use crate::presentation::receive::{self, ReceiveError};
use crate::presentation::request::{self, RequestError};
use crate::staff;
use crate::verifier::{Verifier, blocking};

const FORM: &str = "application/x-www-form-urlencoded";

/// All routes.
pub fn router(verifier: Arc<Verifier>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/applications", post(start_application))
        .route("/applications/{id}", get(show_to_holder))
        .route("/requests/{id}", get(get_request).post(post_request))
        .route(
            "/responses/{id}",
            post(post_response).layer(body_limit(RESPONSE_BYTES_MAX)),
        )
        .route("/results/{id}", get(show_result))
        .merge(staff::router())
        .with_state(verifier)
}

async fn start_application(
    State(verifier): State<Arc<Verifier>>,
    Json(request): Json<StartRequest>,
) -> Result<Response, Refusal> {
    let started = blocking(&verifier, move |verifier| {
        start::start(verifier, request, clock::now(), &mut random::os())
    });
    let answer = started.await.map_err(|error| refuse_start(&error))?;
    Ok((StatusCode::CREATED, Answer(answer)).into_response())
}

fn refuse_start(error: &StartError) -> Refusal {
    let unprocessable = |code| {
        Problem::new(ProblemType::Unprocessable)
            .with_code(code)
            .into()
    };
    match error {
        StartError::Purpose => unprocessable("purpose_not_registered"),
        StartError::AccountType => unprocessable("account_type_not_offered"),
        StartError::Declaration => unprocessable("tax_residences_not_acceptable"),
        StartError::Full => Refusal::unavailable(),
        StartError::Store(error) => fault(error),
    }
}

async fn get_request(
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    request_object(&verifier, id, RequestUriPost::default()).await
}

async fn post_request(
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    require_content_type(request.headers(), FORM)?;
    let RawBody(body) = RawBody::from_request(request, &()).await?;
    let wallet = RequestUriPost::parse(&body).map_err(|_| invalid_request())?;
    request_object(&verifier, id, wallet).await
}

async fn request_object(
    verifier: &Arc<Verifier>,
    id: String,
    wallet: RequestUriPost,
) -> Result<Response, Refusal> {
    let made = blocking(verifier, move |verifier| {
        request::request_object(verifier, &id, wallet, clock::now())
    });
    match made.await {
        Ok(object) => Ok((
            [(CONTENT_TYPE, HeaderValue::from_static(REQUEST_MEDIA_TYPE))],
            object,
        )
            .into_response()),
        Err(RequestError::Unknown) => Err(Refusal::not_found()),
        Err(RequestError::Store(error)) => Err(fault(&error)),
    }
}

/// The body may be large, so it is read only for a session that waits.
async fn post_response(
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    require_content_type(request.headers(), FORM)?;
    let request_id = id.clone();
    let session = blocking(&verifier, move |verifier| {
        session::find(&verifier.vault, &request_id)
    })
    .await;
    let Some(session) = session.map_err(|error| fault(&error))? else {
        return Err(Refusal::not_found());
    };
    if session.value.waiting(clock::now()).is_none() {
        return Err(invalid_request());
    }
    let RawBody(body) = RawBody::from_request(request, &()).await?;
    match receive::receive(&verifier, &id, &body, clock::now()).await {
        Ok(answer) => Ok(Answer(answer).into_response()),
        Err(ReceiveError::Refused(refused)) => {
            tracing::info!(reason = refused.code(), "response refused");
            Err(invalid_request())
        }
        Err(ReceiveError::Unavailable) => Err(Refusal::unavailable()),
        Err(ReceiveError::Store(error)) => Err(fault(&error)),
    }
}

async fn show_result(
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let found = blocking(&verifier, move |verifier| {
        status::for_page(verifier, &id, clock::now())
    });
    let found = found.await.map_err(|error| fault(&error))?;
    Ok(Answer(found.ok_or_else(Refusal::not_found)?).into_response())
}

async fn show_to_holder(
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
    token: Bearer,
) -> Result<Response, Refusal> {
    let id: ApplicationId = id.parse().map_err(|_| Refusal::not_found())?;
    let found = blocking(&verifier, move |verifier| {
        status::for_holder(verifier, id, &token)
    });
    let found = found.await.map_err(|error| fault(&error))?;
    Ok(Answer(found.ok_or_else(Refusal::not_found)?).into_response())
}

/// 400 as wallets know it, whatever the reason.
fn invalid_request() -> Refusal {
    Refusal::oauth(StatusCode::BAD_REQUEST, &OAuthError::new("invalid_request"))
}

/// A failed store: logged, and answered without its cause.
pub(crate) fn fault(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, cause = error.source().map(tracing::field::display), "the service failed");
    Refusal::internal()
}
