//! What a wallet says of itself when it fetches a request object with POST
//! ([OpenID4VP 1.0, section 5.10](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#request_uri_method_post)).

use serde_json::{Map, Value, json};

use super::dcql::FORMAT_SD_JWT_VC;
use super::form::{self, Form};
use super::nonce::WalletNonce;
use crate::json::{self, Limits};

/// Bytes of the `wallet_metadata` parameter.
const METADATA_BYTES_MAX: usize = 32 * 1024;
/// Strings in one list of the metadata.
const LIST_MAX: usize = 64;
/// An extension member: the types of transaction data that the wallet knows.
const TRANSACTION_DATA_TYPES: &str = "transaction_data_types_supported";

/// The body of a POST to the request URI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestUriPost {
    /// Repeated in the request object.
    pub wallet_nonce: Option<WalletNonce>,
    /// The types of transaction data that the wallet knows.
    pub transaction_data_types: Vec<String>,
}

/// The body of a POST to the request URI is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestUriPostError {
    /// The form cannot be read.
    #[error("the form cannot be read")]
    Form,
    /// The wallet nonce is too long or not printable.
    #[error("the wallet nonce is not acceptable")]
    WalletNonce,
    /// The wallet metadata are not a JSON object, too large, or have members of the wrong type.
    #[error("the wallet metadata are not acceptable")]
    Metadata,
}

impl RequestUriPost {
    /// Reads the form. Both parameters are optional, and unknown ones are ignored: wallets in use leave out the nonce
    /// and spread their metadata over the form.
    pub fn parse(body: &[u8]) -> Result<Self, RequestUriPostError> {
        let form = Form::parse(body).map_err(|_refused| RequestUriPostError::Form)?;
        let wallet_nonce = form
            .get("wallet_nonce")
            .map(|nonce| {
                WalletNonce::new(nonce).map_err(|_refused| RequestUriPostError::WalletNonce)
            })
            .transpose()?;
        let transaction_data_types = match form.get("wallet_metadata") {
            Some(metadata) => read_metadata(metadata).ok_or(RequestUriPostError::Metadata)?,
            None => Vec::new(),
        };
        Ok(Self {
            wallet_nonce,
            transaction_data_types,
        })
    }

    /// The form of a wallet that reads SD-JWT VC and signs with ES256 and Ed25519.
    #[must_use]
    pub fn to_form(&self) -> String {
        let algorithms = json!(["ES256", "EdDSA", "Ed25519"]);
        let metadata = json!({
            "vp_formats_supported": {
                FORMAT_SD_JWT_VC: {"sd-jwt_alg_values": algorithms, "kb-jwt_alg_values": algorithms},
            },
            "client_id_prefixes_supported": ["x509_hash", "x509_san_dns", "decentralized_identifier"],
            "request_object_signing_alg_values_supported": algorithms,
            "response_types_supported": ["vp_token"],
            "response_modes_supported": ["direct_post.jwt"],
            TRANSACTION_DATA_TYPES: self.transaction_data_types,
        })
        .to_string();
        let mut parameters = vec![("wallet_metadata", metadata.as_str())];
        if let Some(nonce) = &self.wallet_nonce {
            parameters.push(("wallet_nonce", nonce.as_str()));
        }
        form::encode(&parameters)
    }
}

fn read_metadata(text: &str) -> Option<Vec<String>> {
    let value = json::parse(
        text.as_bytes(),
        &Limits::DEFAULT.with_bytes(METADATA_BYTES_MAX),
    )
    .ok()?;
    let metadata = value.as_object()?;
    if !metadata
        .get("vp_formats_supported")
        .is_none_or(Value::is_object)
    {
        return None;
    }
    for name in [
        "client_id_prefixes_supported",
        "response_modes_supported",
        "response_types_supported",
    ] {
        strings(metadata, name)?;
    }
    strings(metadata, TRANSACTION_DATA_TYPES)
}

/// A list of strings; empty where it is absent, nothing where it is something else.
fn strings(metadata: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let Some(value) = metadata.get(name) else {
        return Some(Vec::new());
    };
    let list = value.as_array().filter(|list| list.len() <= LIST_MAX)?;
    list.iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(metadata: &str) -> Result<RequestUriPost, RequestUriPostError> {
        RequestUriPost::parse(form::encode(&[("wallet_metadata", metadata)]).as_bytes())
    }

    #[test]
    fn what_a_wallet_writes_is_read() {
        let post = RequestUriPost {
            wallet_nonce: Some(WalletNonce::new("qPmxiNFCR3QTm19POc8u").unwrap()),
            transaction_data_types: vec!["tegata/crs-declaration/v1".to_owned()],
        };
        assert_eq!(RequestUriPost::parse(post.to_form().as_bytes()), Ok(post));
    }

    #[test]
    fn a_wallet_that_says_nothing_is_served() {
        assert_eq!(RequestUriPost::parse(b""), Ok(RequestUriPost::default()));
        assert_eq!(
            RequestUriPost::parse(b"vp_formats_supported=%7B%7D&x=1"),
            Ok(RequestUriPost::default())
        );
        assert_eq!(post("{}"), Ok(RequestUriPost::default()));
    }

    #[test]
    fn neg_r13_bad_wallet_metadata_are_refused() {
        for bad in [
            "[]",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"vp_formats_supported":[]}"#,
            r#"{"transaction_data_types_supported":"x"}"#,
            r#"{"transaction_data_types_supported":[1]}"#,
            r#"{"client_id_prefixes_supported":{}}"#,
            &format!("{{\"a\":\"{}\"}}", "x".repeat(METADATA_BYTES_MAX)),
        ] {
            assert_eq!(post(bad), Err(RequestUriPostError::Metadata), "{bad:.40}");
        }
        let nonce = form::encode(&[("wallet_nonce", &"n".repeat(1 << 20))]);
        assert_eq!(
            RequestUriPost::parse(nonce.as_bytes()),
            Err(RequestUriPostError::WalletNonce)
        );
        assert_eq!(
            RequestUriPost::parse(b"wallet_nonce=a&wallet_nonce=b"),
            Err(RequestUriPostError::Form)
        );
    }
}
