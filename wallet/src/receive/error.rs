//! Why a credential is not received.

use protocol::credential::{CredentialError, LinkableError};
use protocol::identity::KeyError;
use protocol::issuance::{
    MetadataError, NonceResponseError, OfferError, ResponseError, TokenResponseError,
};

use crate::applications::ApplicationsError;
use crate::failure::{Advise, FailureKind};
use crate::http::HttpError;
use crate::instance::InstanceError;
use crate::network::NetworkError;
use crate::session::SessionError;
use crate::terminal::TerminalError;

/// Why a credential is not received. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The offer cannot be used.
    #[error("the offer is not acceptable")]
    Offer(#[from] OfferError),
    /// The offer has no grant that this wallet knows.
    #[error("the offer cannot be redeemed with a code")]
    Grant,
    /// Nothing in the offer is a KYC credential that this wallet can hold.
    #[error("nothing in the offer is a credential for this wallet")]
    Configuration,
    /// There is nothing to receive.
    #[error("there is nothing to receive")]
    Nothing,
    /// The code from the letter is not one.
    #[error("this is not a code of a letter")]
    TransactionCode,
    /// The issuer does not accept the code.
    #[error("the issuer does not accept the code")]
    Code(#[source] HttpError),
    /// The code was sent, and what came of it is lost.
    #[error("the issuer refuses to go on with an issuance that was interrupted")]
    Interrupted(#[source] HttpError),
    /// The issuer's metadata cannot be used.
    #[error("the issuer's metadata is not acceptable")]
    Metadata(#[from] MetadataError),
    /// The token response cannot be used.
    #[error("the issuer's token response is not acceptable")]
    Token(#[from] TokenResponseError),
    /// The nonce response cannot be used.
    #[error("the issuer's nonce is not acceptable")]
    Nonce(#[from] NonceResponseError),
    /// The credential response cannot be used.
    #[error("the issuer's credential response is not acceptable")]
    Response(#[from] ResponseError),
    /// A credential is not valid.
    #[error("a credential is not valid")]
    Credential(#[from] CredentialError),
    /// A credential is of another type than was offered.
    #[error("a credential is of another type than was offered")]
    OtherType,
    /// A credential is bound to a key that the wallet did not prove, or two to the same key.
    #[error("a credential is bound to another key than was proved for it")]
    OtherKey,
    /// More credentials than keys.
    #[error("there are more credentials than were asked for")]
    TooMany,
    /// A credential says something else of its holder than the application that was checked.
    #[error("a credential says something else than was applied for")]
    OtherClaims,
    /// The instances can be recognised as belonging together.
    #[error("the instances could be linked with each other")]
    Linkable(#[from] LinkableError),
    /// An anchor does not hold.
    #[error("the issuer's anchors do not hold")]
    Anchor(#[from] super::anchors::AnchorError),
    /// The registry cannot be asked who takes part now.
    #[error(transparent)]
    Registry(#[from] crate::registry::RegistryError),
    /// A key of the wallet cannot be read.
    #[error("a key of the wallet cannot be read")]
    Key(#[from] KeyError),
    /// The issuer's registration cannot be used.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The cases cannot be asked about.
    #[error(transparent)]
    Applications(#[from] ApplicationsError),
    /// Nobody can answer.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// A party is unknown.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The issuer does not answer or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for ReceiveError {
    fn advice(&self) -> String {
        match self {
            Self::Offer(_) | Self::Grant | Self::Configuration => {
                "ask the consortium for a new offer".into()
            }
            Self::Nothing => "run `tegata applications` to see how your application stands".into(),
            Self::TransactionCode => "type the code as it stands in the letter".into(),
            Self::Code(_) => "type the code as it stands in the letter; after five wrong ones, or if this command was \
                 interrupted before, ask for a new letter and run `tegata receive`: nothing is checked again"
                .into(),
            Self::Interrupted(_) => "ask the consortium for a new offer and letter".into(),
            Self::Metadata(_)
            | Self::Token(_)
            | Self::Nonce(_)
            | Self::Response(_)
            | Self::Credential(_)
            | Self::OtherType
            | Self::OtherKey
            | Self::TooMany
            | Self::OtherClaims
            | Self::Linkable(_)
            | Self::Anchor(_) => "tell the consortium; nothing of it was kept".into(),
            Self::Key(_) => "update the program; if that does not help, restore a backup".into(),
            Self::Instance(_) => "tell the consortium; its registration is faulty".into(),
            Self::Applications(error) => error.advice(),
            Self::Registry(error) => error.advice(),
            Self::Terminal(error) => error.advice(),
            Self::Network(error) => error.advice(),
            Self::Http(error) => error.advice(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Applications(error) => error.kind(),
            Self::Terminal(error) => error.kind(),
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::Offer(_)
            | Self::Grant
            | Self::Configuration
            | Self::Nothing
            | Self::TransactionCode
            | Self::Code(_)
            | Self::Interrupted(_)
            | Self::Metadata(_)
            | Self::Token(_)
            | Self::Nonce(_)
            | Self::Response(_)
            | Self::Credential(_)
            | Self::OtherType
            | Self::OtherKey
            | Self::TooMany
            | Self::OtherClaims
            | Self::Linkable(_)
            | Self::Anchor(_)
            | Self::Key(_)
            | Self::Registry(_)
            | Self::Instance(_)
            | Self::Http(_) => FailureKind::Refused,
        }
    }
}
