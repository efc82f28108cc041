//! `tegata-verifier setup`: keys, an empty vault, the configuration, and the company's entry for the genesis file.

mod purposes;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::{CertificateDer, ServiceUrl, Verifier as Registration};
use rand_core::CryptoRng;
use service::config::{SecretPath, ServiceConfig, read_certificates};
use service::staff::{StaffFile, StaffMember};
use vault::{KeyFile, NewSlot, Vault};
use zeroize::Zeroizing;

use crate::config::{Config, RegistryConfig, SigningConfig};
use crate::policy::Policy;

/// A generated passphrase is this many random bytes, in base64url.
const PASSPHRASE_BYTES: usize = 15;
/// On one machine people wait for receipts.
const DEVELOPMENT_POLL_MS: u64 = 100;
const DEVELOPMENT_REFRESH_S: u64 = 1;

/// What is to be set up.
#[derive(clap::Args, Debug)]
pub struct SetupArguments {
    /// Folder for everything; it must not hold a verifier yet.
    #[arg(long)]
    dir: PathBuf,
    /// Registered identifier of the company: the URI in its certificate.
    #[arg(long)]
    id: String,
    /// Name that wallets show.
    #[arg(long)]
    name: String,
    /// Name of the registry member that the company is.
    #[arg(long)]
    member: String,
    /// Address under which wallets and browsers reach the service.
    #[arg(long)]
    url: String,
    /// Address to listen on; without it, that of the URL.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Root certificate (PEM) of the company's certificates, for the genesis file. May be repeated.
    #[arg(long)]
    trust_anchor: Vec<PathBuf>,
    /// P-256 key (PKCS #8 PEM) that signs requests; without it, a new one.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Certificate chain (PEM, leaf first) of that key. Without it, put it to certificates.pem before the first run.
    #[arg(long)]
    certificates: Option<PathBuf>,
    /// Name of a member of staff. May be repeated.
    #[arg(long, default_value = "staff")]
    staff: Vec<String>,
    /// File with one passphrase in a line for each member of staff; /dev/fd/N reads from a descriptor. Without it,
    /// passphrases are generated and shown once.
    #[arg(long)]
    staff_passphrase_file: Option<PathBuf>,
    /// For one machine only: plain HTTP on loopback, no waiting for slots.
    #[arg(long)]
    development_loopback_http: bool,
}

/// Sets a verifier up. Returns what the person at the terminal has to know.
pub fn set_up(
    arguments: &SetupArguments,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<Zeroizing<String>> {
    let folder = arguments.dir.as_path();
    let config_path = folder.join("verifier.toml");
    ensure!(
        !config_path.exists(),
        "{} is there already",
        config_path.display()
    );
    let id = ServiceUrl::try_from(arguments.id.clone()).context("--id")?;
    let url = ServiceUrl::try_from(arguments.url.clone()).context("--url")?;
    let config = configuration(arguments, id.clone(), url.clone())?;
    make_folder(&folder.join(&config.data))?;

    let key = KeyFile::create(&folder.join(config.vault_key.path()), rng)
        .context("writing the vault's key file")?;
    Vault::create(
        &folder.join(&config.data).join("vault"),
        &[NewSlot::KeyFile(&key)],
        rng,
    )
    .context("making the vault")?;
    let signing_key = signing_key(arguments.key.as_deref(), rng).context("--key")?;
    let pem = signing_key.to_pkcs8_pem();
    SecretPath::new(folder.join(config.signing.key.path()))
        .create(pem.as_bytes())
        .context("writing the signing key")?;
    if let Some(certificates) = &arguments.certificates {
        let chain = fs::read_to_string(certificates).context("--certificates")?;
        write_new(&folder.join(&config.signing.certificates), &chain)?;
    }
    let (staff, told) = enrol(arguments, rng)?;
    let staff = toml::to_string_pretty(&staff).context("writing the staff file")?;
    SecretPath::new(folder.join(&config.staff))
        .create(staff.as_bytes())
        .context("writing the staff file")?;

    let entry = Registration {
        id,
        name: arguments.name.clone(),
        member: arguments.member.clone(),
        url,
        trust_anchors: trust_anchors(&arguments.trust_anchor)?,
        purposes: purposes::purposes()?,
    };
    let entry = serde_json::to_string_pretty(&entry).context("writing the genesis entry")?;
    write_new(&folder.join("verifier.json"), &entry)?;
    let config = toml::to_string_pretty(&config).context("writing the configuration")?;
    write_new(&config_path, &config)?;
    Ok(told)
}

fn configuration(
    arguments: &SetupArguments,
    id: ServiceUrl,
    url: ServiceUrl,
) -> anyhow::Result<Config> {
    let development = arguments.development_loopback_http;
    let mut service = ServiceConfig::loopback_for_development(0);
    service.listen = listen_address(arguments, &url)?;
    service.development_loopback_http = development;
    Ok(Config {
        id,
        url,
        data: PathBuf::from("data"),
        vault_key: SecretPath::new("vault.key"),
        staff: PathBuf::from("staff.toml"),
        session_lifetime_s: 300,
        sessions_max: 10_000,
        outcome_poll_ms: if development {
            DEVELOPMENT_POLL_MS
        } else {
            5_000
        },
        refresh_interval_s: if development {
            DEVELOPMENT_REFRESH_S
        } else {
            900
        },
        policy: Policy::default(),
        service,
        signing: SigningConfig {
            key: SecretPath::new("signing-key.pem"),
            certificates: PathBuf::from("certificates.pem"),
        },
        registry: RegistryConfig {
            genesis: PathBuf::from("genesis.json"),
            authorities: None,
        },
    })
}

fn listen_address(arguments: &SetupArguments, url: &ServiceUrl) -> anyhow::Result<SocketAddr> {
    if let Some(listen) = arguments.listen {
        return Ok(listen);
    }
    match url.url().socket_addrs(|| None).as_deref() {
        Ok([address, ..]) if address.ip().is_loopback() => Ok(*address),
        Ok(_) | Err(_) => bail!("--listen is needed: the URL is no address of this machine"),
    }
}

fn signing_key(path: Option<&Path>, rng: &mut impl CryptoRng) -> anyhow::Result<SigningKey> {
    let Some(path) = path else {
        return Ok(SigningKey::generate(Algorithm::Es256, rng));
    };
    let pem = SecretPath::new(path).read()?;
    let key = SigningKey::from_pkcs8_pem(std::str::from_utf8(&pem).context("not PEM")?)
        .context("not PKCS #8")?;
    ensure!(
        key.algorithm() == Algorithm::Es256,
        "wallets of others read P-256 only"
    );
    Ok(key)
}

fn trust_anchors(paths: &[PathBuf]) -> anyhow::Result<Vec<CertificateDer>> {
    let mut anchors = Vec::new();
    for path in paths {
        let certificates = read_certificates(path).context("--trust-anchor")?;
        anchors.extend(
            certificates
                .iter()
                .map(|certificate| CertificateDer::from_der(certificate.to_vec())),
        );
    }
    Ok(anchors)
}

fn enrol(
    arguments: &SetupArguments,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<(StaffFile, Zeroizing<String>)> {
    let given = match &arguments.staff_passphrase_file {
        Some(path) => Some(Zeroizing::new(
            fs::read_to_string(path).context("--staff-passphrase-file")?,
        )),
        None => None,
    };
    let mut given_lines = given.as_ref().map(|text| text.lines());
    let mut staff = Vec::new();
    let mut told = Zeroizing::new(String::new());
    for name in &arguments.staff {
        let passphrase = match &mut given_lines {
            Some(lines) => Zeroizing::new(
                lines
                    .next()
                    .context("a passphrase for each member of staff")?
                    .to_owned(),
            ),
            None => {
                let passphrase = generated_passphrase(rng);
                told.push_str(&format!("{name}: {}\n", passphrase.as_str()));
                passphrase
            }
        };
        ensure!(!passphrase.is_empty(), "a passphrase is empty");
        staff.push(StaffMember::enrol(name, &passphrase, rng));
    }
    Ok((StaffFile { staff }, told))
}

fn generated_passphrase(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; PASSPHRASE_BYTES]);
    rng.fill_bytes(bytes.as_mut());
    Zeroizing::new(protocol::base64url::encode(bytes.as_ref()))
}

/// Makes a folder for its owner alone, if it is not there.
fn make_folder(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Writes a new file, over nothing.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("writing {}", path.display()))
}
