//! Who signed a record.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};
use sha2::{Digest as _, Sha256};
use std::fmt;

use super::RecordError;
use crate::base64url;
use crate::identity::{Algorithm, PublicKey};

/// The public key that signed a record.
///
/// Ed25519 signatures are accepted by the rules of ZIP-215: nodes must never disagree on a signature, and the rules of
/// RFC 8032 leave room for that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// An Ed25519 key.
    Ed25519([u8; 32]),
    /// A P-256 key as an uncompressed SEC 1 point.
    P256([u8; 65]),
}

impl Author {
    /// The author who holds a key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let bytes = key.to_bytes();
        match key.algorithm() {
            Algorithm::EdDsa => {
                Self::Ed25519(bytes.try_into().expect("an Ed25519 key has 32 bytes"))
            }
            Algorithm::Es256 => Self::P256(bytes.try_into().expect("a P-256 point has 65 bytes")),
        }
    }

    /// RFC 7638 SHA-256 thumbprint of the key.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let jwk = match self {
            Self::Ed25519(key) => {
                let x = base64url::encode(key);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Self::P256([_uncompressed, point @ ..]) => {
                let (x, y) = point.split_at(32);
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        Sha256::digest(jwk.as_bytes()).into()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), RecordError> {
        match self {
            Self::Ed25519(key) => ed25519_zebra::VerificationKey::try_from(*key)
                .and_then(|key| key.verify(&(*signature).into(), message))
                .map_err(|_cause| RecordError::Signature),
            Self::P256(point) => PublicKey::from_bytes(Algorithm::Es256, point)
                .map_err(|_cause| RecordError::Signature)?
                .verify(message, signature)
                .map_err(|_cause| RecordError::Signature),
        }
    }

    pub(super) fn encode<W: Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Ed25519(key) => to.array(2)?.u8(0)?.bytes(key)?.ok(),
            Self::P256(point) => to.array(2)?.u8(1)?.bytes(point)?.ok(),
        }
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Self, RecordError> {
        super::array(from, 2)?;
        match from.u8()? {
            0 => super::bytes(from).map(Self::Ed25519),
            1 => super::bytes(from).map(Self::P256),
            _ => Err(RecordError::Malformed),
        }
    }
}

impl fmt::Debug for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "P256",
        };
        let thumbprint = base64url::encode(&self.thumbprint());
        write!(f, "Author({algorithm} {thumbprint})")
    }
}
