//! The credential request (OpenID4VCI section 8.2).

use serde_json::{Map, Value, json};

use super::CredentialErrorCode;
use crate::json::{self, JsonError, Limits};

/// Key proofs in a request, whatever an issuer advertises.
pub const PROOFS_MAX: usize = 20;
/// Bytes of the body.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// A request for one credential instance for each key proof.
#[derive(Debug, PartialEq, Eq)]
pub struct CredentialRequest {
    /// Which configuration.
    pub credential_configuration_id: String,
    /// Key proofs of type `jwt`, in compact form; not empty.
    pub proofs: Vec<String>,
}

/// Why a credential request is refused before its proofs are looked at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not strict JSON.
    #[error("the credential request cannot be read")]
    Json(#[source] JsonError),
    /// Not an object, both or no identifier, or a value of another type.
    #[error("the credential request is malformed")]
    Malformed,
    /// Identifiers come from a token response; ours hold none.
    #[error("no credential identifier was given out")]
    UnknownIdentifier,
    /// Proofs are missing, empty or not of type `jwt`.
    #[error("the credential request holds no key proofs of type jwt")]
    NoProofs,
    /// More proofs than instances may be asked for.
    #[error("the credential request holds too many key proofs")]
    TooManyProofs,
    /// An encrypted response is asked for.
    #[error("credential responses are not encrypted")]
    Encryption,
}

impl RequestError {
    /// The code of the answer.
    pub const fn code(&self) -> CredentialErrorCode {
        match self {
            Self::Json(_) | Self::Malformed | Self::TooManyProofs => {
                CredentialErrorCode::InvalidCredentialRequest
            }
            Self::UnknownIdentifier => CredentialErrorCode::UnknownCredentialIdentifier,
            Self::NoProofs => CredentialErrorCode::InvalidProof,
            Self::Encryption => CredentialErrorCode::InvalidEncryptionParameters,
        }
    }
}

impl CredentialRequest {
    /// Reads a body with at most `proofs_max` proofs. Unknown members are ignored.
    pub fn parse(body: &[u8], proofs_max: usize) -> Result<Self, RequestError> {
        let limits = Limits::DEFAULT.with_bytes(BODY_BYTES_MAX);
        let Value::Object(members) = json::parse(body, &limits).map_err(RequestError::Json)? else {
            return Err(RequestError::Malformed);
        };
        let configuration = match (
            members.get("credential_configuration_id"),
            members.get("credential_identifier"),
        ) {
            (Some(Value::String(id)), None) => id.clone(),
            (None, Some(Value::String(_))) => return Err(RequestError::UnknownIdentifier),
            _ => return Err(RequestError::Malformed),
        };
        if members.contains_key("credential_response_encryption") {
            return Err(RequestError::Encryption);
        }
        Ok(Self {
            credential_configuration_id: configuration,
            proofs: proofs(&members, proofs_max.min(PROOFS_MAX))?,
        })
    }

    /// The body of the request.
    pub fn to_json(&self) -> Value {
        json!({
            "credential_configuration_id": self.credential_configuration_id,
            "proofs": {"jwt": self.proofs},
        })
    }
}

fn proofs(members: &Map<String, Value>, proofs_max: usize) -> Result<Vec<String>, RequestError> {
    let types = members
        .get("proofs")
        .and_then(Value::as_object)
        .ok_or(RequestError::NoProofs)?;
    let list = types
        .get("jwt")
        .and_then(Value::as_array)
        .filter(|list| types.len() == 1 && !list.is_empty())
        .ok_or(RequestError::NoProofs)?;
    if list.len() > proofs_max {
        return Err(RequestError::TooManyProofs);
    }
    list.iter()
        .map(|proof| {
            proof
                .as_str()
                .map(str::to_owned)
                .ok_or(RequestError::NoProofs)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &Value) -> Result<CredentialRequest, RequestError> {
        CredentialRequest::parse(json.to_string().as_bytes(), 10)
    }

    fn code(json: &Value) -> CredentialErrorCode {
        parse(json).unwrap_err().code()
    }

    #[test]
    fn a_request_is_read_back_and_unknown_members_are_ignored() {
        let request = CredentialRequest {
            credential_configuration_id: "jp_kyc".to_owned(),
            proofs: vec!["a.b.c".to_owned(); 10],
        };
        let mut json = request.to_json();
        json["extra"] = json!({"x": 1});
        assert_eq!(parse(&json), Ok(request));
    }

    #[test]
    fn neg_i04_both_or_no_identifier_is_refused() {
        let proofs = json!({"jwt": ["a.b.c"]});
        let both = json!({"credential_configuration_id": "a", "credential_identifier": "a", "proofs": proofs});
        assert_eq!(code(&both), CredentialErrorCode::InvalidCredentialRequest);
        assert_eq!(
            code(&json!({"proofs": proofs})),
            CredentialErrorCode::InvalidCredentialRequest
        );
        let number = json!({"credential_configuration_id": 1, "proofs": proofs});
        assert_eq!(code(&number), CredentialErrorCode::InvalidCredentialRequest);
    }

    #[test]
    fn neg_i03_a_credential_identifier_is_unknown() {
        let request = json!({"credential_identifier": "a", "proofs": {"jwt": ["a.b.c"]}});
        assert_eq!(
            code(&request),
            CredentialErrorCode::UnknownCredentialIdentifier
        );
    }

    #[test]
    fn neg_i05_missing_empty_mixed_and_old_proofs_are_refused() {
        for members in [
            json!({}),
            json!({"proofs": {}}),
            json!({"proofs": {"jwt": []}}),
            json!({"proofs": {"jwt": "a.b.c"}}),
            json!({"proofs": {"jwt": [1]}}),
            json!({"proofs": {"di_vp": [{}]}}),
            json!({"proofs": {"jwt": ["a.b.c"], "attestation": ["a.b.c"]}}),
            json!({"proof": {"proof_type": "jwt", "jwt": "a.b.c"}}),
        ] {
            let mut request = members;
            request["credential_configuration_id"] = "jp_kyc".into();
            assert_eq!(
                code(&request),
                CredentialErrorCode::InvalidProof,
                "{request}"
            );
        }
    }

    #[test]
    fn neg_i05_more_proofs_than_the_batch_size_are_refused() {
        let request =
            json!({"credential_configuration_id": "a", "proofs": {"jwt": vec!["a.b.c"; 11]}});
        assert_eq!(
            code(&request),
            CredentialErrorCode::InvalidCredentialRequest
        );
    }

    #[test]
    fn neg_i11_an_encrypted_response_is_not_promised() {
        let request = json!({
            "credential_configuration_id": "a", "proofs": {"jwt": ["a.b.c"]},
            "credential_response_encryption": {"jwk": {}, "enc": "A256GCM"}
        });
        assert_eq!(
            code(&request),
            CredentialErrorCode::InvalidEncryptionParameters
        );
    }
}
