//! A sandbox as its users see it: addresses, folders, log-ins. `sandbox.json` is this, for scripts and other
//! implementations.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use protocol::identity::SigningKey;
use protocol::registry::Genesis;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::Http;
use super::setup::{Plan, write_private};
use super::staff::Staff;
use super::{Person, Programs, Service, Wallet};

const FILE: &str = "sandbox.json";
const FORMAT: &str = "sandbox/1";
const WALLET_PASSPHRASE: &str = "一期一会 for one wallet";

/// A sandbox that is up, or about to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Format of this description.
    pub tegata: String,
    /// The process that keeps it up.
    pub process: u32,
    /// Where everything is.
    pub folder: PathBuf,
    /// The file that the network starts from.
    pub genesis: PathBuf,
    /// Certificates of both authorities, PEM.
    pub ca_file: PathBuf,
    /// The issuer.
    pub issuer: Party,
    /// Companies by their letters.
    pub companies: Vec<Party>,
    /// Registry nodes: the consortium's first.
    pub nodes: Vec<Node>,
    /// Wallets that exist.
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

impl Site {
    /// Describes what was set up by this process.
    pub(super) fn of(plan: &Plan, folder: &Path) -> anyhow::Result<Self> {
        let issuer_id = plan.issuer.url.as_str().trim_end_matches('/').to_owned();
        let company = |service: &Service| party(plan, service, service.organisation.verifier_id());
        Ok(Self {
            tegata: FORMAT.to_owned(),
            process: std::process::id(),
            folder: folder.to_owned(),
            genesis: plan.genesis.clone(),
            ca_file: plan.authorities.clone(),
            issuer: party(plan, &plan.issuer, issuer_id)?,
            companies: plan
                .companies
                .iter()
                .map(company)
                .collect::<anyhow::Result<_>>()?,
            nodes: plan.nodes.iter().map(node).collect(),
            wallets: Vec::new(),
        })
    }

    /// Writes `sandbox.json`, readable by its owner alone: it says that the sandbox is up.
    pub fn announce(&self) -> anyhow::Result<PathBuf> {
        write_private(self.folder.join(FILE), &serde_json::to_string_pretty(self)?)
    }

    /// Removes `sandbox.json`: nobody should look for services that are gone.
    pub fn withdraw(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.folder.join(FILE)).context("removing sandbox.json")
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
        let site: Self =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            site.tegata == FORMAT,
            "{} is of another version",
            path.display()
        );
        Ok(site)
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

    /// A node that is neither the issuer's nor that of a company with accounts.
    pub fn neutral_node(&self) -> anyhow::Result<&Node> {
        self.nodes.last().context("a sandbox has nodes")
    }

    /// The genesis file, read.
    pub fn read_genesis(&self) -> anyhow::Result<Genesis> {
        let bytes = std::fs::read(&self.genesis).context("reading the genesis file")?;
        Ok(Genesis::parse(&bytes)?)
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
    pub fn wallet(&self, programs: &Programs, person: Person) -> Wallet {
        Wallet::new(
            programs,
            self.wallet_folder(&person),
            person,
            WALLET_PASSPHRASE,
        )
    }

    /// Where a person's wallet is.
    pub fn wallet_folder(&self, person: &Person) -> PathBuf {
        let name = person.full_name_latin().to_lowercase().replace(' ', "-");
        self.folder.join("wallets").join(name)
    }
}

impl Party {
    /// Logs its member of staff in.
    pub async fn log_in(&self, http: &Http) -> anyhow::Result<Staff> {
        Staff::log_in(http, &self.url, &self.staff.name, &self.staff.passphrase).await
    }
}

impl WalletEntry {
    /// Describes a wallet.
    pub fn of(wallet: &Wallet) -> Self {
        Self {
            person: wallet.person.full_name(),
            folder: wallet.folder.clone(),
            passphrase: wallet.passphrase.clone(),
        }
    }
}

fn party(plan: &Plan, service: &Service, id: String) -> anyhow::Result<Party> {
    let organisation = service.organisation;
    let passphrase = std::fs::read_to_string(plan.passphrases.join(organisation.short));
    Ok(Party {
        short: organisation.short.to_owned(),
        name: organisation.name.to_owned(),
        id,
        url: service.url.clone(),
        folder: service.folder.clone(),
        staff: Login {
            name: organisation.staff.to_owned(),
            passphrase: passphrase.context("reading a staff passphrase")?,
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
