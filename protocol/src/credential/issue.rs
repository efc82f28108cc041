//! Issuing: from claims that were checked to a signed credential for one holder key.

use std::fmt;

use rand_core::CryptoRng;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::path::ClaimPath;
use super::sd_jwt::{ConcealError, Decoys, Disclosure, SdJwtError, UnverifiedSdJwt, conceal};
use super::verified::is_never_disclosable;
use crate::Timestamp;
use crate::identity::jws::{self, HeaderExtras};
use crate::identity::{PublicKey, Purpose, SigningKey};
use crate::status::StatusReference;

/// Claims that would let two verifiers recognise one holder (privacy: instances are unlinkable), or that the issuer adds itself.
const RESERVED_FOR_ISSUER: [&str; 9] = [
    "iss", "vct", "iat", "nbf", "exp", "cnf", "status", "jti", "sub",
];

/// What one credential says, before it is bound to a holder's key.
#[derive(Clone)]
pub struct CredentialTemplate {
    /// The issuer's identifier.
    pub iss: String,
    /// The type of the credential.
    pub vct: String,
    /// The day of issuance; the time of day is dropped, because it would link the instances of a batch.
    pub issued_at: Timestamp,
    /// The day at whose beginning the credential ceases to be valid; the time of day is dropped.
    pub expires: Timestamp,
    /// This instance's own entry in a status list.
    pub status: StatusReference,
    /// All other claims.
    pub claims: Map<String, Value>,
    /// Which of them the holder may disclose selectively.
    pub disclosable: Vec<ClaimPath>,
    /// How the number of claims is hidden.
    pub decoys: Decoys,
}

/// A signed credential.
#[derive(Clone)]
pub struct IssuedCredential {
    /// The SD-JWT for the holder.
    pub compact: String,
    /// The identity of this instance: SHA-256 of the signing input.
    pub signing_input_hash: [u8; 32],
    signed: Value,
    disclosures: Vec<Disclosure>,
}

/// Why a credential is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The claims name one that the issuer sets itself, or one that would link instances (`jti`, `sub`).
    #[error("the claims hold {0}, which they must not")]
    ReservedClaim(String),
    /// A claim that everyone must see shall be disclosable.
    #[error("a claim that must not be selectively disclosable shall be")]
    NeverDisclosable,
    /// The credential would not be valid for even a day.
    #[error("the credential expires before the day after its issuance")]
    Expiry,
    /// The claims cannot be concealed.
    #[error("the claims cannot be made selectively disclosable")]
    Conceal(#[source] ConcealError),
    /// Readers would refuse the credential, for its size or the size of a claim.
    #[error("the credential would not be readable")]
    Unreadable(#[source] SdJwtError),
}

/// Signs a credential for one holder key. What a strict reader would refuse is not emitted.
pub fn issue(
    template: &CredentialTemplate,
    holder: &PublicKey,
    key: &SigningKey,
    extras: &HeaderExtras,
    rng: &mut impl CryptoRng,
) -> Result<IssuedCredential, IssueError> {
    let mut claims = template.claims.clone();
    for reserved in RESERVED_FOR_ISSUER {
        if claims.contains_key(reserved) {
            return Err(IssueError::ReservedClaim(reserved.to_owned()));
        }
    }
    if template.disclosable.iter().any(is_never_disclosable) {
        return Err(IssueError::NeverDisclosable);
    }
    let issued_at = template.issued_at.start_of_day();
    let expires = template.expires.start_of_day();
    if expires <= issued_at {
        return Err(IssueError::Expiry);
    }
    claims.insert("iss".to_owned(), template.iss.as_str().into());
    claims.insert("vct".to_owned(), template.vct.as_str().into());
    claims.insert("iat".to_owned(), issued_at.as_unix().into());
    claims.insert("nbf".to_owned(), issued_at.as_unix().into());
    claims.insert("exp".to_owned(), expires.as_unix().into());
    claims.insert("cnf".to_owned(), json!({"jwk": holder.to_jwk()}));
    claims.insert("status".to_owned(), template.status.to_claim());
    let concealed = conceal(
        &Value::Object(claims),
        &template.disclosable,
        template.decoys,
        rng,
    )
    .map_err(IssueError::Conceal)?;
    sign(concealed.payload, concealed.disclosures, key, extras)
}

fn sign(
    signed: Value,
    disclosures: Vec<Disclosure>,
    key: &SigningKey,
    extras: &HeaderExtras,
) -> Result<IssuedCredential, IssueError> {
    let mut compact = jws::sign(key, Purpose::Credential, extras, &signed);
    compact.push('~');
    for disclosure in &disclosures {
        compact.push_str(disclosure.encoded());
        compact.push('~');
    }
    let read_back = UnverifiedSdJwt::parse(&compact).map_err(IssueError::Unreadable)?;
    let signing_input_hash = Sha256::digest(read_back.jws().signing_input()).into();
    Ok(IssuedCredential {
        compact,
        signing_input_hash,
        signed,
        disclosures,
    })
}

impl IssuedCredential {
    pub(super) fn signed(&self) -> &Value {
        &self.signed
    }

    pub(super) fn disclosures(&self) -> &[Disclosure] {
        &self.disclosures
    }
}

/// The paths of all object members below `root`, at every depth. Arrays count as one claim.
pub fn members_below(claims: &Value, root: &ClaimPath) -> Vec<ClaimPath> {
    let mut found = Vec::new();
    let mut open: Vec<(ClaimPath, &Value)> = root
        .select(claims)
        .into_iter()
        .flatten()
        .zip(root.values(claims).into_iter().flatten())
        .collect();
    while let Some((path, value)) = open.pop() {
        for (name, member) in value.as_object().into_iter().flatten() {
            let below = path.clone().name(name);
            found.push(below.clone());
            open.push((below, member));
        }
    }
    found
}

/// What is selectively disclosable in a KYC credential: every member of `verified_claims.claims`, at every depth, and of
/// `verified_claims.verification` all but the trust framework, with each piece of evidence and each check by itself.
pub fn disclosable_in_kyc(claims: &Value) -> Vec<ClaimPath> {
    let root = ClaimPath::root("verified_claims");
    let mut found = members_below(claims, &root.clone().name("claims"));
    let verification = root.name("verification");
    for list in ["evidence", "checks"] {
        let elements = verification.clone().name(list).all();
        for element in elements.select(claims).into_iter().flatten() {
            if list == "evidence" {
                found.extend(members_below(claims, &element));
            }
            found.push(element);
        }
    }
    let members = verification.values(claims).into_iter().flatten();
    for (name, _) in members.filter_map(|value| value.as_object()).flatten() {
        if !["trust_framework", "evidence", "checks"].contains(&name.as_str()) {
            found.push(verification.clone().name(name));
        }
    }
    found
}

impl fmt::Debug for CredentialTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialTemplate(..)")
    }
}

impl fmt::Debug for IssuedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedCredential(..)")
    }
}
