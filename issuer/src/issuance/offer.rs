//! Making an offer: the claims are encrypted to the code of the offer, which nobody but the applicant gets to keep.
//!
//! Keys: kind `offer`, id a hash of the code. Atomicity: an offer replaces the one before and appears in its case in one
//! transaction. Restart: an offer that was not answered to the staff is replaced by the next one.

use protocol::{
    Timestamp, base64url,
    issuance::{
        CredentialOffer, PreAuthorizedCode, PreAuthorizedGrant, TransactionCode,
        TransactionCodeInput, TransactionCodeRequirement,
    },
    kyc::{claims::PersonClaims, seal_offer},
    registry::CaseId,
};
use serde::{Deserialize, Serialize};
use service::{bearer::Bearer, random};
use vault::{Changes, Kind};
use zeroize::Zeroizing;

use super::{CONFIGURATION_ED25519, CONFIGURATION_ES256, name, withdraw};
use crate::{
    case::{self, CASE, OpenOffer},
    issuer::Issuer,
    secret::Use,
    staff::{self, ReviewError, Reviewer},
    store::{self, Attempt, Committed, StoreError},
};

/// Kind of the records.
pub(super) const OFFER: Kind = Kind::ordinary("offer");

/// An offer that waits for its code and transaction code.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offer {
    pub(super) case: CaseId,
    /// A keyed hash: a plain one of six digits could be tried out.
    pub(super) transaction_code: [u8; 32],
    /// Wrong transaction codes so far, from anywhere.
    pub(super) failures: u32,
    pub(super) expires: Timestamp,
    /// The claims, sealed under the code.
    pub(super) claims: String,
}

/// What the staff get: a code for the letter, and in a sandbox the link.
pub(crate) struct MadeOffer {
    pub(crate) link: Zeroizing<String>,
    pub(crate) transaction_code: TransactionCode,
}

/// Why no offer is made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferMakingError {
    /// Not all checks of the staff are passed.
    #[error("not all checks are passed")]
    NotChecked,
    /// The registry has not confirmed all events yet.
    #[error("not all events are on the registry")]
    NotRecorded,
    /// The identity document expires before a credential could be used.
    #[error("the identity document expires")]
    DocumentExpired,
    /// The applicant's key cannot be sealed to.
    #[error("the reply key is not usable")]
    ReplyKey,
    /// The application cannot be read.
    #[error("the application cannot be read")]
    Review(#[from] ReviewError),
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

/// Makes an offer for a case whose checks are passed, in the place of any earlier one.
pub(crate) fn make_offer(
    issuer: &Issuer,
    reviewer: &Reviewer,
    id: CaseId,
    now: Timestamp,
) -> Result<MadeOffer, OfferMakingError> {
    let application = staff::open(issuer, id, reviewer, now)?;
    let claims = PersonClaims::new(&application, now);
    let offer_ends = now.plus_seconds(issuer.config.offer_lifetime_s);
    if claims.expires(now) <= offer_ends.start_of_day() {
        return Err(OfferMakingError::DocumentExpired);
    }
    let mut rng = random::os();
    let bearer = Bearer::generate(&mut rng);
    let offer_name = name(&bearer.hash());
    let transaction_code = TransactionCode::generate(&mut rng);
    let plaintext =
        Zeroizing::new(serde_json::to_vec(&claims.to_json()).map_err(StoreError::Encode)?);
    let key = issuer
        .secret
        .key_from_bearer(Use::OfferClaims, bearer.reveal());
    let offer = Offer {
        case: id,
        transaction_code: hash_transaction_code(issuer, &offer_name, &transaction_code),
        failures: 0,
        expires: offer_ends,
        claims: base64url::encode(&key.seal(offer_name.as_bytes(), &plaintext, &mut rng)),
    };
    let link = Zeroizing::new(link(issuer, bearer.reveal()));
    store::decide(|| {
        let mut found = case::load(&issuer.vault, id)?.ok_or(ReviewError::Unknown)?;
        if found.value.is_over() || !found.value.staff_checks_passed() {
            return Err(OfferMakingError::NotChecked);
        }
        if !found.value.is_recorded() {
            return Err(OfferMakingError::NotRecorded);
        }
        let sealed = seal_offer(&link, &found.value.reply_key, id, &mut random::os())
            .map_err(|_| OfferMakingError::ReplyKey)?;
        let changes = withdraw(Changes::new(), &mut found.value);
        found.value.offer = Some(OpenOffer {
            name: offer_name.clone(),
            sealed,
        });
        let changes = store::create(changes, OFFER, &offer_name, &offer)?;
        let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
        match issuer.commit(&changes)? {
            Committed::Yes => Ok(Attempt::Done(())),
            Committed::Conflict => Ok(Attempt::Again),
        }
    })?;
    Ok(MadeOffer {
        link,
        transaction_code,
    })
}

/// What is kept of a transaction code.
pub(super) fn hash_transaction_code(
    issuer: &Issuer,
    offer: &str,
    code: &TransactionCode,
) -> [u8; 32] {
    let parts = [offer.as_bytes(), code.reveal().as_bytes()];
    issuer.secret.hash(Use::TransactionCode, &parts)
}

fn link(issuer: &Issuer, code: &str) -> String {
    let digits = u64::try_from(TransactionCode::DIGITS).unwrap_or(u64::MAX);
    CredentialOffer {
        credential_issuer: issuer.config.id.as_str().to_owned(),
        credential_configuration_ids: vec![
            CONFIGURATION_ES256.to_owned(),
            CONFIGURATION_ED25519.to_owned(),
        ],
        pre_authorized: Some(PreAuthorizedGrant {
            code: PreAuthorizedCode::new(code).expect("a bearer value is base64url"),
            transaction_code: Some(TransactionCodeRequirement {
                input: TransactionCodeInput::Numeric,
                length: Some(digits),
                description: Some("The code in the letter from the consortium".to_owned()),
            }),
            authorization_server: None,
        }),
    }
    .to_link()
}
