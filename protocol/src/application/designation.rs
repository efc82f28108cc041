//! Designation: the company offers a one-time key, the holder records which company is meant, and opens that record to
//! the company alone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base64url;
use crate::credential::ClaimPath;
use crate::presentation::{VerifiedRequest, VerifierInfo};
use crate::registry::{Commitment, DesignationContent, NetworkId, Salt};

/// The format of the element of `verifier_info`.
const FORMAT: &str = "tegata/designation/v1";
/// Claims in one opening.
const CLAIMS_MAX: usize = 256;

/// What a company says in its signed request so that a holder can designate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignationOffer {
    /// The network whose registry keeps the designation.
    pub network: NetworkId,
    /// The company's registered identifier.
    pub verifier: String,
    /// The registered purpose of the request.
    pub purpose: String,
    /// The Ed25519 key, made for this request alone, that will sign outcomes.
    #[serde(serialize_with = "serialize_key", deserialize_with = "deserialize_key")]
    pub outcome_key: [u8; 32],
}

/// The offer in a request is not one to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DesignationOfferError {
    /// Not of the form of an offer.
    #[error("the designation offer is malformed")]
    Malformed,
    /// Made for another network.
    #[error("the designation offer belongs to another network")]
    OtherNetwork,
    /// Names another company than the one that signed the request.
    #[error("the designation offer names another company than the request")]
    OtherVerifier,
}

impl DesignationOffer {
    /// The element of `verifier_info`.
    #[must_use]
    pub fn to_verifier_info(&self) -> VerifierInfo {
        VerifierInfo {
            format: FORMAT.to_owned(),
            data: json!(self),
        }
    }

    /// The offer in an authentic request, if the verifier makes one: for this network and for itself.
    pub fn find(
        request: &VerifiedRequest,
        network: NetworkId,
    ) -> Result<Option<Self>, DesignationOfferError> {
        let infos = &request.parameters().verifier_info;
        let Some(info) = infos.iter().find(|info| info.format == FORMAT) else {
            return Ok(None);
        };
        let offer = Self::deserialize(&info.data).map_err(|_| DesignationOfferError::Malformed)?;
        if offer.network != network {
            return Err(DesignationOfferError::OtherNetwork);
        }
        if offer.verifier != request.verifier() {
            return Err(DesignationOfferError::OtherVerifier);
        }
        Ok(Some(offer))
    }
}

/// What opens a designation's commitment, for the designated company and an auditor.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignationOpening {
    /// What hides the content on the registry.
    pub salt: Salt,
    /// The claims that the holder agreed to give, in order.
    pub claims: Vec<ClaimPath>,
}

impl DesignationOpening {
    /// The commitment for a company and a purpose.
    #[must_use]
    pub fn commit(&self, verifier: &str, purpose: &str) -> Commitment {
        DesignationContent {
            verifier,
            purpose,
            claims: &self.claims,
        }
        .commit(&self.salt)
    }

    /// Whether the holder agreed to this disclosed claim. What only holds an agreed claim, as an object holds its members,
    /// is disclosed with it.
    #[must_use]
    pub fn allows(&self, disclosed: &ClaimPath) -> bool {
        self.claims
            .iter()
            .any(|agreed| agreed.covers(disclosed) || disclosed.covers(agreed))
    }

    pub(super) fn to_value(&self) -> Value {
        json!({"salt": base64url::encode(self.salt.as_bytes()), "claims": self.claims})
    }

    pub(super) fn from_value(value: &Value) -> Option<Self> {
        let salt = base64url::decode_array(value.get("salt")?.as_str()?).ok()?;
        let claims = value
            .get("claims")?
            .as_array()
            .filter(|claims| claims.len() <= CLAIMS_MAX)?;
        let claims = claims
            .iter()
            .map(|path| ClaimPath::deserialize(path).ok())
            .collect::<Option<_>>()?;
        Some(Self {
            salt: Salt::from_bytes(salt),
            claims,
        })
    }
}

fn serialize_key<S: serde::Serializer>(key: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64url::encode(key))
}

fn deserialize_key<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    base64url::decode_array(&text).map_err(serde::de::Error::custom)
}
