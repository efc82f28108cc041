//! Who takes part in a network.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts::{CertificateDer, KeyBytes, ServiceUrl};
use super::{GenesisError, ProcessDefinition, process};

use crate::credential::ClaimPath;
use crate::identity::PublicKey;
use crate::planted::{Bug, planted};
use crate::registry::record::Author;

const MEMBERS_MAX: usize = 64;
pub(super) const ISSUERS_MAX: usize = 64;
const VERIFIERS_MAX: usize = 1024;
const PURPOSES_MAX: usize = 64;
const CLAIMS_MAX: usize = 256;
const KEYS_MAX: usize = 32;
const NAME_CHARACTERS_MAX: usize = 253;

/// An organisation that runs a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its name in signatures: lower-case letters, digits, dots and hyphens.
    pub name: String,
    /// What it is in the consortium.
    pub role: MemberRole,
    /// Where its node answers readers and takes records.
    pub url: ServiceUrl,
    /// Where its node meets the other nodes: host and port.
    pub peer_address: String,
    /// Its Ed25519 key in the consensus among nodes.
    pub consensus_key: KeyBytes,
    /// Its Ed25519 key that signs checkpoints.
    pub cosigning_key: KeyBytes,
    /// Its Ed25519 key that signs proposals and approvals. It is not needed by a running node.
    pub governance_key: KeyBytes,
    /// Whether it votes on blocks; a member that does not still checks and signs them.
    pub validator: bool,
    /// Whether it takes no part until it is reinstated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

/// What a member is in the consortium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    /// The organisation that carries the consortium.
    Consortium,
    /// A securities company.
    Company,
    /// An independent party that watches.
    Notary,
}

/// A party that examines applicants and issues credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The credential issuer identifier, which stands as `iss` in its credentials.
    pub id: ServiceUrl,
    /// Its name for people.
    pub name: String,
    /// The member that it belongs to.
    pub member: String,
    /// The Ed25519 key that signs its records.
    pub record_key: KeyBytes,
    /// The X25519 key that applications are encrypted to.
    pub application_key: KeyBytes,
    /// The certificates that its credentials' chains end in.
    pub trust_anchors: Vec<CertificateDer>,
    /// The keys that sign its credentials where no chain is given, as a JWK set.
    pub jwks: KeySet,
    /// Whether it issues no more; what it issued stays readable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
    /// Keys that signed its records before `record_key` did. The ledger keeps them: what they signed while they were in
    /// force stands on it, and nothing that they sign any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_record_keys: Vec<KeyBytes>,
}

impl Issuer {
    /// The record key that it had first. Keys change; by this one the ledger knows the issuer for ever.
    #[must_use]
    pub fn first_record_key(&self) -> KeyBytes {
        let first = self.former_record_keys.first();
        first.copied().unwrap_or(self.record_key)
    }

    /// Whether the author of a record that stands on the ledger is this issuer.
    #[must_use]
    pub fn is_author(&self, author: &Author) -> bool {
        let Author::Ed25519(key) = author else {
            return false;
        };
        let key = KeyBytes::from_bytes(*key);
        self.record_key == key || self.former_record_keys.contains(&key)
    }
}

/// A JWK set (RFC 7517) of public signing keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    /// The keys, as written.
    pub keys: Vec<Value>,
}

/// A party that may ask for presentations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// Its identifier: the URI in its certificates.
    pub id: ServiceUrl,
    /// Its name for people.
    pub name: String,
    /// The member that it belongs to.
    pub member: String,
    /// Where it answers holders.
    pub url: ServiceUrl,
    /// The certificates that its requests' chains end in.
    pub trust_anchors: Vec<CertificateDer>,
    /// What it may ask for.
    pub purposes: Vec<Purpose>,
}

/// Something a verifier needs data for, and the most that it may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Its identifier among the verifier's purposes.
    pub id: String,
    /// What it means, by language tag.
    pub text: BTreeMap<String, String>,
    /// The claims that may be asked for.
    pub claims: Vec<ClaimPath>,
}

/// The parties of a network and the process definitions, checked against one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    members: Vec<Member>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    process_definitions: Vec<ProcessDefinition>,
}

impl Parties {
    pub(in crate::registry) fn check(
        members: Vec<Member>,
        issuers: Vec<Issuer>,
        verifiers: Vec<Verifier>,
        process_definitions: Vec<ProcessDefinition>,
    ) -> Result<Self, GenesisError> {
        check_members(&members)?;
        check_issuers(&issuers, &members)?;
        check_verifiers(&verifiers, &members)?;
        process::check(&process_definitions)?;
        Ok(Self {
            members,
            issuers,
            verifiers,
            process_definitions,
        })
    }

    /// All members.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members that take part: all but those suspended.
    pub fn members_in_force(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.suspended)
    }

    /// How many members in force decide together: all but the third of them that may be faulty.
    #[must_use]
    pub fn quorum(&self) -> usize {
        let members = self.members_in_force().count();
        members - members.saturating_sub(1) / 3
    }

    /// All issuers, also those that issue no more.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// All registered verifiers.
    #[must_use]
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// All process definitions, the oldest first.
    #[must_use]
    pub fn process_definitions(&self) -> &[ProcessDefinition] {
        &self.process_definitions
    }

    /// The issuer of this identifier, compared byte by byte.
    #[must_use]
    pub fn issuer(&self, id: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|issuer| issuer.id.as_str() == id)
    }

    /// The verifier of this identifier, compared byte by byte.
    #[must_use]
    pub fn verifier(&self, id: &str) -> Option<&Verifier> {
        self.verifiers
            .iter()
            .find(|verifier| verifier.id.as_str() == id)
    }

    /// The process definition that is active in a block of this height.
    #[must_use]
    pub fn process_definition_at(&self, height: u64) -> &ProcessDefinition {
        let active = self.process_definitions.iter().rfind(|definition| {
            definition.activation_height <= height || planted(Bug::EarlyDefinition)
        });
        active.expect("the first definition is active from the start")
    }
}

pub(super) fn check_members(members: &[Member]) -> Result<(), GenesisError> {
    within("members", members.len(), 1, MEMBERS_MAX)?;
    distinct("members' names", members.iter().map(|member| &member.name))?;
    distinct(
        "consensus keys",
        members.iter().map(|member| member.consensus_key),
    )?;
    distinct(
        "cosigning keys",
        members.iter().map(|member| member.cosigning_key),
    )?;
    distinct(
        "governance keys",
        members.iter().map(|member| member.governance_key),
    )?;
    distinct(
        "peer addresses",
        members.iter().map(|member| &member.peer_address),
    )?;
    for member in members {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        check_name("a member's name", &member.name)?;
        if !member.name.chars().all(plain) {
            return Err(GenesisError::Invalid("a member's name"));
        }
        let (host, port) = member
            .peer_address
            .rsplit_once(':')
            .ok_or(GenesisError::Invalid("a peer address"))?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(GenesisError::Invalid("a peer address"));
        }
        for key in [
            member.consensus_key,
            member.cosigning_key,
            member.governance_key,
        ] {
            ed25519_zebra::VerificationKey::try_from(*key.as_bytes())
                .map_err(|_cause| GenesisError::Invalid("a member's key"))?;
        }
    }
    if !members
        .iter()
        .any(|member| member.validator && !member.suspended)
    {
        return Err(GenesisError::Invalid("a network without validators"));
    }
    Ok(())
}

fn check_issuers(issuers: &[Issuer], members: &[Member]) -> Result<(), GenesisError> {
    within("issuers", issuers.len(), 0, ISSUERS_MAX)?;
    distinct(
        "issuers' identifiers",
        issuers.iter().map(|issuer| issuer.id.as_str()),
    )?;
    let former = issuers.iter().flat_map(|issuer| &issuer.former_record_keys);
    let record_keys = issuers.iter().map(|issuer| &issuer.record_key);
    distinct("record keys", record_keys.chain(former))?;
    for issuer in issuers {
        check_name("an issuer's name", &issuer.name)?;
        // What a retired issuer issued is read for longer than its member takes part.
        if !issuer.retired {
            check_member(&issuer.member, members)?;
        }
        ed25519_zebra::VerificationKey::try_from(*issuer.record_key.as_bytes())
            .map_err(|_cause| GenesisError::Invalid("an issuer's record key"))?;
        within(
            "an issuer's trust anchors",
            issuer.trust_anchors.len(),
            0,
            KEYS_MAX,
        )?;
        within(
            "an issuer's former record keys",
            issuer.former_record_keys.len(),
            0,
            KEYS_MAX,
        )?;
        within("an issuer's keys", issuer.jwks.keys.len(), 0, KEYS_MAX)?;
        for key in &issuer.jwks.keys {
            PublicKey::from_jwk(key).map_err(|_cause| GenesisError::Invalid("an issuer's key"))?;
        }
    }
    Ok(())
}

fn check_verifiers(verifiers: &[Verifier], members: &[Member]) -> Result<(), GenesisError> {
    within("verifiers", verifiers.len(), 0, VERIFIERS_MAX)?;
    distinct(
        "verifiers' identifiers",
        verifiers.iter().map(|verifier| verifier.id.as_str()),
    )?;
    for verifier in verifiers {
        check_name("a verifier's name", &verifier.name)?;
        check_member(&verifier.member, members)?;
        within(
            "a verifier's trust anchors",
            verifier.trust_anchors.len(),
            0,
            KEYS_MAX,
        )?;
        within(
            "a verifier's purposes",
            verifier.purposes.len(),
            0,
            PURPOSES_MAX,
        )?;
        distinct(
            "purposes",
            verifier.purposes.iter().map(|purpose| &purpose.id),
        )?;
        for purpose in &verifier.purposes {
            check_name("a purpose's identifier", &purpose.id)?;
            within("a purpose's claims", purpose.claims.len(), 1, CLAIMS_MAX)?;
        }
    }
    Ok(())
}

fn check_member(name: &str, members: &[Member]) -> Result<(), GenesisError> {
    if members.iter().any(|member| member.name == name) {
        return Ok(());
    }
    Err(GenesisError::Invalid("a party of an unknown member"))
}

/// Names are shown to people: no control characters, and not too long.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), GenesisError> {
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
        return Err(GenesisError::Invalid(what));
    }
    Ok(())
}

pub(super) fn within(
    what: &'static str,
    count: usize,
    min: usize,
    max: usize,
) -> Result<(), GenesisError> {
    if (min..=max).contains(&count) {
        return Ok(());
    }
    Err(GenesisError::Count(what))
}

pub(super) fn distinct<T: Ord>(
    what: &'static str,
    values: impl Iterator<Item = T>,
) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for value in values {
        if !seen.insert(value) {
            return Err(GenesisError::Repeated(what));
        }
    }
    Ok(())
}
