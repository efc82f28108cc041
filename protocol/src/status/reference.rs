//! The `status` claim: which entry of which list speaks for a credential.

use serde_json::{Map, Value, json};
use url::Url;

const URI_BYTES_MAX: usize = 2_048;

/// One entry of one status list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusReference {
    uri: String,
    idx: u64,
}

/// Why a `status` claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusReferenceError {
    /// Not `{"status_list": {"idx": …, "uri": …}}` and nothing else.
    #[error("not a reference to exactly one entry of a status list")]
    Shape,
    /// Not an `http(s)` URL without user, query and fragment: any of them could tell holders apart.
    #[error("the address of the status list is not acceptable")]
    Uri,
}

impl StatusReference {
    /// An entry of the list at `uri`.
    pub fn new(uri: &str, idx: u64) -> Result<Self, StatusReferenceError> {
        let parsed = Url::parse(uri).map_err(|_not_a_url| StatusReferenceError::Uri)?;
        let plain = matches!(parsed.scheme(), "https" | "http")
            && parsed.has_host()
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if !plain || uri.len() > URI_BYTES_MAX {
            return Err(StatusReferenceError::Uri);
        }
        Ok(Self {
            uri: uri.to_owned(),
            idx,
        })
    }

    /// Reads the `status` claim of a credential.
    pub fn from_claim(status: &Value) -> Result<Self, StatusReferenceError> {
        let status = only_members(status, &["status_list"])?;
        let list = status
            .get("status_list")
            .ok_or(StatusReferenceError::Shape)?;
        let list = only_members(list, &["idx", "uri"])?;
        let idx = list.get("idx").and_then(Value::as_u64);
        let uri = list.get("uri").and_then(Value::as_str);
        Self::new(
            uri.ok_or(StatusReferenceError::Shape)?,
            idx.ok_or(StatusReferenceError::Shape)?,
        )
    }

    /// The `status` claim.
    pub fn to_claim(&self) -> Value {
        json!({"status_list": {"idx": self.idx, "uri": self.uri}})
    }

    /// Where the list is found, byte for byte the `sub` of its tokens.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The index in the list.
    pub fn idx(&self) -> u64 {
        self.idx
    }
}

/// The object, if it has no members but these: an unknown one might be another way to revoke.
fn only_members<'v>(
    value: &'v Value,
    names: &[&str],
) -> Result<&'v Map<String, Value>, StatusReferenceError> {
    value
        .as_object()
        .filter(|object| object.keys().all(|name| names.contains(&name.as_str())))
        .ok_or(StatusReferenceError::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StatusReference, StatusReferenceError> {
        StatusReference::from_claim(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_reference_reads_back() {
        let reference = StatusReference::new("https://issuer.example/status/1", 7).unwrap();
        assert_eq!(
            StatusReference::from_claim(&reference.to_claim()),
            Ok(reference)
        );
    }

    #[test]
    fn neg_v09_a_status_claim_of_another_shape_is_refused() {
        assert!(read(r#"{"status_list":{"idx":0,"uri":"https://a.example/1"}}"#).is_ok());
        for bad in [
            "{}",
            r#"{"status_list":{}}"#,
            r#"{"status_list":{"idx":0}}"#,
            r#"{"status_list":{"uri":"https://a.example/1"}}"#,
            r#"{"status_list":{"idx":0,"uri":"https://a.example/1"},"other":{}}"#,
            r#"{"status_list":{"idx":0,"uri":"https://a.example/1","x":1}}"#,
            r#"{"status_list":[0,"https://a.example/1"]}"#,
            r#""status_list""#,
        ] {
            assert_eq!(read(bad), Err(StatusReferenceError::Shape), "{bad}");
        }
    }

    #[test]
    fn neg_t06_an_index_of_another_type_is_refused() {
        for idx in [
            "-1",
            "1.5",
            "1.0",
            "1e3",
            "\"1\"",
            "null",
            "[1]",
            "18446744073709551616",
        ] {
            let claim = format!(r#"{{"status_list":{{"idx":{idx},"uri":"https://a.example/1"}}}}"#);
            assert_eq!(read(&claim), Err(StatusReferenceError::Shape), "{idx}");
        }
        assert!(read(r#"{"status_list":{"idx":4294967296,"uri":"https://a.example/1"}}"#).is_ok());
    }

    #[test]
    fn neg_t14_an_address_that_could_tell_holders_apart_is_refused() {
        assert!(StatusReference::new("https://a.example/status/1", 0).is_ok());
        let long = format!("https://a.example/{}", "a".repeat(2_048));
        for uri in [
            "https://a.example/1?holder=7",
            "https://a.example/1#7",
            "https://user@a.example/1",
            "https://user:pw@a.example/1",
            "file:///etc/passwd",
            "data:text/plain,x",
            "status/1",
            "",
            long.as_str(),
        ] {
            assert_eq!(
                StatusReference::new(uri, 0),
                Err(StatusReferenceError::Uri),
                "{uri}"
            );
        }
    }
}
