//! Batches of one-time instances: two verifiers that compare what they saw must not find the same holder
//! (RFC 9901, section 10.1; HAIP 1.0, section 6.1).

use std::collections::HashSet;

use serde_json::Value;

use super::issue::IssuedCredential;
use super::sd_jwt::Disclosure;
use super::verified::VerifiedCredential;

const SECONDS_PER_DAY: u64 = 86_400;
/// Claims whose value is the same in every instance and nobody else's.
const LINKING: [&str; 2] = ["jti", "sub"];

/// What linkability is judged by: the same for the issuer before it emits and for the wallet when it receives.
#[derive(Clone, Copy)]
pub struct Instance<'c> {
    signed: &'c Value,
    disclosures: &'c [Disclosure],
}

impl<'c> From<&'c IssuedCredential> for Instance<'c> {
    fn from(issued: &'c IssuedCredential) -> Self {
        Self {
            signed: issued.signed(),
            disclosures: issued.disclosures(),
        }
    }
}

impl<'c> From<&'c VerifiedCredential> for Instance<'c> {
    fn from(verified: &'c VerifiedCredential) -> Self {
        Self {
            signed: verified.signed(),
            disclosures: verified.disclosures(),
        }
    }
}

/// What the instances of a batch have in common and must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkableError {
    /// A salt occurs twice.
    #[error("two disclosures have the same salt")]
    Salt,
    /// Two instances are bound to the same key.
    #[error("two instances are bound to the same key")]
    HolderKey,
    /// Two instances have the same entry of a status list.
    #[error("two instances share an entry of a status list")]
    Status,
    /// A time is more precise than a day.
    #[error("a time is more precise than a day")]
    PreciseTime,
    /// An instance carries an identifier of its holder or of the batch.
    #[error("an instance carries an identifier")]
    Identifier,
}

/// Refuses a batch by which a holder could be recognised.
pub fn check_unlinkable<'c, I>(batch: I) -> Result<(), LinkableError>
where
    I: IntoIterator,
    I::Item: Into<Instance<'c>>,
{
    let (mut salts, mut keys, mut entries) = (HashSet::new(), HashSet::new(), HashSet::new());
    for instance in batch {
        let Instance {
            signed,
            disclosures,
        } = instance.into();
        if !disclosures.iter().all(|one| salts.insert(one.salt())) {
            return Err(LinkableError::Salt);
        }
        if !keys.insert(signed.get("cnf").map(Value::to_string)) {
            return Err(LinkableError::HolderKey);
        }
        if !entries.insert(signed.get("status").map(Value::to_string)) {
            return Err(LinkableError::Status);
        }
        for name in ["iat", "nbf", "exp"] {
            let time = signed.get(name).and_then(Value::as_u64);
            if time.is_some_and(|seconds| !seconds.is_multiple_of(SECONDS_PER_DAY)) {
                return Err(LinkableError::PreciseTime);
            }
        }
        if LINKING.iter().any(|name| signed.get(*name).is_some()) {
            return Err(LinkableError::Identifier);
        }
    }
    Ok(())
}
