//! Key proofs of type `jwt` (OpenID4VCI appendix F.1, F.4).

use serde_json::{Value, json};

use super::NONCE_BYTES_MAX;
use crate::{
    Timestamp,
    identity::{
        PublicKey, Purpose, SigningKey,
        jws::{self, HeaderExtras, JwsError, JwsLimits, UnverifiedJws},
    },
};

/// Seconds after which a proof is stale.
pub const PROOF_AGE_SECONDS_MAX: u64 = 300;
/// Seconds by which a wallet's clock may be ahead.
const CLOCK_SKEW_SECONDS: u64 = 60;

/// What a wallet proves a key for.
#[derive(Clone, Copy, Debug)]
pub struct KeyProof<'a> {
    /// The credential issuer identifier.
    pub audience: &'a str,
    /// The issuer's `c_nonce`.
    pub nonce: &'a str,
    /// When.
    pub now: Timestamp,
}

impl KeyProof<'_> {
    /// A proof that carries the key itself.
    pub fn sign_with_jwk(&self, key: &SigningKey) -> String {
        let jwk = Some(key.public_key().clone());
        self.sign(
            key,
            &HeaderExtras {
                jwk,
                ..HeaderExtras::default()
            },
        )
    }

    /// A proof that names the key by a DID URL.
    pub fn sign_with_did(&self, key: &SigningKey, did_url: &str) -> String {
        let kid = Some(did_url.to_owned());
        self.sign(
            key,
            &HeaderExtras {
                kid,
                ..HeaderExtras::default()
            },
        )
    }

    fn sign(&self, key: &SigningKey, extras: &HeaderExtras) -> String {
        let payload = json!({"aud": self.audience, "iat": self.now, "nonce": self.nonce});
        jws::sign(key, Purpose::KeyProof, extras, &payload)
    }
}

/// Where the key of a proof is.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyReference {
    /// In the header.
    Jwk(PublicKey),
    /// In a DID document; to be resolved by the caller.
    DidUrl(String),
}

/// A proof that nobody has checked.
#[derive(Debug)]
pub struct UnverifiedKeyProof {
    jws: UnverifiedJws,
    key: KeyReference,
}

/// What the issuer expects of a proof.
#[derive(Clone, Copy, Debug)]
pub struct KeyProofExpectation<'a> {
    /// The issuer's own identifier.
    pub audience: &'a str,
    /// When the proof is checked.
    pub now: Timestamp,
}

/// A key whose holder signed for this issuer just now. Whether the nonce is one of the issuer's is still to be checked.
#[derive(Debug)]
pub struct VerifiedKeyProof {
    key: PublicKey,
    nonce: String,
}

/// Why a proof is refused. All are answered `invalid_proof`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProofError {
    /// Not a JWS for this purpose, or with a signature that does not verify.
    #[error("the key proof is not a valid signature")]
    Jws(#[source] JwsError),
    /// The header must name exactly one key, by `jwk` or by a DID URL in `kid`.
    #[error("the key proof does not name exactly one key")]
    Key,
    /// For another issuer.
    #[error("the key proof is for another audience")]
    Audience,
    /// `iss` stands only where the client has an identifier.
    #[error("the key proof names a client that did not authenticate")]
    Client,
    /// No `iat`, or too old, or in the future.
    #[error("the key proof was not made now")]
    Time,
    /// No `nonce`.
    #[error("the key proof holds no nonce")]
    Nonce,
}

impl UnverifiedKeyProof {
    /// Reads a proof and finds its key.
    pub fn parse(compact: &str) -> Result<Self, KeyProofError> {
        let jws = UnverifiedJws::parse(compact, &JwsLimits::DEFAULT).map_err(KeyProofError::Jws)?;
        let key = match (jws.jwk(), jws.kid(), jws.x5c()) {
            (Some(jwk), None, None) => KeyReference::Jwk(jwk.clone()),
            (None, Some(kid), None) if kid.starts_with("did:") => {
                KeyReference::DidUrl(kid.to_owned())
            }
            _ => return Err(KeyProofError::Key),
        };
        Ok(Self { jws, key })
    }

    /// Where the key is.
    pub const fn key(&self) -> &KeyReference {
        &self.key
    }

    /// Checks the proof with the key that [`UnverifiedKeyProof::key`] refers to.
    pub fn verify(
        self,
        key: &PublicKey,
        expected: &KeyProofExpectation<'_>,
    ) -> Result<VerifiedKeyProof, KeyProofError> {
        if matches!(&self.key, KeyReference::Jwk(named) if named != key) {
            return Err(KeyProofError::Key);
        }
        let verified = self
            .jws
            .verify(Purpose::KeyProof, key)
            .map_err(KeyProofError::Jws)?;
        let payload = verified.payload();
        if payload.get("aud").and_then(Value::as_str) != Some(expected.audience) {
            return Err(KeyProofError::Audience);
        }
        if payload.get("iss").is_some() {
            return Err(KeyProofError::Client);
        }
        let issued_at = payload
            .get("iat")
            .and_then(Value::as_u64)
            .ok_or(KeyProofError::Time)?;
        verify_time(Timestamp::from_unix(issued_at), expected.now)?;
        let nonce = payload
            .get("nonce")
            .and_then(Value::as_str)
            .filter(|nonce| !nonce.is_empty() && nonce.len() <= NONCE_BYTES_MAX)
            .ok_or(KeyProofError::Nonce)?;
        Ok(VerifiedKeyProof {
            key: key.clone(),
            nonce: nonce.to_owned(),
        })
    }
}

impl VerifiedKeyProof {
    /// The key that the credential will be bound to.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The nonce under the signature.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

fn verify_time(issued_at: Timestamp, now: Timestamp) -> Result<(), KeyProofError> {
    let oldest = now.minus_seconds(PROOF_AGE_SECONDS_MAX + CLOCK_SKEW_SECONDS);
    if issued_at < oldest || issued_at > now.plus_seconds(CLOCK_SKEW_SECONDS) {
        return Err(KeyProofError::Time);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
