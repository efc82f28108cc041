//! The trusted parties document: the small current state that a reader needs, vouched for by every checkpoint.

use serde::{Deserialize, Serialize};

use super::parties::{ISSUERS_MAX, check_members, within};
use super::{
    Epochs, Genesis, GenesisError, Issuer, LIMITS, Member, Parties, ProcessDefinition, ServiceUrl,
    Verifier,
};
use super::{canonical, canonical_json};
use crate::json::{self, JsonError, Limits};
use crate::registry::checkpoint::VerifiedCheckpoint;
use crate::registry::{ContentDigest, ListId, NetworkId};

const FORMAT: &str = "trusted-parties/2";
/// Status lists of one issuer. The ledger takes no more, so that every reader can read the document.
pub const STATUS_LISTS_PER_ISSUER_MAX: usize = 64;
/// Committees that are adopted and not yet in force.
pub const SCHEDULED_COMMITTEES_MAX: usize = 4;
/// The document may name all lists of all issuers.
const DOCUMENT_LIMITS: Limits = Limits {
    elements: STATUS_LISTS_PER_ISSUER_MAX * ISSUERS_MAX,
    ..LIMITS
};

/// Why a text is not the trusted parties document of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedPartiesError {
    /// The checkpoint names another document.
    #[error("the document is not the one that the checkpoint names")]
    Digest,
    /// Not JSON as we read it.
    #[error("the document is not valid JSON")]
    Json(#[from] JsonError),
    /// Not a trusted parties document of this network in its one spelling.
    #[error("the document has another shape or spelling than it must have")]
    Shape,
    /// The parties do not fit together.
    #[error("the document's parties do not fit together")]
    Parties(#[from] GenesisError),
}

/// The latest version of a status list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusListEntry {
    /// The issuer whose list it is.
    pub issuer: ServiceUrl,
    /// The list.
    pub list: ListId,
    /// The version, counted from 0.
    pub sequence: u64,
    /// SHA-256 of the status list token.
    pub digest: ContentDigest,
}

impl StatusListEntry {
    /// What entries are sorted by.
    #[must_use]
    pub fn key(&self) -> (&str, ListId) {
        (self.issuer.as_str(), self.list)
    }
}

/// The members from a height on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committee {
    /// The first height at which they take part: the first of an epoch.
    pub height: u64,
    /// All members, also those suspended.
    pub members: Vec<Member>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tegata: String,
    network: NetworkId,
    epoch: u64,
    epoch_blocks: Epochs,
    members: Vec<Member>,
    scheduled: Vec<Committee>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    process_definitions: Vec<ProcessDefinition>,
    status_lists: Vec<StatusListEntry>,
}

/// Who is to be trusted at a checkpoint, and the latest status lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedParties {
    epochs: Epochs,
    parties: Parties,
    scheduled: Vec<Committee>,
    status_lists: Vec<StatusListEntry>,
}

/// What a network says of itself at a height.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The height of the checkpoint that names the document.
    pub height: u64,
    /// Who takes part at that height.
    pub parties: &'a Parties,
    /// The committees that are adopted and not yet in force, the soonest first.
    pub scheduled: &'a [Committee],
    /// The latest status lists, sorted by issuer and list.
    pub status_lists: &'a [StatusListEntry],
}

impl TrustedParties {
    /// Checks a document against the checkpoint that names it.
    ///
    /// # Errors
    ///
    /// Fails unless it is exactly the document that the members signed.
    pub fn verify(
        document: &str,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Self, TrustedPartiesError> {
        let checkpoint = checkpoint.checkpoint();
        if ContentDigest::of(document.as_bytes()) != checkpoint.trusted_parties {
            return Err(TrustedPartiesError::Digest);
        }
        let value = json::parse(document.as_bytes(), &DOCUMENT_LIMITS)?;
        let read = Document::deserialize(&value).map_err(|_cause| TrustedPartiesError::Shape)?;
        let sorted = read.status_lists.is_sorted_by(|a, b| a.key() < b.key());
        if canonical_json(&value) != document
            || read.tegata != FORMAT
            || read.network != checkpoint.network
            || read.epoch != read.epoch_blocks.of(checkpoint.height)
            || !sorted
        {
            return Err(TrustedPartiesError::Shape);
        }
        check_scheduled(&read.scheduled, read.epoch_blocks, checkpoint.height)?;
        Ok(Self {
            epochs: read.epoch_blocks,
            parties: Parties::check(
                read.members,
                read.issuers,
                read.verifiers,
                read.process_definitions,
            )?,
            scheduled: read.scheduled,
            status_lists: read.status_lists,
        })
    }

    /// The document of a network.
    #[must_use]
    pub fn document(genesis: &Genesis, standing: &Standing<'_>) -> String {
        let parties = standing.parties;
        canonical(&Document {
            tegata: FORMAT.to_owned(),
            network: genesis.network(),
            epoch: genesis.epochs().of(standing.height),
            epoch_blocks: genesis.epochs(),
            members: parties.members().to_vec(),
            scheduled: standing.scheduled.to_vec(),
            issuers: parties.issuers().to_vec(),
            verifiers: parties.verifiers().to_vec(),
            process_definitions: parties.process_definitions().to_vec(),
            status_lists: standing.status_lists.to_vec(),
        })
    }

    /// How heights fall into epochs.
    #[must_use]
    pub const fn epochs(&self) -> Epochs {
        self.epochs
    }

    /// Who takes part.
    #[must_use]
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The committees that are adopted and not yet in force, the soonest first.
    #[must_use]
    pub fn scheduled(&self) -> &[Committee] {
        &self.scheduled
    }

    /// The latest version of an issuer's status list of this URI.
    #[must_use]
    pub fn status_list(&self, issuer: &str, uri: &str) -> Option<&StatusListEntry> {
        let key = (issuer, ListId::of_uri(uri));
        self.status_lists.iter().find(|entry| entry.key() == key)
    }

    /// All status lists.
    #[must_use]
    pub fn status_lists(&self) -> &[StatusListEntry] {
        &self.status_lists
    }
}

/// Committees come into force in their order, each with an epoch, after the checkpoint.
fn check_scheduled(
    scheduled: &[Committee],
    epochs: Epochs,
    height: u64,
) -> Result<(), TrustedPartiesError> {
    within(
        "scheduled committees",
        scheduled.len(),
        0,
        SCHEDULED_COMMITTEES_MAX,
    )?;
    let in_order = scheduled.is_sorted_by(|a, b| a.height < b.height);
    let in_time = scheduled
        .iter()
        .all(|committee| committee.height > height && epochs.begins_at(committee.height));
    if !in_order || !in_time {
        return Err(TrustedPartiesError::Shape);
    }
    for committee in scheduled {
        check_members(&committee.members)?;
    }
    Ok(())
}
