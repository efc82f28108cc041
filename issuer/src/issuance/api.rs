//! The endpoints of OpenID4VCI.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{RawQuery, Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
};
use protocol::{
    issuance::{
        CredentialRequest, NonceResponse, NotificationErrorCode, NotificationRequest, TokenRequest,
        WellKnown,
    },
    problem::OAuthError,
};
use serde_json::Value;
use service::{
    bearer::Bearer,
    clock,
    extract::{RawBody, require_content_type},
    limits::{CREDENTIAL_REQUEST_BYTES, body_limit},
    random,
    refusal::Refusal,
};

use super::{
    credential::{self, IssueError, lane},
    end, metadata, name, nonce, notification,
    token::{self, GRANT, Grant},
};
use crate::{
    api::{blocking, fault},
    issuer::Issuer,
    registry::Lane,
    store::{self, StoreError},
};

/// Routes of wallets.
pub(crate) fn router(issuer: &Issuer) -> Router<Arc<Issuer>> {
    // The well-known string stands between host and path of the identifier.
    let path = issuer
        .config
        .id
        .url()
        .path()
        .trim_end_matches('/')
        .to_owned();
    let well_known = |document: WellKnown| format!("{}{path}", document.path());
    Router::new()
        .route(
            &well_known(WellKnown::CredentialIssuer),
            get(issuer_metadata),
        )
        .route(
            &well_known(WellKnown::AuthorizationServer),
            get(server_metadata),
        )
        .route(&well_known(WellKnown::JwtVcIssuer), get(key_metadata))
        .merge(protected())
        .route("/token", post(redeem))
        .route("/nonce", post(mint_nonce))
}

/// What an access token admits to.
fn protected() -> Router<Arc<Issuer>> {
    Router::new()
        .route(
            "/credential",
            post(issue).layer(body_limit(CREDENTIAL_REQUEST_BYTES)),
        )
        .route("/notification", post(notify))
        .layer(from_fn(name_invalid_token))
}

/// RFC 6750 section 3: a token that was sent and refused is called invalid; no token gets no error code.
async fn name_invalid_token(request: Request, next: Next) -> Response {
    let sent = request.headers().contains_key(AUTHORIZATION);
    let mut response = next.run(request).await;
    if sent && response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

async fn issuer_metadata(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(metadata::issuer_metadata(&issuer))
}

async fn server_metadata(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(metadata::server_metadata(&issuer))
}

async fn key_metadata(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(metadata::key_metadata(&issuer))
}

async fn redeem(
    State(issuer): State<Arc<Issuer>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Value>, Refusal> {
    require_content_type(&headers, "application/x-www-form-urlencoded")?;
    let request = TokenRequest::parse(&body).map_err(|error| oauth(error.code().as_str()))?;
    let redeemed = blocking(&issuer, move |issuer| {
        token::redeem(issuer, &request, clock::now())
    })
    .await?;
    let redeemed = redeemed.map_err(|error| match error.code() {
        Some(code) => oauth(code.as_str()),
        None => fault(&error),
    })?;
    tracing::info!(case = %redeemed.case, "offer redeemed");
    // The offer is redeemed whatever the registry says; the credential endpoint waits for it again.
    if issuer
        .confirmed_soon(Lane::Case(redeemed.case))
        .await
        .is_err()
    {
        tracing::warn!(case = %redeemed.case, "the registry has not confirmed the residence check yet");
    }
    Ok(Json(redeemed.response.to_json()))
}

async fn mint_nonce(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let c_nonce = nonce::mint(&issuer.secret, clock::now(), &mut random::os());
    Json(NonceResponse { c_nonce }.to_json())
}

async fn issue(
    State(issuer): State<Arc<Issuer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    token: Result<Bearer, Refusal>,
    RawBody(body): RawBody,
) -> Result<Json<Value>, Refusal> {
    refuse_token_in_query(&issuer, query).await?;
    let token = Arc::new(token?);
    authorize(&issuer, &token).await?;
    require_content_type(&headers, "application/json")?;
    let request = CredentialRequest::parse(&body, issuer.config.batch_size);
    let request = Arc::new(request.map_err(|error| oauth(error.code().as_str()))?);
    let response = match attempt(&issuer, &token, &request).await? {
        Err(IssueError::NotRecorded(case)) => {
            issuer
                .confirmed_soon(lane(case))
                .await
                .map_err(|_| Refusal::unavailable())?;
            attempt(&issuer, &token, &request).await?
        }
        response => response,
    };
    match response {
        Ok(response) => Ok(Json(response.to_json())),
        Err(error) => Err(refuse(&error)),
    }
}

async fn attempt(
    issuer: &Arc<Issuer>,
    token: &Arc<Bearer>,
    request: &Arc<CredentialRequest>,
) -> Result<Result<protocol::issuance::CredentialResponse, IssueError>, Refusal> {
    let (token, request) = (Arc::clone(token), Arc::clone(request));
    blocking(issuer, move |issuer| {
        credential::issue(issuer, &token, &request, clock::now())
    })
    .await
}

/// Refuses before the body is looked at: a request without a token learns nothing about its proofs.
async fn authorize(issuer: &Arc<Issuer>, token: &Arc<Bearer>) -> Result<(), Refusal> {
    let token = Arc::clone(token);
    let grant = blocking(issuer, move |issuer| {
        credential::authorize(issuer, &token, clock::now()).map(|_| ())
    });
    grant.await?.map_err(|error| refuse(&error))
}

async fn notify(
    State(issuer): State<Arc<Issuer>>,
    headers: HeaderMap,
    token: Bearer,
    RawBody(body): RawBody,
) -> Result<StatusCode, Refusal> {
    require_content_type(&headers, "application/json")?;
    let malformed = NotificationErrorCode::InvalidNotificationRequest;
    let request = NotificationRequest::parse(&body).map_err(|_| oauth(malformed.as_str()))?;
    let noted = blocking(&issuer, move |issuer| {
        notification::notify(issuer, &token, &request, clock::now())
    });
    match noted.await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(notification::NotificationError::Unauthorized) => Err(Refusal::unauthorized()),
        Err(error) => Err(error
            .code()
            .map_or_else(|| fault(&error), |code| oauth(code.as_str()))),
    }
}

/// A token in a query ends up in logs of proxies and in histories: it is refused, and ended.
async fn refuse_token_in_query(issuer: &Arc<Issuer>, query: Option<String>) -> Result<(), Refusal> {
    let exposed: Vec<String> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(name, _)| name == "access_token")
        .map(|(_, token)| name(&Bearer::from_received(&token).hash()))
        .collect();
    if exposed.is_empty() {
        return Ok(());
    }
    let ended = blocking(issuer, move |issuer| {
        for grant in exposed {
            if let Some(found) = store::read::<Grant>(&issuer.vault, GRANT, &grant)? {
                end(issuer, found.value.case, GRANT, &grant)?;
            }
        }
        Ok::<_, StoreError>(())
    });
    ended.await?.map_err(|error| fault(&error))?;
    Err(Refusal::unauthorized())
}

fn refuse(error: &IssueError) -> Refusal {
    match (error, error.code()) {
        (_, Some(code)) => oauth(code.as_str()),
        (IssueError::Unauthorized, None) => Refusal::unauthorized(),
        (IssueError::NotRecorded(_) | IssueError::Allocation(_), None) => Refusal::unavailable(),
        (error, None) => fault(error),
    }
}

fn oauth(code: &'static str) -> Refusal {
    Refusal::oauth(StatusCode::BAD_REQUEST, &OAuthError::new(code))
}
