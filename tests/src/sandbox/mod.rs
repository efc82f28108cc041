//! A consortium on one machine.

pub mod applicant;
mod authority;
pub mod command;
mod description;
pub mod http;
mod licence;
mod person;
mod plan;
mod ports;
mod process;
mod programs;
mod secret;
mod service;
mod setup;
pub mod staff;
mod wallet;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use protocol::identity::SigningKey;
use tokio::time::{Instant, sleep};

pub use authority::{Authority, Leaf};
pub use description::{Description, Login, Node, Party, WalletEntry};
pub use person::{Name, Person};
pub use plan::{COMPANIES, COMPANY_A, COMPANY_B, COMPANY_C, CONSORTIUM, MEMBERS, Organisation};
pub use ports::Ports;
pub use process::Process;
pub use programs::Programs;
pub use secret::Secret;
pub use service::Service;
pub use wallet::Wallet;

use http::{Http, below};
use staff::Staff;

const HEALTH_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Where a sandbox that stays up is, unless another folder is named: `target/sandbox`.
pub fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sandbox")
}

/// Four registry nodes, the issuer and two companies. They end when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// Where everything is.
    pub folder: PathBuf,
    /// The file that a network starts from.
    pub genesis: PathBuf,
    /// The certificates of both authorities, PEM.
    pub authorities: PathBuf,
    /// The registry nodes: the consortium's, A's, B's, C's.
    pub nodes: Vec<Service>,
    /// The issuer.
    pub issuer: Service,
    /// A and B.
    pub companies: Vec<Service>,
    /// The programs.
    pub programs: Programs,
    /// A client for all of them.
    pub http: Http,
    passphrases: PathBuf,
}

impl Sandbox {
    /// Sets everything up in an empty folder and starts it.
    pub async fn start(folder: &Path, programs: &Programs) -> anyhow::Result<Self> {
        let mut sandbox = Self::set_up(folder, programs).await?;
        sandbox.start_nodes().await?;
        sandbox.start_roles().await?;
        Ok(sandbox)
    }

    /// Makes keys, certificates, configurations and the genesis file, and starts nothing.
    pub async fn set_up(folder: &Path, programs: &Programs) -> anyhow::Result<Self> {
        let plan = setup::set_up(folder, programs, ::service::clock::now())
            .await
            .context("setting the sandbox up")?;
        Ok(Self {
            folder: folder.to_owned(),
            genesis: plan.genesis,
            authorities: plan.authorities,
            nodes: plan.nodes,
            issuer: plan.issuer,
            companies: plan.companies,
            programs: programs.clone(),
            http: Http::new()?,
            passphrases: plan.passphrases,
        })
    }

    /// Starts the four nodes and waits until each can serve.
    pub async fn start_nodes(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.launch()?;
        }
        for index in 0..self.nodes.len() {
            self.wait_for_node(index).await?;
        }
        Ok(())
    }

    /// Waits until a node answers that it is well.
    pub async fn wait_for_node(&mut self, index: usize) -> anyhow::Result<()> {
        let node = self.nodes.get_mut(index).context("no such node")?;
        node.wait_until_it_listens().await?;
        let health = below(&node.url, "healthz")?;
        let deadline = Instant::now() + HEALTH_PATIENCE;
        while !self
            .http
            .get(&health)
            .await
            .is_ok_and(|answer| answer.status.is_success())
        {
            node.fail_if_ended()?;
            anyhow::ensure!(
                Instant::now() < deadline,
                "the node of {} is not well",
                node.organisation.short
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Starts the issuer and both companies.
    pub async fn start_roles(&mut self) -> anyhow::Result<()> {
        let mut roles: Vec<_> = std::iter::once(&mut self.issuer)
            .chain(&mut self.companies)
            .collect();
        for role in &mut roles {
            role.launch()?;
        }
        for role in roles {
            role.wait_until_it_listens().await?;
        }
        Ok(())
    }

    /// Starts a node that was killed or stopped, and waits until it is well.
    pub async fn restart_node(&mut self, index: usize) -> anyhow::Result<()> {
        self.nodes
            .get_mut(index)
            .context("no such node")?
            .launch()?;
        self.wait_for_node(index).await
    }

    /// A company by its letter.
    pub fn company(&self, short: &str) -> anyhow::Result<&Service> {
        let known = self
            .companies
            .iter()
            .map(|company| company.organisation.short)
            .collect::<Vec<_>>()
            .join(", ");
        let found = self
            .companies
            .iter()
            .find(|company| company.organisation.short.eq_ignore_ascii_case(short));
        found.with_context(|| format!("no company {short}; there are: {known}"))
    }

    /// The passphrase of an organisation's member of staff.
    pub fn staff_passphrase(&self, organisation: Organisation) -> anyhow::Result<String> {
        std::fs::read_to_string(self.passphrases.join(organisation.short))
            .context("reading a staff passphrase")
    }

    /// Logs a reviewer of the consortium in.
    pub async fn reviewer(&self) -> anyhow::Result<Staff> {
        self.log_in(&self.issuer).await
    }

    /// Logs a company's member of staff in.
    pub async fn clerk(&self, company: &Service) -> anyhow::Result<Staff> {
        self.log_in(company).await
    }

    async fn log_in(&self, service: &Service) -> anyhow::Result<Staff> {
        let passphrase = self.staff_passphrase(service.organisation)?;
        Staff::log_in(
            &self.http,
            &service.url,
            service.organisation.staff,
            &passphrase,
        )
        .await
    }

    /// The key that signs the issuer's records: the sandbox owns all keys.
    pub fn issuer_record_key(&self) -> anyhow::Result<SigningKey> {
        let config: toml::Table =
            std::fs::read_to_string(self.issuer.folder.join("issuer.toml"))?.parse()?;
        let path = config
            .get("record_key")
            .and_then(toml::Value::as_str)
            .context("issuer.toml names no record_key")?;
        let pem = std::fs::read_to_string(self.issuer.folder.join(path))
            .context("reading the record key")?;
        Ok(SigningKey::from_pkcs8_pem(&pem)?)
    }

    /// A wallet for a person, not made yet.
    pub fn wallet(&self, person: Person) -> Wallet {
        let folder = self
            .folder
            .join("wallets")
            .join(person.full_name_latin().to_lowercase().replace(' ', "-"));
        Wallet::new(&self.programs, folder, person, "一期一会 for one wallet")
    }

    /// Asks everyone to stop and waits for it: the roles first, then the nodes.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let roles = self.companies.iter_mut().chain([&mut self.issuer]);
        for service in roles.chain(&mut self.nodes) {
            service.stop().await?;
        }
        Ok(())
    }
}
