//! Whether what an issuer sent is what was asked for: a plain function, so that hostile issuers can be tried one by one.

use protocol::Timestamp;
use protocol::credential::{
    IssuerVerification, UnverifiedCredential, VerifiedCredential, check_unlinkable,
};
use protocol::identity::SigningKey;
use serde_json::Value;

use super::ReceiveError;

/// What the wallet asked for.
pub(super) struct Expectation<'a> {
    /// Whose credentials.
    pub(super) issuer: &'a IssuerVerification,
    /// Of which type.
    pub(super) vct: &'a str,
    /// The claims of the applications at this issuer; empty if there was none.
    pub(super) claims: &'a [Value],
    /// When.
    pub(super) now: Timestamp,
}

/// The credentials, each with the key that it is bound to. All of them are right, or none is taken.
pub(super) fn accept(
    credentials: &[String],
    keys: Vec<SigningKey>,
    expected: &Expectation<'_>,
) -> Result<Vec<(VerifiedCredential, SigningKey)>, ReceiveError> {
    if credentials.len() > keys.len() {
        return Err(ReceiveError::TooMany);
    }
    let mut free = keys;
    let mut accepted = Vec::with_capacity(credentials.len());
    for credential in credentials {
        let verified =
            UnverifiedCredential::parse(credential)?.verify(expected.issuer, expected.now)?;
        if verified.vct() != expected.vct {
            return Err(ReceiveError::OtherType);
        }
        if !says_what_was_applied_for(&verified, expected.claims) {
            return Err(ReceiveError::OtherClaims);
        }
        // The order of the answer says nothing; the key does. Each key is used once.
        let position = free
            .iter()
            .position(|key| key.public_key() == verified.holder_key())
            .ok_or(ReceiveError::OtherKey)?;
        let key = free.swap_remove(position);
        accepted.push((verified, key));
    }
    check_unlinkable(accepted.iter().map(|(credential, _)| credential))?;
    Ok(accepted)
}

/// The age claims depend on the day, everything else must be as it was applied for.
fn says_what_was_applied_for(credential: &VerifiedCredential, applications: &[Value]) -> bool {
    let claims = credential.claims().pointer("/verified_claims/claims");
    let mut expected = applications.iter().filter_map(Value::as_object);
    applications.is_empty()
        || expected.any(|application| {
            application
                .iter()
                .filter(|(name, _)| name.as_str() != "age_equal_or_over")
                .all(|(name, value)| claims.and_then(|claims| claims.get(name)) == Some(value))
        })
}
