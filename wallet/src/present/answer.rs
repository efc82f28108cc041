//! The answer to a request that the user agreed to: the designation on the registry, then the data.

use protocol::application::{
    ApplicationAccess, ApplicationStatus, DisclosedDocument, ResponseAnswer, ResponseExtension,
    StatusToken, UnverifiedConsent,
};
use protocol::presentation::{AuthorizationResponse, VpToken};
use protocol::registry::record::UnverifiedRecord;
use protocol::registry::{ApplicationId, ContentDigest, Verifier};
use serde_json::json;
use url::Url;
use vault::Changes;

use super::asked::Asked;
use super::choice::Chosen;
use super::record::{Presentation, Stage};
use super::{PresentError, document};
use crate::account::{Account, Delivery};
use crate::display::inert;
use crate::history::Disclosure;
use crate::http::{ANSWER_BYTES_MAX, Http, Post};
use crate::network::{Network, below, own_address};
use crate::registry::Registry;
use crate::report::Report;
use crate::session::{Session, SessionError};

/// The images of these digests, in their order. The passphrase is asked for again.
pub(super) fn images(
    session: &mut Session,
    digests: &[ContentDigest],
) -> Result<Vec<DisclosedDocument>, PresentError> {
    let passphrase = session.passphrase_again("Passphrase again, to give the document images: ")?;
    let sensitive = session.sensitive(&passphrase)?;
    let mut images = Vec::with_capacity(digests.len());
    for digest in digests {
        let image = document::get(&sensitive, *digest)?;
        images.push(image.ok_or(PresentError::Stored)?);
    }
    Ok(images)
}

/// Records the designation on the registry, through any member's node.
pub(super) async fn designate(
    session: &mut Session,
    network: &Network,
    presentation: &mut Presentation,
) -> Result<(), PresentError> {
    if !matches!(presentation.stage, Stage::Designating) {
        return Ok(());
    }
    let record = presentation.record().ok_or(PresentError::Stored)?;
    let record = UnverifiedRecord::decode(&record)
        .and_then(|record| record.verify(&network.id()))
        .map_err(|_| PresentError::Stored)?;
    let registry = Registry::open(session, network)?;
    let receipt = match registry.submit(&record).await {
        Ok(receipt) => receipt,
        Err(error) => {
            if error.is_final() {
                // The instance stays spent; the request can be answered with another one.
                commit(session, &presentation.give_up(Changes::new()))?;
            }
            return Err(error.into());
        }
    };
    presentation.keep_receipt(&receipt);
    let remembered = registry.remember(Changes::new());
    commit(session, &presentation.put(remembered)?)
}

/// Sends the data, and keeps what the company answers.
pub(super) async fn send(
    session: &mut Session,
    http: &Http,
    asked: &Asked<'_>,
    chosen: &Chosen,
    presentation: &mut Presentation,
    documents: Vec<DisclosedDocument>,
) -> Result<Report, PresentError> {
    let Stage::Designated { receipt, index } = &presentation.stage else {
        return Err(PresentError::Stored);
    };
    let (receipt, index) = (receipt.clone(), *index);
    let disclosure = Disclosure {
        at: session.clock.now(),
        verifier: presentation.verifier.clone(),
        purpose: presentation.purpose.clone(),
        application: presentation.application,
        claims: presentation.paths.clone(),
        documents: documents.len(),
    };
    // From here on the company may have the data, so the account is there whatever comes of the exchange.
    let mut account = match Account::load(&session.vault, presentation.application)? {
        Some(account) => account,
        None => Account::new(
            presentation.application,
            (&presentation.verifier, &presentation.purpose),
            presentation.agreed_at,
            &asked.offer.outcome_key,
            index,
            access(session, asked.verifier, presentation.application),
        ),
    };
    let changes = disclosure.add(&session.vault, Changes::new())?;
    commit(session, &account.put(changes)?)?;

    let token = account.access.as_ref().map(|access| access.token.clone());
    let evidence = Evidence {
        receipt,
        documents,
        status_token: token.as_deref().and_then(StatusToken::parse),
    };
    let body = response(session, asked, chosen, presentation, evidence)?;
    let answer = match post(http, asked, body).await {
        Ok(answer) => answer,
        Err(error) if is_refusal(&error) && arrived(http, asked.verifier, &account).await => {
            // The company took it before, and its answer was lost.
            ResponseAnswer {
                redirect_uri: None,
                tegata: None,
            }
        }
        Err(error) if is_refusal(&error) => {
            commit(session, &account.remove(Changes::new()))?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let access = answer
        .tegata
        .filter(|access| is_own(access, asked.verifier, presentation));
    account.access = access.or(account.access);
    account.delivery = Delivery::Arrived;
    presentation.stage = Stage::Sent {
        access: account.access.clone(),
    };
    let changes = account.put(presentation.put(Changes::new())?)?;
    commit(session, &changes)?;
    let redirect = answer.redirect_uri.filter(|uri| is_at(uri, asked.verifier));
    Ok(report(asked, presentation, index, redirect.as_deref()))
}

/// Access to an application where a company of ours will show it, with a token that the company learns in the response.
fn access(
    session: &mut Session,
    verifier: &Verifier,
    application: ApplicationId,
) -> ApplicationAccess {
    ApplicationAccess {
        application,
        status_url: below(verifier.url.url(), &format!("applications/{application}")),
        token: StatusToken::random(&mut session.rng).reveal().to_owned(),
    }
}

async fn post(
    http: &Http,
    asked: &Asked<'_>,
    body: String,
) -> Result<ResponseAnswer, PresentError> {
    let answer = http
        .post(Post {
            url: &asked.request.parameters().response_uri,
            media_type: "application/x-www-form-urlencoded",
            body: body.into_bytes(),
            accept: "application/json",
            bearer: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
        .await?;
    ResponseAnswer::parse(&answer.body).map_err(|_| PresentError::Answer)
}

fn is_refusal(error: &PresentError) -> bool {
    matches!(error, PresentError::Http(error) if error.is_refusal())
}

/// Whether the company shows the application to its holder.
async fn arrived(http: &Http, verifier: &Verifier, account: &Account) -> bool {
    let Some(access) = &account.access else {
        return false;
    };
    if !is_at(access.status_url.as_str(), verifier) {
        return false;
    }
    let shown = http.get(&access.status_url, "application/json", Some(&access.token));
    shown
        .await
        .is_ok_and(|answer| ApplicationStatus::parse(&answer.body).is_ok())
}

/// What goes with the presented credential.
struct Evidence {
    receipt: String,
    documents: Vec<DisclosedDocument>,
    status_token: Option<StatusToken>,
}

fn response(
    session: &mut Session,
    asked: &Asked<'_>,
    chosen: &Chosen,
    presentation: &Presentation,
    evidence: Evidence,
) -> Result<String, PresentError> {
    let parameters = asked.request.parameters();
    let query = asked.query()?;
    let declared: Vec<String> = parameters
        .transaction_data
        .iter()
        .map(|data| data.encoded().to_owned())
        .collect();
    let instance = &chosen.stored.instance;
    let presented = chosen.credential.present(
        &presentation.paths,
        &parameters.client_id.to_string(),
        parameters.nonce.as_str(),
        &declared,
        &instance.key()?,
        session.clock.now(),
    )?;
    let extension = ResponseExtension {
        consent: UnverifiedConsent {
            anchor: instance.anchor().ok_or(PresentError::NotAnchored)?,
            designation_record: presentation.record().ok_or(PresentError::Stored)?,
            designation_receipt: evidence.receipt,
            opening: presentation.opening().ok_or(PresentError::Stored)?,
        },
        documents: evidence.documents,
        status_token: evidence.status_token,
    };
    let response = AuthorizationResponse {
        vp_token: VpToken::single(query.id().as_str(), presented),
        state: parameters.state.clone(),
        extensions: extension.to_extensions(),
    };
    Ok(response.encrypt(parameters, &mut session.rng))
}

/// Access to this application at the company's own address; anything else is not kept.
fn is_own(access: &ApplicationAccess, verifier: &Verifier, presentation: &Presentation) -> bool {
    access.application == presentation.application && is_at(access.status_url.as_str(), verifier)
}

/// Whether an address is the company's own; schemes that run something are not.
fn is_at(address: &str, verifier: &Verifier) -> bool {
    let parsed = Url::parse(address);
    parsed.is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
        && own_address(&verifier.name, verifier.url.url(), address).is_ok()
}

fn commit(session: &mut Session, changes: &Changes) -> Result<(), PresentError> {
    session
        .vault
        .commit(changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(())
}

fn report(
    asked: &Asked<'_>,
    presentation: &Presentation,
    index: u64,
    redirect: Option<&str>,
) -> Report {
    let name = inert(&asked.verifier.name);
    let mut lines = vec![
        format!("{name} has your data."),
        format!("Application: {}", presentation.application),
        format!("The registry holds your designation at index {index}."),
        "`tegata accounts` shows how it stands.".to_owned(),
    ];
    if let Some(redirect) = redirect {
        lines.push(format!("Continue at {}", inert(redirect)));
    }
    let json = json!({
        "application": presentation.application,
        "company": presentation.verifier,
        "name": name,
        "purpose": presentation.purpose,
        "state": "received",
        "receipt_index": index,
        "redirect_uri": redirect,
    });
    Report::new(&lines, json)
}
