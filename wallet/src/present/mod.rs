//! `tegata present`: answer a company's request.
//!
//! Authenticate the company, compare what it asks with what it is registered for, let the user decide; spend an instance, record
//! the designation on the registry through any member's node, and only then send the data, encrypted to the
//! key of this request. Until the company is authenticated, nothing is sent anywhere.

mod answer;
mod asked;
mod choice;
mod error;
mod record;
mod screen;

pub use error::PresentError;

use protocol::application::{CrsDeclaration, DesignationOpening};
use protocol::base64url;
use protocol::kyc::claims::disclosed_document_digests;
use protocol::presentation::{ErrorCode, ReplyTo, RequestError, RequestLink};
use protocol::registry::record::{Body, Designation, Record};
use protocol::registry::{ApplicationId, ContentDigest, Salt};
use sha2::{Digest, Sha256};
use vault::{Changes, Kind};

use crate::consent::Consent;
use crate::display::path_words;
use crate::document;
use crate::http::{ANSWER_BYTES_MAX, Http, Post};
use crate::instance::{StoredInstance, Usage};
use crate::network::Network;
use crate::receive::refresh_anchors;
use crate::report::Report;
use crate::session::{Session, SessionError};
use asked::Asked;
use choice::{Chosen, choose};
use record::{Presentation, Stage};
use screen::Images;

/// Keys that companies have used, each with the request that it belongs to, so that none is used for another.
const REQUEST_KEY: Kind = Kind::ordinary("request-key");
const SCHEMA: u32 = 1;
/// How long the designated company can say how the application stands.
const DESIGNATION_SECONDS: u64 = 90 * 24 * 60 * 60;

/// What is to be presented.
pub struct PresentRequest<'a> {
    /// The link.
    pub request: &'a str,
    /// Whether the user has agreed already.
    pub consent: Consent,
    /// The declaration that the user made for this application; the request must contain it.
    pub declaration: Option<&'a CrsDeclaration>,
}

/// Answers a request.
pub async fn present(
    session: &mut Session,
    request: PresentRequest<'_>,
) -> Result<Report, PresentError> {
    let network = Network::load(&session.vault)?;
    let http = Http::new()?;
    let link = asked::read_link(request.request, &network)?;
    let asked = ask(session, &network, &http, &link, &request).await?;
    let nonce = asked.request.parameters().nonce.as_str();
    let id = Presentation::id_of(asked.request.verifier(), nonce);
    let known = Presentation::load(&session.vault, &id)?;
    if let Some(Stage::Sent { .. }) = known.as_ref().map(|known| &known.stage) {
        return Err(PresentError::Answered);
    }
    let reply = asked.request.reply_to();
    let chosen = match find_instance(session, &network, &http, &asked, known.as_ref()).await {
        Ok(chosen) => chosen,
        Err(error @ (PresentError::NoMatch | PresentError::NoInstance)) => {
            let code = ErrorCode::AccessDenied;
            tell(session, &http, &reply, code, request.consent).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let digests = document_digests(&chosen)?;
    let images = match digests.len() {
        0 => Images::NotAsked,
        count if document::are_kept(&session.vault, &digests) => Images::Given(count),
        _ => Images::Missing,
    };
    if !agreed(session, &asked, &chosen, images, request.consent)? {
        tell(
            session,
            &http,
            &reply,
            ErrorCode::AccessDenied,
            Consent::Given,
        )
        .await?;
        return Err(PresentError::Declined);
    }
    let documents = match images {
        Images::Given(_) => answer::images(session, &digests)?,
        Images::NotAsked | Images::Missing => Vec::new(),
    };
    let mut presentation = match known {
        Some(known) => known,
        None => spend(session, &network, &asked, &chosen, id)?,
    };
    answer::designate(session, &network, &mut presentation).await?;
    answer::send(
        session,
        &http,
        &asked,
        &chosen,
        &mut presentation,
        documents,
    )
    .await
}

/// Fetches the request and refuses what no user should have to decide about.
async fn ask<'n>(
    session: &mut Session,
    network: &'n Network,
    http: &Http,
    link: &RequestLink,
    request: &PresentRequest<'_>,
) -> Result<Asked<'n>, PresentError> {
    let asked = match asked::fetch(session, network, http, link).await {
        Ok(asked) => asked,
        Err(PresentError::Request(RequestError::Refused(refusal))) => {
            let code = refusal.reason.code();
            tell(session, http, &refusal.reply, code, request.consent).await?;
            return Err(RequestError::Refused(refusal).into());
        }
        Err(error) => return Err(error),
    };
    asked.check_my_number()?;
    if request.declaration.is_some() && request.declaration != asked.declaration.as_ref() {
        return Err(PresentError::OtherDeclaration);
    }
    Ok(asked)
}

/// An instance for the request; anchors that are awaited are asked for first.
async fn find_instance(
    session: &mut Session,
    network: &Network,
    http: &Http,
    asked: &Asked<'_>,
    known: Option<&Presentation>,
) -> Result<Chosen, PresentError> {
    let query = asked.query()?;
    let spent_for = known.map(|known| known.id.as_str());
    let now = session.clock.now();
    let instances = StoredInstance::all(&session.vault)?;
    match choose(instances, query, network, now, spent_for) {
        Err(PresentError::NotAnchored) => {
            refresh_anchors(session, network, http)
                .await
                .map_err(Box::new)?;
            let instances = StoredInstance::all(&session.vault)?;
            choose(instances, query, network, now, spent_for)
        }
        other => other,
    }
}

/// The digests of the images that belong to the claims, if the claims name any.
fn document_digests(chosen: &Chosen) -> Result<Vec<ContentDigest>, PresentError> {
    let shown = chosen.credential.preview(&chosen.paths)?;
    Ok(disclosed_document_digests(&shown).unwrap_or_default())
}

/// Shows what is asked, if it lies within the registered purpose, and lets the user decide.
fn agreed(
    session: &mut Session,
    asked: &Asked<'_>,
    chosen: &Chosen,
    images: Images,
    consent: Consent,
) -> Result<bool, PresentError> {
    let beyond = asked.beyond_purpose(&chosen.paths);
    if !beyond.is_empty() {
        let beyond = beyond.iter().map(path_words).collect();
        return Err(PresentError::BeyondPurpose(beyond));
    }
    let mut shown = chosen.credential.preview(&chosen.paths)?;
    // What stands in every instance, such as the type, says nothing of the person.
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| {
            chosen
                .paths
                .iter()
                .any(|path| path_words(path).starts_with(name.as_str()))
        });
    }
    let lines = screen::lines(asked, chosen, &shown, images);
    session.terminal.show(&lines.join("\n"));
    match consent {
        Consent::Given => Ok(true),
        Consent::Ask => Ok(session.terminal.confirm("Give it?")?),
    }
}

/// Spends the instance and writes the designation down, together: from here on the instance belongs to this request.
fn spend(
    session: &mut Session,
    network: &Network,
    asked: &Asked<'_>,
    chosen: &Chosen,
    id: String,
) -> Result<Presentation, PresentError> {
    let now = session.clock.now();
    let mut instance = StoredInstance::load(&session.vault, &chosen.stored.instance.id)?
        .ok_or(PresentError::NoInstance)?;
    let anchor = instance
        .instance
        .anchor()
        .ok_or(PresentError::NotAnchored)?;
    let application = ApplicationId::random(&mut session.rng);
    let opening = DesignationOpening {
        salt: Salt::random(&mut session.rng),
        claims: chosen.paths.clone(),
    };
    let designation = Designation {
        application,
        anchor: anchor.opening(chosen.credential.signing_input_hash()),
        commitment: opening.commit(asked.request.verifier(), &asked.offer.purpose),
        outcome_key: asked.offer.outcome_key,
        expires: now.plus_seconds(DESIGNATION_SECONDS),
    };
    let key = instance.instance.key()?;
    let record = Record::sign(network.id(), Body::Designation(designation), &key);
    let presentation = Presentation::new(
        id,
        (asked.request.verifier(), &asked.offer.purpose),
        &instance.instance.id,
        &opening,
        application,
        record.as_bytes(),
        now,
    );
    if instance.instance.usage != Usage::Unspent {
        return Err(PresentError::NoInstance);
    }
    instance.instance.usage = Usage::Spent {
        presentation: presentation.id.clone(),
    };
    let changes =
        presentation.put_new(instance.put(use_key(session, asked, &presentation.id)?)?)?;
    session
        .vault
        .commit(&changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(presentation)
}

/// Notes the company's encryption key, which must not be that of another request.
fn use_key(session: &Session, asked: &Asked<'_>, request: &str) -> Result<Changes, PresentError> {
    let metadata = asked.request.parameters().client_metadata.to_value();
    let jwks = metadata.get("jwks").map(ToString::to_string);
    let id = base64url::encode(&Sha256::digest(jwks.unwrap_or_default()));
    let known = session
        .vault
        .get(REQUEST_KEY, &id)
        .map_err(SessionError::Read)?;
    if known.is_some_and(|known| known.body() != request.as_bytes()) {
        return Err(PresentError::KeyReused);
    }
    Ok(Changes::new().put(REQUEST_KEY, &id, SCHEMA, request.as_bytes()))
}

/// Tells an authentic company that it gets nothing; only with the user's word, and without a reason that would tell more.
async fn tell(
    session: &mut Session,
    http: &Http,
    reply: &ReplyTo,
    code: ErrorCode,
    consent: Consent,
) -> Result<(), PresentError> {
    let agreed = match consent {
        Consent::Given => true,
        Consent::Ask => session
            .terminal
            .confirm("Nothing is given. Tell the company so?")?,
    };
    if agreed {
        let body = reply.error(code).to_form().into_bytes();
        // Whether the company hears of it changes nothing for the wallet.
        let _unheard = http
            .post(Post {
                url: &reply.response_uri,
                media_type: "application/x-www-form-urlencoded",
                body,
                accept: "application/json",
                bearer: None,
                answer_bytes_max: ANSWER_BYTES_MAX,
            })
            .await;
    }
    Ok(())
}
