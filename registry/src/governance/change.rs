//! From what an officer types to a change of the parties.

use super::{
    arguments::{ChangeArguments, RotateArguments},
    failure::GovernanceError,
};
use anyhow::Context as _;
use protocol::{
    json::{self, Limits},
    registry::{KeyBytes, Member, Parties, ProcessDefinition, ServiceUrl, governance::Change},
};
use serde::de::DeserializeOwned;
use std::path::Path;

const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// The change that the arguments ask for, of the parties as they will be when it can hold.
pub(super) fn change(
    arguments: &ChangeArguments,
    parties: &Parties,
) -> Result<Change, GovernanceError> {
    Ok(match arguments {
        ChangeArguments::AdmitMember { file } => Change::AdmitMember {
            member: read_entry(file, "a member's entry (member.json)")?,
        },
        ChangeArguments::RemoveMember { name } => Change::RemoveMember {
            name: member(parties, name)?.name.clone(),
        },
        ChangeArguments::SuspendMember { name } => Change::SuspendMember {
            name: member(parties, name)?.name.clone(),
        },
        ChangeArguments::ReinstateMember { name } => Change::ReinstateMember {
            name: member(parties, name)?.name.clone(),
        },
        ChangeArguments::RotateKeys(rotation) => rotated(rotation, parties)?,
        ChangeArguments::SetValidator { name } => Change::UpdateMember {
            member: Member {
                validator: true,
                ..member(parties, name)?.clone()
            },
        },
        ChangeArguments::SetObserver { name } => Change::UpdateMember {
            member: Member {
                validator: false,
                ..member(parties, name)?.clone()
            },
        },
        ChangeArguments::UpdateMember {
            name,
            url,
            peer_address,
            role,
        } => {
            let mut member = member(parties, name)?.clone();
            if let Some(url) = url {
                member.url = ServiceUrl::try_from(url.clone()).map_err(|_cause| {
                    GovernanceError::Argument("--url", "an http or https address")
                })?;
            }
            if let Some(address) = peer_address {
                member.peer_address.clone_from(address);
            }
            member.role = role.map_or(member.role, Into::into);
            Change::UpdateMember { member }
        }
        ChangeArguments::RegisterIssuer { file } => Change::RegisterIssuer {
            issuer: read_entry(file, "an issuer's entry (issuer.json)")?,
        },
        ChangeArguments::RetireIssuer { id } => {
            let known = parties
                .issuer(id)
                .ok_or_else(|| GovernanceError::NoParty("issuer", id.clone()));
            known?;
            Change::RetireIssuer { id: id.clone() }
        }
        ChangeArguments::RegisterVerifier { file } => Change::RegisterVerifier {
            verifier: read_entry(file, "a verifier's entry (verifier.json)")?,
        },
        ChangeArguments::RetireVerifier { id } => {
            let known = parties
                .verifier(id)
                .ok_or_else(|| GovernanceError::NoParty("verifier", id.clone()));
            known?;
            Change::RetireVerifier { id: id.clone() }
        }
        ChangeArguments::PublishDefinition { file, active_from } => {
            let mut definition: ProcessDefinition = read_entry(file, "a process definition")?;
            definition.activation_height = active_from.unwrap_or(definition.activation_height);
            Change::PublishDefinition { definition }
        }
    })
}

fn rotated(rotation: &RotateArguments, parties: &Parties) -> Result<Change, GovernanceError> {
    let mut member = member(parties, &rotation.name)?.clone();
    let keys = [
        (&rotation.consensus_key, &mut member.consensus_key),
        (&rotation.cosigning_key, &mut member.cosigning_key),
        (&rotation.governance_key, &mut member.governance_key),
    ];
    let mut given = false;
    for (text, key) in keys {
        if let Some(text) = text {
            *key = KeyBytes::try_from(text.clone()).map_err(|_cause| {
                GovernanceError::Argument("the new key", "32 bytes in base64url")
            })?;
            given = true;
        }
    }
    if !given {
        return Err(GovernanceError::Argument(
            "rotate-keys",
            "complete without --consensus-key, --cosigning-key or --governance-key",
        ));
    }
    Ok(Change::UpdateMember { member })
}

fn member<'p>(parties: &'p Parties, name: &str) -> Result<&'p Member, GovernanceError> {
    let mut members = parties.members().iter();
    members
        .find(|member| member.name == name)
        .ok_or_else(|| GovernanceError::NoParty("member", name.to_owned()))
}

/// Reads the one entry of a file, alone or in a list.
pub(super) fn read_entry<T: DeserializeOwned>(
    path: &Path,
    expected: &'static str,
) -> Result<T, GovernanceError> {
    let read = || {
        let file = std::fs::read(path)?;
        let limits = Limits::DEFAULT.with_bytes(ENTRY_BYTES_MAX);
        let value = json::parse(&file, &limits)?;
        if let serde_json::Value::Array(mut entries) = value {
            let one = entries.pop().filter(|_| entries.is_empty());
            return Ok(serde_json::from_value(
                one.context("it is a list, and not of one entry")?,
            )?);
        }
        Ok(serde_json::from_value(value)?)
    };
    read().map_err(|source| GovernanceError::File {
        path: path.to_owned(),
        expected,
        source,
    })
}
