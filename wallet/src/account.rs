//! Applications to companies, as the wallet remembers them.

use protocol::Timestamp;
use protocol::application::{ApplicationAccess, ApplicationState, OutcomeOpening};
use protocol::base64url;
use protocol::registry::ApplicationId;
use serde::{Deserialize, Serialize};
use vault::{Changes, Kind, Vault};

use crate::session::SessionError;

const ACCOUNT: Kind = Kind::ordinary("account");
const SCHEMA: u32 = 1;

/// An application at a company.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) application: ApplicationId,
    /// The company's registered identifier.
    pub(crate) verifier: String,
    pub(crate) purpose: String,
    pub(crate) applied_at: Timestamp,
    /// The key that the company signs outcomes with, for this application alone.
    outcome_key: String,
    /// Where the designation stands on the registry.
    pub(crate) designation: u64,
    pub(crate) access: Option<ApplicationAccess>,
    /// Whether the company is known to have the application.
    #[serde(default)]
    pub(crate) delivery: Delivery,
    pub(crate) last: Option<LastKnown>,
}

/// Whether an application reached its company.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    /// It was sent, and the company's answer is not known.
    Sent,
    /// The company has it.
    #[default]
    Arrived,
}

/// What the company said last, where the registry agreed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastKnown {
    pub(crate) state: ApplicationState,
    pub(crate) openings: Vec<OutcomeOpening>,
    pub(crate) at: Timestamp,
}

impl Account {
    /// One that is about to be sent.
    pub(crate) fn new(
        application: ApplicationId,
        (verifier, purpose): (&str, &str),
        applied_at: Timestamp,
        outcome_key: &[u8; 32],
        designation: u64,
        access: ApplicationAccess,
    ) -> Self {
        Self {
            application,
            verifier: verifier.to_owned(),
            purpose: purpose.to_owned(),
            applied_at,
            outcome_key: base64url::encode(outcome_key),
            designation,
            access: Some(access),
            delivery: Delivery::Sent,
            last: None,
        }
    }

    pub(crate) fn outcome_key(&self) -> Option<[u8; 32]> {
        base64url::decode_array(&self.outcome_key).ok()
    }

    pub(crate) fn put(&self, changes: Changes) -> Result<Changes, SessionError> {
        Ok(changes.put_json(ACCOUNT, &self.application.to_string(), SCHEMA, self)?)
    }

    pub(crate) fn load(
        vault: &Vault,
        application: ApplicationId,
    ) -> Result<Option<Self>, SessionError> {
        Ok(vault.get_json(ACCOUNT, &application.to_string())?)
    }

    /// The company did not take the application.
    pub(crate) fn remove(&self, changes: Changes) -> Changes {
        changes.delete(ACCOUNT, &self.application.to_string())
    }

    /// All of them, the oldest first.
    pub(crate) fn all(vault: &Vault) -> Result<Vec<Self>, SessionError> {
        let mut accounts = Vec::new();
        for (_, record) in vault.records(ACCOUNT)? {
            accounts.push(record.json::<Self>()?);
        }
        accounts.sort_by_key(|account| account.applied_at);
        Ok(accounts)
    }
}
