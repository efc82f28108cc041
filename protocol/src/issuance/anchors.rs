//! Where the instances of one issuance are anchored: asked for by notification id, until every batch is final.

use serde_json::{Value, json};

use super::{CREDENTIALS_MAX, NotificationId};
use crate::{
    base64url,
    json::{self, Limits},
    registry::{
        anchor::{AnchorOpening, BATCH_DEPTH_MAX},
        merkle::TreeHash,
        record::RECORD_BYTES_MAX,
    },
};

/// Bytes of a receipt.
const RECEIPT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of an answer.
const BODY_BYTES_MAX: usize = CREDENTIALS_MAX * 64 * 1024;

/// What shows that one credential instance is anchored on the registry. Whoever has it can tell the instance by its
/// batch, so it is shown only with the instance itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorProof {
    /// The instance's nonce.
    pub nonce: [u8; 32],
    /// The index on the ledger of the record that holds the batch.
    pub batch: u64,
    /// Which leaf of the batch.
    pub leaf: u32,
    /// From the leaf's sibling up to the root's child.
    pub path: Vec<TreeHash>,
    /// The registry's receipt for the record of the batch (`c2sp.org/tlog-proof@v1`).
    pub receipt: String,
    /// The record of the batch.
    pub record: Vec<u8>,
}

/// One instance of an issuance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedAnchor {
    /// Which: SHA-256 of the credential's JWS signing input.
    pub signing_input_hash: [u8; 32],
    /// Its proof, once its batch is final.
    pub proof: Option<AnchorProof>,
}

/// The anchors of all instances of one issuance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorsResponse {
    /// One for each instance.
    pub anchors: Vec<IssuedAnchor>,
}

/// A message about anchors that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message about anchors is malformed")]
pub struct AnchorsError;

/// The body that asks for the anchors of an issuance.
pub fn anchors_request(notification_id: &NotificationId) -> Value {
    json!({"notification_id": notification_id.reveal()})
}

/// Reads the body that asks for the anchors of an issuance.
pub fn parse_anchors_request(body: &[u8]) -> Result<NotificationId, AnchorsError> {
    let value = json::parse(body, &Limits::DEFAULT).map_err(|_| AnchorsError)?;
    let id = value
        .get("notification_id")
        .and_then(Value::as_str)
        .ok_or(AnchorsError)?;
    NotificationId::new(id).map_err(|_| AnchorsError)
}

impl AnchorProof {
    /// What the registry is given when the anchor is spent.
    pub fn opening(&self, signing_input_hash: [u8; 32]) -> AnchorOpening {
        AnchorOpening {
            nonce: self.nonce,
            signing_input_hash,
            batch: self.batch,
            leaf: self.leaf,
            path: self.path.clone(),
        }
    }

    /// The members `nonce`, `batch`, `leaf`, `path`, `receipt` and `record` of an object.
    pub fn to_json(&self) -> Value {
        let path: Vec<String> = self
            .path
            .iter()
            .map(|hash| base64url::encode(hash.as_bytes()))
            .collect();
        json!({
            "nonce": base64url::encode(&self.nonce),
            "batch": self.batch,
            "leaf": self.leaf,
            "path": path,
            "receipt": self.receipt,
            "record": base64url::encode(&self.record),
        })
    }

    /// Reads what [`AnchorProof::to_json`] makes; other members are ignored. Nothing is proved by that.
    pub fn read(value: &Value) -> Result<Self, AnchorsError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or(AnchorsError);
        let number = |name: &str| value.get(name).and_then(Value::as_u64).ok_or(AnchorsError);
        let path = value
            .get("path")
            .and_then(Value::as_array)
            .filter(|path| path.len() <= usize::from(BATCH_DEPTH_MAX))
            .ok_or(AnchorsError)?
            .iter()
            .map(|hash| {
                hash.as_str()
                    .and_then(|hash| base64url::decode_array(hash).ok())
            })
            .map(|hash| hash.map(TreeHash::from_bytes).ok_or(AnchorsError))
            .collect::<Result<_, _>>()?;
        let receipt = text("receipt")?;
        let record = base64url::decode(text("record")?).map_err(|_| AnchorsError)?;
        if receipt.len() > RECEIPT_BYTES_MAX || record.len() > RECORD_BYTES_MAX {
            return Err(AnchorsError);
        }
        Ok(Self {
            nonce: base64url::decode_array(text("nonce")?).map_err(|_| AnchorsError)?,
            batch: number("batch")?,
            leaf: u32::try_from(number("leaf")?).map_err(|_| AnchorsError)?,
            path,
            receipt: receipt.to_owned(),
            record,
        })
    }
}

impl AnchorsResponse {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, AnchorsError> {
        let limits = Limits::DEFAULT.with_bytes(BODY_BYTES_MAX);
        let value = json::parse(body, &limits).map_err(|_| AnchorsError)?;
        let anchors = value
            .get("anchors")
            .and_then(Value::as_array)
            .filter(|anchors| anchors.len() <= CREDENTIALS_MAX)
            .ok_or(AnchorsError)?
            .iter()
            .map(IssuedAnchor::read)
            .collect::<Result<_, _>>()?;
        Ok(Self { anchors })
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        let anchors: Vec<Value> = self.anchors.iter().map(IssuedAnchor::to_json).collect();
        json!({"anchors": anchors})
    }
}

impl IssuedAnchor {
    fn read(value: &Value) -> Result<Self, AnchorsError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or(AnchorsError);
        let proof = match text("state")? {
            "pending" => None,
            "anchored" => Some(AnchorProof::read(value)?),
            _ => return Err(AnchorsError),
        };
        let signing_input_hash =
            base64url::decode_array(text("signing_input_hash")?).map_err(|_| AnchorsError)?;
        Ok(Self {
            signing_input_hash,
            proof,
        })
    }

    fn to_json(&self) -> Value {
        let (mut object, state) = match &self.proof {
            None => (json!({}), "pending"),
            Some(proof) => (proof.to_json(), "anchored"),
        };
        if let Value::Object(members) = &mut object {
            let hash = base64url::encode(&self.signing_input_hash);
            members.insert("signing_input_hash".to_owned(), hash.into());
            members.insert("state".to_owned(), state.into());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> AnchorsResponse {
        let proof = AnchorProof {
            nonce: [1; 32],
            batch: 7,
            leaf: 3,
            path: vec![TreeHash::from_bytes([2; 32]); 4],
            receipt: "c2sp.org/tlog-proof@v1\n".to_owned(),
            record: vec![0x86, 1],
        };
        AnchorsResponse {
            anchors: vec![
                IssuedAnchor {
                    signing_input_hash: [8; 32],
                    proof: Some(proof),
                },
                IssuedAnchor {
                    signing_input_hash: [9; 32],
                    proof: None,
                },
            ],
        }
    }

    #[test]
    fn anchors_are_read_back() {
        assert_eq!(
            AnchorsResponse::parse(response().to_json().to_string().as_bytes()),
            Ok(response())
        );
    }

    #[test]
    fn a_request_is_read_back() {
        let id = NotificationId::new("3fwe98js").unwrap();
        let read = parse_anchors_request(anchors_request(&id).to_string().as_bytes()).unwrap();
        assert_eq!(read.reveal(), id.reveal());
        assert_eq!(parse_anchors_request(b"{}").unwrap_err(), AnchorsError);
    }

    #[test]
    fn neg_w13_anchors_of_another_shape_are_refused() {
        for (pointer, value) in [
            ("/anchors/0/nonce", json!("AA")),
            ("/anchors/0/leaf", json!(-1)),
            ("/anchors/0/leaf", json!(1_u64 << 32)),
            (
                "/anchors/0/path",
                json!(vec![base64url::encode(&[2; 32]); 25]),
            ),
            ("/anchors/0/path/0", json!("AA")),
            ("/anchors/0/record", json!("A=")),
            ("/anchors/0/state", json!("final")),
            ("/anchors/1/signing_input_hash", json!(null)),
        ] {
            let mut body = response().to_json();
            *body.pointer_mut(pointer).unwrap() = value;
            assert_eq!(
                AnchorsResponse::parse(body.to_string().as_bytes()),
                Err(AnchorsError),
                "{pointer}"
            );
        }
    }
}
