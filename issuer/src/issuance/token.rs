//! Redeeming an offer. Who has both codes received the letter at the address: that is the residence check.
//!
//! Keys: kind `grant`, id a hash of the access token. Atomicity: the offer ends, the grant begins and the residence event
//! is queued in one transaction; a wrong transaction code is counted before it is answered. Restart: a token whose answer
//! was lost cannot be found again; the staff make another offer.

use protocol::{
    Timestamp, base64url,
    issuance::{AccessToken, TokenErrorCode, TokenRequest, TokenResponse},
    kyc::{Judgement, Process},
    registry::{CaseId, Salt},
};
use serde::{Deserialize, Serialize};
use service::{bearer::Bearer, random};
use subtle::ConstantTimeEq;
use vault::{Changes, Kind};

use super::{
    name,
    offer::{OFFER, Offer, hash_transaction_code},
};
use crate::{
    case::{self, CASE, Case, EventContent, StepError},
    closing::SERVICE,
    issuer::Issuer,
    registry::Lane,
    secret::{SealKey, Use},
    store::{self, Attempt, Committed, StoreError, Versioned},
};

/// Kind of the records.
pub(super) const GRANT: Kind = Kind::ordinary("grant");
/// Wrong transaction codes after which a code is dead.
const FAILURES_MAX: u32 = 5;

/// What an access token admits to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) case: CaseId,
    pub(super) expires: Timestamp,
    /// Instances that can still be requested.
    pub(super) remaining: usize,
    /// The claims, sealed under the access token.
    pub(super) claims: String,
}

/// A redeemed offer.
pub(crate) struct Redeemed {
    pub(super) response: TokenResponse,
    pub(super) case: CaseId,
}

/// Why an offer is not redeemed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedeemError {
    /// Every offer here needs its transaction code.
    #[error("the transaction code is missing")]
    NoTransactionCode,
    /// Code unknown, expired, used or dead, or transaction code wrong: nobody is told which.
    #[error("the codes do not redeem an offer")]
    InvalidGrant,
    /// The process definition does not allow the residence check now.
    #[error("the residence check cannot be completed")]
    Step(#[from] StepError),
    /// The claims do not open, though the codes were right.
    #[error("the claims of the offer do not open")]
    Claims,
    /// The vault failed.
    #[error("the vault failed")]
    Store(#[from] StoreError),
}

impl RedeemError {
    /// The code of the answer, if the client is to blame.
    pub(crate) const fn code(&self) -> Option<TokenErrorCode> {
        match self {
            Self::NoTransactionCode => Some(TokenErrorCode::InvalidRequest),
            Self::InvalidGrant => Some(TokenErrorCode::InvalidGrant),
            Self::Step(_) | Self::Claims | Self::Store(_) => None,
        }
    }
}

/// Redeems an offer, once.
pub(crate) fn redeem(
    issuer: &Issuer,
    request: &TokenRequest,
    now: Timestamp,
) -> Result<Redeemed, RedeemError> {
    let given = request
        .transaction_code
        .as_ref()
        .ok_or(RedeemError::NoTransactionCode)?;
    let code = Bearer::from_received(request.code.reveal());
    let offer_name = name(&code.hash());
    // Computed for unknown codes, too, so that all refusals take the same time.
    let given = hash_transaction_code(issuer, &offer_name, given);
    store::decide(|| {
        let Some(offer) = store::read::<Offer>(&issuer.vault, OFFER, &offer_name)? else {
            return Err(RedeemError::InvalidGrant);
        };
        if offer.value.failures >= FAILURES_MAX || offer.value.expires <= now {
            return Err(RedeemError::InvalidGrant);
        }
        if !bool::from(offer.value.transaction_code.ct_eq(&given)) {
            return count_failure(issuer, &offer_name, offer);
        }
        exchange(issuer, &code, &offer_name, &offer, now)
    })
}

/// Counts a wrong transaction code. Until that is durable nobody is told that it was wrong, so parallel guesses and
/// restarts gain nothing.
fn count_failure(
    issuer: &Issuer,
    offer_name: &str,
    mut offer: Versioned<Offer>,
) -> Result<Attempt<Redeemed>, RedeemError> {
    offer.value.failures += 1;
    if offer.value.failures >= FAILURES_MAX {
        offer.value.claims.clear();
        tracing::warn!(case = %offer.value.case, "offer dead after wrong transaction codes");
    }
    let changes = store::replace(Changes::new(), OFFER, offer_name, &offer)?;
    match issuer.commit(&changes)? {
        Committed::Yes => Err(RedeemError::InvalidGrant),
        Committed::Conflict => Ok(Attempt::Again),
    }
}

/// Ends the offer and begins a grant; completes the residence check where it is not.
fn exchange(
    issuer: &Issuer,
    code: &Bearer,
    offer_name: &str,
    offer: &Versioned<Offer>,
    now: Timestamp,
) -> Result<Attempt<Redeemed>, RedeemError> {
    let id = offer.value.case;
    let mut found = case::load(&issuer.vault, id)?.ok_or(RedeemError::InvalidGrant)?;
    if found.value.is_over() {
        return Err(RedeemError::InvalidGrant);
    }
    let mut rng = random::os();
    let token = Bearer::generate(&mut rng);
    let grant_name = name(&token.hash());
    let key = issuer
        .secret
        .key_from_bearer(Use::OfferClaims, code.reveal());
    let claims = open_claims(&key, offer_name, &offer.value.claims).ok_or(RedeemError::Claims)?;
    let key = issuer
        .secret
        .key_from_bearer(Use::TokenClaims, token.reveal());
    let grant = Grant {
        case: id,
        expires: now.plus_seconds(issuer.config.access_token_lifetime_s),
        remaining: issuer.config.batch_size,
        claims: base64url::encode(&key.seal(grant_name.as_bytes(), &claims, &mut rng)),
    };
    let changes = store::remove(Changes::new(), OFFER, offer_name, offer);
    let changes = store::create(changes, GRANT, &grant_name, &grant)?;
    let changes = complete_residence(issuer, changes, id, &mut found.value, now)?;
    found.value.offer = None;
    found.value.grants.push(grant_name);
    let changes = store::replace(changes, CASE, &id.to_string(), &found)?;
    if issuer.commit(&changes)? == Committed::Conflict {
        return Ok(Attempt::Again);
    }
    let access_token = AccessToken::new(token.reveal()).expect("a bearer value is base64url");
    let expires_in = issuer.config.access_token_lifetime_s;
    Ok(Attempt::Done(Redeemed {
        response: TokenResponse {
            access_token,
            expires_in,
        },
        case: id,
    }))
}

/// The event of the residence check, unless an earlier offer was redeemed.
fn complete_residence(
    issuer: &Issuer,
    changes: Changes,
    id: CaseId,
    case: &mut Case,
    now: Timestamp,
) -> Result<Changes, RedeemError> {
    if case.check(Process::Residence).is_some() {
        return Ok(changes);
    }
    let content = EventContent {
        step: Process::Residence.name(),
        judgement: Some((Process::Residence, Judgement::Passed)),
        completed_at: now.date_in_japan(),
        reviewer: SERVICE.to_owned(),
        evidence: &[],
        salt: Salt::random(&mut random::os()),
    };
    let event = case.append(content, &issuer.definition())?;
    let (sequence, record) = (event.sequence, issuer.author.sign(event.body(id)));
    Ok(issuer.queue(changes, Lane::Case(id), u64::from(sequence), &record)?)
}

/// Opens claims that were sealed under a bearer value; the record's name is authenticated with them.
pub(super) fn open_claims(
    key: &SealKey,
    name: &str,
    sealed: &str,
) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let sealed = base64url::decode(sealed).ok()?;
    key.open(name.as_bytes(), &sealed).ok()
}
