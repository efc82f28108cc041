//! The keys that sign credentials, with what tells readers whose they are.

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use protocol::{
    Timestamp, base64url,
    identity::{
        Algorithm, SigningKey,
        jws::HeaderExtras,
        x5c::{CertificateChain, Role, TrustAnchors},
    },
    registry::Genesis,
};
use serde_json::{Value, json};

use super::{CONFIGURATION_ED25519, CONFIGURATION_ES256};
use crate::{
    config::{Config, CredentialKeyConfig},
    issuer::read_key,
};

/// One key, and the header of what it signs.
pub(crate) struct CredentialKey {
    pub(crate) key: SigningKey,
    pub(crate) extras: HeaderExtras,
}

/// The key of each configuration.
pub(crate) struct CredentialKeys {
    es256: CredentialKey,
    ed25519: CredentialKey,
}

impl CredentialKeys {
    /// Reads keys and certificates, and refuses what readers would refuse.
    pub(crate) fn load(config: &Config, genesis: &Genesis, now: Timestamp) -> anyhow::Result<Self> {
        let credential = &config.credential;
        Ok(Self {
            es256: load(&credential.es256, Algorithm::Es256, config, genesis, now)
                .context("credential.es256")?,
            ed25519: load(&credential.ed25519, Algorithm::EdDsa, config, genesis, now)
                .context("credential.ed25519")?,
        })
    }

    /// The key of a configuration, if there is one of this name.
    pub(crate) fn of_configuration(&self, id: &str) -> Option<&CredentialKey> {
        match id {
            CONFIGURATION_ES256 => Some(&self.es256),
            CONFIGURATION_ED25519 => Some(&self.ed25519),
            _ => None,
        }
    }

    /// The key that signs status lists: wallets of other people read ES256 with certificates most widely.
    pub(crate) const fn of_status_lists(&self) -> &CredentialKey {
        &self.es256
    }

    /// The public keys as a JWK set.
    pub(crate) fn jwks(&self) -> Value {
        let jwk = |key: &CredentialKey| {
            let mut jwk = key.key.public_key().to_jwk();
            if let (Some(kid), Value::Object(members)) = (&key.extras.kid, &mut jwk) {
                members.insert("kid".to_owned(), kid.as_str().into());
            }
            jwk
        };
        json!({"keys": [jwk(&self.es256), jwk(&self.ed25519)]})
    }
}

/// The name of a key: its thumbprint.
pub(crate) fn key_id(key: &SigningKey) -> String {
    base64url::encode(&key.public_key().thumbprint())
}

fn load(
    config: &CredentialKeyConfig,
    algorithm: Algorithm,
    issuer: &Config,
    genesis: &Genesis,
    now: Timestamp,
) -> anyhow::Result<CredentialKey> {
    let key = read_key(&config.key)?;
    anyhow::ensure!(
        key.algorithm() == algorithm,
        "the key is of another algorithm"
    );
    let x5c = match &config.certificates {
        None => Vec::new(),
        Some(path) => {
            let certificates = service::config::read_certificates(path)?;
            let x5c: Vec<String> = certificates
                .iter()
                .map(|der| BASE64_STANDARD.encode(der))
                .collect();
            check_chain(&x5c, &key, issuer, genesis, now)?;
            x5c
        }
    };
    let kid = Some(key_id(&key));
    Ok(CredentialKey {
        key,
        extras: HeaderExtras {
            kid,
            x5c,
            ..HeaderExtras::default()
        },
    })
}

fn check_chain(
    x5c: &[String],
    key: &SigningKey,
    issuer: &Config,
    genesis: &Genesis,
    now: Timestamp,
) -> anyhow::Result<()> {
    let entry = genesis
        .parties()
        .issuer(issuer.id.as_str())
        .context("the genesis file does not name this issuer")?;
    let anchors = TrustAnchors::from_der(entry.trust_anchors.iter().map(|anchor| anchor.as_der()))
        .context("the trust anchors in the genesis file")?;
    let chain = CertificateChain::parse(x5c)
        .and_then(|chain| chain.verify(&anchors, now, Role::CredentialIssuer))
        .context("the certificates")?;
    anyhow::ensure!(
        chain.leaf_key() == key.public_key(),
        "the certificate is for another key"
    );
    anyhow::ensure!(
        chain.san_uris().iter().any(|uri| uri == issuer.id.as_str()),
        "the certificate is for another issuer"
    );
    Ok(())
}
