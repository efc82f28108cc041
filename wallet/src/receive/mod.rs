//! `tegata receive`: the credential, as a batch of one-time instances.
//!
//! Offer, metadata, code, keys, proofs, credentials, notification, anchors. The issuer must be one of the trusted network, and
//! every address in its metadata its own. A command that was killed is run again without an offer and goes on where it was.

mod acceptance;
mod anchors;
mod error;
mod issuance;
mod issuer_service;

pub use anchors::AnchorError;
pub use error::ReceiveError;

use protocol::credential::{IssuerVerification, VerifiedCredential};
use protocol::identity::SigningKey;
use protocol::issuance::{
    AccessToken, CredentialOffer, CredentialRequest, CredentialResponse, KeyProof,
    NotificationEvent, NotificationId, NotificationRequest, OfferLink, TokenRequest, TokenResponse,
    TransactionCode, TransactionCodeRequirement,
};
use protocol::registry::Issuer;
use serde_json::json;
use url::Url;
use vault::Changes;

use crate::applications::{expected_claims, ready_offers};
use crate::display::inert;
use crate::http::{ANSWER_BYTES_MAX, Http, Post, host};
use crate::instance::{Instance, InstanceError, StoredInstance};
use crate::network::Network;
use crate::registry::Registry;
use crate::report::Report;
use crate::session::{Session, SessionError};
use acceptance::Expectation;
use issuance::{Issuance, Stage};
use issuer_service::IssuerService;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// Instances of one issuance, whatever the issuer's batch size.
const INSTANCES_MAX: usize = 20;
const CREDENTIALS_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What is to be received.
pub struct ReceiveRequest<'a> {
    /// The offer's link; without it, what the issuers hold ready and what was interrupted.
    pub offer: Option<&'a str>,
    /// Where the code of the letter is read from, if not from the terminal.
    pub tx_code_fd: Option<u32>,
}

/// Receives a credential.
pub async fn receive(
    session: &mut Session,
    request: ReceiveRequest<'_>,
) -> Result<Report, ReceiveError> {
    let network = Network::load(&session.vault)?;
    let http = Http::new()?;
    let issuances = match request.offer {
        Some(link) => {
            let offer = read_offer(&network, &http, link).await?;
            vec![start(session, &network, &http, &offer).await?]
        }
        None => under_way(session, &network, &http).await?,
    };
    if issuances.is_empty() {
        return Err(ReceiveError::Nothing);
    }
    let mut received = 0;
    for mut issuance in issuances {
        received += advance(session, &network, &http, &mut issuance, &request).await?;
    }
    report(session, received)
}

/// Asks for anchors that are still awaited; whatever goes wrong can go right the next time.
pub async fn refresh_anchors(
    session: &mut Session,
    network: &Network,
    http: &Http,
) -> Result<(), ReceiveError> {
    let issuances = Issuance::all(&session.vault)?;
    for mut issuance in issuances.into_iter().filter(|known| !known.is_finished()) {
        anchors::fetch(session, network, http, &mut issuance).await?;
    }
    Ok(())
}

/// What was interrupted, and what the issuers hold ready. A new offer takes the place of an older one of its issuer whose
/// code may have been used up by a command that was killed: a code works once.
async fn under_way(
    session: &mut Session,
    network: &Network,
    http: &Http,
) -> Result<Vec<Issuance>, ReceiveError> {
    let mut issuances = Issuance::all(&session.vault)?;
    for ready in ready_offers(session, network, http).await? {
        let offer = read_offer(network, http, &ready.link).await?;
        if issuances.iter().any(|known| known.is_of(&offer)) {
            continue;
        }
        for older in &mut issuances {
            if older.issuer == offer.credential_issuer && older.replaced() {
                let changes = older.put(Changes::new())?;
                commit(session, &changes)?;
            }
        }
        issuances.push(start(session, network, http, &offer).await?);
    }
    issuances.retain(|issuance| !issuance.is_finished());
    Ok(issuances)
}

async fn read_offer(
    network: &Network,
    http: &Http,
    link: &str,
) -> Result<CredentialOffer, ReceiveError> {
    match OfferLink::parse(link)? {
        OfferLink::Value(offer) => Ok(offer),
        OfferLink::Reference(url) => {
            network.issuer_at(&url)?;
            let answer = http.get(&url, JSON, None).await?;
            Ok(CredentialOffer::parse(&answer.of_type(JSON, &url)?)?)
        }
    }
}

/// Writes down what is about to happen.
async fn start(
    session: &mut Session,
    network: &Network,
    http: &Http,
    offer: &CredentialOffer,
) -> Result<Issuance, ReceiveError> {
    let issuer = network.issuer(Some(&offer.credential_issuer))?;
    if offer.pre_authorized.is_none() {
        return Err(ReceiveError::Grant);
    }
    let registry = Registry::open(session, network)?;
    let now = session.clock.now();
    // What a retired issuer issues could never be anchored.
    registry.active_issuer(issuer.id.as_str(), now).await?;
    let service = IssuerService::discover(http, issuer).await?;
    let (id, configuration) = service
        .configuration(&offer.credential_configuration_ids)
        .ok_or(ReceiveError::Configuration)?;
    let algorithm = *configuration
        .proof_algorithms
        .first()
        .ok_or(ReceiveError::Configuration)?;
    let count = service
        .metadata
        .batch_size
        .unwrap_or(1)
        .clamp(1, INSTANCES_MAX);
    let named = (id, configuration.vct.as_str());
    let issuance = Issuance::new(offer, named, algorithm, count, now, &mut session.rng);
    let changes = issuance.put(Changes::new())?;
    commit(session, &changes)?;
    Ok(issuance)
}

/// Takes an issuance as far as it goes; the number of instances that are new.
async fn advance(
    session: &mut Session,
    network: &Network,
    http: &Http,
    issuance: &mut Issuance,
    request: &ReceiveRequest<'_>,
) -> Result<usize, ReceiveError> {
    let issuer = network.issuer(Some(&issuance.issuer))?;
    let mut received = 0;
    if !matches!(issuance.stage, Stage::Stored { .. }) {
        let service = IssuerService::discover(http, issuer).await?;
        if let Stage::Redeeming { offer, .. } = &issuance.stage {
            let offer = CredentialOffer::parse(offer.to_string().as_bytes())?;
            redeem(session, http, &service, issuance, offer, request).await?;
        }
        received = collect(session, http, issuer, &service, issuance).await?;
    }
    notify(session, http, issuer, issuance).await?;
    anchors::fetch(session, network, http, issuance).await?;
    Ok(received)
}

/// Exchanges the code for an access token.
async fn redeem(
    session: &mut Session,
    http: &Http,
    service: &IssuerService,
    issuance: &mut Issuance,
    offer: CredentialOffer,
    request: &ReceiveRequest<'_>,
) -> Result<(), ReceiveError> {
    let grant = offer.pre_authorized.ok_or(ReceiveError::Grant)?;
    let transaction_code = match &grant.transaction_code {
        None => None,
        Some(requirement) => {
            show_requirement(session, &service.token_endpoint, requirement);
            let typed = session
                .terminal
                .secret("Code from the letter: ", request.tx_code_fd)?;
            let code = TransactionCode::new(typed.trim());
            Some(code.map_err(|_| ReceiveError::TransactionCode)?)
        }
    };
    let token_request = TokenRequest {
        code: grant.code,
        transaction_code,
    };
    let answer = http
        .post(Post {
            url: &service.token_endpoint,
            media_type: FORM,
            body: token_request.to_form().into_bytes(),
            accept: JSON,
            bearer: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
        .await;
    let answer = match answer {
        Err(error) if error.code() == Some("invalid_grant") => {
            issuance.code_refused();
            let changes = issuance.put(Changes::new())?;
            commit(session, &changes)?;
            return Err(ReceiveError::Code(error));
        }
        other => other?,
    };
    let token = TokenResponse::parse(&answer.of_type(JSON, &service.token_endpoint)?)?;
    issuance.stage = Stage::Authorised {
        access_token: token.access_token.reveal().to_owned(),
        requested: false,
    };
    let changes = issuance.put(Changes::new())?;
    commit(session, &changes)
}

fn show_requirement(
    session: &mut Session,
    endpoint: &Url,
    requirement: &TransactionCodeRequirement,
) {
    let mut lines = vec![format!(
        "The code goes to {} and to nobody else. It is never a code of your bank.",
        host(endpoint)
    )];
    if let Some(description) = &requirement.description {
        lines.push(format!("The issuer says: {}", inert(description)));
    }
    session.terminal.show(&lines.join("\n"));
}

/// Proves the keys, takes the credentials, checks them, and stores all of them at once.
async fn collect(
    session: &mut Session,
    http: &Http,
    issuer: &Issuer,
    service: &IssuerService,
    issuance: &mut Issuance,
) -> Result<usize, ReceiveError> {
    let Stage::Authorised {
        access_token,
        requested,
    } = &mut issuance.stage
    else {
        return Ok(0);
    };
    let lost = std::mem::replace(requested, true);
    let access_token = AccessToken::new(access_token.as_str()).map_err(|_| ReceiveError::Grant)?;
    let keys = issuance.keys()?;
    let nonce = service.nonce(http).await?;
    let proof = KeyProof {
        audience: issuer.id.as_str(),
        nonce: &nonce,
        now: session.clock.now(),
    };
    let request = CredentialRequest {
        credential_configuration_id: issuance.configuration.clone(),
        proofs: keys.iter().map(|key| proof.sign_with_jwk(key)).collect(),
    };
    let changes = issuance.put(Changes::new())?;
    commit(session, &changes)?;
    let answer = http
        .post(Post {
            url: &service.credential_endpoint,
            media_type: JSON,
            body: request.to_json().to_string().into_bytes(),
            accept: JSON,
            bearer: Some(access_token.reveal()),
            answer_bytes_max: CREDENTIALS_BYTES_MAX,
        })
        .await;
    let answer = match answer {
        Err(error) if lost && error.is_refusal() => {
            issuance.stage = Stage::Failed {
                reason: "interrupted".to_owned(),
            };
            let changes = issuance.put(Changes::new())?;
            commit(session, &changes)?;
            return Err(ReceiveError::Interrupted(error));
        }
        other => other?,
    };
    let body = answer.of_type(JSON, &service.credential_endpoint)?;
    let response = CredentialResponse::parse(&body)?;
    let claims = expected_claims(session, issuer.id.as_str())?;
    let expected = Expectation {
        issuer: &IssuerVerification::registered(issuer).map_err(InstanceError::Issuer)?,
        vct: &issuance.vct,
        claims: &claims,
        now: session.clock.now(),
    };
    match acceptance::accept(&response.credentials, keys, &expected) {
        Ok(accepted) => store(
            session,
            issuance,
            &accepted,
            response.notification_id.as_ref(),
        ),
        Err(error) => {
            reject(session, http, service, issuance, &response).await?;
            Err(error)
        }
    }
}

fn store(
    session: &mut Session,
    issuance: &mut Issuance,
    accepted: &[(VerifiedCredential, SigningKey)],
    notification_id: Option<&NotificationId>,
) -> Result<usize, ReceiveError> {
    let mut changes = Changes::new();
    for (credential, key) in accepted {
        changes = Instance::new(credential, key, &issuance.id).put_new(changes)?;
    }
    issuance.forget_keys();
    let access_token = match &issuance.stage {
        Stage::Authorised { access_token, .. } => Some(access_token.clone()),
        Stage::Redeeming { .. } | Stage::Stored { .. } | Stage::Failed { .. } => None,
    };
    issuance.stage = Stage::Stored {
        notification_id: notification_id.map(|id| id.reveal().to_owned()),
        access_token,
        awaited: accepted.len(),
    };
    commit(session, &issuance.put(changes)?)?;
    Ok(accepted.len())
}

/// Tells the issuer that its credentials are refused, and gives the issuance up.
async fn reject(
    session: &mut Session,
    http: &Http,
    service: &IssuerService,
    issuance: &mut Issuance,
    response: &CredentialResponse,
) -> Result<(), ReceiveError> {
    if let (Some(id), Some(url)) = (&response.notification_id, &service.notification_endpoint) {
        let Stage::Authorised { access_token, .. } = &issuance.stage else {
            return Ok(());
        };
        // Whether the issuer hears of it changes nothing for the wallet.
        let _unheard =
            send_notification(http, url, access_token, id, NotificationEvent::Failure).await;
    }
    issuance.stage = Stage::Failed {
        reason: "refused".to_owned(),
    };
    let changes = issuance.put(Changes::new())?;
    commit(session, &changes)
}

/// Tells the issuer that the credentials are kept: it then closes the case and destroys the documents.
async fn notify(
    session: &mut Session,
    http: &Http,
    issuer: &Issuer,
    issuance: &mut Issuance,
) -> Result<(), ReceiveError> {
    let Stage::Stored {
        notification_id: Some(id),
        access_token: Some(access_token),
        ..
    } = &issuance.stage
    else {
        return Ok(());
    };
    let service = IssuerService::discover(http, issuer).await?;
    if let (Some(url), Ok(id)) = (
        &service.notification_endpoint,
        NotificationId::new(id.as_str()),
    ) {
        let event = NotificationEvent::Accepted;
        match send_notification(http, url, access_token, &id, event).await {
            // The token has expired meanwhile; telling again would not help.
            Err(ReceiveError::Http(error)) if error.is_refusal() => {}
            other => other?,
        }
    }
    if let Stage::Stored { access_token, .. } = &mut issuance.stage {
        *access_token = None;
    }
    let changes = issuance.put(Changes::new())?;
    commit(session, &changes)
}

async fn send_notification(
    http: &Http,
    url: &Url,
    access_token: &str,
    id: &NotificationId,
    event: NotificationEvent,
) -> Result<(), ReceiveError> {
    let notification = NotificationRequest {
        notification_id: NotificationId::new(id.reveal()).map_err(|_| ReceiveError::Grant)?,
        event,
    };
    http.post(Post {
        url,
        media_type: JSON,
        body: notification.to_json().to_string().into_bytes(),
        accept: JSON,
        bearer: Some(access_token),
        answer_bytes_max: ANSWER_BYTES_MAX,
    })
    .await?;
    Ok(())
}

fn commit(session: &mut Session, changes: &Changes) -> Result<(), ReceiveError> {
    session
        .vault
        .commit(changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(())
}

fn report(session: &Session, received: usize) -> Result<Report, ReceiveError> {
    let instances = StoredInstance::all(&session.vault)?;
    let anchored = instances
        .iter()
        .filter(|stored| stored.instance.anchor().is_some())
        .count();
    let lines = [
        format!("{received} new one-time instances of your KYC credential are in the wallet."),
        format!(
            "{anchored} of {} are anchored on the registry; the others follow (run `tegata receive` again).",
            instances.len()
        ),
        "`tegata show` prints what the credential says; `tegata open URL` opens an account with it.".to_owned(),
    ];
    let json = json!({"received": received, "anchored": anchored, "instances": instances.len()});
    Ok(Report::new(&lines, json))
}
