//! `tegata-registry genesis`: one file from the entries of all parties.

use anyhow::{Context as _, ensure};
use protocol::registry::{Epochs, Genesis, Issuer, Member, NetworkId, ProcessDefinition, Verifier};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where the parties' entries are. Each file has one entry or a list of them.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// Members, from `member.json` of their setups.
    pub members: Vec<PathBuf>,
    /// Issuers.
    pub issuers: Vec<PathBuf>,
    /// Verifiers.
    pub verifiers: Vec<PathBuf>,
    /// Process definitions.
    pub definitions: Vec<PathBuf>,
}

/// Writes a genesis file and returns the network that it starts.
///
/// # Errors
///
/// Fails if an entry cannot be read, the entries do not fit together, or the file exists.
pub fn write_genesis(
    name: &str,
    epochs: Epochs,
    entries: &Entries,
    out: &Path,
) -> anyhow::Result<NetworkId> {
    let members: Vec<Member> = read(&entries.members)?;
    let issuers: Vec<Issuer> = read(&entries.issuers)?;
    let verifiers: Vec<Verifier> = read(&entries.verifiers)?;
    let definitions: Vec<ProcessDefinition> = read(&entries.definitions)?;
    let file = Genesis::to_json(name, epochs, members, issuers, verifiers, definitions);
    let genesis = Genesis::parse(file.as_bytes()).context("the entries do not fit together")?;
    ensure!(!out.exists(), "{} exists already", out.display());
    std::fs::write(out, file).with_context(|| format!("writing {}", out.display()))?;
    Ok(genesis.network())
}

fn read<T: DeserializeOwned>(paths: &[PathBuf]) -> anyhow::Result<Vec<T>> {
    let mut entries = Vec::new();
    for path in paths {
        let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let limits = protocol::json::Limits::DEFAULT.with_bytes(4 * 1024 * 1024);
        let value = protocol::json::parse(&file, &limits)
            .with_context(|| format!("reading {}", path.display()))?;
        let values = match value {
            Value::Array(values) => values,
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_)) => {
                vec![value]
            }
        };
        for value in values {
            let entry = serde_json::from_value(value)
                .with_context(|| format!("{} has an entry of another form", path.display()))?;
            entries.push(entry);
        }
    }
    Ok(entries)
}
