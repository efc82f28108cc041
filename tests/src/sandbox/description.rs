//! `sandbox.json`: what scripts and other implementations need to use a sandbox that is up.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::Http;
use super::staff::Staff;
use super::{Organisation, Sandbox, Service};

const FILE: &str = "sandbox.json";
const FORMAT: &str = "sandbox/1";

/// A sandbox that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Format of this file.
    pub tegata: String,
    /// The process that keeps it up.
    pub process: u32,
    /// The file that the network starts from.
    pub genesis: PathBuf,
    /// Certificates of both authorities, PEM.
    pub ca_file: PathBuf,
    /// The issuer.
    pub issuer: Party,
    /// Companies by their letters.
    pub companies: Vec<Party>,
    /// Registry nodes.
    pub nodes: Vec<Node>,
    /// Wallets made by the demo.
    pub wallets: Vec<WalletEntry>,
}

/// A service with staff.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Party {
    /// What it is called on command lines.
    pub short: String,
    /// Its name for people.
    pub name: String,
    /// Its identifier: the credential issuer, or the URI in the verifier's certificate.
    pub id: String,
    /// Where it answers.
    pub url: Url,
    /// Configuration, keys and data.
    pub folder: PathBuf,
    /// Who can log in.
    pub staff: Login,
}

/// Somebody's name and passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// Name.
    pub name: String,
    /// Passphrase.
    pub passphrase: String,
}

/// A registry node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// The member that runs it.
    pub member: String,
    /// Where it answers.
    pub url: Url,
    /// Configuration, keys and data.
    pub folder: PathBuf,
}

/// A wallet of a synthetic person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WalletEntry {
    /// The person.
    pub person: String,
    /// The wallet's folder.
    pub folder: PathBuf,
    /// The wallet's passphrase.
    pub passphrase: String,
}

impl Description {
    /// Describes a sandbox that runs in this process.
    pub fn of(sandbox: &Sandbox, wallets: &[super::Wallet]) -> anyhow::Result<Self> {
        let issuer_id = sandbox.issuer.url.as_str().trim_end_matches('/').to_owned();
        let company =
            |service: &Service| party(sandbox, service, service.organisation.verifier_id());
        Ok(Self {
            tegata: FORMAT.to_owned(),
            process: std::process::id(),
            genesis: sandbox.genesis.clone(),
            ca_file: sandbox.authorities.clone(),
            issuer: party(sandbox, &sandbox.issuer, issuer_id)?,
            companies: sandbox
                .companies
                .iter()
                .map(company)
                .collect::<anyhow::Result<_>>()?,
            nodes: sandbox.nodes.iter().map(node).collect(),
            wallets: wallets.iter().map(wallet_entry).collect(),
        })
    }

    /// Writes `sandbox.json`, readable by its owner alone.
    pub fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join(FILE);
        super::setup::write_private(path, &serde_json::to_string_pretty(self)?)
    }

    /// Reads the `sandbox.json` of a folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "no sandbox in {}; start one: cargo demo -- --stay --dir {0}",
                folder.display()
            )
        })?;
        let description: Self =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            description.tegata == FORMAT,
            "{} is of another version",
            path.display()
        );
        Ok(description)
    }

    /// Removes `sandbox.json`: nobody should look for services that are gone.
    pub fn remove(folder: &Path) -> anyhow::Result<()> {
        std::fs::remove_file(folder.join(FILE)).context("removing sandbox.json")
    }

    /// Whether a folder holds a sandbox, up or not.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Whether the process that keeps the sandbox up still runs.
    pub fn is_up(&self) -> bool {
        Path::new("/proc").join(self.process.to_string()).exists()
    }

    /// A company by its letter.
    pub fn company(&self, short: &str) -> anyhow::Result<&Party> {
        let known = self
            .companies
            .iter()
            .map(|company| company.short.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let found = self
            .companies
            .iter()
            .find(|company| company.short.eq_ignore_ascii_case(short));
        found.with_context(|| format!("no company {short}; there are: {known}"))
    }
}

impl Party {
    /// Logs its member of staff in.
    pub async fn log_in(&self, http: &Http) -> anyhow::Result<Staff> {
        Staff::log_in(http, &self.url, &self.staff.name, &self.staff.passphrase).await
    }
}

fn party(sandbox: &Sandbox, service: &Service, id: String) -> anyhow::Result<Party> {
    let Organisation {
        short, name, staff, ..
    } = service.organisation;
    let passphrase = sandbox.staff_passphrase(service.organisation)?;
    Ok(Party {
        short: short.to_owned(),
        name: name.to_owned(),
        id,
        url: service.url.clone(),
        folder: service.folder.clone(),
        staff: Login {
            name: staff.to_owned(),
            passphrase,
        },
    })
}

fn node(service: &Service) -> Node {
    Node {
        member: service.organisation.member.to_owned(),
        url: service.url.clone(),
        folder: service.folder.clone(),
    }
}

fn wallet_entry(wallet: &super::Wallet) -> WalletEntry {
    WalletEntry {
        person: wallet.person.full_name(),
        folder: wallet.folder.clone(),
        passphrase: wallet.passphrase.clone(),
    }
}
