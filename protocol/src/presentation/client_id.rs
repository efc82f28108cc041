//! Client identifiers with their prefixes
//! ([OpenID4VP 1.0, section 5.9](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#client_metadata_management)).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::base64url;

/// Characters in a client identifier.
const CLIENT_ID_MAX: usize = 2_048;

/// A verifier as it names itself in a request. Always used whole, prefix included: as audience, in comparison, on display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientId {
    /// `x509_hash`: the SHA-256 of the leaf certificate.
    X509Hash([u8; 32]),
    /// `x509_san_dns`: a DNS name in the leaf certificate.
    X509SanDns(String),
    /// `decentralized_identifier`: a DID whose document lists the signing key.
    DecentralizedIdentifier(String),
}

/// Why a client identifier is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdError {
    /// No prefix; no client is registered in advance here.
    #[error("the client identifier has no prefix, and no client is pre-registered")]
    NotRegistered,
    /// A prefix that is not supported for signed requests, `origin` and `redirect_uri` among them.
    #[error("the prefix of the client identifier is not supported")]
    Prefix,
    /// What follows the prefix is not of its form.
    #[error("the client identifier does not have the form of its prefix")]
    Form,
}

impl ClientId {
    /// The identifier of the verifier that signs with this leaf certificate.
    #[must_use]
    pub fn of_certificate(leaf_der: &[u8]) -> Self {
        Self::X509Hash(Sha256::digest(leaf_der).into())
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;

    fn from_str(text: &str) -> Result<Self, ClientIdError> {
        if text.len() > CLIENT_ID_MAX {
            return Err(ClientIdError::Form);
        }
        let (prefix, rest) = text.split_once(':').ok_or(ClientIdError::NotRegistered)?;
        match prefix {
            "x509_hash" => base64url::decode_array(rest)
                .map(Self::X509Hash)
                .map_err(|_invalid| ClientIdError::Form),
            "x509_san_dns" if is_dns_name(rest) => Ok(Self::X509SanDns(rest.to_owned())),
            "decentralized_identifier" if is_did(rest) => {
                Ok(Self::DecentralizedIdentifier(rest.to_owned()))
            }
            "x509_san_dns" | "decentralized_identifier" => Err(ClientIdError::Form),
            _ => Err(ClientIdError::Prefix),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X509Hash(hash) => write!(f, "x509_hash:{}", base64url::encode(hash)),
            Self::X509SanDns(name) => write!(f, "x509_san_dns:{name}"),
            Self::DecentralizedIdentifier(did) => write!(f, "decentralized_identifier:{did}"),
        }
    }
}

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_did(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (scheme, method, id) = (parts.next(), parts.next(), parts.next());
    scheme == Some("did")
        && method.is_some_and(|method| {
            !method.is_empty()
                && method
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
        && id.is_some_and(|id| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_identifier_is_read_and_written_unchanged() {
        for text in [
            "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
            "x509_san_dns:client.example.org",
            "decentralized_identifier:did:web:client.example.org",
        ] {
            assert_eq!(text.parse::<ClientId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn neg_h03_an_unknown_prefix_is_refused() {
        for (text, error) in [
            ("client", ClientIdError::NotRegistered),
            ("origin:https://a.example", ClientIdError::Prefix),
            ("redirect_uri:https://a.example/cb", ClientIdError::Prefix),
            ("https://a.example", ClientIdError::Prefix),
            (
                "X509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
                ClientIdError::Prefix,
            ),
            ("x509_hash:abc", ClientIdError::Form),
            (
                "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk=",
                ClientIdError::Form,
            ),
            ("x509_san_dns:", ClientIdError::Form),
            ("x509_san_dns:a.example.", ClientIdError::Form),
            ("x509_san_dns:A.example", ClientIdError::Form),
            ("x509_san_dns:a.example/x", ClientIdError::Form),
            ("decentralized_identifier:did:web", ClientIdError::Form),
            (
                "decentralized_identifier:https://a.example",
                ClientIdError::Form,
            ),
        ] {
            assert_eq!(text.parse::<ClientId>(), Err(error), "{text}");
        }
    }
}
