//! Transaction data: what the holder authorises with the presentation
//! ([OpenID4VP 1.0, sections 5.1, 8.4 and B.3.3](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#transaction_data)).

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::dcql::{HolderBinding, Query};
use crate::{base64url, json};

/// Objects in one request.
const TRANSACTION_DATA_MAX: usize = 8;
/// Bytes of one decoded object.
const OBJECT_BYTES_MAX: usize = 16 * 1024;
/// The one hash algorithm; every implementation must know it, and it is the default.
const HASH_ALGORITHM: &str = "sha-256";

/// One transaction data object, with the string that stood in the request: that string is what is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionData {
    encoded: String,
    kind: String,
    credential_ids: Vec<String>,
    fields: Map<String, Value>,
}

/// A type of transaction data that the reader knows.
#[derive(Clone, Copy, Debug)]
pub struct TransactionDataType {
    /// The value of `type`.
    pub name: &'static str,
    /// Whether the members beside `type`, `credential_ids` and `transaction_data_hashes_alg` are those of the type.
    pub accepts: fn(&Map<String, Value>) -> bool,
}

/// Why transaction data is refused; on the wire each of them is `invalid_transaction_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionDataError {
    /// Not a list of encoded objects with a type and credential ids, or too many or too large ones.
    #[error("the transaction data is malformed")]
    Malformed,
    /// A type that the reader does not know.
    #[error("the transaction data has an unknown type")]
    UnknownType,
    /// The members are not those of the type.
    #[error("the transaction data does not have the form of its type")]
    Fields,
    /// None of the offered hash algorithms is supported.
    #[error("the transaction data asks for an unsupported hash algorithm")]
    HashAlgorithm,
    /// A credential id that the query does not have, or one without holder binding.
    #[error("the transaction data refers to a credential that cannot authorise it")]
    Credential,
}

impl TransactionData {
    /// Encodes an object of a known type.
    #[must_use]
    pub fn new(kind: &str, credential_ids: &[&str], fields: Map<String, Value>) -> Self {
        let mut object = fields.clone();
        object.insert("type".to_owned(), Value::from(kind));
        object.insert(
            "credential_ids".to_owned(),
            Value::from(credential_ids.to_vec()),
        );
        Self {
            encoded: base64url::encode(Value::Object(object).to_string().as_bytes()),
            kind: kind.to_owned(),
            credential_ids: credential_ids.iter().map(|id| (*id).to_owned()).collect(),
            fields,
        }
    }

    /// Reads the `transaction_data` parameter of a request. Every object must be of a known type and form, and must
    /// be authorised by credentials that the query asks for with holder binding.
    pub fn parse_all(
        value: &Value,
        query: &Query,
        known: &[TransactionDataType],
    ) -> Result<Vec<Self>, TransactionDataError> {
        let list = value.as_array().ok_or(TransactionDataError::Malformed)?;
        if list.is_empty() || list.len() > TRANSACTION_DATA_MAX {
            return Err(TransactionDataError::Malformed);
        }
        list.iter()
            .map(|encoded| {
                let data = Self::parse(encoded.as_str().ok_or(TransactionDataError::Malformed)?)?;
                data.check(query, known)?;
                Ok(data)
            })
            .collect()
    }

    fn parse(encoded: &str) -> Result<Self, TransactionDataError> {
        let malformed = TransactionDataError::Malformed;
        let bytes = base64url::decode(encoded).map_err(|_invalid| malformed)?;
        let limits = json::Limits {
            bytes: OBJECT_BYTES_MAX,
            ..json::Limits::DEFAULT
        };
        let value = json::parse(&bytes, &limits).map_err(|_invalid| malformed)?;
        let Value::Object(mut fields) = value else {
            return Err(malformed);
        };
        let Some(Value::String(kind)) = fields.remove("type") else {
            return Err(malformed);
        };
        let credential_ids = texts(fields.remove("credential_ids").as_ref()).ok_or(malformed)?;
        if let Some(algorithms) = fields.remove("transaction_data_hashes_alg") {
            let algorithms = texts(Some(&algorithms)).ok_or(malformed)?;
            if !algorithms
                .iter()
                .any(|algorithm| algorithm == HASH_ALGORITHM)
            {
                return Err(TransactionDataError::HashAlgorithm);
            }
        }
        Ok(Self {
            encoded: encoded.to_owned(),
            kind,
            credential_ids,
            fields,
        })
    }

    fn check(
        &self,
        query: &Query,
        known: &[TransactionDataType],
    ) -> Result<(), TransactionDataError> {
        let kind = known
            .iter()
            .find(|kind| kind.name == self.kind)
            .ok_or(TransactionDataError::UnknownType)?;
        if !(kind.accepts)(&self.fields) {
            return Err(TransactionDataError::Fields);
        }
        let bound = |id: &String| {
            query
                .credential(id)
                .is_some_and(|credential| credential.holder_binding() == HolderBinding::Bound)
        };
        if self.credential_ids.iter().all(bound) {
            Ok(())
        } else {
            Err(TransactionDataError::Credential)
        }
    }

    /// The string as it stands in the request.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The credential queries of which one authorises it.
    #[must_use]
    pub fn credential_ids(&self) -> &[String] {
        &self.credential_ids
    }

    /// The members that the type defines.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The element of `transaction_data_hashes` in the key binding JWT.
    #[must_use]
    pub fn hash(&self) -> String {
        base64url::encode(&Sha256::digest(self.encoded.as_bytes()))
    }
}

/// A non-empty list of strings.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let list = value?.as_array()?;
    let texts: Option<Vec<String>> = list
        .iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect();
    texts.filter(|texts| !texts.is_empty() && texts.len() <= TRANSACTION_DATA_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: [TransactionDataType; 1] = [TransactionDataType {
        name: "payment",
        accepts: |fields| fields.len() == 1 && fields.contains_key("amount"),
    }];

    fn query(binding: bool) -> Query {
        Query::parse(&json!({"credentials": [{
            "id": "kyc", "format": "dc+sd-jwt", "meta": {}, "require_cryptographic_holder_binding": binding,
        }]}))
        .unwrap()
    }

    fn encoded(object: &Value) -> Value {
        json!([base64url::encode(object.to_string().as_bytes())])
    }

    fn good() -> Value {
        json!({"type": "payment", "credential_ids": ["kyc"], "amount": 1})
    }

    #[test]
    fn transaction_data_of_a_known_type_is_read() {
        let data = TransactionData::parse_all(&encoded(&good()), &query(true), &KNOWN).unwrap();
        assert_eq!(data[0].kind(), "payment");
        assert_eq!(data[0].fields().get("amount"), Some(&json!(1)));
    }

    #[test]
    fn the_hash_is_over_the_string_of_the_request() {
        let data = TransactionData::new(
            "payment",
            &["kyc"],
            Map::from_iter([("amount".to_owned(), json!(1))]),
        );
        assert_eq!(
            data.hash(),
            base64url::encode(&Sha256::digest(data.encoded().as_bytes()))
        );
        let read =
            TransactionData::parse_all(&json!([data.encoded()]), &query(true), &KNOWN).unwrap();
        assert_eq!(read, [data]);
    }

    #[test]
    fn neg_h13_unknown_or_malformed_transaction_data_is_refused() {
        let with = |name: &str, value: Value| {
            let mut object = good();
            object[name] = value;
            encoded(&object)
        };
        for (value, error) in [
            (
                with("type", json!("other")),
                TransactionDataError::UnknownType,
            ),
            (with("type", json!(1)), TransactionDataError::Malformed),
            (
                with("credential_ids", json!([])),
                TransactionDataError::Malformed,
            ),
            (
                with("credential_ids", json!(["other"])),
                TransactionDataError::Credential,
            ),
            (with("extra", json!(1)), TransactionDataError::Fields),
            (
                with("transaction_data_hashes_alg", json!(["sha-512"])),
                TransactionDataError::HashAlgorithm,
            ),
            (
                with("transaction_data_hashes_alg", json!("sha-256")),
                TransactionDataError::Malformed,
            ),
            (json!([]), TransactionDataError::Malformed),
            (json!(["!"]), TransactionDataError::Malformed),
            (json!([good()]), TransactionDataError::Malformed),
            (encoded(&json!([])), TransactionDataError::Malformed),
        ] {
            assert_eq!(
                TransactionData::parse_all(&value, &query(true), &KNOWN),
                Err(error),
                "{value}"
            );
        }
        assert!(TransactionData::parse_all(&encoded(&good()), &query(true), &KNOWN).is_ok());
    }

    #[test]
    fn neg_h13_transaction_data_without_holder_binding_is_refused() {
        let refused = TransactionData::parse_all(&encoded(&good()), &query(false), &KNOWN);
        assert_eq!(refused, Err(TransactionDataError::Credential));
    }
}
