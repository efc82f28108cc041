//! What a verifier says of itself in a request, in formats that wallets may or may not know
//! ([OpenID4VP 1.0, section 5.11](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#verifier-info)).

use serde_json::{Map, Value};

/// Elements of one `verifier_info`.
const VERIFIER_INFO_MAX: usize = 8;

/// One element of `verifier_info`. Wallets ignore formats that they do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierInfo {
    /// The format of `data`.
    pub format: String,
    /// What is said: an object or a string.
    pub data: Value,
}

/// `verifier_info` is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("verifier_info is no list of objects with a format and data")]
pub struct VerifierInfoError;

impl VerifierInfo {
    pub(super) fn parse_all(value: &Value) -> Result<Vec<Self>, VerifierInfoError> {
        let list = value.as_array().ok_or(VerifierInfoError)?;
        if list.is_empty() || list.len() > VERIFIER_INFO_MAX {
            return Err(VerifierInfoError);
        }
        list.iter()
            .map(|element| Self::parse(element).ok_or(VerifierInfoError))
            .collect()
    }

    fn parse(value: &Value) -> Option<Self> {
        let format = value.get("format")?.as_str()?.to_owned();
        let data = value
            .get("data")
            .filter(|data| data.is_object() || data.is_string())?
            .clone();
        match value.get("credential_ids") {
            None => {}
            Some(ids) => {
                let ids = ids.as_array()?;
                if ids.is_empty() || !ids.iter().all(Value::is_string) {
                    return None;
                }
            }
        }
        Some(Self { format, data })
    }

    pub(super) fn to_value(&self) -> Value {
        let mut element = Map::new();
        element.insert("format".to_owned(), Value::from(self.format.as_str()));
        element.insert("data".to_owned(), self.data.clone());
        Value::Object(element)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn verifier_info_of_any_format_is_read() {
        let value = json!([{"format": "jwt", "data": "ey", "credential_ids": ["a"]}, {"format": "x", "data": {}}]);
        let read = VerifierInfo::parse_all(&value).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(
            VerifierInfo::parse_all(&json!([read[1].to_value()])).unwrap()[0],
            read[1]
        );
    }

    #[test]
    fn malformed_verifier_info_is_refused() {
        for bad in [
            json!({}),
            json!([]),
            json!([{}]),
            json!([{"format": 1, "data": {}}]),
            json!([{"format": "x", "data": 1}]),
            json!([{"format": "x", "data": {}, "credential_ids": []}]),
            json!(vec![
                json!({"format": "x", "data": {}});
                VERIFIER_INFO_MAX + 1
            ]),
        ] {
            assert_eq!(
                VerifierInfo::parse_all(&bad),
                Err(VerifierInfoError),
                "{bad}"
            );
        }
    }
}
