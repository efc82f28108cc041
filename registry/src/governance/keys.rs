//! Key files: the governance key that decides, and new keys for a rotation.

use super::{
    failure::{GovernanceError, Powerless},
    plain::{Fingerprint, Page},
    view::View,
};
use anyhow::Context as _;
use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{KeyBytes, Member},
};
use rand_core::CryptoRng;
use service::config::SecretPath;
use std::path::Path;

/// The public part of an Ed25519 key; none of another kind.
pub(super) fn public(key: &SigningKey) -> Option<KeyBytes> {
    let bytes = key.public_key().to_bytes();
    let ed25519 = key.public_key().algorithm() == Algorithm::EdDsa;
    let bytes = bytes.as_slice().try_into().ok().filter(|_| ed25519);
    bytes.map(KeyBytes::from_bytes)
}

/// Reads a private key. That others can read the file is an error, as for the node's keys.
pub(super) fn read(path: &Path) -> Result<SigningKey, GovernanceError> {
    let read = || {
        let pem = SecretPath::new(path).read()?;
        let text = str::from_utf8(&pem).context("it is not text")?;
        let key = SigningKey::from_pkcs8_pem(text).context("it is not PKCS #8 PEM")?;
        public(&key).context("it is not an Ed25519 key")?;
        Ok(key)
    };
    read().map_err(|source| GovernanceError::File {
        path: path.to_owned(),
        expected: "a private key",
        source,
    })
}

/// The member that a key decides for.
pub(super) fn decider<'v>(
    view: &'v View,
    key: &SigningKey,
    path: &Path,
) -> Result<&'v Member, GovernanceError> {
    view.member_of(key)
        .ok_or_else(|| GovernanceError::Powerless {
            path: path.to_owned(),
            why: powerless(view, key),
        })
}

fn powerless(view: &View, key: &SigningKey) -> Powerless {
    let Some(key) = public(key) else {
        return Powerless::Unknown("none".to_owned());
    };
    for member in view.trusted.parties().members() {
        let name = || member.name.clone();
        if member.governance_key == key {
            return Powerless::Suspended(name());
        }
        if member.cosigning_key == key {
            return Powerless::Other("cosigning", name());
        }
        if member.consensus_key == key {
            return Powerless::Other("consensus", name());
        }
    }
    for committee in view.trusted.scheduled() {
        let mut members = committee.members.iter();
        if let Some(member) = members.find(|member| member.governance_key == key) {
            return Powerless::NotYet(member.name.clone(), committee.height);
        }
    }
    Powerless::Unknown(Fingerprint(&key).to_string())
}

/// Makes a key and tells its public part.
pub(super) fn make(path: &Path, rng: &mut impl CryptoRng) -> Result<String, GovernanceError> {
    let key = SigningKey::generate(Algorithm::EdDsa, rng);
    let written = SecretPath::new(path).create(key.to_pkcs8_pem().as_bytes());
    written.map_err(|error| GovernanceError::Write(path.to_owned(), error.into()))?;
    tell(path)
}

/// Tells the public parts of what is in a file: a private key, or a member's entry with three public ones.
pub(super) fn tell(path: &Path) -> Result<String, GovernanceError> {
    let mut page = Page::default();
    page.line(path.display().to_string());
    let is_entry = path
        .extension()
        .is_some_and(|extension| extension == "json");
    if is_entry {
        let member: Member = super::change::read_entry(path, "a member's entry (member.json)")?;
        for (kind, key) in keys_of(&member) {
            tell_key(&mut page, kind, &key);
        }
    } else {
        let key =
            public(&read(path)?).ok_or(GovernanceError::Argument("FILE", "an Ed25519 key"))?;
        tell_key(&mut page, "key", &key);
    }
    Ok(page.into_text())
}

fn tell_key(page: &mut Page, kind: &str, key: &KeyBytes) {
    page.row(kind, String::from(*key));
    page.row("", Fingerprint(key));
}

/// The public keys of a member, with what they are for.
pub(super) const fn keys_of(member: &Member) -> [(&'static str, KeyBytes); 3] {
    [
        ("consensus key", member.consensus_key),
        ("cosigning key", member.cosigning_key),
        ("governance key", member.governance_key),
    ]
}
