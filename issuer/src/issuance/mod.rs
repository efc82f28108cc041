//! From the offer to the credential: OpenID4VCI with the pre-authorised code.

pub(crate) mod api;
mod content;
mod credential;
mod credential_key;
mod metadata;
mod nonce;
mod notification;
mod offer;
mod proof;
mod revocation;
mod token;

use protocol::{Timestamp, registry::CaseId};
use vault::{Changes, Kind};

#[cfg(test)]
pub(crate) use self::token::redeem;
pub(crate) use credential::Issuance;
pub(crate) use credential_key::{CredentialKeys, key_id};
pub(crate) use notification::find as find_issuance;
pub(crate) use offer::OfferMakingError;
pub(crate) use offer::make_offer;
pub(crate) use revocation::{mark_revoked, revoke};

use crate::{
    case::{self, CASE, Case},
    issuer::Issuer,
    store::{self, Attempt, Committed, StoreError},
};

/// Configuration whose credentials are signed with ES256.
const CONFIGURATION_ES256: &str = "jp_kyc";
/// Configuration whose credentials are signed with Ed25519.
const CONFIGURATION_ED25519: &str = "jp_kyc_ed25519";

/// A hash of a bearer value as the name of a record.
fn name(hash: &service::bearer::BearerHash) -> String {
    hash.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Ends every offer and grant of a case: the claims that waited for them cannot be read any more.
pub(crate) fn withdraw(mut changes: Changes, case: &mut Case) -> Changes {
    if let Some(offer) = case.offer.take() {
        changes = changes.delete(offer::OFFER, &offer.name);
    }
    for grant in case.grants.drain(..) {
        changes = changes.delete(token::GRANT, &grant);
    }
    changes
}

/// Ends offers, grants and used nonces that have expired.
pub(crate) fn sweep(issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    nonce::sweep(issuer, now)?;
    for name in issuer.vault.list(offer::OFFER) {
        if let Some(found) = store::read::<offer::Offer>(&issuer.vault, offer::OFFER, &name)?
            && found.value.expires <= now
        {
            end(issuer, found.value.case, offer::OFFER, &name)?;
        }
    }
    for name in issuer.vault.list(token::GRANT) {
        if let Some(found) = store::read::<token::Grant>(&issuer.vault, token::GRANT, &name)?
            && found.value.expires <= now
        {
            end(issuer, found.value.case, token::GRANT, &name)?;
        }
    }
    Ok(())
}

/// Removes one offer or grant, and its mention in the case.
fn end(issuer: &Issuer, id: CaseId, kind: Kind, name: &str) -> Result<(), StoreError> {
    store::decide(|| {
        let mut changes = Changes::new().delete(kind, name);
        if let Some(mut found) = case::load(&issuer.vault, id)? {
            found.value.offer.take_if(|offer| offer.name == name);
            found.value.grants.retain(|grant| grant != name);
            changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        }
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })
}
