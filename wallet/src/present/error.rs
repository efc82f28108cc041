//! Why nothing is presented.

use protocol::application::DesignationOfferError;
use protocol::credential::PresentError as CredentialPresentError;
use protocol::identity::x5c::X5cError;
use protocol::presentation::{LinkError, RequestError};

use crate::failure::{Advise, FailureKind};
use crate::http::HttpError;
use crate::instance::InstanceError;
use crate::network::NetworkError;
use crate::receive::ReceiveError;
use crate::registry::RegistryError;
use crate::session::SessionError;
use crate::terminal::TerminalError;

/// Why nothing is presented, or the presentation did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// Not a link to a request.
    #[error("this is not a request for a presentation")]
    Link(#[from] LinkError),
    /// The request object is no text.
    #[error("the request object cannot be read")]
    Encoding,
    /// The request is not authentic, or not acceptable.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The registration of a verifier cannot be used.
    #[error("the registration of a company cannot be used")]
    Registration(#[from] X5cError),
    /// The designation offer cannot be used.
    #[error("the request does not fit the network")]
    Offer(#[from] DesignationOfferError),
    /// The request has no registered purpose.
    #[error("the company asks without a purpose that it is registered for")]
    NoPurpose,
    /// A My Number is asked for.
    #[error("the company asks for your My Number with a KYC credential, which nobody may")]
    MyNumber,
    /// Claims beyond the registered purpose are asked for.
    #[error("the company asks for more than its purpose allows: {}", .0.join("; "))]
    BeyondPurpose(Vec<String>),
    /// The declaration in the request is not the one that the user made.
    #[error("the company's request contains another declaration than yours")]
    OtherDeclaration,
    /// More than one credential is asked for.
    #[error("the company asks for several credentials")]
    SeveralCredentials,
    /// No instance is left.
    #[error("no one-time instance of your credential is left")]
    NoInstance,
    /// The instances are not anchored yet.
    #[error("your credential is not anchored on the registry yet")]
    NotAnchored,
    /// Nothing in the wallet answers the query.
    #[error("nothing in the wallet answers the request")]
    NoMatch,
    /// The user said no.
    #[error("nothing was given, as you wished")]
    Declined,
    /// The request was answered before.
    #[error("this request was answered before")]
    Answered,
    /// The company uses an encryption key a second time.
    #[error("the company uses the key of an earlier request again")]
    KeyReused,
    /// A stored presentation cannot be read.
    #[error("an interrupted presentation cannot be continued")]
    Stored,
    /// The presentation cannot be made.
    #[error("the presentation cannot be made")]
    Presentation(#[from] CredentialPresentError),
    /// The company's answer makes no sense.
    #[error("the company's answer cannot be read")]
    Answer,
    /// The registry did not take the designation. No data has left the wallet.
    #[error("the registry did not record the designation; no data was given")]
    Registry(#[from] RegistryError),
    /// A stored instance cannot be used.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The anchors cannot be fetched.
    #[error(transparent)]
    Anchors(#[from] Box<ReceiveError>),
    /// Nobody can answer.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A party is unknown.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The company does not answer or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for PresentError {
    fn advice(&self) -> String {
        match self {
            Self::Link(_) => "copy the whole link from the company's page".into(),
            Self::Encoding | Self::Request(_) | Self::Offer(_) | Self::KeyReused => {
                "do not go on; start again on the company's own page, and tell the company if it happens again".into()
            }
            Self::Registration(_) => "tell the consortium; its genesis file is faulty".into(),
            Self::NoPurpose | Self::MyNumber | Self::BeyondPurpose(_) => {
                "nothing was given; tell the consortium about this company".into()
            }
            Self::OtherDeclaration => "nothing was given; start the application again".into(),
            Self::SeveralCredentials => "this wallet gives one credential at a time; tell the company".into(),
            Self::NoInstance => "ask the consortium for new instances".into(),
            Self::NotAnchored => "wait a minute and run the command again".into(),
            Self::NoMatch => "`tegata show` prints what your credential says".into(),
            Self::Declined => "run the command again if you change your mind".into(),
            Self::Answered => "`tegata accounts` shows what came of it".into(),
            Self::Stored | Self::Presentation(_) => "start again on the company's page".into(),
            Self::Answer => "`tegata history` shows what was given; ask the company".into(),
            Self::Registry(error) => error.advice(),
            Self::Instance(_) => "ask the consortium for a new credential".into(),
            Self::Anchors(error) => error.advice(),
            Self::Terminal(error) => error.advice(),
            Self::Network(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Terminal(error) => error.kind(),
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Anchors(error) => error.kind(),
            Self::Link(_)
            | Self::Encoding
            | Self::Request(_)
            | Self::Registration(_)
            | Self::Offer(_)
            | Self::NoPurpose
            | Self::MyNumber
            | Self::BeyondPurpose(_)
            | Self::OtherDeclaration
            | Self::SeveralCredentials
            | Self::NoInstance
            | Self::NotAnchored
            | Self::NoMatch
            | Self::Declined
            | Self::Answered
            | Self::KeyReused
            | Self::Stored
            | Self::Presentation(_)
            | Self::Answer
            | Self::Registry(_)
            | Self::Instance(_)
            | Self::Http(_) => FailureKind::Refused,
        }
    }
}
