//! The registry as this service uses it: trusted parties kept at hand, cases read, outcomes submitted.

mod outbox;

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use protocol::Timestamp;
use protocol::registry::checkpoint::Committees;
use protocol::registry::receipt::VerifiedEntry;
use protocol::registry::record::Record;
use protocol::registry::{CaseId, ContentDigest, Genesis, TrustedParties};
use registry_client::{Options, ReadError, RegistryClient, Relayed, SubmitError};
use vault::{Kind, Vault};

#[cfg(test)]
pub(crate) use outbox::Queued;
pub(crate) use outbox::{
    Outbox, OutcomeStanding, Round, queue, queued, refused, standing, submit_queued,
};

use crate::store::{self, StoreError};

const MEMORY: Kind = Kind::ordinary("registry-memory");
const LATEST: &str = "latest";

/// A client of the registry with what it learnt last.
pub(crate) struct Registry {
    client: RegistryClient,
    genesis: Arc<Genesis>,
    trusted: RwLock<Option<Arc<TrustedParties>>>,
}

impl Registry {
    /// A client that accepts no older ledger than the one that the vault remembers.
    pub(crate) fn open(
        genesis: &Arc<Genesis>,
        options: &Options,
        vault: &Vault,
    ) -> anyhow::Result<Self> {
        let client =
            RegistryClient::new(Arc::clone(genesis), options).context("reaching the registry")?;
        if let Some(memory) = store::read::<String>(vault, MEMORY, LATEST)? {
            client
                .recall(&memory.value)
                .context("recalling what was seen last")?;
        }
        Ok(Self {
            client,
            genesis: Arc::clone(genesis),
            trusted: RwLock::new(None),
        })
    }

    /// Who was to be trusted at the last look.
    pub(crate) fn trusted(&self) -> Option<Arc<TrustedParties>> {
        self.trusted
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Looks who is to be trusted now.
    pub(crate) async fn refresh(&self, now: Timestamp) -> Result<Arc<TrustedParties>, ReadError> {
        Ok(self.adopt(self.client.trusted_parties(now).await?))
    }

    /// Trusts these parties from now on; they were checked against a checkpoint.
    pub(crate) fn adopt(&self, parties: TrustedParties) -> Arc<TrustedParties> {
        let parties = Arc::new(parties);
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&parties));
        parties
    }

    /// Whose signatures count, as far as this service has followed the registry.
    pub(crate) fn committees(&self) -> Arc<Committees> {
        self.client.committees()
    }

    /// Keeps what was seen for the next start.
    pub(crate) fn keep_memory(&self, vault: &Vault) -> Result<(), StoreError> {
        match self.client.memory() {
            Some(memory) => store::put(vault, MEMORY, LATEST, &memory),
            None => Ok(()),
        }
    }

    /// The events of a case, each with its proof checked. The company's own node is asked: whoever else is asked learns which
    /// case the company looks at. If it does not answer others are, but no issuer's, which knows whose case it is.
    pub(crate) async fn case(
        &self,
        case: &CaseId,
        own_member: &str,
    ) -> Result<Vec<VerifiedEntry>, ReadError> {
        match self.client.case_at(case, own_member).await {
            Err(ReadError::Unavailable(_)) => {}
            answered => return answered,
        }
        let issuers = self.genesis.parties().issuers();
        let avoid: Vec<&str> = issuers
            .iter()
            .map(|issuer| issuer.member.as_str())
            .collect();
        self.client.case(case, &avoid).await
    }

    /// The status list token of a digest on the ledger.
    pub(crate) async fn status_list(&self, digest: &ContentDigest) -> Result<String, ReadError> {
        self.client.status_list(digest).await
    }

    /// Hands an outcome to the own node, which brings it onto the ledger through others.
    pub(crate) async fn relay(
        &self,
        record: &Record,
        own_member: &str,
    ) -> Result<Relayed, SubmitError> {
        self.client.relay(record, own_member).await
    }
}
