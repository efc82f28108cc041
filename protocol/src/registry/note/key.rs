//! Keys that sign notes: plain Ed25519 and timestamped cosignatures.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{NoteError, NoteSignature, is_key_name};
use crate::Timestamp;
use crate::identity::{Algorithm, SigningKey};

/// What a signature of a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Type 0x01: an Ed25519 signature over the text.
    Ed25519,
    /// Type 0x04: [cosignature/v1](https://c2sp.org/tlog-cosignature), an Ed25519 signature over a time and a checkpoint.
    CosignatureV1,
}

impl KeyKind {
    const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }
}

/// The times of cosignatures must not exceed this.
const TIME_MAX: u64 = i64::MAX as u64;

/// A named public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    kind: KeyKind,
    public_key: [u8; 32],
    id: u32,
}

impl NoteKey {
    /// A key of this name; the name is neither empty nor has it spaces or plus signs.
    ///
    /// # Errors
    ///
    /// Fails if the name is not allowed.
    pub fn new(name: &str, kind: KeyKind, public_key: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) || name.chars().any(char::is_control) {
            return Err(NoteError::Malformed);
        }
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update([b'\n', kind.type_byte()]);
        hash.update(public_key);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        Ok(Self {
            name: name.to_owned(),
            kind,
            public_key,
            id: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// Reads a verifier key: name, id and typed key joined by plus signs.
    ///
    /// # Errors
    ///
    /// Fails unless it is a verifier key of a kind known here with the id that follows from its parts.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Malformed);
        };
        let typed = BASE64_STANDARD
            .decode(typed)
            .map_err(|_cause| NoteError::Malformed)?;
        let (type_byte, public_key) = typed.split_first().ok_or(NoteError::Malformed)?;
        let kind = [KeyKind::Ed25519, KeyKind::CosignatureV1]
            .into_iter()
            .find(|kind| kind.type_byte() == *type_byte)
            .ok_or(NoteError::Malformed)?;
        let public_key = public_key
            .try_into()
            .map_err(|_length| NoteError::Malformed)?;
        let key = Self::new(name, kind, public_key)?;
        if format!("{:08x}", key.id) != id {
            return Err(NoteError::Malformed);
        }
        Ok(key)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that stands in signature lines.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    pub(in crate::registry) fn is_of(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.key_id
    }

    /// Checks a signature of this key and says when it was made, if it says so.
    pub(in crate::registry) fn verify(
        &self,
        text: &str,
        signature: &NoteSignature,
    ) -> Result<Option<Timestamp>, NoteError> {
        if !self.is_of(signature) {
            return Err(NoteError::Signature);
        }
        match self.kind {
            KeyKind::Ed25519 => {
                self.verify_bytes(text.as_bytes(), &signature.signature)?;
                Ok(None)
            }
            KeyKind::CosignatureV1 => {
                let (time, signature) = signature
                    .signature
                    .split_first_chunk()
                    .ok_or(NoteError::Signature)?;
                let time = u64::from_be_bytes(*time);
                if time > TIME_MAX {
                    return Err(NoteError::Signature);
                }
                self.verify_bytes(cosigned(text, time).as_bytes(), signature)?;
                Ok(Some(Timestamp::from_unix(time)))
            }
        }
    }

    fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<(), NoteError> {
        let signature: [u8; 64] = signature
            .try_into()
            .map_err(|_length| NoteError::Signature)?;
        ed25519_zebra::VerificationKey::try_from(self.public_key)
            .and_then(|key| key.verify(&signature.into(), message))
            .map_err(|_cause| NoteError::Signature)
    }

    /// Signs a text; none unless `key` is this Ed25519 key. A plain signature ignores the time.
    pub(in crate::registry) fn sign(
        &self,
        text: &str,
        key: &SigningKey,
        now: Timestamp,
    ) -> Option<NoteSignature> {
        let public_key = key.public_key();
        let ours = public_key.algorithm() == Algorithm::EdDsa
            && public_key.to_bytes() == self.public_key
            && now.as_unix() <= TIME_MAX;
        let signature = match self.kind {
            _ if !ours => return None,
            KeyKind::Ed25519 => key.sign(text.as_bytes()).to_vec(),
            KeyKind::CosignatureV1 => {
                let time = now.as_unix();
                let signature = key.sign(cosigned(text, time).as_bytes());
                [time.to_be_bytes().as_slice(), &signature].concat()
            }
        };
        Some(NoteSignature {
            name: self.name.clone(),
            key_id: self.id,
            signature,
        })
    }
}

impl std::fmt::Display for NoteKey {
    /// The verifier key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let typed = [&[self.kind.type_byte()], self.public_key.as_slice()].concat();
        let typed = BASE64_STANDARD.encode(typed);
        write!(f, "{}+{:08x}+{typed}", self.name, self.id)
    }
}

/// What a cosignature signs.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
