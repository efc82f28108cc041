//! The `tegata` parameter of an encrypted response: what shows the holder's consent and the credential's anchor.

use serde_json::{Map, Value, json};

use super::designation::DesignationOpening;
use super::document::DisclosedDocument;
use super::status_token::StatusToken;
use crate::base64url;
use crate::issuance::AnchorProof;
use crate::registry::receipt::RECEIPT_BYTES_MAX;
use crate::registry::record::RECORD_BYTES_MAX;

/// The parameter's name.
const PARAMETER: &str = "tegata";

/// A holder's consent as it came: nothing of it is proved yet.
#[derive(Clone, Debug, PartialEq)]
pub struct UnverifiedConsent {
    /// What shows that the credential is anchored.
    pub anchor: AnchorProof,
    /// The record of the designation.
    pub designation_record: Vec<u8>,
    /// The registry's receipt for it.
    pub designation_receipt: String,
    /// What opens it.
    pub opening: DesignationOpening,
}

/// Our own parameter of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseExtension {
    /// The consent.
    pub consent: UnverifiedConsent,
    /// Images of the identity document, or none.
    pub documents: Vec<DisclosedDocument>,
    /// With which the holder will ask how the application stands; without it the company draws one.
    pub status_token: Option<StatusToken>,
}

/// The `tegata` parameter is there and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tegata parameter of the response is malformed")]
pub struct ResponseExtensionError;

impl ResponseExtension {
    /// The parameters to put beside `vp_token`.
    #[must_use]
    pub fn to_extensions(&self) -> Map<String, Value> {
        let consent = &self.consent;
        let mut value = json!({
            "anchor": consent.anchor.to_json(),
            "designation": {
                "record": base64url::encode(&consent.designation_record),
                "receipt": consent.designation_receipt,
                "opening": consent.opening.to_value(),
            },
            "documents": self.documents.iter().map(DisclosedDocument::to_value).collect::<Vec<_>>(),
        });
        if let (Some(token), Some(members)) = (&self.status_token, value.as_object_mut()) {
            members.insert("status_token".to_owned(), token.reveal().into());
        }
        Map::from_iter([(PARAMETER.to_owned(), value)])
    }

    /// Reads the parameter among those beside `vp_token`. Wallets of others do not send it.
    pub fn find(extensions: &Map<String, Value>) -> Result<Option<Self>, ResponseExtensionError> {
        extensions
            .get(PARAMETER)
            .map(|value| Self::from_value(value).ok_or(ResponseExtensionError))
            .transpose()
    }

    fn from_value(value: &Value) -> Option<Self> {
        let designation = value.get("designation")?;
        let record = base64url::decode(designation.get("record")?.as_str()?).ok()?;
        let receipt = designation.get("receipt")?.as_str()?;
        if record.len() > RECORD_BYTES_MAX || receipt.len() > RECEIPT_BYTES_MAX {
            return None;
        }
        let status_token = match value.get("status_token") {
            Some(token) => Some(StatusToken::parse(token.as_str()?)?),
            None => None,
        };
        Some(Self {
            status_token,
            consent: UnverifiedConsent {
                anchor: AnchorProof::read(value.get("anchor")?).ok()?,
                designation_record: record,
                designation_receipt: receipt.to_owned(),
                opening: DesignationOpening::from_value(designation.get("opening")?)?,
            },
            documents: DisclosedDocument::list_from_value(value.get("documents"))?,
        })
    }
}
