//! SD-JWTs that were checked, and what their holder makes of them.

use std::fmt;

use serde_json::Value;

use super::disclosure::Disclosure;
use super::key_binding::{self, KeyBindingError};
use super::reader::{ProcessedPayload, process};
use crate::Timestamp;
use crate::credential::path::{ClaimPath, ClaimPathError};
use crate::identity::jws::{self, HeaderExtras};
use crate::identity::{PublicKey, Purpose, SigningKey};

/// An SD-JWT whose signature, structure and times were checked.
#[derive(Clone)]
pub struct VerifiedSdJwt {
    pub(super) text: String,
    pub(super) signed: Value,
    pub(super) disclosures: Vec<Disclosure>,
    pub(super) processed: ProcessedPayload,
    pub(super) signing_input_hash: [u8; 32],
}

/// An SD-JWT+KB that its holder made for one audience and one nonce.
#[derive(Clone)]
pub struct VerifiedSdJwtKb {
    pub(super) sd_jwt: VerifiedSdJwt,
    pub(super) holder: PublicKey,
    pub(super) presented_at: Timestamp,
}

/// Why a holder cannot make a presentation.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// A path that shall be disclosed leads to no claim.
    #[error("a claim to disclose does not exist")]
    NoSuchClaim(#[source] ClaimPathError),
    /// The key is not the one in `cnf`.
    #[error("the SD-JWT is bound to another key")]
    OtherHolderKey,
    /// There is no usable key in `cnf`.
    #[error("the SD-JWT is bound to no key")]
    NoHolderKey(#[source] KeyBindingError),
}

impl VerifiedSdJwt {
    /// The Processed SD-JWT Payload.
    pub fn claims(&self) -> &Value {
        self.processed.claims()
    }

    /// The payload as the issuer signed it, digests included.
    pub(in crate::credential) fn signed(&self) -> &Value {
        &self.signed
    }

    /// The disclosures, in the order in which they came.
    pub fn disclosures(&self) -> &[Disclosure] {
        &self.disclosures
    }

    /// Where each disclosure belongs, in the same order.
    pub fn disclosed_paths(&self) -> impl Iterator<Item = &ClaimPath> {
        self.processed.paths()
    }

    /// SHA-256 of the signing input: the identity of this SD-JWT, whatever is disclosed of it.
    pub fn signing_input_hash(&self) -> [u8; 32] {
        self.signing_input_hash
    }

    /// The SD-JWT as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The holder's key: `cnf.jwk` of the signed payload.
    pub fn holder_key(&self) -> Result<PublicKey, KeyBindingError> {
        key_binding::holder_key(&self.signed)
    }

    /// What a verifier would see if the claims at `paths` were disclosed.
    pub fn preview(&self, paths: &[ClaimPath]) -> Result<Value, PresentError> {
        let disclosed = self.select(paths)?;
        let shown = process(
            &self.signed,
            &disclosed.into_iter().cloned().collect::<Vec<_>>(),
        );
        Ok(shown
            .expect("a subset that is closed under parents is processed like the whole")
            .claims()
            .clone())
    }

    /// Discloses the claims at `paths`, all that lies inside them, and what they lie inside of; binds that to one
    /// audience and one nonce.
    pub fn present(
        &self,
        paths: &[ClaimPath],
        audience: &str,
        nonce: &str,
        transaction_data: &[String],
        holder: &SigningKey,
        now: Timestamp,
    ) -> Result<String, PresentError> {
        let bound = self.holder_key().map_err(PresentError::NoHolderKey)?;
        if bound != *holder.public_key() {
            return Err(PresentError::OtherHolderKey);
        }
        let mut text = self.text.split('~').next().unwrap_or_default().to_owned();
        text.push('~');
        for disclosure in self.select(paths)? {
            text.push_str(disclosure.encoded());
            text.push('~');
        }
        let claims = key_binding::claims(&text, audience, nonce, transaction_data, now);
        let extras = HeaderExtras::default();
        text.push_str(&jws::sign(holder, Purpose::KeyBinding, &extras, &claims));
        Ok(text)
    }

    fn select(&self, paths: &[ClaimPath]) -> Result<Vec<&Disclosure>, PresentError> {
        let mut wanted = Vec::new();
        for path in paths {
            let selected = path.select(self.claims());
            wanted.extend(selected.map_err(PresentError::NoSuchClaim)?);
        }
        let placements = self.processed.placements();
        let chosen = placements.iter().map(|placement| {
            wanted
                .iter()
                .any(|path| path.covers(&placement.path) || placement.path.covers(path))
        });
        Ok(self
            .disclosures
            .iter()
            .zip(chosen)
            .filter_map(|(disclosure, chosen)| chosen.then_some(disclosure))
            .collect())
    }
}

impl VerifiedSdJwtKb {
    /// The SD-JWT that was presented.
    pub fn sd_jwt(&self) -> &VerifiedSdJwt {
        &self.sd_jwt
    }

    /// The key that presented it.
    pub fn holder_key(&self) -> &PublicKey {
        &self.holder
    }

    /// When the holder says to have made the presentation.
    pub fn presented_at(&self) -> Timestamp {
        self.presented_at
    }

    pub(in crate::credential) fn into_sd_jwt(self) -> VerifiedSdJwt {
        self.sd_jwt
    }
}

impl fmt::Debug for VerifiedSdJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedSdJwt(..)")
    }
}

impl fmt::Debug for VerifiedSdJwtKb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedSdJwtKb(..)")
    }
}
