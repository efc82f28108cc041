//! Keys, certificates, configurations and the genesis file, made by the programs' own `setup` commands.

use std::ffi::OsString;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use protocol::Timestamp;
use protocol::identity::Algorithm;
use protocol::identity::x5c::Role;
use serde_json::json;
use url::Url;

use super::command::succeed;
use super::plan::{COMPANIES, CONSORTIUM};
use super::{Authority, Leaf, Organisation, Ports, Programs, Service, TrustModel};

/// Everything that is set up and not started.
pub(super) struct Plan {
    pub(super) genesis: PathBuf,
    pub(super) authorities: PathBuf,
    pub(super) nodes: Vec<Service>,
    pub(super) issuer: Service,
    pub(super) companies: Vec<Service>,
    pub(super) passphrases: PathBuf,
}

/// Where things go.
struct Site<'a> {
    folder: &'a Path,
    programs: &'a Programs,
    ports: Ports,
    now: Timestamp,
}

/// Sets everything up in an empty folder.
pub(super) async fn set_up(
    folder: &Path,
    programs: &Programs,
    model: TrustModel,
    now: Timestamp,
) -> anyhow::Result<Plan> {
    let mut site = Site {
        folder,
        programs,
        ports: Ports::default(),
        now,
    };
    for name in ["keys", "logs", "registry", "staff"] {
        std::fs::create_dir_all(folder.join(name)).with_context(|| format!("making {name}"))?;
    }
    let nodes = site.set_up_nodes(model).await?;
    let issuers = Authority::new("Tegata sandbox: issuers", now)?;
    let verifiers = Authority::new("Tegata sandbox: verifiers", now)?;
    let authorities = folder.join("ca.pem");
    std::fs::write(&authorities, issuers.pem() + &verifiers.pem())?;
    let issuer = site.set_up_issuer(&issuers).await?;
    let mut companies = Vec::new();
    for company in COMPANIES {
        companies.push(site.set_up_company(company, &verifiers).await?);
    }
    let genesis = site.write_genesis(&nodes, &issuer, &companies).await?;
    Ok(Plan {
        genesis,
        authorities,
        nodes,
        issuer,
        companies,
        passphrases: folder.join("staff"),
    })
}

impl Site<'_> {
    async fn set_up_nodes(&mut self, model: TrustModel) -> anyhow::Result<Vec<Service>> {
        let mut nodes = Vec::new();
        for member in model.members() {
            let folder = self.folder.join("registry").join(member.short);
            let url = self.take_url()?;
            let peer_address = format!("127.0.0.1:{}", self.ports.take()?);
            let mut arguments = Arguments::new("setup")
                .with("--dir", &folder)
                .with("--name", member.member)
                .with("--role", member.role)
                .with("--url", url.as_str().trim_end_matches('/'))
                .with("--peer-address", &peer_address)
                .flag("--development-loopback-http");
            if model.votes(&member) {
                arguments = arguments.flag("--validator");
            }
            succeed(&self.programs.registry(), arguments.0).await?;
            nodes.push(self.service(member, url, folder, self.programs.registry(), "node.toml"));
        }
        Ok(nodes)
    }

    async fn set_up_issuer(&mut self, authority: &Authority) -> anyhow::Result<Service> {
        let folder = self.folder.join("issuer");
        let url = self.take_url()?;
        let id = url.as_str().trim_end_matches('/').to_owned();
        let anchor = self.write_key("issuers-ca.pem", &authority.pem())?;
        let mut arguments = Arguments::new("setup")
            .with("--dir", &folder)
            .with("--id", &id)
            .with("--name", CONSORTIUM.name)
            .with("--member", CONSORTIUM.member)
            .with("--trust-anchor", &anchor);
        for (algorithm, flag) in [(Algorithm::Es256, "es256"), (Algorithm::EdDsa, "eddsa")] {
            let leaf = authority.leaf(
                CONSORTIUM.name,
                &id,
                Role::CredentialIssuer,
                algorithm,
                self.now,
            )?;
            let (chain, key) = self.write_leaf(&format!("issuer-{flag}"), &leaf)?;
            arguments = arguments
                .with(&format!("--{flag}-certificates"), &chain)
                .with(&format!("--{flag}-key"), &key);
        }
        arguments = self
            .with_staff(arguments, CONSORTIUM)?
            .flag("--development-loopback-http");
        succeed(&self.programs.issuer(), arguments.0).await?;
        Ok(self.service(
            CONSORTIUM,
            url,
            folder,
            self.programs.issuer(),
            "issuer.toml",
        ))
    }

    async fn set_up_company(
        &mut self,
        company: Organisation,
        authority: &Authority,
    ) -> anyhow::Result<Service> {
        let folder = self.folder.join(format!("company-{}", company.short));
        let url = self.take_url()?;
        let anchor = self.write_key("verifiers-ca.pem", &authority.pem())?;
        let id = company.verifier_id();
        let leaf = authority.leaf(
            company.name,
            &id,
            Role::PresentationVerifier,
            Algorithm::Es256,
            self.now,
        )?;
        let (chain, key) = self.write_leaf(&format!("company-{}", company.short), &leaf)?;
        let arguments = Arguments::new("setup")
            .with("--dir", &folder)
            .with("--id", &id)
            .with("--name", company.name)
            .with("--member", company.member)
            .with("--url", url.as_str().trim_end_matches('/'))
            .with("--trust-anchor", &anchor)
            .with("--certificates", &chain)
            .with("--key", &key);
        let arguments = self
            .with_staff(arguments, company)?
            .flag("--development-loopback-http");
        succeed(&self.programs.verifier(), arguments.0).await?;
        Ok(self.service(
            company,
            url,
            folder,
            self.programs.verifier(),
            "verifier.toml",
        ))
    }

    /// Puts the public entries together and gives everyone the file that names them.
    async fn write_genesis(
        &self,
        nodes: &[Service],
        issuer: &Service,
        companies: &[Service],
    ) -> anyhow::Result<PathBuf> {
        let definitions = self.folder.join("definitions.json");
        std::fs::write(
            &definitions,
            serde_json::to_vec_pretty(&process_definitions())?,
        )?;
        let genesis = self.folder.join("genesis.json");
        let arguments = Arguments::new("genesis")
            .with("--name", "Tegata sandbox")
            .with("--epoch-blocks", "50")
            .with_all(
                "--members",
                nodes.iter().map(|node| node.folder.join("member.json")),
            )
            .with("--issuers", issuer.folder.join("issuer.json"))
            .with_all(
                "--verifiers",
                companies
                    .iter()
                    .map(|company| company.folder.join("verifier.json")),
            )
            .with("--definitions", &definitions)
            .with("--out", &genesis);
        succeed(&self.programs.registry(), arguments.0).await?;
        for service in nodes.iter().chain([issuer]).chain(companies) {
            std::fs::copy(&genesis, service.folder.join("genesis.json"))
                .context("handing out the genesis file")?;
        }
        Ok(genesis)
    }

    fn service(
        &self,
        organisation: Organisation,
        url: Url,
        folder: PathBuf,
        program: PathBuf,
        config: &str,
    ) -> Service {
        Service::new(
            organisation,
            url,
            folder,
            program,
            config,
            &self.folder.join("logs"),
        )
    }

    fn take_url(&mut self) -> anyhow::Result<Url> {
        Ok(Url::parse(&format!(
            "http://127.0.0.1:{}",
            self.ports.take()?
        ))?)
    }

    fn write_leaf(&self, name: &str, leaf: &Leaf) -> anyhow::Result<(PathBuf, PathBuf)> {
        Ok((
            self.write_key(&format!("{name}.pem"), &leaf.chain)?,
            self.write_key(&format!("{name}-key.pem"), &leaf.key)?,
        ))
    }

    fn write_key(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        write_private(self.folder.join("keys").join(name), text)
    }

    /// A new passphrase for a member of staff.
    fn with_staff(
        &self,
        arguments: Arguments,
        organisation: Organisation,
    ) -> anyhow::Result<Arguments> {
        let passphrase = service::bearer::Bearer::generate(&mut service::random::os());
        let path = self.folder.join("staff").join(organisation.short);
        let path = write_private(path, passphrase.reveal())?;
        Ok(arguments
            .with("--staff", organisation.staff)
            .with("--staff-passphrase-file", &path))
    }
}

/// The arguments of a program.
struct Arguments(Vec<OsString>);

impl Arguments {
    fn new(subcommand: &str) -> Self {
        Self(vec![subcommand.into()])
    }

    fn flag(mut self, name: &str) -> Self {
        self.0.push(name.into());
        self
    }

    fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.push(name.into());
        self.0.push(value.as_ref().to_owned());
        self
    }

    fn with_all(mut self, name: &str, values: impl Iterator<Item = PathBuf>) -> Self {
        self.0.push(name.into());
        self.0.extend(values.map(PathBuf::into_os_string));
        self
    }
}

/// Writes a file that its owner alone can read.
pub(super) fn write_private(path: PathBuf, text: &str) -> anyhow::Result<PathBuf> {
    use std::io::Write;
    let mut options = std::fs::File::options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

/// The steps of a case: three checks in any order, then the residence, which the letter confirms.
fn process_definitions() -> serde_json::Value {
    json!([{
        "version": 1,
        "activation_height": 0,
        "steps": [
            {"code": 1, "name": "opened", "after": []},
            {"code": 2, "name": "identity_document", "after": [1]},
            {"code": 3, "name": "name_identification", "after": [1]},
            {"code": 4, "name": "asf_collation", "after": [1]},
            {"code": 5, "name": "residence", "after": [2, 3, 4]},
            {"code": 6, "name": "closed", "after": [1], "terminal": true},
        ],
    }])
}
