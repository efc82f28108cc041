//! What the company's staff do: log in, read applications, decide, see what became of accounts.

mod view;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use protocol::problem::{Problem, ProblemType};
use protocol::registry::ApplicationId;
use serde::Deserialize;
use serde_json::json;
use service::bearer::Bearer;
use service::extract::Json;
use service::refusal::Refusal;
use service::staff::SessionError;
use service::{clock, random};
use zeroize::Zeroizing;

use crate::api::fault;
use crate::application::decide::{self, DecisionError};
use crate::application::record::{self, Standing, Verdict};
use crate::secret::random_id;
use crate::status::monitor;
use crate::store::StoreError;
use crate::verifier::{Verifier, blocking};

/// Routes of the staff.
pub(crate) fn router() -> Router<Arc<Verifier>> {
    Router::new()
        .route("/staff/sessions", post(open_session).delete(close_session))
        .route("/staff/applications", get(list_applications))
        .route("/staff/tasks", get(list_tasks))
        .route("/staff/applications/{id}", get(show_application))
        .route(
            "/staff/applications/{id}/documents/{number}",
            get(show_document),
        )
        .route(
            "/staff/applications/{id}/decision",
            post(decide_application),
        )
}

/// A member of staff with an open session; anything else is 401.
struct Session {
    name: Arc<str>,
    /// What stands in logs instead of the name.
    tag: Arc<SessionTag>,
}

/// A random name of a session for its log lines: they belong together and name nobody. Who decided stands with the
/// decision, in the vault.
pub(crate) struct SessionTag(String);

impl std::fmt::Display for SessionTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequestParts<Arc<Verifier>> for Session {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        verifier: &Arc<Verifier>,
    ) -> Result<Self, Refusal> {
        let token = Bearer::from_request_parts(parts, verifier).await?;
        let found = verifier.sessions.find(&token, clock::now());
        let (name, tag) = found.map_err(|_| Refusal::unauthorized())?;
        Ok(Self { name, tag })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    passphrase: String,
}

async fn open_session(
    State(verifier): State<Arc<Verifier>>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Refusal> {
    let Credentials { name, passphrase } = credentials;
    let passphrase = Zeroizing::new(passphrase);
    let wait = |_: SessionError| Refusal::of(ProblemType::TooManyRequests);
    verifier
        .sessions
        .may_try(&name, clock::now())
        .map_err(wait)?;
    if verifier.staff.log_in(&name, &passphrase).await.is_err() {
        tracing::warn!("log-in refused");
        return Err(Refusal::unauthorized());
    }
    let tag = SessionTag(random_id(&mut random::os()));
    let token = verifier
        .sessions
        .open(&name, tag, clock::now(), &mut random::os())
        .map_err(wait)?;
    Ok((
        StatusCode::CREATED,
        Answer(json!({"token": token.reveal()})),
    )
        .into_response())
}

async fn close_session(
    State(verifier): State<Arc<Verifier>>,
    _session: Session,
    token: Bearer,
) -> StatusCode {
    verifier.sessions.close(&token);
    StatusCode::NO_CONTENT
}

async fn list_applications(
    State(verifier): State<Arc<Verifier>>,
    _session: Session,
) -> Result<Response, Refusal> {
    let all = blocking(&verifier, |verifier| record::all(&verifier.vault))
        .await
        .map_err(|error| fault(&error))?;
    let summaries: Vec<_> = all
        .iter()
        .map(|(id, application)| view::summary(*id, &application.value))
        .collect();
    Ok(Answer(json!({"applications": summaries})).into_response())
}

async fn list_tasks(
    State(verifier): State<Arc<Verifier>>,
    _session: Session,
) -> Result<Response, Refusal> {
    let read = blocking(&verifier, |verifier| {
        let refused = crate::registry::refused(&verifier.vault)?;
        Ok::<_, StoreError>((record::all(&verifier.vault)?, refused))
    });
    let (all, refused) = read.await.map_err(|error| fault(&error))?;
    let tasks: Vec<_> = all
        .iter()
        .filter(|(id, application)| {
            view::needs_attention(&application.value) || refused.contains(id)
        })
        .map(|(id, application)| {
            let mut task = view::summary(*id, &application.value);
            if refused.contains(id)
                && let Some(task) = task.as_object_mut()
            {
                task.insert("outcome".to_owned(), json!("refused"));
            }
            task
        })
        .collect();
    Ok(Answer(json!({"tasks": tasks})).into_response())
}

async fn show_application(
    State(verifier): State<Arc<Verifier>>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id = parse(&id)?;
    let application = load(&verifier, id).await?;
    let history = match application.report.case {
        Some(case) => {
            let own_member = verifier.own_member();
            verifier.registry.case(&case, own_member).await.ok()
        }
        None => None,
    };
    let outcome = blocking(&verifier, move |verifier| {
        crate::registry::standing(&verifier.vault, id)
    });
    let outcome = outcome.await.map_err(|error| fault(&error))?;
    tracing::info!(application = %id, session = %session.tag, "application read");
    Ok(Answer(view::whole(
        id,
        &application,
        history.as_deref(),
        &verifier.genesis,
        &outcome,
    ))
    .into_response())
}

async fn show_document(
    State(verifier): State<Arc<Verifier>>,
    session: Session,
    Path((id, number)): Path<(String, usize)>,
) -> Result<Response, Refusal> {
    let id = parse(&id)?;
    let found = blocking(&verifier, move |verifier| {
        record::document(&verifier.vault, id, number)
    });
    let (media_type, data) = found
        .await
        .map_err(|error| fault(&error))?
        .ok_or_else(Refusal::not_found)?;
    tracing::info!(application = %id, number, session = %session.tag, "document read");
    let media_type = HeaderValue::from_str(&media_type).map_err(|error| fault(&error))?;
    // Bytes of a stranger: the browser must neither guess their type nor run them.
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        ),
    ];
    Ok((headers, data).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    result: Verdict,
}

async fn decide_application(
    State(verifier): State<Arc<Verifier>>,
    session: Session,
    Path(id): Path<String>,
    Json(decision): Json<DecisionRequest>,
) -> Result<StatusCode, Refusal> {
    let id = parse(&id)?;
    let application = load(&verifier, id).await?;
    let standing = match decision.result {
        Verdict::Opened => current_standing(&verifier, &application).await?,
        Verdict::Declined => application.standing,
    };
    let by = Arc::clone(&session.name);
    let decided = blocking(&verifier, move |verifier| {
        let decision = (decision.result, standing);
        decide::decide(verifier, id, decision, &by, clock::now(), &mut random::os())
    });
    decided.await.map_err(|error| refuse_decision(&error))?;
    tracing::info!(application = %id, session = %session.tag, "application decided");
    Ok(StatusCode::NO_CONTENT)
}

/// A credential may have been revoked since it was presented, or since the last look.
async fn current_standing(
    verifier: &Verifier,
    application: &record::Application,
) -> Result<Standing, Refusal> {
    let now = clock::now();
    let trusted = verifier.registry.refresh(now).await.map_err(|error| {
        tracing::warn!(%error, "trusted parties not read");
        Refusal::unavailable()
    })?;
    monitor::standing(verifier, &trusted, application, now)
        .await
        .map_err(|error| {
            tracing::warn!(%error, "status unknown");
            Refusal::unavailable()
        })
}

fn refuse_decision(error: &DecisionError) -> Refusal {
    match error {
        DecisionError::Unknown => Refusal::not_found(),
        DecisionError::Decided => Problem::new(ProblemType::Conflict)
            .with_code("already_decided")
            .into(),
        DecisionError::Findings(findings) => Problem::new(ProblemType::Unprocessable)
            .with_code("findings")
            .with_detail(view::words(findings))
            .into(),
        DecisionError::Store(error) => fault(error),
    }
}

async fn load(verifier: &Arc<Verifier>, id: ApplicationId) -> Result<record::Application, Refusal> {
    let found = blocking(verifier, move |verifier| record::find(&verifier.vault, id)).await;
    let found = found.map_err(|error| fault(&error))?;
    found
        .map(|found| found.value)
        .ok_or_else(Refusal::not_found)
}

fn parse(id: &str) -> Result<ApplicationId, Refusal> {
    id.parse().map_err(|_| Refusal::not_found())
}
