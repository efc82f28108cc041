//! The key proofs of a request: all must hold, over nonces of ours, with keys of their own.

use std::collections::BTreeSet;

use did::{DidError, DidUrl};
use protocol::{
    Timestamp,
    identity::PublicKey,
    issuance::{KeyProofError, KeyProofExpectation, KeyReference, UnverifiedKeyProof},
};

use super::nonce::{self, Nonce, NonceError};
use crate::{issuer::Issuer, store::StoreError};

/// The proven keys of a request.
#[derive(Debug)]
pub(super) struct ProvenKeys {
    /// One for each proof, in order.
    pub(super) keys: Vec<PublicKey>,
    /// The nonces under the proofs.
    pub(super) nonces: BTreeSet<Nonce>,
}

/// Why the proofs of a request are refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofsError {
    /// One of them does not hold.
    #[error("a key proof does not hold")]
    Proof(#[from] KeyProofError),
    /// A key is named by a DID that cannot be resolved here.
    #[error("a key cannot be found by its DID")]
    Did(#[from] DidError),
    /// Two are for the same key.
    #[error("two key proofs are for the same key")]
    SameKey,
    /// One is over a nonce that is not ours, has expired, or was used.
    #[error("a key proof is over a nonce that is unknown, expired or used")]
    Nonce(#[from] NonceError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Checks all proofs. Nothing is consumed by that.
pub(super) fn verify(
    issuer: &Issuer,
    proofs: &[String],
    now: Timestamp,
) -> Result<ProvenKeys, ProofsError> {
    let expected = KeyProofExpectation {
        audience: issuer.config.id.as_str(),
        now,
    };
    let mut proven = ProvenKeys {
        keys: Vec::new(),
        nonces: BTreeSet::new(),
    };
    for compact in proofs {
        let proof = UnverifiedKeyProof::parse(compact)?;
        let key = match proof.key() {
            KeyReference::Jwk(key) => key.clone(),
            KeyReference::DidUrl(url) => DidUrl::parse(url)?.key()?,
        };
        let verified = proof.verify(&key, &expected)?;
        let nonce = nonce::recognise(&issuer.secret, verified.nonce(), now)?;
        if nonce.is_spent(issuer)? {
            return Err(NonceError.into());
        }
        proven.nonces.insert(nonce);
        if proven.keys.contains(&key) {
            return Err(ProofsError::SameKey);
        }
        proven.keys.push(key);
    }
    Ok(proven)
}
