//! How an application stands: for the holder, who gets the openings, and for the page that started it, which gets no
//! personal data.

use protocol::Timestamp;
use protocol::application::{ApplicationState, ApplicationStatus};
use protocol::registry::ApplicationId;
use serde::Serialize;
use service::bearer::Bearer;

use super::record::{self, Application, Verdict};
use super::session::{self, SessionState};
use crate::store::StoreError;
use crate::verifier::Verifier;

/// What the page learns.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SessionResult {
    state: ResultState,
    /// The wallet's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ResultState {
    Waiting,
    Expired,
    Failed,
    Received,
    Opened,
    Declined,
}

/// The state of an application.
pub(crate) fn state_of(application: &Application) -> ApplicationState {
    match application
        .decision
        .as_ref()
        .map(|decision| decision.verdict)
    {
        None => ApplicationState::Received,
        Some(Verdict::Opened) => ApplicationState::Opened,
        Some(Verdict::Declined) => ApplicationState::Declined,
    }
}

/// What the holder of the token may know; nothing for anybody else.
pub(crate) fn for_holder(
    verifier: &Verifier,
    id: ApplicationId,
    token: &Bearer,
) -> Result<Option<ApplicationStatus>, StoreError> {
    let application = record::find(&verifier.vault, id)?.map(|found| found.value);
    Ok(application
        .filter(|application| {
            application
                .designated
                .as_ref()
                .is_some_and(|designated| designated.opens_with(token))
        })
        .map(|application| ApplicationStatus {
            state: state_of(&application),
            openings: application.openings,
        }))
}

/// What the page may know that started the application.
pub(crate) fn for_page(
    verifier: &Verifier,
    result: &str,
    now: Timestamp,
) -> Result<Option<SessionResult>, StoreError> {
    let Some(session) = session::find_by_result(&verifier.vault, result)? else {
        return Ok(None);
    };
    let (state, error) = match session.value.state {
        SessionState::Waiting(_) if now < session.value.expires => (ResultState::Waiting, None),
        SessionState::Waiting(_) => (ResultState::Expired, None),
        SessionState::Failed(code) => (ResultState::Failed, Some(code)),
        SessionState::Accepted(id) => {
            match record::find(&verifier.vault, id)?.map(|found| state_of(&found.value)) {
                Some(ApplicationState::Opened) => (ResultState::Opened, None),
                Some(ApplicationState::Declined) => (ResultState::Declined, None),
                Some(ApplicationState::Received) | None => (ResultState::Received, None),
            }
        }
    };
    Ok(Some(SessionResult { state, error }))
}
