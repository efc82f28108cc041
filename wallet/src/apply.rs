//! `tegata apply`: form and document images, encrypted to the consortium's reviewers.
//!
//! The wallet checks the rules of the form itself, shows what goes where, writes the application to the vault, and only then sends it.

use std::path::{Path, PathBuf};

use protocol::envelope::hpke::{HpkeError, RecipientKey};
use protocol::json::{self, JsonError, Limits};
use protocol::kyc::{
    ApplicationError, CaseState, MediaType, Submission, SubmissionReceipt, UnverifiedApplication,
    UnverifiedDocument, UnverifiedForm, claims::PersonClaims, seal_application,
};
use protocol::registry::Issuer;
use protocol::{Timestamp, base64url};
use rand_core::Rng;
use serde_json::{Value, json};
use vault::Changes;
use zeroize::Zeroizing;

use crate::case::{Case, CaseStage};
use crate::consent::Consent;
use crate::display::{claim_lines, inert};
use crate::document;
use crate::failure::{Advise, FailureKind};
use crate::http::{ANSWER_BYTES_MAX, Http, HttpError, Post};
use crate::network::{Network, NetworkError, below};
use crate::registry::{Registry, RegistryError};
use crate::report::Report;
use crate::session::{Session, SessionError};
use crate::terminal::TerminalError;

/// Bytes of a file that is read.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 + 1;

/// What is applied with.
pub struct ApplyRequest<'a> {
    /// The form, as JSON.
    pub form: &'a Path,
    /// Images of the identity document.
    pub documents: &'a [PathBuf],
    /// To whom, if the network has several issuers.
    pub issuer: Option<&'a str>,
    /// Whether the user has agreed already.
    pub consent: Consent,
}

/// Why nothing was applied for.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The form is not the JSON of a form.
    #[error("the form cannot be read")]
    Form(#[source] JsonError),
    /// An image is neither PNG nor JPEG.
    #[error("{} is neither PNG nor JPEG", .0.display())]
    MediaType(PathBuf),
    /// A rule of the form or of the images.
    #[error("the application is not acceptable")]
    Application(#[source] ApplicationError),
    /// The issuer's key cannot be encrypted to.
    #[error("the application cannot be encrypted")]
    Seal(#[from] HpkeError),
    /// The user said no.
    #[error("nothing was sent, as you wished")]
    Declined,
    /// The issuer's answer makes no sense.
    #[error("the issuer's answer cannot be read")]
    Answer,
    /// Nobody can answer.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// The issuer is unknown.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The registry does not say that the issuer issues.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The issuer does not answer or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for ApplyError {
    fn advice(&self) -> String {
        match self {
            Self::File { .. } | Self::MediaType(_) => "check the names of the files".into(),
            Self::Form(_) | Self::Application(_) => "correct the form and apply again".into(),
            Self::Seal(_) | Self::Answer => {
                "tell the consortium; its registration is faulty".into()
            }
            Self::Declined => "apply again when you are ready".into(),
            Self::Terminal(error) => error.advice(),
            Self::Network(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::File { .. } | Self::MediaType(_) => FailureKind::Usage,
            Self::Terminal(error) => error.kind(),
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Form(_)
            | Self::Application(_)
            | Self::Seal(_)
            | Self::Declined
            | Self::Answer
            | Self::Registry(_)
            | Self::Http(_) => FailureKind::Refused,
        }
    }
}

/// Applies for KYC.
pub async fn apply(session: &mut Session, request: ApplyRequest<'_>) -> Result<Report, ApplyError> {
    let network = Network::load(&session.vault)?;
    let issuer = network.issuer(request.issuer)?;
    let now = session.clock.now();
    let registry = Registry::open(session, &network)?;
    let issuer = &registry.active_issuer(issuer.id.as_str(), now).await?;
    let unverified = read_application(&request)?;
    let expected = check(&unverified, now)?;
    show(session, issuer, &unverified, &request)?;

    let reply_key = RecipientKey::generate(&mut session.rng);
    let mut case = Case::new(
        local_id(session),
        issuer.id.as_str(),
        now,
        &reply_key,
        expected,
    );
    keep(session, &case, &unverified)?;

    let body = seal(session, issuer, &unverified, &reply_key)?;
    let answer = Http::new()?
        .post(Post {
            url: &below(issuer.id.url(), "applications"),
            media_type: "application/json",
            body,
            accept: "application/json",
            bearer: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
        .await?;
    let accepted: SubmissionReceipt =
        json::parse_as(&answer.body, &Limits::DEFAULT).map_err(|_| ApplyError::Answer)?;
    case.stage = CaseStage::Sent {
        case: accepted.case,
        token: accepted.token,
        state: CaseState::Received,
    };
    session
        .vault
        .commit(&case.put(Changes::new())?, &mut session.rng)
        .map_err(SessionError::Write)?;
    let lines = [
        format!("{} has your application.", inert(&issuer.name)),
        format!("Case: {}", accepted.case),
        "`tegata applications` shows how it stands; `tegata receive` takes the credential when the letter with the code has come.".to_owned(),
    ];
    Ok(Report::new(
        &lines,
        json!({"case": accepted.case, "issuer": issuer.id.as_str()}),
    ))
}

fn read_application(request: &ApplyRequest<'_>) -> Result<UnverifiedApplication, ApplyError> {
    let form = Zeroizing::new(read_file(request.form)?);
    let form: UnverifiedForm = json::parse_as(&form, &Limits::DEFAULT).map_err(ApplyError::Form)?;
    let mut documents = Vec::new();
    for path in request.documents {
        let data = read_file(path)?;
        let media_type = match data.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => MediaType::Png,
            [0xff, 0xd8, 0xff, ..] => MediaType::Jpeg,
            _ => return Err(ApplyError::MediaType(path.clone())),
        };
        documents.push(UnverifiedDocument {
            kind: form.identity_document.kind,
            media_type,
            data,
        });
    }
    Ok(UnverifiedApplication { form, documents })
}

fn read_file(path: &Path) -> Result<Vec<u8>, ApplyError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|source| ApplyError::File {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

/// Checks the rules, and derives what the credential must say.
fn check(unverified: &UnverifiedApplication, now: Timestamp) -> Result<Value, ApplyError> {
    let application = unverified
        .clone()
        .verify(now)
        .map_err(ApplyError::Application)?;
    let claims = PersonClaims::new(&application, now).verified_claims(&[], now);
    Ok(claims.get("claims").cloned().unwrap_or_default())
}

fn show(
    session: &mut Session,
    issuer: &Issuer,
    application: &UnverifiedApplication,
    request: &ApplyRequest<'_>,
) -> Result<(), ApplyError> {
    let mut lines = vec![
        format!(
            "Applying for KYC to {} ({})",
            inert(&issuer.name),
            issuer.id
        ),
        String::new(),
        "This goes there, encrypted to the reviewers, and is destroyed when the case is closed:"
            .to_owned(),
    ];
    let form = serde_json::to_value(&application.form).map_err(SessionError::Form)?;
    lines.extend(claim_lines(&form).iter().map(|line| format!("  {line}")));
    for (path, document) in request.documents.iter().zip(&application.documents) {
        let name = inert(&path.display().to_string());
        let kilobytes = document.data.len().div_ceil(1024);
        lines.push(format!(
            "  image {name} ({}, {kilobytes} KiB)",
            document.media_type.name()
        ));
    }
    session.terminal.show(&lines.join("\n"));
    match request.consent {
        Consent::Given => Ok(()),
        Consent::Ask if session.terminal.confirm("Send it?")? => Ok(()),
        Consent::Ask => Err(ApplyError::Declined),
    }
}

/// The application in the vault, before anything is sent: with the images, which companies may ask for later.
fn keep(
    session: &mut Session,
    case: &Case,
    application: &UnverifiedApplication,
) -> Result<(), ApplyError> {
    let passphrase = session.passphrase_again("Passphrase again, to keep the document images: ")?;
    let sensitive = session
        .vault
        .sensitive(&vault::Unlock::Passphrase(&passphrase))
        .map_err(SessionError::Sensitive)?;
    let mut changes = case.put(Changes::new())?;
    for image in &application.documents {
        let digest = protocol::registry::ContentDigest::of(&image.data);
        changes = document::put(changes, image, digest)?;
    }
    sensitive
        .commit(&changes, &mut session.rng)
        .map_err(SessionError::Write)?;
    Ok(())
}

fn seal(
    session: &mut Session,
    issuer: &Issuer,
    application: &UnverifiedApplication,
    reply_key: &RecipientKey,
) -> Result<Vec<u8>, ApplyError> {
    let sealed = seal_application(
        application,
        issuer.application_key.as_bytes(),
        issuer.id.as_str(),
        &mut session.rng,
    )?;
    let submission = Submission {
        sealed,
        reply_key: reply_key.public_key(),
    };
    Ok(serde_json::to_vec(&submission).map_err(SessionError::Form)?)
}

fn local_id(session: &mut Session) -> String {
    let mut bytes = [0; 16];
    session.rng.fill_bytes(&mut bytes);
    base64url::encode(&bytes)
}
