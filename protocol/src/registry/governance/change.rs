//! A change of the parties, as it stands in a proposal.

use serde::{Deserialize, Serialize};

use crate::json::{self, Limits};
use crate::registry::genesis::{canonical, canonical_json};
use crate::registry::{Epochs, GenesisError, Issuer, Member, ProcessDefinition, Verifier};

/// No change has a longer text.
pub const CHANGE_BYTES_MAX: usize = 16 * 1024 - 512;
const LIMITS: Limits = Limits::DEFAULT.with_bytes(CHANGE_BYTES_MAX);

/// What members can decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// An organisation becomes a member.
    AdmitMember {
        /// The new member.
        member: Member,
    },
    /// A member leaves. Its issuers and verifiers must have been retired before.
    RemoveMember {
        /// Its name.
        name: String,
    },
    /// A member takes no part until it is reinstated: its node neither votes nor signs, and it decides nothing.
    SuspendMember {
        /// Its name.
        name: String,
    },
    /// A suspended member takes part again.
    ReinstateMember {
        /// Its name.
        name: String,
    },
    /// A member's keys, role, addresses or vote change; its name stays.
    UpdateMember {
        /// The member as it is to be.
        member: Member,
    },
    /// An issuer is registered, or replaces the one of the same identifier.
    RegisterIssuer {
        /// The issuer.
        issuer: Issuer,
    },
    /// An issuer issues no more. What it issued stays readable.
    RetireIssuer {
        /// Its identifier.
        id: String,
    },
    /// A verifier is registered, or replaces the one of the same identifier.
    RegisterVerifier {
        /// The verifier.
        verifier: Verifier,
    },
    /// A verifier may no longer ask for presentations.
    RetireVerifier {
        /// Its identifier.
        id: String,
    },
    /// The next version of the process definition.
    PublishDefinition {
        /// The definition.
        definition: ProcessDefinition,
    },
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party<'c> {
    /// The member of this name.
    Member(&'c str),
    /// The issuer of this identifier.
    Issuer(&'c str),
    /// The verifier of this identifier.
    Verifier(&'c str),
    /// The steps of a case.
    Process,
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not the one text of a change.
    #[error("not a change in its one spelling")]
    Spelling,
    /// It speaks of a party that does not exist.
    #[error("there is no such party")]
    Unknown,
    /// It changes nothing: the party is already as the change wants it, or an admitted one is there already.
    #[error("the change has no effect")]
    NoEffect,
    /// The parties would no longer fit together.
    #[error("the parties would not fit together")]
    Parties(#[from] GenesisError),
}

impl Change {
    /// Reads the text of a change.
    ///
    /// # Errors
    ///
    /// Fails unless it is the canonical JSON of one.
    pub fn parse(text: &[u8]) -> Result<Self, ChangeError> {
        let value = json::parse(text, &LIMITS).map_err(|_cause| ChangeError::Spelling)?;
        let change = Self::deserialize(&value).map_err(|_cause| ChangeError::Spelling)?;
        // The spelling of the text, and then that of each value in it.
        if canonical_json(&value).as_bytes() != text || change.to_json().as_bytes() != text {
            return Err(ChangeError::Spelling);
        }
        Ok(change)
    }

    /// Its text: canonical JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        canonical(self)
    }

    /// The height from which it holds if it is adopted in the block of height `adopted` and wished for from height `wished`
    /// on: changes of members hold between epochs, all others from the next block.
    #[must_use]
    pub const fn effect(&self, epochs: Epochs, wished: u64, adopted: u64) -> u64 {
        if self.is_of_membership() {
            return epochs.effect_of_membership(adopted, wished);
        }
        let next = adopted.saturating_add(1);
        if wished > next { wished } else { next }
    }

    /// What it is about.
    #[must_use]
    pub fn party(&self) -> Party<'_> {
        match self {
            Self::AdmitMember { member } | Self::UpdateMember { member } => {
                Party::Member(&member.name)
            }
            Self::RemoveMember { name }
            | Self::SuspendMember { name }
            | Self::ReinstateMember { name } => Party::Member(name),
            Self::RegisterIssuer { issuer } => Party::Issuer(issuer.id.as_str()),
            Self::RetireIssuer { id } => Party::Issuer(id),
            Self::RegisterVerifier { verifier } => Party::Verifier(verifier.id.as_str()),
            Self::RetireVerifier { id } => Party::Verifier(id),
            Self::PublishDefinition { .. } => Party::Process,
        }
    }

    /// Whether it changes who takes part, which happens between epochs only.
    #[must_use]
    pub const fn is_of_membership(&self) -> bool {
        match self {
            Self::AdmitMember { .. }
            | Self::RemoveMember { .. }
            | Self::SuspendMember { .. }
            | Self::ReinstateMember { .. }
            | Self::UpdateMember { .. } => true,
            Self::RegisterIssuer { .. }
            | Self::RetireIssuer { .. }
            | Self::RegisterVerifier { .. }
            | Self::RetireVerifier { .. }
            | Self::PublishDefinition { .. } => false,
        }
    }
}
