//! The trusted parties document: the small current state that a reader needs, vouched for by every checkpoint.

use serde::{Deserialize, Serialize};

use super::parties::ISSUERS_MAX;
use super::{Genesis, GenesisError, Issuer, LIMITS, Member, Parties, ProcessDefinition, Verifier};
use super::{canonical, canonical_json};
use crate::json::{self, JsonError, Limits};
use crate::registry::checkpoint::VerifiedCheckpoint;
use crate::registry::{ContentDigest, ListId, NetworkId};

const FORMAT: &str = "trusted-parties/1";
/// Status lists of one issuer. The ledger takes no more, so that every reader can read the document.
pub const STATUS_LISTS_PER_ISSUER_MAX: usize = 64;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusListEntry {
    /// The list.
    pub list: ListId,
    /// The version, counted from 0.
    pub sequence: u64,
    /// SHA-256 of the status list token.
    pub digest: ContentDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tegata: String,
    network: NetworkId,
    members: Vec<Member>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    process_definitions: Vec<ProcessDefinition>,
    status_lists: Vec<StatusListEntry>,
}

/// Who is to be trusted at a checkpoint, and the latest status lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedParties {
    parties: Parties,
    status_lists: Vec<StatusListEntry>,
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
        let sorted = read.status_lists.is_sorted_by(|a, b| a.list < b.list);
        if canonical_json(&value) != document
            || read.tegata != FORMAT
            || read.network != checkpoint.network
            || !sorted
        {
            return Err(TrustedPartiesError::Shape);
        }
        Ok(Self {
            parties: Parties::check(
                read.members,
                read.issuers,
                read.verifiers,
                read.process_definitions,
            )?,
            status_lists: read.status_lists,
        })
    }

    /// The document of a network whose status lists stand like this, sorted by list.
    #[must_use]
    pub fn document(genesis: &Genesis, status_lists: &[StatusListEntry]) -> String {
        let parties = genesis.parties();
        canonical(&Document {
            tegata: FORMAT.to_owned(),
            network: genesis.network(),
            members: parties.members().to_vec(),
            issuers: parties.issuers().to_vec(),
            verifiers: parties.verifiers().to_vec(),
            process_definitions: parties.process_definitions().to_vec(),
            status_lists: status_lists.to_vec(),
        })
    }

    /// Who takes part.
    #[must_use]
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The latest version of the status list of this URI.
    #[must_use]
    pub fn status_list(&self, uri: &str) -> Option<&StatusListEntry> {
        let list = ListId::of_uri(uri);
        self.status_lists.iter().find(|entry| entry.list == list)
    }

    /// All status lists.
    #[must_use]
    pub fn status_lists(&self) -> &[StatusListEntry] {
        &self.status_lists
    }
}
