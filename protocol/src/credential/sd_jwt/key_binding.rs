//! The Key Binding JWT: a holder presents an SD-JWT to one audience, once
//! ([RFC 9901, section 4.3](https://www.rfc-editor.org/rfc/rfc9901#section-4.3)).

use serde_json::{Map, Value};

use super::disclosure::digest;
use crate::Timestamp;
use crate::credential::validity::{self, CLOCK_SKEW_SECONDS, ValidityError};
use crate::identity::jws::{JwsError, JwsLimits, UnverifiedJws};
use crate::identity::{KeyError, PublicKey, Purpose};

/// Age of a presentation, unless the verifier asks for less.
pub const KEY_BINDING_AGE_SECONDS_MAX: u64 = 300;
/// The one hash algorithm for transaction data, and the default where none is named.
const SHA_256: &str = "sha-256";

/// What a verifier asked for and must find in the Key Binding JWT.
#[derive(Debug, Clone)]
pub struct KeyBindingExpectation {
    /// The verifier's full client identifier, with its prefix.
    pub audience: String,
    /// The nonce of the request.
    pub nonce: String,
    /// The hash of each `transaction_data` entry for this credential, in the request's order; see [`transaction_data_hash`].
    pub transaction_data_hashes: Vec<String>,
    /// Age of the presentation.
    pub age_seconds_max: u64,
}

impl KeyBindingExpectation {
    /// A presentation without transaction data, at most [`KEY_BINDING_AGE_SECONDS_MAX`] old.
    pub fn new(audience: &str, nonce: &str) -> Self {
        Self {
            audience: audience.to_owned(),
            nonce: nonce.to_owned(),
            transaction_data_hashes: Vec::new(),
            age_seconds_max: KEY_BINDING_AGE_SECONDS_MAX,
        }
    }

    /// With these entries of the request's `transaction_data`, as they were sent.
    #[must_use]
    pub fn with_transaction_data(mut self, transaction_data: &[String]) -> Self {
        self.transaction_data_hashes = transaction_data
            .iter()
            .map(|entry| transaction_data_hash(entry))
            .collect();
        self
    }
}

/// Why a Key Binding JWT is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyBindingError {
    /// There is no `cnf` in the signed payload, or it holds anything but one `jwk`.
    #[error("the SD-JWT is not bound to exactly one key")]
    Confirmation,
    /// The key in `cnf` is not acceptable.
    #[error("the holder's key is not acceptable")]
    HolderKey(#[source] KeyError),
    /// Not a JWS of type `kb+jwt` signed with the holder's key.
    #[error("the JWS is not acceptable")]
    Jws(#[source] JwsError),
    /// A required claim is missing or of another type.
    #[error("a claim is missing or of another type")]
    Claims,
    /// Made for another verifier.
    #[error("made for another audience")]
    Audience,
    /// Made for another request.
    #[error("made for another nonce")]
    Nonce,
    /// Made too long ago.
    #[error("made too long ago")]
    IssuedInPast,
    /// Made in the future.
    #[error("made in the future")]
    IssuedInFuture,
    /// `exp` or `nbf`, which need not be there, forbid the use now.
    #[error("not valid at this time")]
    Validity(#[source] ValidityError),
    /// Made for another SD-JWT or for another selection of disclosures.
    #[error("made for other disclosures")]
    SdHash,
    /// Transaction data was confirmed that nobody asked for, or not confirmed as asked.
    #[error("made for other transaction data")]
    TransactionData,
}

/// The hash of one `transaction_data` entry (OpenID4VP 1.0, appendix B.3.3.1): over the text as it was sent.
pub fn transaction_data_hash(entry: &str) -> String {
    digest(entry)
}

pub(super) fn parse(compact: &str) -> Result<UnverifiedJws, KeyBindingError> {
    UnverifiedJws::parse(compact, &JwsLimits::DEFAULT).map_err(KeyBindingError::Jws)
}

/// The key in `cnf`: exactly one confirmation method, `jwk` (HAIP 1.0, section 6.1).
pub(super) fn holder_key(signed: &Value) -> Result<PublicKey, KeyBindingError> {
    let confirmation = signed.get("cnf").and_then(Value::as_object);
    let confirmation = confirmation
        .filter(|members| members.len() == 1)
        .ok_or(KeyBindingError::Confirmation)?;
    let jwk = confirmation
        .get("jwk")
        .ok_or(KeyBindingError::Confirmation)?;
    PublicKey::from_jwk(jwk).map_err(KeyBindingError::HolderKey)
}

/// The claims of a Key Binding JWT for the SD-JWT `text`, which ends in its last tilde.
pub(super) fn claims(
    text: &str,
    audience: &str,
    nonce: &str,
    transaction_data: &[String],
    now: Timestamp,
) -> Value {
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), now.as_unix().into());
    claims.insert("aud".to_owned(), audience.into());
    claims.insert("nonce".to_owned(), nonce.into());
    claims.insert("sd_hash".to_owned(), digest(text).into());
    if !transaction_data.is_empty() {
        let hashes = transaction_data
            .iter()
            .map(|entry| transaction_data_hash(entry));
        claims.insert("transaction_data_hashes".to_owned(), hashes.collect());
    }
    Value::Object(claims)
}

/// RFC 9901 section 7.3 step 5; returns when the presentation was made.
pub(super) fn verify(
    unverified: UnverifiedJws,
    holder: &PublicKey,
    text: &str,
    expected: &KeyBindingExpectation,
    now: Timestamp,
) -> Result<Timestamp, KeyBindingError> {
    let verified = unverified
        .verify(Purpose::KeyBinding, holder)
        .map_err(KeyBindingError::Jws)?;
    let claims = verified.payload();
    if text_claim(claims, "aud")? != expected.audience {
        return Err(KeyBindingError::Audience);
    }
    if text_claim(claims, "nonce")? != expected.nonce {
        return Err(KeyBindingError::Nonce);
    }
    let issued_at = validity::time_claim(claims, "iat")
        .map_err(|_malformed| KeyBindingError::Claims)?
        .ok_or(KeyBindingError::Claims)?;
    if issued_at > now.plus_seconds(CLOCK_SKEW_SECONDS) {
        return Err(KeyBindingError::IssuedInFuture);
    }
    if issued_at < now.minus_seconds(expected.age_seconds_max) {
        return Err(KeyBindingError::IssuedInPast);
    }
    validity::check(claims, now).map_err(KeyBindingError::Validity)?;
    if text_claim(claims, "sd_hash")? != digest(text) {
        return Err(KeyBindingError::SdHash);
    }
    check_transaction_data(claims, &expected.transaction_data_hashes)?;
    Ok(issued_at)
}

fn text_claim<'c>(claims: &'c Value, name: &str) -> Result<&'c str, KeyBindingError> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or(KeyBindingError::Claims)
}

fn check_transaction_data(claims: &Value, expected: &[String]) -> Result<(), KeyBindingError> {
    let algorithm = claims.get("transaction_data_hashes_alg");
    let hashes = match claims.get("transaction_data_hashes") {
        None if expected.is_empty() && algorithm.is_none() => return Ok(()),
        Some(Value::Array(hashes)) if !expected.is_empty() => hashes,
        None | Some(_) => return Err(KeyBindingError::TransactionData),
    };
    let agreed = algorithm.is_none_or(|name| name == SHA_256)
        && hashes.len() == expected.len()
        && hashes
            .iter()
            .zip(expected)
            .all(|(hash, expected)| hash == expected);
    if agreed {
        Ok(())
    } else {
        Err(KeyBindingError::TransactionData)
    }
}
