//! What a wallet says became of its credentials. An accepted issuance closes the case; one that failed is withdrawn.

use protocol::{
    Timestamp,
    issuance::{NotificationErrorCode, NotificationEvent, NotificationId, NotificationRequest},
};
use service::bearer::Bearer;
use vault::Changes;

use super::{
    credential::{ISSUANCE, Issuance, authorize},
    mark_revoked, name,
};
use crate::{
    case::{self, CASE, Outcome, Progress},
    closing::{self, CloseError},
    issuer::Issuer,
    store::{self, Attempt, Committed, StoreError, Versioned},
};

/// Why a notification is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotificationError {
    /// The token admits to nothing.
    #[error("the access token is not valid")]
    Unauthorized,
    /// No such issuance under this token.
    #[error("there is no such issuance")]
    UnknownId,
    /// What follows from it failed.
    #[error("the case cannot be closed")]
    Close(#[from] CloseError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

impl NotificationError {
    /// The code of the answer, if the wallet is to blame.
    pub(super) const fn code(&self) -> Option<NotificationErrorCode> {
        match self {
            Self::UnknownId => Some(NotificationErrorCode::InvalidNotificationId),
            Self::Unauthorized | Self::Close(_) | Self::Store(_) => None,
        }
    }
}

/// The issuance of a notification id.
pub(crate) fn find(
    issuer: &Issuer,
    id: &NotificationId,
) -> Result<Option<Versioned<Issuance>>, StoreError> {
    let hash = Bearer::from_received(id.reveal()).hash();
    store::read(&issuer.vault, ISSUANCE, &name(&hash))
}

/// Takes note of an event, once. The same again is a success, also after the case was closed.
pub(super) fn notify(
    issuer: &Issuer,
    token: &Bearer,
    request: &NotificationRequest,
    now: Timestamp,
) -> Result<(), NotificationError> {
    let found = find(issuer, &request.notification_id)?;
    let Some(issuance) = found.filter(|issuance| issuance.value.grant == name(&token.hash()))
    else {
        return Err(match authorize(issuer, token, now) {
            Ok(_grant) => NotificationError::UnknownId,
            Err(_) => NotificationError::Unauthorized,
        });
    };
    if issuance.value.notified {
        return Ok(());
    }
    let case = issuance.value.case;
    match request.event {
        NotificationEvent::Accepted => {
            closing::close(issuer, case, Outcome::Issued, now)?;
            note(issuer, &request.notification_id)?;
        }
        NotificationEvent::Failure | NotificationEvent::Deleted => {
            mark_revoked(issuer, &issuance.value.statuses, now)?;
            reopen(issuer, &issuance.value)?;
            note(issuer, &request.notification_id)?;
        }
    }
    tracing::info!(%case, event = request.event.as_str(), "notification");
    Ok(())
}

fn note(issuer: &Issuer, id: &NotificationId) -> Result<(), StoreError> {
    store::decide(|| {
        let Some(mut found) = find(issuer, id)? else {
            return Ok(Attempt::Done(()));
        };
        found.value.notified = true;
        let hash = Bearer::from_received(id.reveal()).hash();
        let changes = store::replace(Changes::new(), ISSUANCE, &name(&hash), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}

/// The wallet has nothing: the staff may make another offer.
fn reopen(issuer: &Issuer, issuance: &Issuance) -> Result<(), StoreError> {
    store::decide(|| {
        let Some(mut found) = case::load(&issuer.vault, issuance.case)? else {
            return Ok(Attempt::Done(()));
        };
        if found.value.progress != Progress::Issued {
            return Ok(Attempt::Done(()));
        }
        found.value.progress = Progress::Checked;
        let changes = super::withdraw(Changes::new(), &mut found.value);
        let changes = store::replace(changes, CASE, &issuance.case.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}
