//! The HTTP interface; `specs/issuer-api.md` says it in full.
//!
//! | method and path | request | answer | problems |
//! | --- | --- | --- | --- |
//! | GET `/.well-known/openid-credential-issuer` | | issuer metadata | |
//! | GET `/.well-known/oauth-authorization-server` | | server metadata | |
//! | GET `/.well-known/jwt-vc-issuer` | | keys | |
//! | POST `/applications` | sealed application, reply key | 201 case, token | 400 413 415 503 |
//! | GET `/applications/{case}` | Bearer | state, checks, sealed offer | 401 404 |
//! | POST `/token` | form: code, tx_code | access token | 400 (OAuth) 415 |
//! | POST `/nonce` | | `c_nonce` | |
//! | POST `/credential` | Bearer; proofs | credentials, notification id | 400 (OAuth) 401 413 415 503 |
//! | POST `/notification` | Bearer; id, event | 204 | 400 (OAuth) 401 415 |
//! | POST `/anchors` | notification id | anchors | 400 404 415 |
//! | GET `/status/{list}` | | status list token | 404 503 |
//! | POST `/staff/sessions` | name, passphrase | 201 token | 401 429 |
//! | DELETE `/staff/sessions` | Bearer | 204 | 401 |
//! | GET `/staff/cases` | Bearer | cases | 401 |
//! | GET `/staff/cases/{case}` | Bearer | application | 401 404 410 422 |
//! | GET `/staff/cases/{case}/documents/{n}` | Bearer | image | 401 404 410 422 |
//! | POST `/staff/cases/{case}/checks/{process}` | Bearer; result | 204 | 401 403 404 409 422 503 |
//! | POST `/staff/cases/{case}/offer` | Bearer | 201 tx_code | 401 404 409 410 422 503 |
//! | POST `/staff/cases/{case}/revoke` | Bearer | 204 | 401 404 503 |
//! | GET `/healthz` | | `ok` | |
//!
//! Reads, notifications and revocations may be repeated. A check that was answered 503 stands; the same again is 409.

use std::sync::Arc;

use axum::{Router, routing::get};
use service::refusal::Refusal;

use crate::{anchor, application, issuance, issuer::Issuer, staff, status};

/// All routes.
pub fn router(issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .merge(application::router())
        .merge(issuance::api::router(&issuer))
        .merge(anchor::api::router())
        .merge(status::api::router())
        .merge(staff::api::router())
        .with_state(issuer)
}

/// Runs what reads or writes the vault away from the threads that serve connections. It runs to its end even if the
/// client goes away.
pub(crate) async fn blocking<T: Send + 'static>(
    issuer: &Arc<Issuer>,
    work: impl FnOnce(&Issuer) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let issuer = Arc::clone(issuer);
    tokio::task::spawn_blocking(move || work(&issuer))
        .await
        .map_err(|_| Refusal::internal())
}

/// A fault of ours: logged with its causes, answered without.
pub(crate) fn fault(error: &dyn std::error::Error) -> Refusal {
    let mut causes = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(causes, "fault");
    Refusal::internal()
}
