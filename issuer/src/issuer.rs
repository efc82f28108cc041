//! The issuer: its keys, its stores, and what all of its features share.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context;
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{Genesis, ProcessDefinition, record::Record},
};
use rand_core::CryptoRng;
use service::staff::Sessions;
use vault::{Changes, KeyFile, Unlock, Vault};

use crate::{
    anchor::Anchors,
    case,
    config::Config,
    evidence::EvidenceFiles,
    issuance::CredentialKeys,
    registry::{Author, Lane, Outbox, WaitError},
    secret::ServiceSecret,
    staff::{Reviewer, ReviewersKey},
    store::{self, Committed, StoreError},
};

/// How long a request of the staff waits for the registry before it is answered with 503. What was decided stays so.
const STAFF_PATIENCE: Duration = Duration::from_secs(20);
/// How long a request of a wallet waits for the registry: wallets give up after five seconds.
const WALLET_PATIENCE: Duration = Duration::from_secs(3);

/// An issuer with its stores open.
pub struct Issuer {
    pub(crate) config: Config,
    pub(crate) genesis: Genesis,
    pub(crate) vault: Vault,
    pub(crate) secret: ServiceSecret,
    pub(crate) evidence: EvidenceFiles,
    pub(crate) author: Author,
    pub(crate) credential_keys: CredentialKeys,
    pub(crate) reviewers: ReviewersKey,
    pub(crate) sessions: Sessions<Reviewer>,
    pub(crate) outbox: Outbox,
    pub(crate) anchors: Anchors,
    definition: RwLock<Arc<ProcessDefinition>>,
}

impl Issuer {
    /// Opens keys and stores, and takes up what a crash interrupted.
    pub fn open(config: Config, now: Timestamp, rng: &mut impl CryptoRng) -> anyhow::Result<Self> {
        let genesis =
            std::fs::read(&config.registry.genesis).context("reading the genesis file")?;
        let genesis = Genesis::parse(&genesis).context("reading the genesis file")?;
        let key = KeyFile::load(config.vault_key.path()).context("reading the vault's key file")?;
        let vault = Vault::open(&config.data.join("vault"), &Unlock::KeyFile(&key))
            .context("opening the vault")?;
        let secret = ServiceSecret::load(&vault, rng).context("reading the service's secret")?;
        let evidence =
            EvidenceFiles::open(config.data.join("evidence")).context("opening the evidence")?;
        let known: HashSet<_> = case::load_all(&vault)?
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        evidence
            .remove_strays(|case| known.contains(&case))
            .context("clearing the evidence folder")?;
        let author = Author {
            network: genesis.network(),
            key: read_key(&config.record_key).context("reading the record key")?,
        };
        let credential_keys =
            CredentialKeys::load(&config, &genesis, now).context("reading the credential keys")?;
        let reviewers = ReviewersKey::load(&config.staff).context("reading the reviewers' key")?;
        let definition = Arc::new(genesis.parties().process_definition_at(0).clone());
        let issuer = Self {
            anchors: Anchors::load(&vault)?,
            config,
            genesis,
            vault,
            secret,
            evidence,
            author,
            credential_keys,
            reviewers,
            sessions: Sessions::default(),
            outbox: Outbox::new(),
            definition: RwLock::new(definition),
        };
        issuer.check_registration()?;
        crate::closing::resume(&issuer, now).context("taking up what was being closed")?;
        Ok(issuer)
    }

    /// The process definition by which the registry orders case events now.
    pub(crate) fn definition(&self) -> Arc<ProcessDefinition> {
        Arc::clone(
            &self
                .definition
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Takes over the definition that a checkpoint made active.
    pub(crate) fn activate(&self, definition: ProcessDefinition) {
        let mut active = self
            .definition
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if active.version != definition.version {
            tracing::info!(version = definition.version, "process definition active");
            *active = Arc::new(definition);
        }
    }

    /// Commits, and announces what was queued for the registry.
    pub(crate) fn commit(&self, changes: &Changes) -> Result<Committed, StoreError> {
        let committed = store::commit(&self.vault, changes)?;
        if committed == Committed::Yes {
            self.outbox.announce();
        }
        Ok(committed)
    }

    /// Queues a case's record in the changes that make it true.
    pub(crate) fn queue(
        &self,
        changes: Changes,
        lane: Lane,
        sequence: u64,
        record: &Record,
    ) -> Result<Changes, StoreError> {
        crate::registry::queue(changes, lane, sequence, record)
    }

    /// Waits until the registry has confirmed everything that was queued in a lane.
    pub(crate) async fn confirmed(&self, lane: Lane) -> Result<(), WaitError> {
        self.outbox.wait(&self.vault, lane, STAFF_PATIENCE).await
    }

    /// Waits as long as a wallet does.
    pub(crate) async fn confirmed_soon(&self, lane: Lane) -> Result<(), WaitError> {
        self.outbox.wait(&self.vault, lane, WALLET_PATIENCE).await
    }

    fn check_registration(&self) -> anyhow::Result<()> {
        let id = self.config.id.as_str();
        let entry = self
            .genesis
            .parties()
            .issuer(id)
            .context("the genesis file does not name this issuer")?;
        let record_key = self.author.key.public_key().to_bytes();
        anyhow::ensure!(
            record_key.as_slice() == entry.record_key.as_bytes(),
            "the record key is not the one in the genesis file"
        );
        anyhow::ensure!(
            self.reviewers.public_key() == *entry.application_key.as_bytes(),
            "the reviewers' key is not the one in the genesis file"
        );
        Ok(())
    }
}

/// Reads a PKCS #8 PEM file.
pub(crate) fn read_key(path: &service::config::SecretPath) -> anyhow::Result<SigningKey> {
    let pem = path.read()?;
    let pem = std::str::from_utf8(&pem).context("a key file is not PEM")?;
    SigningKey::from_pkcs8_pem(pem).context("a key file holds no usable key")
}
