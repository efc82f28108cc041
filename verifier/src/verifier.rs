//! The verifier: its keys, its stores, and what all of its features share.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use protocol::Timestamp;
use protocol::presentation::dcql::Query;
use protocol::registry::{Genesis, NetworkId, Verifier as Registration};
use registry_client::{Options, Reach};
use service::config::read_certificates;
use service::staff::{Sessions, Staff};
use url::Url;
use vault::{KeyFile, Unlock, Vault};

use crate::config::{Config, RegistryConfig};
use crate::identity::Signer;
use crate::presentation::query::query;
use crate::registry::{Outbox, Registry};
use crate::staff::SessionTag;
use crate::status::StatusLists;

/// A company's verifier with its stores open.
pub struct Verifier {
    pub(crate) config: Config,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) signer: Signer,
    pub(crate) vault: Vault,
    pub(crate) registry: Registry,
    pub(crate) status: StatusLists,
    pub(crate) staff: Staff,
    pub(crate) sessions: Sessions<SessionTag>,
    pub(crate) outbox: Outbox,
    registration: Registration,
    queries: BTreeMap<String, Query>,
}

impl Verifier {
    /// Opens keys and stores, and checks that the registration allows what the service will ask.
    pub fn open(config: Config, now: Timestamp) -> anyhow::Result<Self> {
        let genesis =
            std::fs::read(&config.registry.genesis).context("reading the genesis file")?;
        let genesis = Arc::new(Genesis::parse(&genesis).context("reading the genesis file")?);
        let registration = genesis.parties().verifier(config.id.as_str());
        let registration = registration
            .context("the genesis file does not name this verifier")?
            .clone();
        anyhow::ensure!(
            registration.url == config.url,
            "the address is not the one in the genesis file"
        );
        let queries = registration
            .purposes
            .iter()
            .map(|purpose| Ok((purpose.id.clone(), query(purpose)?)));
        let queries = queries
            .collect::<anyhow::Result<_>>()
            .context("reading the registered purposes")?;
        let key = KeyFile::load(config.vault_key.path()).context("reading the vault's key file")?;
        let vault = Vault::open(&config.data.join("vault"), &Unlock::KeyFile(&key))
            .context("opening the vault")?;
        let options = options(&config.registry, config.service.development_loopback_http)?;
        Ok(Self {
            signer: Signer::load(&config.signing, &registration, now)?,
            registry: Registry::open(&genesis, &options, &vault)?,
            status: StatusLists::default(),
            staff: Staff::load(&config.staff).context("reading the staff file")?,
            sessions: Sessions::default(),
            outbox: Outbox::default(),
            config,
            genesis,
            vault,
            registration,
            queries,
        })
    }

    /// The network.
    pub(crate) fn network(&self) -> NetworkId {
        self.genesis.network()
    }

    /// The company's registered identifier.
    pub(crate) fn id(&self) -> &str {
        self.registration.id.as_str()
    }

    /// The company's member, whose node takes outcomes and shows cases.
    pub(crate) fn own_member(&self) -> &str {
        &self.registration.member
    }

    /// The query of a registered purpose.
    pub(crate) fn query(&self, purpose: &str) -> Option<&Query> {
        self.queries.get(purpose)
    }

    /// An address of this service.
    pub(crate) fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.config.url.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

fn options(config: &RegistryConfig, development_loopback_http: bool) -> anyhow::Result<Options> {
    let certificates = match &config.authorities {
        Some(path) => read_certificates(path)?
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        None => Vec::new(),
    };
    let reach = if development_loopback_http {
        Reach::DevelopmentLoopbackHttp
    } else {
        Reach::HttpsOnly
    };
    Ok(Options {
        reach,
        certificates,
    })
}

/// Runs work that waits for the disk where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    verifier: &Arc<Verifier>,
    work: impl FnOnce(&Verifier) -> T + Send + 'static,
) -> T {
    let verifier = Arc::clone(verifier);
    match tokio::task::spawn_blocking(move || work(&verifier)).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
