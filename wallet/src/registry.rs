//! The registry as the wallet uses it: it records designations, and reads what companies recorded.
//!
//! Every answer is verified against the members that the wallet has followed from the genesis file on; the checkpoint that was seen
//! last stays in the vault with them, so that nobody can show the registry as it was before.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::registry::checkpoint::Committees;
use protocol::registry::receipt::VerifiedEntry;
use protocol::registry::record::{Body, Record};
use protocol::registry::{ApplicationId, Issuer};
use registry_client::{
    ClientError, MemoryError, Options, Reach, ReadError, Receipt, RegistryClient, SubmitError,
};
use vault::{Changes, Kind};

use crate::failure::Advise;
use crate::network::{Network, Setting};
use crate::session::{Session, SessionError};

const MEMORY: Kind = Kind::ordinary("registry-memory");
const LATEST: &str = "latest";
const SCHEMA: u32 = 1;

/// Why the registry could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no client.
    #[error("the registry cannot be reached")]
    Client(#[from] ClientError),
    /// What the vault remembers is not of this network.
    #[error("what the wallet remembers of the registry is not of this network")]
    Memory(#[from] MemoryError),
    /// The record was not recorded.
    #[error("the registry did not take the record")]
    Submit(#[from] SubmitError),
    /// Nothing was read.
    #[error("the registry cannot be read")]
    Read(#[from] ReadError),
    /// The members have retired the issuer, or never registered it.
    #[error("the issuer issues no more")]
    Retired,
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl RegistryError {
    /// Whether submitting the same record again is of no use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Submit(SubmitError::Refused(_)))
    }
}

impl Advise for RegistryError {
    fn advice(&self) -> String {
        match self {
            Self::Client(_) => "get the genesis file again from the consortium".into(),
            Self::Memory(_) => "restore the wallet from a backup".into(),
            Self::Submit(SubmitError::Refused(_)) => {
                "run the command again: it takes another one-time instance".into()
            }
            Self::Submit(_) => {
                "check your connection and run the command again: it goes on where it was".into()
            }
            Self::Read(ReadError::Fork { .. }) => {
                "the members have signed two different ledgers: keep this wallet and tell everybody"
                    .into()
            }
            Self::Read(_) => "check your connection and run the command again".into(),
            Self::Retired => {
                "choose another issuer; the credentials that you have stay valid until they expire"
                    .into()
            }
            Self::Session(error) => error.advice(),
        }
    }
}

/// The registry of the trusted network.
pub(crate) struct Registry {
    client: RegistryClient,
}

impl Registry {
    pub(crate) fn open(session: &Session, network: &Network) -> Result<Self, RegistryError> {
        let options = Options {
            reach: match network.setting() {
                Setting::Production => Reach::HttpsOnly,
                Setting::Development => Reach::DevelopmentLoopbackHttp,
            },
            certificates: Vec::new(),
        };
        let client = RegistryClient::new(Arc::new(network.genesis().clone()), &options)?;
        let seen = session
            .vault
            .get(MEMORY, LATEST)
            .map_err(SessionError::Read)?;
        if let Some(seen) = seen {
            client.recall(&String::from_utf8_lossy(seen.body()))?;
        }
        Ok(Self { client })
    }

    /// Records something through a node that is drawn from all members', whoever is concerned: if any were left out, the one
    /// that took the record would show who is not meant.
    pub(crate) async fn submit(&self, record: &Record) -> Result<Receipt, RegistryError> {
        Ok(self.client.submit(record, &[]).await?)
    }

    /// The outcomes of an application, in order.
    pub(crate) async fn outcomes(
        &self,
        application: ApplicationId,
    ) -> Result<Vec<VerifiedEntry>, RegistryError> {
        let mut entries = self.client.application(&application).await?;
        entries.retain(|entry| matches!(entry.record().body(), Body::Outcome(_)));
        Ok(entries)
    }

    /// Whose signatures count, as far as the wallet has followed the registry.
    pub(crate) fn committees(&self) -> Arc<Committees> {
        self.client.committees()
    }

    /// Looks who takes part now.
    pub(crate) async fn refresh(&self, now: Timestamp) -> Result<(), RegistryError> {
        self.client.trusted_parties(now).await?;
        Ok(())
    }

    /// An issuer as it is registered now, if it still issues. Nobody is told which one is meant: the document names all.
    pub(crate) async fn active_issuer(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Issuer, RegistryError> {
        let trusted = self.client.trusted_parties(now).await?;
        let registered = trusted.parties().issuer(id);
        let active = registered.filter(|issuer| !issuer.retired);
        active.cloned().ok_or(RegistryError::Retired)
    }

    /// Keeps what was seen with what a transaction writes.
    pub(crate) fn remember(&self, changes: Changes) -> Changes {
        match self.client.memory() {
            Some(memory) => changes.put(MEMORY, LATEST, SCHEMA, memory.as_bytes()),
            None => changes,
        }
    }
}
