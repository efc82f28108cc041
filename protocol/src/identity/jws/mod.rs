//! Compact JWS (RFC 7515), read strictly (RFC 8725).
//!
//! A received token is an [`UnverifiedJws`]; the only way to a [`VerifiedJws`] names the purpose and the key.

mod header;
mod sign;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use header::Header;
pub use sign::{HeaderExtras, sign};

use super::{Algorithm, PublicKey, Purpose};
use crate::base64url;
use crate::json::{self, JsonError};

/// What a compact JWS may cost its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwsLimits {
    /// The whole text.
    pub compact: usize,
    /// The decoded header.
    pub header: usize,
    /// The decoded payload.
    pub payload: json::Limits,
}

impl JwsLimits {
    /// For tokens that have no reason to be larger.
    pub const DEFAULT: Self = Self {
        compact: 64 * 1024,
        header: 8 * 1024,
        payload: json::Limits::DEFAULT,
    };
}

/// A well-formed compact JWS whose signature nobody has checked.
#[derive(Debug, Clone)]
pub struct UnverifiedJws {
    header: Header,
    signing_input: String,
    payload: Vec<u8>,
    signature: [u8; 64],
    payload_limits: json::Limits,
}

impl UnverifiedJws {
    /// Reads a compact JWS: three parts, each the one base64url spelling of its bytes, a strict header, 64 bytes of
    /// signature. The payload is not parsed before the signature is checked.
    pub fn parse(compact: &str, limits: &JwsLimits) -> Result<Self, JwsError> {
        if compact.len() > limits.compact {
            return Err(JwsError::TooLarge);
        }
        let (signing_input, signature) = compact.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Form)?;
        if header.is_empty() || payload.is_empty() {
            return Err(JwsError::Form);
        }
        if header.len() > limits.header.div_ceil(3) * 4 {
            return Err(JwsError::TooLarge);
        }
        let header = Header::parse(
            &base64url::decode(header).map_err(|_| JwsError::Form)?,
            limits.header,
        )?;
        Ok(Self {
            header,
            payload: base64url::decode(payload).map_err(|_| JwsError::Form)?,
            signature: base64url::decode_array(signature).map_err(|_| JwsError::Form)?,
            signing_input: signing_input.to_owned(),
            payload_limits: limits.payload,
        })
    }

    /// The header's `typ`.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ()
    }

    /// The header's `alg`.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.header.alg()
    }

    /// The header's `kid`: at most 1,024 printable ASCII characters, to be compared and never used as a path.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid()
    }

    /// The header's `x5c`: base64 of DER, leaf first, to be given to [`super::x5c`].
    #[must_use]
    pub fn x5c(&self) -> Option<&[String]> {
        self.header.x5c()
    }

    /// The header's `jwk`, which only a key proof may carry.
    #[must_use]
    pub fn jwk(&self) -> Option<&PublicKey> {
        self.header.jwk()
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload as received: good for finding the key, for nothing else.
    #[must_use]
    pub fn payload_bytes(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes under the signature.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// Checks that the token was signed for `purpose` with `key`, and parses its payload.
    pub fn verify(self, purpose: Purpose, key: &PublicKey) -> Result<VerifiedJws, JwsError> {
        self.verify_typed(purpose.typ(), key)
    }

    /// The same for a format whose applications name the type themselves (RFC 9901, section 9.11).
    ///
    /// Such an application may put something else than text into `kid`, as others' software lets it: the key is given, so it
    /// names nothing. In a token of a [`Purpose`] it is refused.
    pub(crate) fn verify_typed(self, typ: &str, key: &PublicKey) -> Result<VerifiedJws, JwsError> {
        if self.typ() != Some(typ) {
            return Err(JwsError::Type);
        }
        if self.jwk().is_some() && typ != Purpose::KeyProof.typ() {
            return Err(JwsError::Header);
        }
        if !self.header.kid_is_text() && Purpose::ALL.iter().any(|purpose| purpose.typ() == typ) {
            return Err(JwsError::Header);
        }
        self.check_signature(key)?;
        let payload =
            json::parse(&self.payload, &self.payload_limits).map_err(JwsError::Payload)?;
        if !payload.is_object() {
            return Err(JwsError::Payload(JsonError::Shape));
        }
        let signing_input_hash = Sha256::digest(&self.signing_input).into();
        Ok(VerifiedJws {
            header: self.header,
            payload,
            signing_input_hash,
        })
    }

    /// The key decides about the algorithm; the header may only agree.
    pub(in crate::identity) fn check_signature(&self, key: &PublicKey) -> Result<(), JwsError> {
        if self.alg() != key.algorithm() {
            return Err(JwsError::Algorithm);
        }
        key.verify(self.signing_input(), &self.signature)
            .map_err(|_| JwsError::Signature)
    }
}

/// A JWS whose purpose and signature were checked.
#[derive(Clone)]
pub struct VerifiedJws {
    header: Header,
    payload: Value,
    signing_input_hash: [u8; 32],
}

impl VerifiedJws {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, an object without duplicate members.
    #[must_use]
    pub const fn payload(&self) -> &Value {
        &self.payload
    }

    /// The payload, for keeping.
    #[must_use]
    pub fn into_payload(self) -> Value {
        self.payload
    }

    /// SHA-256 of the signing input. Identifies the token: ES256 signatures are malleable, so a hash over the
    /// signature would not.
    #[must_use]
    pub const fn signing_input_hash(&self) -> [u8; 32] {
        self.signing_input_hash
    }
}

impl std::fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifiedJws({:?})", self.header.typ())
    }
}

/// A compact JWS was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than its bound.
    #[error("the token is too large")]
    TooLarge,
    /// Not three parts of strict base64url with 64 bytes of signature.
    #[error("not a compact JWS")]
    Form,
    /// The header is not strict JSON, or asks for something that is never done: `crit`, `b64`, `jku`, `x5u`, `zip`, a
    /// `jwk` where the key must be known already.
    #[error("the header of the token is not acceptable")]
    Header,
    /// `alg` is missing, unknown, or not the key's.
    #[error("the algorithm of the token is not that of the key")]
    Algorithm,
    /// `typ` is not that of the purpose.
    #[error("the token is of another type")]
    Type,
    /// The signature does not verify.
    #[error("the signature of the token does not verify")]
    Signature,
    /// The signed payload is not a strict JSON object.
    #[error("the payload of the token is not acceptable")]
    Payload(#[source] JsonError),
}

#[cfg(test)]
mod tests;
