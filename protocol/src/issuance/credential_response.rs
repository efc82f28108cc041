//! The credential response (OpenID4VCI section 8.3), without deferred issuance.

use serde_json::{Value, json};

use super::{NotificationId, PROOFS_MAX};
use crate::json::{self, JsonError, Limits};

/// Credentials in one response.
pub const CREDENTIALS_MAX: usize = PROOFS_MAX;
/// Bytes of a response: `CREDENTIALS_MAX` credentials of at most 64 KiB.
const BODY_BYTES_MAX: usize = CREDENTIALS_MAX * 64 * 1024;

/// Issued credentials. They may come in another order than the key proofs, and there may be fewer.
#[derive(Debug)]
pub struct CredentialResponse {
    /// SD-JWT VCs in compact form.
    pub credentials: Vec<String>,
    /// Names the issuance in notifications and when asking for anchors.
    pub notification_id: Option<NotificationId>,
}

/// Why a credential response is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Not strict JSON.
    #[error("the credential response cannot be read")]
    Json(#[source] JsonError),
    /// Credentials are missing, too many, of another type, or deferred.
    #[error("the credential response is malformed")]
    Malformed,
}

impl CredentialResponse {
    /// Reads a body. Unknown members are ignored.
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        let limits = Limits::DEFAULT.with_bytes(BODY_BYTES_MAX);
        let value = json::parse(body, &limits).map_err(ResponseError::Json)?;
        let list = value
            .get("credentials")
            .and_then(Value::as_array)
            .filter(|list| (1..=CREDENTIALS_MAX).contains(&list.len()))
            .filter(|_| value.get("transaction_id").is_none())
            .ok_or(ResponseError::Malformed)?;
        let credentials = list
            .iter()
            .map(|element| {
                element
                    .get("credential")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or(ResponseError::Malformed)?;
        let notification_id = match value.get("notification_id") {
            None => None,
            Some(id) => Some(
                id.as_str()
                    .and_then(|id| NotificationId::new(id).ok())
                    .ok_or(ResponseError::Malformed)?,
            ),
        };
        Ok(Self {
            credentials,
            notification_id,
        })
    }

    /// The body of the response.
    pub fn to_json(&self) -> Value {
        let credentials: Vec<Value> = self
            .credentials
            .iter()
            .map(|credential| json!({"credential": credential}))
            .collect();
        let mut body = json!({"credentials": credentials});
        if let (Some(id), Value::Object(members)) = (&self.notification_id, &mut body) {
            members.insert("notification_id".to_owned(), id.reveal().into());
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_back() {
        let response = CredentialResponse {
            credentials: vec!["a.b.c~d~".to_owned(), "e.f.g~h~".to_owned()],
            notification_id: Some(NotificationId::new("3fwe98js").unwrap()),
        };
        let read = CredentialResponse::parse(response.to_json().to_string().as_bytes()).unwrap();
        assert_eq!(read.credentials, response.credentials);
        assert_eq!(read.notification_id.unwrap().reveal(), "3fwe98js");
    }

    #[test]
    fn neg_w14_other_responses_are_refused() {
        for body in [
            "<html>",
            "{}",
            r#"{"credentials":[]}"#,
            r#"{"credentials":["a.b.c~"]}"#,
            r#"{"credentials":[{"credential":{}}]}"#,
            r#"{"credentials":[{"credential":"a"}],"transaction_id":"x"}"#,
            r#"{"transaction_id":"x","interval":0}"#,
            r#"{"credentials":[{"credential":"a"}],"notification_id":7}"#,
        ] {
            assert!(
                CredentialResponse::parse(body.as_bytes()).is_err(),
                "{body}"
            );
        }
    }
}
