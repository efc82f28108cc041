//! The claims of a KYC credential, in the form of
//! [OpenID Connect for Identity Assurance](https://openid.net/specs/openid-connect-4-identity-assurance-1_0.html).

use serde_json::{Map, Value, json};

use super::{Application, Check, Form};
use crate::{Date, Timestamp, base64url, registry::ContentDigest};

/// The rules under which the person was checked: the Act on Prevention of Transfer of Criminal Proceeds.
pub const TRUST_FRAMEWORK: &str = "jp_aml";
/// Ages for which a credential says whether the person has reached them.
pub const AGES: [u32; 3] = [18, 20, 65];
/// Seconds for which the checks are taken to hold.
const VALIDITY_SECONDS: u64 = 365 * 24 * 60 * 60;
/// Pieces of evidence in a credential.
const EVIDENCE_MAX: usize = 8;

/// What a credential says of a person, before it is bound to a key. It is personal data.
pub struct PersonClaims {
    /// `verified_claims.claims`
    claims: Value,
    /// `verified_claims.verification.evidence`
    evidence: Value,
    /// The start of the last day on which the identity document is valid.
    document_expires: Timestamp,
}

impl PersonClaims {
    /// The claims of an application as of `now`.
    pub fn new(application: &Application, now: Timestamp) -> Self {
        Self {
            claims: person(application.form(), now),
            evidence: evidence(application),
            document_expires: start_of(application.form().identity_document().date_of_expiry()),
        }
    }

    /// As JSON, to be encrypted until a wallet redeems the offer.
    pub fn to_json(&self) -> Value {
        json!({"claims": self.claims, "evidence": self.evidence, "document_expires": self.document_expires})
    }

    /// What [`PersonClaims::to_json`] made; `None` for anything else.
    pub fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            claims: value.get("claims")?.clone(),
            evidence: value.get("evidence")?.clone(),
            document_expires: Timestamp::from_unix(value.get("document_expires")?.as_u64()?),
        })
    }

    /// When a credential that is issued now expires: after a year, or with the identity document. Whole days only, so
    /// that the time of issuance is no handle.
    pub fn expires(&self, now: Timestamp) -> Timestamp {
        let year = now.start_of_day().plus_seconds(VALIDITY_SECONDS);
        year.min(self.document_expires)
    }

    /// The value of `verified_claims`.
    pub fn verified_claims(&self, checks: &[Check], now: Timestamp) -> Value {
        json!({
            "verification": {
                "trust_framework": TRUST_FRAMEWORK,
                "time": now.start_of_day().to_string(),
                "evidence": self.evidence,
                "checks": checks,
            },
            "claims": self.claims,
        })
    }
}

impl std::fmt::Debug for PersonClaims {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PersonClaims")
    }
}

fn start_of(date: Date) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{date}T00:00:00Z"))
        .expect("a verified form names a day that is not past")
}

fn person(form: &Form, now: Timestamp) -> Value {
    let stated = form.stated();
    let age = form.birthdate().years_until(now).unwrap_or(0);
    let reached: Map<String, Value> = AGES
        .into_iter()
        .map(|years| (years.to_string(), Value::Bool(age >= years)))
        .collect();
    json!({
        "family_name": stated.family_name,
        "given_name": stated.given_name,
        "family_name#ja-Kana-JP": stated.family_name_kana,
        "given_name#ja-Kana-JP": stated.given_name_kana,
        "family_name#ja-Latn-JP": stated.family_name_latin,
        "given_name#ja-Latn-JP": stated.given_name_latin,
        "birthdate": form.birthdate(),
        "address": stated.address,
        "nationalities": stated.nationalities,
        "occupation": stated.occupation,
        "age_equal_or_over": reached,
    })
}

fn evidence(application: &Application) -> Value {
    let document = application.form().identity_document();
    let digests: Vec<Value> = application
        .documents()
        .iter()
        .map(|image| {
            json!({
                "alg": "sha-256",
                "value": base64url::encode(image.digest().as_bytes()),
                "media_type": image.media_type(),
            })
        })
        .collect();
    json!([{
        "type": "document",
        "document_details": {"type": document.kind(), "date_of_expiry": document.date_of_expiry()},
        "digests": digests,
    }])
}

/// A credential that does not say what a KYC credential says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// No readable list of checks.
    #[error("the credential holds no readable checks")]
    Checks,
    /// No readable evidence.
    #[error("the credential holds no readable evidence")]
    Evidence,
}

/// The checks that a verified credential discloses.
pub fn disclosed_checks(claims: &Value) -> Result<Vec<Check>, ClaimsError> {
    let checks = claims
        .pointer("/verified_claims/verification/checks")
        .and_then(Value::as_array)
        .filter(|checks| checks.len() <= super::Process::ALL.len())
        .ok_or(ClaimsError::Checks)?;
    checks
        .iter()
        .map(|check| serde_json::from_value(check.clone()).map_err(|_| ClaimsError::Checks))
        .collect()
}

/// The digests of the document images that a verified credential discloses, in order.
pub fn disclosed_document_digests(claims: &Value) -> Result<Vec<ContentDigest>, ClaimsError> {
    let evidence = claims
        .pointer("/verified_claims/verification/evidence")
        .and_then(Value::as_array)
        .filter(|evidence| evidence.len() <= EVIDENCE_MAX)
        .ok_or(ClaimsError::Evidence)?;
    let mut digests = Vec::new();
    for piece in evidence {
        let images = piece
            .get("digests")
            .and_then(Value::as_array)
            .ok_or(ClaimsError::Evidence)?;
        for image in images.iter().take(super::DOCUMENTS_MAX + 1) {
            let (Some("sha-256"), Some(value)) = (
                image.get("alg").and_then(Value::as_str),
                image.get("value").and_then(Value::as_str),
            ) else {
                return Err(ClaimsError::Evidence);
            };
            let bytes = base64url::decode_array(value).map_err(|_| ClaimsError::Evidence)?;
            digests.push(ContentDigest::from_bytes(bytes));
        }
    }
    Ok(digests)
}

#[cfg(test)]
mod tests;
