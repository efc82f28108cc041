//! Receiving a response: fetch what the verification needs, decide, consume the session, answer.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::application::{ApplicationAccess, ResponseAnswer, VerifiedHistory};
use protocol::presentation::{EncryptedResponse, ErrorResponse, UnverifiedResponse};
use protocol::registry::{ApplicationId, TrustedParties};
use protocol::status::Status;
use rand_core::CryptoRng;
use service::{bearer::Bearer, random};
use vault::Changes;

use super::request;
use super::verify::{self, Presented, Refused, check_status, issuer_of};
use crate::application::decide::received;
use crate::application::record::{
    self, Application, CredentialReference, Designated, Report, Standing,
};
use crate::application::session::{self, Session, SessionState, Waiting};
use crate::policy::{ConsentReceipt, Facts, Known, PersonFacts};
use crate::registry;
use crate::status::{Sources, StatusUnavailable};
use crate::store::{self, Committed, StoreError, Versioned};
use crate::verifier::{Verifier, blocking};

/// How often a response is stored anew because something beside its session changed meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// Why a response is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// It is not acceptable: sending it again is of no use.
    #[error("the response is refused")]
    Refused(#[from] Refused),
    /// The registry or a status list cannot be had: sending it again may succeed.
    #[error("what the verification needs is not to be had")]
    Unavailable,
    /// The vault failed.
    #[error("the application cannot be stored")]
    Store(#[from] StoreError),
}

impl From<StatusUnavailable> for ReceiveError {
    fn from(error: StatusUnavailable) -> Self {
        match error {
            StatusUnavailable::Store(error) => Self::Store(error),
            StatusUnavailable::Unlisted | StatusUnavailable::List => Self::Unavailable,
        }
    }
}

/// What goes into the vault once everything holds.
struct Accepted {
    presented: Presented,
    history: Option<VerifiedHistory>,
}

/// Receives a posted body for a session.
pub(crate) async fn receive(
    verifier: &Arc<Verifier>,
    request_id: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<ResponseAnswer, ReceiveError> {
    let request_id = request_id.to_owned();
    let response = match UnverifiedResponse::parse(body).map_err(Refused::from)? {
        UnverifiedResponse::Encrypted(response) => response,
        UnverifiedResponse::Error(error) => {
            return blocking(verifier, move |verifier| {
                fail(verifier, &request_id, &error, now)
            })
            .await;
        }
    };
    let mut trusted = verifier
        .registry
        .trusted()
        .ok_or(ReceiveError::Unavailable)?;
    let response = Arc::new(response);
    let verify = |parties: &Arc<TrustedParties>| {
        let (id, parties) = (request_id.clone(), Arc::clone(parties));
        let response = Arc::clone(&response);
        blocking(verifier, move |verifier| {
            verify_now(verifier, &id, &response, &parties, now)
        })
    };
    let presented = match verify(&trusted).await {
        Err(ReceiveError::Refused(refused)) if refused.may_be_outdated() => {
            // Members, or an issuer, may have begun since the last look.
            trusted = refresh(verifier, now).await?;
            verify(&trusted).await?
        }
        presented => presented?,
    };
    let history = history(verifier, &presented, &trusted).await?;
    check_current(verifier, &presented, &trusted, now).await?;
    let accepted = Accepted { presented, history };
    blocking(verifier, move |verifier| {
        store_accepted(verifier, &request_id, &accepted, now, &mut random::os())
    })
    .await
}

/// The wallet reports an error; only the code is kept, and only if it knows the state.
fn fail(
    verifier: &Verifier,
    request_id: &str,
    error: &ErrorResponse,
    now: Timestamp,
) -> Result<ResponseAnswer, ReceiveError> {
    let session = session::find(&verifier.vault, request_id)?.ok_or(Refused::NotWaiting)?;
    let waiting = session.value.waiting(now).ok_or(Refused::NotWaiting)?;
    if error.state.as_deref() != Some(waiting.state().as_str()) {
        return Err(Refused::NotWaiting.into());
    }
    let failed = SessionState::Failed(error.code.as_str().to_owned());
    let changes = session::end(Changes::new(), request_id, &session, failed, now)?;
    match store::commit(&verifier.vault, &changes)? {
        Committed::Yes => Ok(ResponseAnswer {
            redirect_uri: None,
            tegata: None,
        }),
        Committed::No => Err(Refused::NotWaiting.into()),
    }
}

/// All that needs nothing but what was received and is at hand.
fn verify_now(
    verifier: &Verifier,
    request_id: &str,
    response: &EncryptedResponse,
    trusted: &TrustedParties,
    now: Timestamp,
) -> Result<Presented, ReceiveError> {
    let session = session::find(&verifier.vault, request_id)?.ok_or(Refused::NotWaiting)?;
    let waiting = session.value.waiting(now).ok_or(Refused::NotWaiting)?;
    let request = request::parameters(verifier, request_id, waiting).ok_or(Refused::NotWaiting)?;
    let known = verify::Known {
        committees: &verifier.registry.committees(),
        trusted,
        verifier: verifier.id(),
    };
    Ok(verify::verify(
        response, waiting, &request, request_id, &known, now,
    )?)
}

async fn history(
    verifier: &Verifier,
    presented: &Presented,
    trusted: &TrustedParties,
) -> Result<Option<VerifiedHistory>, ReceiveError> {
    let Some(case) = presented.case() else {
        return Ok(None);
    };
    let events = verifier
        .registry
        .case(&case, verifier.own_member())
        .await
        .map_err(|error| {
            tracing::warn!(%error, "case not read");
            ReceiveError::Unavailable
        })?;
    Ok(Some(presented.verify_history(&events, trusted)?))
}

/// Asks the status list of the last look at the registry. What the last look at the registry does not name is looked for once more.
async fn check_current(
    verifier: &Verifier,
    presented: &Presented,
    trusted: &TrustedParties,
    now: Timestamp,
) -> Result<(), ReceiveError> {
    match status(verifier, presented, trusted, now).await {
        Err(ReceiveError::Unavailable) => {}
        known => return Ok(check_status(known?)?),
    }
    let trusted = refresh(verifier, now).await?;
    Ok(check_status(
        status(verifier, presented, &trusted, now).await?,
    )?)
}

async fn refresh(verifier: &Verifier, now: Timestamp) -> Result<Arc<TrustedParties>, ReceiveError> {
    verifier.registry.refresh(now).await.map_err(|error| {
        tracing::warn!(%error, "trusted parties not read");
        ReceiveError::Unavailable
    })
}

async fn status(
    verifier: &Verifier,
    presented: &Presented,
    trusted: &TrustedParties,
    now: Timestamp,
) -> Result<Status, ReceiveError> {
    let issuer = issuer_of(&presented.presented, trusted).ok_or(Refused::UnknownIssuer)?;
    let sources = Sources {
        trusted,
        registry: &verifier.registry,
        vault: &verifier.vault,
    };
    let reference = presented.presented.credential().status();
    Ok(verifier
        .status
        .status(reference, issuer, &sources, now)
        .await?)
}

/// Consumes the session and stores the application in one transaction, and only then tells anyone.
fn store_accepted(
    verifier: &Verifier,
    request_id: &str,
    accepted: &Accepted,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<ResponseAnswer, ReceiveError> {
    let id = match &accepted.presented.consent {
        Some(consent) => consent.application(),
        None => ApplicationId::random(rng),
    };
    for _attempt in 0..ATTEMPTS_MAX {
        let session = session::find(&verifier.vault, request_id)?.ok_or(Refused::NotWaiting)?;
        if session.value.waiting(now).is_none() {
            return Err(Refused::NotWaiting.into());
        }
        if record::find(&verifier.vault, id)?.is_some() {
            return Err(Refused::Replayed.into());
        }
        let token = match &accepted.presented.status_token {
            Some(token) => Bearer::from_received(token.reveal()),
            None => Bearer::generate(rng),
        };
        let new = New {
            request_id,
            id,
            token: &token,
            now,
        };
        let changes = changes(verifier, session, accepted, &new, rng)?;
        if store::commit(&verifier.vault, &changes)? == Committed::Yes {
            verifier.outbox.announce();
            tracing::info!(application = %id, consent = accepted.presented.consent.is_some(), "application received");
            let access = ApplicationAccess {
                application: id,
                status_url: verifier.below(&["applications", &id.to_string()]),
                token: token.reveal().to_owned(),
            };
            let tegata = accepted.presented.consent.is_some().then_some(access);
            return Ok(ResponseAnswer {
                redirect_uri: None,
                tegata,
            });
        }
    }
    Err(ReceiveError::Unavailable)
}

/// What a new application is made of, beside what was verified.
struct New<'a> {
    request_id: &'a str,
    id: ApplicationId,
    token: &'a Bearer,
    now: Timestamp,
}

fn changes(
    verifier: &Verifier,
    session: Versioned<Session>,
    accepted: &Accepted,
    new: &New<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Changes, ReceiveError> {
    let New {
        request_id,
        id,
        token,
        now,
    } = *new;
    let presented = &accepted.presented;
    let mut changes = session::end(
        Changes::new(),
        request_id,
        &session,
        SessionState::Accepted(id),
        now,
    )?;
    let SessionState::Waiting(waiting) = session.value.state else {
        return Err(Refused::NotWaiting.into());
    };
    let known;
    (changes, known) = record::note_person(&verifier.vault, changes, &presented.claims, id)?;
    let facts = facts(&waiting, accepted, known);
    let credential = presented.presented.credential();
    let mut application = Application {
        received: now,
        purpose: waiting.purpose.clone(),
        declaration: waiting.declaration.clone(),
        claims: presented.claims.clone(),
        documents: presented.documents.len(),
        credential: CredentialReference::new(
            credential.iss(),
            credential.expires(),
            credential.status(),
        ),
        report: Report {
            consent_receipt: facts.consent,
            designation: presented.consent.as_ref().map(|consent| consent.index()),
            declaration: facts.declaration,
            case: accepted.history.as_ref().map(VerifiedHistory::case),
            presented: presented.presented.presented_at(),
        },
        findings: verifier.config.policy.assess(&facts, now),
        standing: Standing::Valid,
        designated: None,
        openings: Vec::new(),
        decision: None,
    };
    if let Some(consent) = &presented.consent {
        let opening = received(now, rng);
        let outcome = opening.sign(verifier.network(), id, &waiting.outcome_key());
        changes = registry::queue(changes, id, opening.sequence, &outcome)?;
        application.openings.push(opening);
        application.designated = Some(Designated::new(
            waiting.into_outcome_key(),
            consent.expires(),
            token,
        ));
    }
    Ok(record::create(
        changes,
        id,
        &application,
        &presented.documents,
    )?)
}

fn facts(waiting: &Waiting, accepted: &Accepted, known: Known) -> Facts {
    let person = PersonFacts::of(&accepted.presented.claims);
    let checks = accepted.history.iter().flat_map(VerifiedHistory::checks);
    Facts {
        purpose: waiting.purpose.clone(),
        account_type: waiting.declaration.account_type(),
        consent: match accepted.presented.consent {
            Some(_) => ConsentReceipt::Verified,
            None => ConsentReceipt::Missing,
        },
        declaration: accepted.presented.asked,
        birthdate: person.birthdate,
        country: person.country,
        nationalities: person.nationalities,
        kyc_time: person.kyc_time,
        checks: checks.map(|check| (check.process, check.result)).collect(),
        known,
    }
}
