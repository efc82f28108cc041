//! The genesis file: what a network starts from, and all that a reader has to trust (`specs/registry.md`, "Genesis").

mod canonical;
mod epochs;
mod parties;
mod parts;
mod process;
mod trusted;

#[cfg(test)]
mod tests;

pub use epochs::{Epochs, EpochsError};
pub use parties::{Issuer, KeySet, Member, MemberRole, Parties, Purpose, Verifier};
pub use parts::{CertificateDer, KeyBytes, ServiceUrl, ServiceUrlError};
pub use process::{OPENED, ProcessDefinition, Step};
pub use trusted::{
    Committee, SCHEDULED_COMMITTEES_MAX, STATUS_LISTS_PER_ISSUER_MAX, Standing, StatusListEntry,
    TrustedParties, TrustedPartiesError,
};

pub(super) use canonical::canonical_json;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NetworkId;
use super::checkpoint::{Committees, Cosigners};
use crate::json::{self, JsonError, Limits};

const FORMAT: &str = "genesis/1";
const LIMITS: Limits = Limits::DEFAULT.with_bytes(4 * 1024 * 1024);

/// Why bytes are not a genesis file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON as we read it.
    #[error("the genesis file is not valid JSON")]
    Json(#[from] JsonError),
    /// Members, issuers, verifiers or process definitions are not as they must be.
    #[error("the genesis file has another shape or spelling than it must have")]
    Shape,
    /// Too few or too many of something.
    #[error("the genesis file has too few or too many {0}")]
    Count(&'static str),
    /// Two of something that must differ are the same.
    #[error("the genesis file repeats {0}")]
    Repeated(&'static str),
    /// A value makes no sense.
    #[error("the genesis file has an error in {0}")]
    Invalid(&'static str),
}

/// The genesis file as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tegata: String,
    name: String,
    epoch_blocks: Epochs,
    members: Vec<Member>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    process_definitions: Vec<ProcessDefinition>,
}

/// A network's start: its identity and its parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    file: Arc<[u8]>,
    network: NetworkId,
    name: String,
    epochs: Epochs,
    parties: Parties,
    committees: Committees,
}

impl Genesis {
    /// Reads a genesis file.
    ///
    /// # Errors
    ///
    /// Fails unless the file is well-formed and its parties fit together.
    pub fn parse(file: &[u8]) -> Result<Self, GenesisError> {
        let value = json::parse(file, &LIMITS)?;
        let document = Document::deserialize(&value).map_err(|_cause| GenesisError::Shape)?;
        // One spelling per value: what is read here is what the trusted parties document will say.
        if canonical(&document) != canonical_json(&value) || document.tegata != FORMAT {
            return Err(GenesisError::Shape);
        }
        parties::check_name("the network's name", &document.name)?;
        let network = NetworkId::of_genesis(file);
        let parties = Parties::check(
            document.members,
            document.issuers,
            document.verifiers,
            document.process_definitions,
        )?;
        let mut issuers = parties.issuers().iter();
        if parties.members().iter().any(|member| member.suspended)
            || issuers.any(|issuer| issuer.retired || !issuer.former_record_keys.is_empty())
        {
            return Err(GenesisError::Invalid("a party with a past"));
        }
        let cosigners = Cosigners::of(network, parties.members());
        Ok(Self {
            file: file.into(),
            network,
            name: document.name,
            epochs: document.epoch_blocks,
            committees: Committees::starting_with(cosigners, document.epoch_blocks),
            parties,
        })
    }

    /// Writes a genesis file that [`Genesis::parse`] reads.
    #[must_use]
    pub fn to_json(
        name: &str,
        epochs: Epochs,
        members: Vec<Member>,
        issuers: Vec<Issuer>,
        verifiers: Vec<Verifier>,
        process_definitions: Vec<ProcessDefinition>,
    ) -> String {
        let document = Document {
            tegata: FORMAT.to_owned(),
            name: name.to_owned(),
            epoch_blocks: epochs,
            members,
            issuers,
            verifiers,
            process_definitions,
        };
        let mut text = serde_json::to_string_pretty(&document).expect(SERIALISABLE);
        text.push('\n');
        text
    }

    /// The file as it was read: its SHA-256 is the network's id.
    #[must_use]
    pub fn as_file(&self) -> &[u8] {
        &self.file
    }

    /// The network's identity: the digest of its genesis file.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// The network's name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the heights of blocks fall into epochs.
    #[must_use]
    pub const fn epochs(&self) -> Epochs {
        self.epochs
    }

    /// Who takes part at the start.
    #[must_use]
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The first committee.
    #[must_use]
    pub fn cosigners(&self) -> &Cosigners {
        self.committees.at(0)
    }

    /// Whose signatures checkpoints need, as far as the genesis file says: until the members change.
    #[must_use]
    pub const fn committees(&self) -> &Committees {
        &self.committees
    }
}

const SERIALISABLE: &str = "plain structures of text and numbers have a JSON form";

pub(super) fn canonical(document: &impl Serialize) -> String {
    let value: Value = serde_json::to_value(document).expect(SERIALISABLE);
    canonical_json(&value)
}
