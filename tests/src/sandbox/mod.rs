//! A consortium on one machine.

pub mod applicant;
mod authority;
pub mod command;
pub mod folder;
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
mod site;
pub mod staff;
mod wallet;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};

pub use authority::{Authority, Leaf};
pub use person::{Name, Person};
pub use plan::{
    COMPANIES, COMPANY_A, COMPANY_B, COMPANY_C, CONSORTIUM, MEMBERS, NOTARIES, Organisation,
    TrustModel,
};
pub use ports::Ports;
pub use process::Process;
pub use programs::Programs;
pub use secret::Secret;
pub use service::Service;
pub use site::{Login, Node, Party, Site, WalletEntry};
pub use wallet::Wallet;

use http::{Http, below};

const HEALTH_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Registry nodes, the issuer and two companies. They end when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// Addresses, folders, log-ins.
    pub site: Site,
    /// The registry nodes: the consortium's, A's, B's, C's, those of notaries.
    pub nodes: Vec<Service>,
    /// The issuer.
    pub issuer: Service,
    /// A and B.
    pub companies: Vec<Service>,
    /// A client for all of them.
    pub http: Http,
}

impl Sandbox {
    /// Sets everything up in an empty folder and starts it.
    pub async fn start(folder: &Path, programs: &Programs) -> anyhow::Result<Self> {
        Self::start_as(folder, programs, TrustModel::default()).await
    }

    /// As [`Sandbox::start`], with these voters.
    pub async fn start_as(
        folder: &Path,
        programs: &Programs,
        model: TrustModel,
    ) -> anyhow::Result<Self> {
        let mut sandbox = Self::set_up_as(folder, programs, model).await?;
        sandbox.start_nodes().await?;
        sandbox.start_roles().await?;
        Ok(sandbox)
    }

    /// Makes keys, certificates, configurations and the genesis file, and starts nothing.
    pub async fn set_up(folder: &Path, programs: &Programs) -> anyhow::Result<Self> {
        Self::set_up_as(folder, programs, TrustModel::default()).await
    }

    async fn set_up_as(
        folder: &Path,
        programs: &Programs,
        model: TrustModel,
    ) -> anyhow::Result<Self> {
        let plan = setup::set_up(folder, programs, model, ::service::clock::now())
            .await
            .context("setting the sandbox up")?;
        Ok(Self {
            site: Site::of(&plan, folder)?,
            nodes: plan.nodes,
            issuer: plan.issuer,
            companies: plan.companies,
            http: Http::new()?,
        })
    }

    /// Starts the nodes and waits until each can serve.
    pub async fn start_nodes(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.launch()?;
        }
        for index in 0..self.nodes.len() {
            self.wait_for_node(index).await?;
        }
        Ok(())
    }

    /// Waits until a node can serve readers.
    pub async fn wait_for_node(&mut self, index: usize) -> anyhow::Result<()> {
        let node = self.nodes.get_mut(index).context("no such node")?;
        node.wait_until_it_listens().await?;
        let checkpoint = below(&node.url, "checkpoint")?;
        let deadline = Instant::now() + HEALTH_PATIENCE;
        while !self
            .http
            .get(&checkpoint)
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

    /// Asks everyone to stop and waits for it: the roles first, then the nodes.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let roles = self.companies.iter_mut().chain([&mut self.issuer]);
        for service in roles.chain(&mut self.nodes) {
            service.stop().await?;
        }
        Ok(())
    }
}
