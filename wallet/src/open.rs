//! `tegata open`: an account at a company, in one command.
//!
//! The wallet starts the application at the company itself, so that the request it then answers is one that the user asked for, and the
//! declaration in it is the one that the user just made.

use protocol::application::{
    AccountType, CrsDeclaration, DeclarationError, PURPOSE_ACCOUNT_OPENING, StartAnswer,
    StartRequest,
};
use url::Url;

use crate::consent::Consent;
use crate::failure::{Advise, FailureKind};
use crate::http::{ANSWER_BYTES_MAX, Http, HttpError, Post};
use crate::network::{Network, NetworkError, below};
use crate::present::{PresentError, PresentRequest, present};
use crate::report::Report;
use crate::session::{Session, SessionError};

const JSON: &str = "application/json";

/// Which account is to be opened.
pub struct OpenRequest<'a> {
    /// The company's address.
    pub company: &'a Url,
    /// The kind of account.
    pub account: AccountType,
    /// The countries in which the user is resident for tax, declared anew for this company.
    pub tax_residences: Vec<protocol::application::Country>,
    /// Whether the user has agreed already.
    pub consent: Consent,
}

/// Why no account was applied for.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The declaration is not one.
    #[error("the tax residences cannot be declared")]
    Declaration(#[from] DeclarationError),
    /// The company is unknown.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The company does not answer or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The company's answer makes no sense.
    #[error("the company's answer cannot be read")]
    Answer,
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The company's request was not answered.
    #[error(transparent)]
    Present(#[from] Box<PresentError>),
}

impl Advise for OpenError {
    fn advice(&self) -> String {
        match self {
            Self::Declaration(_) => "give --tax-residence once for each country".into(),
            Self::Network(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Answer => "tell the company; nothing was given".into(),
            Self::Session(error) => error.advice(),
            Self::Present(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Declaration(_) => FailureKind::Usage,
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Present(error) => error.kind(),
            Self::Http(_) | Self::Answer => FailureKind::Refused,
        }
    }
}

/// Applies for an account.
pub async fn open(session: &mut Session, request: OpenRequest<'_>) -> Result<Report, OpenError> {
    let declaration = CrsDeclaration::new(request.account, request.tax_residences.clone())?;
    let network = Network::load(&session.vault)?;
    let verifier = network.verifier_at(request.company)?;
    let start = StartRequest {
        account_type: request.account,
        tax_residences: request.tax_residences,
        purpose: PURPOSE_ACCOUNT_OPENING.to_owned(),
    };
    let url = below(verifier.url.url(), "applications");
    let answer = Http::new()?
        .post(Post {
            url: &url,
            media_type: JSON,
            body: serde_json::to_vec(&start).map_err(SessionError::Form)?,
            accept: JSON,
            bearer: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
        .await?;
    let started =
        StartAnswer::parse(&answer.of_type(JSON, &url)?).map_err(|_| OpenError::Answer)?;
    let request = PresentRequest {
        request: &started.request,
        consent: request.consent,
        declaration: Some(&declaration),
    };
    Ok(present(session, request).await.map_err(Box::new)?)
}
