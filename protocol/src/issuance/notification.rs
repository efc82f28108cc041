//! The notification request (OpenID4VCI section 11.1).

use serde_json::{Value, json};

use super::NotificationId;
use crate::json::{self, Limits};

/// What became of the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationEvent {
    /// The wallet keeps them.
    Accepted,
    /// The wallet could not keep them.
    Failure,
    /// The user did not want them.
    Deleted,
}

impl NotificationEvent {
    /// The value of `event`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "credential_accepted",
            Self::Failure => "credential_failure",
            Self::Deleted => "credential_deleted",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Failure, Self::Deleted]
            .into_iter()
            .find(|event| event.as_str() == name)
    }
}

/// A wallet tells what became of one issuance.
#[derive(Debug)]
pub struct NotificationRequest {
    /// Which issuance.
    pub notification_id: NotificationId,
    /// What became of it.
    pub event: NotificationEvent,
}

/// A body that is no notification request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notification request is malformed")]
pub struct NotificationError;

impl NotificationRequest {
    /// Reads a request. Unknown members are ignored; the description is checked and dropped.
    pub fn parse(body: &[u8]) -> Result<Self, NotificationError> {
        let value = json::parse(body, &Limits::DEFAULT).map_err(|_| NotificationError)?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let described = match value.get("event_description") {
            None => true,
            Some(description) => description.as_str().is_some_and(|text| {
                text.bytes()
                    .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
            }),
        };
        if !described {
            return Err(NotificationError);
        }
        Ok(Self {
            notification_id: text("notification_id")
                .and_then(|id| NotificationId::new(id).ok())
                .ok_or(NotificationError)?,
            event: text("event")
                .and_then(NotificationEvent::from_name)
                .ok_or(NotificationError)?,
        })
    }

    /// The body of the request.
    pub fn to_json(&self) -> Value {
        json!({"notification_id": self.notification_id.reveal(), "event": self.event.as_str()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back() {
        let request = NotificationRequest {
            notification_id: NotificationId::new("3fwe98js").unwrap(),
            event: NotificationEvent::Accepted,
        };
        let read = NotificationRequest::parse(request.to_json().to_string().as_bytes()).unwrap();
        assert_eq!(read.notification_id.reveal(), "3fwe98js");
        assert_eq!(read.event, NotificationEvent::Accepted);
    }

    #[test]
    fn neg_i15_another_event_or_shape_is_refused() {
        for body in [
            r#"{"notification_id":"a","event":"CREDENTIAL_ACCEPTED"}"#,
            r#"{"notification_id":"a","event":"accepted"}"#,
            r#"{"notification_id":"a"}"#,
            r#"{"event":"credential_accepted"}"#,
            r#"{"notification_id":1,"event":"credential_accepted"}"#,
            r#"{"notification_id":"a","event":"credential_failure","event_description":"\u0000"}"#,
            r#"{"notification_id":"a","notification_id":"b","event":"credential_accepted"}"#,
            "[]",
        ] {
            assert_eq!(
                NotificationRequest::parse(body.as_bytes()).unwrap_err(),
                NotificationError,
                "{body}"
            );
        }
    }
}
