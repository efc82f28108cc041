//! Values inside a genesis file that have a form of their own.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::base64url;

/// A public key of 32 bytes (Ed25519 or X25519), written in base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyBytes([u8; 32]);

impl KeyBytes {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBytes({})", base64url::encode(&self.0))
    }
}

impl TryFrom<String> for KeyBytes {
    type Error = base64url::Base64Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        base64url::decode_array(&text).map(Self)
    }
}

impl From<KeyBytes> for String {
    fn from(key: KeyBytes) -> Self {
        base64url::encode(&key.0)
    }
}

/// A DER certificate, written in standard base64 as in `x5c`. What it certifies is for the identity module to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateDer(Vec<u8>);

impl CertificateDer {
    /// From its bytes.
    #[must_use]
    pub const fn from_der(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for CertificateDer {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

impl From<CertificateDer> for String {
    fn from(certificate: CertificateDer) -> Self {
        BASE64_STANDARD.encode(certificate.0)
    }
}

/// Text that is not the address of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an http or https address without user, query and fragment")]
pub struct ServiceUrlError;

/// The address of a service: http or https, a host, no user, query or fragment.
///
/// It keeps the spelling it came in, because identifiers are compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceUrl {
    text: String,
    url: Url,
}

impl ServiceUrl {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, parsed.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }
}

impl TryFrom<String> for ServiceUrl {
    type Error = ServiceUrlError;

    fn try_from(text: String) -> Result<Self, ServiceUrlError> {
        let url = Url::parse(&text).map_err(|_cause| ServiceUrlError)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        plain.then_some(Self { text, url }).ok_or(ServiceUrlError)
    }
}

impl From<ServiceUrl> for String {
    fn from(address: ServiceUrl) -> Self {
        address.text
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
