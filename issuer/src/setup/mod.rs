//! `tegata-issuer setup`: keys, an empty vault, the configuration, and the issuer's entry for the genesis file.

mod files;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use protocol::{
    envelope::hpke::RecipientKey,
    identity::{Algorithm, SigningKey},
    registry::{CertificateDer, Issuer, KeyBytes, KeySet, ServiceUrl},
};
use rand_core::CryptoRng;
use service::config::{SecretPath, ServiceConfig};
use zeroize::Zeroizing;

use crate::{
    config::{Config, CredentialConfig, CredentialKeyConfig, RegistryConfig},
    issuance::key_id,
    staff::{ReviewersKey, StaffMember},
};
use files::{write_public, write_secret};

/// Words of a generated passphrase are drawn from this many random bytes, in base64url.
const PASSPHRASE_BYTES: usize = 15;

/// What is to be set up.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Folder for everything; it must not hold an issuer yet.
    #[arg(long)]
    dir: PathBuf,
    /// Credential issuer identifier: the address under which wallets reach the service.
    #[arg(long)]
    id: String,
    /// Name that wallets show.
    #[arg(long)]
    name: String,
    /// Name of the registry member that runs this issuer.
    #[arg(long)]
    member: String,
    /// Address to listen on; without it, that of the identifier.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Root certificate (PEM) of the credential keys' certificates, for the genesis file. May be repeated.
    #[arg(long)]
    trust_anchor: Vec<PathBuf>,
    /// P-256 key (PKCS #8 PEM) that signs credentials; without it, a new one.
    #[arg(long)]
    es256_key: Option<PathBuf>,
    /// Certificate chain (PEM, leaf first, without the root) of that key.
    #[arg(long)]
    es256_certificates: Option<PathBuf>,
    /// Ed25519 key (PKCS #8 PEM) that signs credentials; without it, a new one.
    #[arg(long)]
    eddsa_key: Option<PathBuf>,
    /// Certificate chain of that key.
    #[arg(long)]
    eddsa_certificates: Option<PathBuf>,
    /// Name of a member of staff. May be repeated.
    #[arg(long, default_value = "reviewer")]
    staff: Vec<String>,
    /// File with one passphrase in a line for each member of staff; /dev/fd/N reads from a descriptor. Without it,
    /// passphrases are generated and shown once.
    #[arg(long)]
    staff_passphrase_file: Option<PathBuf>,
    /// For one machine only: plain HTTP on loopback, and staff see the offers they make.
    #[arg(long)]
    development_loopback_http: bool,
}

/// Sets an issuer up. Returns what the person at the terminal has to know.
pub fn set_up(
    arguments: &Arguments,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<Zeroizing<String>> {
    let folder = &arguments.dir;
    let config_path = folder.join("issuer.toml");
    ensure!(
        !config_path.exists(),
        "{} is there already",
        config_path.display()
    );
    let id = ServiceUrl::try_from(arguments.id.clone()).context("--id")?;
    let listen = listen_address(arguments, &id)?;
    files::make_folder(&folder.join("keys"))?;
    files::make_folder(&folder.join("data"))?;

    let key = vault::KeyFile::create(&folder.join("keys/vault.key"), rng)
        .context("writing the vault's key file")?;
    vault::Vault::create(
        &folder.join("data/vault"),
        &[vault::NewSlot::KeyFile(&key)],
        rng,
    )
    .context("making the vault")?;
    let record_key = SigningKey::generate(Algorithm::EdDsa, rng);
    write_key(folder, "keys/record.pem", &record_key)?;
    let es256 = credential_key(arguments.es256_key.as_deref(), Algorithm::Es256, rng)
        .context("--es256-key")?;
    let eddsa = credential_key(arguments.eddsa_key.as_deref(), Algorithm::EdDsa, rng)
        .context("--eddsa-key")?;
    let credential = CredentialConfig {
        es256: keep_credential_key(
            folder,
            "credential-es256",
            &es256,
            arguments.es256_certificates.as_deref(),
        )?,
        ed25519: keep_credential_key(
            folder,
            "credential-ed25519",
            &eddsa,
            arguments.eddsa_certificates.as_deref(),
        )?,
    };
    let reviewers = RecipientKey::generate(rng);
    let told = enrol_staff(arguments, &reviewers, rng)?;

    let entry = Issuer {
        id: id.clone(),
        name: arguments.name.clone(),
        member: arguments.member.clone(),
        record_key: public_bytes(&record_key)?,
        application_key: KeyBytes::from_bytes(reviewers.public_key()),
        trust_anchors: trust_anchors(&arguments.trust_anchor)?,
        jwks: KeySet {
            keys: [&es256, &eddsa].map(named_jwk).to_vec(),
        },
        retired: false,
        former_record_keys: Vec::new(),
    };
    let entry = serde_json::to_string_pretty(&entry).context("writing the genesis entry")?;
    write_public(&folder.join("issuer.json"), &entry)?;
    let config = toml::to_string_pretty(&configuration(arguments, id, listen, credential))
        .context("writing the configuration")?;
    write_public(&config_path, &config)?;
    Ok(told)
}

fn listen_address(arguments: &Arguments, id: &ServiceUrl) -> anyhow::Result<SocketAddr> {
    if let Some(listen) = arguments.listen {
        return Ok(listen);
    }
    match id.url().socket_addrs(|| None).as_deref() {
        Ok([address, ..]) if address.ip().is_loopback() => Ok(*address),
        Ok(_) | Err(_) => bail!("--listen is needed: the identifier is no address of this machine"),
    }
}

fn credential_key(
    path: Option<&Path>,
    algorithm: Algorithm,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<SigningKey> {
    let Some(path) = path else {
        return Ok(SigningKey::generate(algorithm, rng));
    };
    let key = crate::issuer::read_key(&SecretPath::new(path))?;
    ensure!(
        key.algorithm() == algorithm,
        "the key is of another algorithm"
    );
    Ok(key)
}

fn keep_credential_key(
    folder: &Path,
    name: &str,
    key: &SigningKey,
    certificates: Option<&Path>,
) -> anyhow::Result<CredentialKeyConfig> {
    let path = format!("keys/{name}.pem");
    write_key(folder, &path, key)?;
    let certificates = match certificates {
        None => None,
        Some(from) => {
            let chain = std::fs::read_to_string(from)
                .with_context(|| format!("reading {}", from.display()))?;
            let to = PathBuf::from(format!("keys/{name}.chain.pem"));
            write_public(&folder.join(&to), &chain)?;
            Some(to)
        }
    };
    Ok(CredentialKeyConfig {
        key: SecretPath::new(path),
        certificates,
    })
}

fn write_key(folder: &Path, path: &str, key: &SigningKey) -> anyhow::Result<()> {
    write_secret(&folder.join(path), key.to_pkcs8_pem().as_bytes())
}

fn public_bytes(key: &SigningKey) -> anyhow::Result<KeyBytes> {
    let bytes = key.public_key().to_bytes();
    let bytes: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .context("an Ed25519 key has 32 bytes")?;
    Ok(KeyBytes::from_bytes(bytes))
}

fn named_jwk(key: &SigningKey) -> serde_json::Value {
    let mut jwk = key.public_key().to_jwk();
    if let serde_json::Value::Object(members) = &mut jwk {
        members.insert("kid".to_owned(), key_id(key).into());
    }
    jwk
}

fn trust_anchors(paths: &[PathBuf]) -> anyhow::Result<Vec<CertificateDer>> {
    let mut anchors = Vec::new();
    for path in paths {
        for certificate in service::config::read_certificates(path)? {
            anchors.push(CertificateDer::from_der(certificate.to_vec()));
        }
    }
    Ok(anchors)
}

/// Wraps the reviewers' key for each member of staff. Returns the passphrases that were generated.
fn enrol_staff(
    arguments: &Arguments,
    reviewers: &RecipientKey,
    rng: &mut impl CryptoRng,
) -> anyhow::Result<Zeroizing<String>> {
    let mut told = Zeroizing::new(String::new());
    let given = match &arguments.staff_passphrase_file {
        None => None,
        Some(path) => Some(Zeroizing::new(
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?,
        )),
    };
    let mut lines = given.as_ref().map(|text| text.lines());
    let mut members = Vec::new();
    for name in &arguments.staff {
        let passphrase = match &mut lines {
            Some(lines) => {
                Zeroizing::new(lines.next().context("a passphrase is missing")?.to_owned())
            }
            None => {
                let generated = generate_passphrase(rng);
                told.push_str(&format!("{name}: {}\n", generated.as_str()));
                generated
            }
        };
        // The vault's rule for passphrases holds for everyone.
        vault::Passphrase::new(passphrase.as_str()).context("a passphrase of the staff")?;
        members.push(StaffMember::enrol(name, &passphrase, reviewers, rng));
    }
    let file = ReviewersKey::to_file(reviewers.public_key(), members);
    write_secret(&arguments.dir.join("keys/staff.json"), file.as_bytes())?;
    Ok(told)
}

fn generate_passphrase(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; PASSPHRASE_BYTES]);
    rng.fill_bytes(bytes.as_mut());
    Zeroizing::new(protocol::base64url::encode(bytes.as_ref()))
}

fn configuration(
    arguments: &Arguments,
    id: ServiceUrl,
    listen: SocketAddr,
    credential: CredentialConfig,
) -> Config {
    let development = arguments.development_loopback_http;
    let service = ServiceConfig {
        listen,
        development_loopback_http: development,
        ..ServiceConfig::loopback_for_development(0)
    };
    let registry = RegistryConfig {
        genesis: "genesis.json".into(),
        certificates: None,
    };
    let mut config = Config::new(id, arguments.name.clone(), service, credential, registry);
    config.offers_shown_to_staff = development;
    if development {
        config.anchor_interval_ms = 500;
    }
    config
}

#[cfg(test)]
mod tests;
