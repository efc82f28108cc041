//! What all instances of one issuance say, and signing them.

use protocol::{
    Timestamp,
    credential::{
        ClaimPath, CredentialTemplate, Decoys, IssuedCredential, VCT_KYC, check_unlinkable,
        disclosable_in_kyc, issue,
    },
    identity::PublicKey,
    kyc::{Check, Process, claims::PersonClaims},
};
use serde_json::{Map, Value};
use service::{bearer::Bearer, random};

use super::{
    credential_key::CredentialKey,
    name,
    token::{Grant, open_claims},
};
use crate::{
    case::{Case, StatusEntry},
    issuer::Issuer,
    secret::Use,
    status,
};

/// The claims of a grant, with the checks of its case. Personal data, for as long as one request takes.
pub(super) struct Content {
    claims: Map<String, Value>,
    disclosable: Vec<ClaimPath>,
    issued_at: Timestamp,
    expires: Timestamp,
}

/// The claims do not open, or make no credential: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("the credential cannot be made")]
pub(crate) struct ContentError;

impl Content {
    /// Opens the claims with the access token that they wait for.
    pub(super) fn open(
        issuer: &Issuer,
        token: &Bearer,
        grant: &Grant,
        case: &Case,
        now: Timestamp,
    ) -> Result<Self, ContentError> {
        let key = issuer
            .secret
            .key_from_bearer(Use::TokenClaims, token.reveal());
        let claims = open_claims(&key, &name(&token.hash()), &grant.claims).ok_or(ContentError)?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| ContentError)?;
        let person = PersonClaims::from_json(&claims).ok_or(ContentError)?;
        let checks: Vec<Check> = Process::ALL
            .into_iter()
            .filter_map(|process| case.check(process)?.to_check(grant.case))
            .collect();
        let verified = person.verified_claims(&checks, now);
        let claims = Map::from_iter([("verified_claims".to_owned(), verified)]);
        Ok(Self {
            disclosable: disclosable_in_kyc(&Value::Object(claims.clone())),
            claims,
            issued_at: now,
            expires: person.expires(now),
        })
    }

    /// Signs one instance for each holder key and status list entry, and refuses a batch by which the holder could be
    /// recognised.
    pub(super) fn sign<'a>(
        &self,
        issuer: &Issuer,
        key: &CredentialKey,
        instances: impl Iterator<Item = (&'a PublicKey, &'a StatusEntry)>,
    ) -> Result<Vec<IssuedCredential>, ContentError> {
        let mut rng = random::os();
        let mut credentials = Vec::new();
        for (holder, entry) in instances {
            let template = CredentialTemplate {
                iss: issuer.config.id.as_str().to_owned(),
                vct: VCT_KYC.to_owned(),
                issued_at: self.issued_at,
                expires: self.expires,
                status: status::reference(issuer, *entry).map_err(|_| ContentError)?,
                claims: self.claims.clone(),
                disclosable: self.disclosable.clone(),
                decoys: Decoys::None,
            };
            let credential = issue(&template, holder, &key.key, &key.extras, &mut rng);
            credentials.push(credential.map_err(|_| ContentError)?);
        }
        check_unlinkable(&credentials).map_err(|_| ContentError)?;
        Ok(credentials)
    }
}
