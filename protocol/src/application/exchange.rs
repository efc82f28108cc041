//! The messages around a presentation: how an application starts, what the wallet is told when it arrived, and how it
//! stands later (`specs/verifier-api.md`).

use serde::{Deserialize, Serialize};
use url::Url;

use super::account::{AccountType, Country};
use super::outcome::OutcomeOpening;
use crate::json::{self, JsonError, Limits};
use crate::registry::ApplicationId;

/// Bytes of one of these messages.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Starts an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The account that is applied for.
    pub account_type: AccountType,
    /// The tax residences to declare.
    pub tax_residences: Vec<Country>,
    /// A registered purpose.
    pub purpose: String,
}

/// A started application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartAnswer {
    /// The link to give to a wallet, as text or QR code.
    pub request: String,
    /// Where the page that started it asks how it stands.
    pub result_url: Url,
}

/// The answer to a response that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseAnswer {
    /// Where the wallet sends the user's browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// For wallets of ours: the holder's access to the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tegata: Option<ApplicationAccess>,
}

/// A holder's access to an application.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationAccess {
    /// The application that the holder designated.
    pub application: ApplicationId,
    /// Where it is asked for.
    pub status_url: Url,
    /// The bearer token to ask with.
    pub token: String,
}

impl std::fmt::Debug for ApplicationAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApplicationAccess({})", self.application)
    }
}

/// How an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationState {
    /// It arrived and was verified.
    Received,
    /// The account is open.
    Opened,
    /// The company opens no account.
    Declined,
}

/// The answer to a holder who asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicationStatus {
    /// How the application stands.
    pub state: ApplicationState,
    /// What opens the outcomes on the registry, in order.
    pub openings: Vec<OutcomeOpening>,
}

impl StartAnswer {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        json::parse_as(body, &Limits::DEFAULT.with_bytes(MESSAGE_BYTES_MAX))
    }
}

impl ResponseAnswer {
    /// Reads a body; other members are ignored, as the specification asks.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        json::parse_as(body, &Limits::DEFAULT.with_bytes(MESSAGE_BYTES_MAX))
    }
}

impl ApplicationStatus {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        json::parse_as(body, &Limits::DEFAULT.with_bytes(MESSAGE_BYTES_MAX))
    }
}
