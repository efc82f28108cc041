//! What a record says: fixed-size fields only, so that no text about a person or a company can stand in it. Proposals alone
//! carry text, about the parties themselves.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use super::group::{self, CaseEventGroup};
use super::{RecordError, array, bytes};
use crate::Timestamp;
use crate::registry::anchor::{AnchorOpening, BATCH_DEPTH_MAX};
use crate::registry::governance::Change;
use crate::registry::merkle::TreeHash;
use crate::registry::{ApplicationId, CaseId, Commitment, ContentDigest, ListId, RecordId};

/// The statement of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An issuer anchored the credentials of an interval.
    CredentialBatch(CredentialBatch),
    /// An issuer published a version of a status list.
    StatusListVersion(StatusListVersion),
    /// A step of a KYC case was done.
    CaseEvent(CaseEvent),
    /// A holder agreed that one company, unnamed, receives a presentation.
    Designation(Designation),
    /// That company said how the application stands.
    Outcome(Outcome),
    /// An issuer destroyed the evidence of a closed case.
    Erasure(Erasure),
    /// A member proposed a change of the parties.
    Proposal(Box<Proposal>),
    /// A member agreed to a proposal.
    Approval(Approval),
    /// Several steps of cases were done.
    CaseEventGroup(CaseEventGroup),
}

/// Kind 1: the root over the anchors of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialBatch {
    /// The issuer's batches count from 0.
    pub sequence: u64,
    /// The root over the leaves.
    pub root: TreeHash,
    /// The batch has two to this power leaves.
    pub depth: u8,
}

/// Kind 2: which token is the latest of a status list, so that nobody sees another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusListVersion {
    /// The list.
    pub list: ListId,
    /// The list's versions count from 0.
    pub sequence: u64,
    /// SHA-256 of the status list token as it is served.
    pub digest: ContentDigest,
}

/// Kind 3: a step of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseEvent {
    /// The case.
    pub case: CaseId,
    /// The case's events count from 0.
    pub sequence: u32,
    /// The step's code in the process definition.
    pub code: u16,
    /// The version of the process definition.
    pub definition: u32,
    /// Commits to [`crate::registry::CaseEventContent`].
    pub commitment: Commitment,
}

/// Kind 4: the receipt of a holder's consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Designation {
    /// The application.
    pub application: ApplicationId,
    /// Shows that the author holds an anchored credential, and spends that anchor.
    pub anchor: AnchorOpening,
    /// Commits to [`crate::registry::DesignationContent`].
    pub commitment: Commitment,
    /// The company's Ed25519 key for this application alone.
    pub outcome_key: [u8; 32],
    /// No outcome is accepted after this time.
    pub expires: Timestamp,
}

/// Kind 5: what the company says, under the key that the holder designated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The application.
    pub application: ApplicationId,
    /// 0 for received, 1 for decided.
    pub sequence: u32,
    /// 1 for received, 2 for decided.
    pub code: u8,
    /// Commits to [`crate::registry::OutcomeContent`].
    pub commitment: Commitment,
}

/// Kind 6: the evidence of a case is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The closed case.
    pub case: CaseId,
    /// Commits to [`crate::registry::ErasureContent`].
    pub commitment: Commitment,
}

/// Kind 7: a change that a member proposes, and thereby approves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The change does not take effect below this height; 0 if as soon as may be.
    pub activation_height: u64,
    /// After this time it cannot be adopted.
    pub expires: Timestamp,
    /// What is to change.
    pub change: Change,
}

/// Kind 8: a member's agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The record of the proposal.
    pub proposal: RecordId,
}

impl Body {
    /// The steps of cases that it says were done; none for other kinds.
    #[must_use]
    pub fn case_events(&self) -> &[CaseEvent] {
        match self {
            Self::CaseEvent(event) => std::slice::from_ref(event),
            Self::CaseEventGroup(group) => group.events(),
            Self::CredentialBatch(_)
            | Self::StatusListVersion(_)
            | Self::Designation(_)
            | Self::Outcome(_)
            | Self::Erasure(_)
            | Self::Proposal(_)
            | Self::Approval(_) => &[],
        }
    }

    /// The number of the record's kind on the wire.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::CredentialBatch(_) => 1,
            Self::StatusListVersion(_) => 2,
            Self::CaseEvent(_) => 3,
            Self::Designation(_) => 4,
            Self::Outcome(_) => 5,
            Self::Erasure(_) => 6,
            Self::Proposal(_) => 7,
            Self::Approval(_) => 8,
            Self::CaseEventGroup(_) => 9,
        }
    }

    pub(super) fn encode<W: Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::CredentialBatch(batch) => {
                to.array(3)?.u64(batch.sequence)?;
                to.bytes(batch.root.as_bytes())?.u8(batch.depth)?.ok()
            }
            Self::StatusListVersion(version) => {
                to.array(3)?.bytes(version.list.as_bytes())?;
                to.u64(version.sequence)?;
                to.bytes(version.digest.as_bytes())?.ok()
            }
            Self::CaseEvent(event) => {
                encode_case_event(event, to)?;
                Ok(())
            }
            Self::Designation(designation) => {
                to.array(5)?.bytes(designation.application.as_bytes())?;
                encode_opening(&designation.anchor, to)?;
                to.bytes(designation.commitment.as_bytes())?;
                to.bytes(&designation.outcome_key)?;
                to.u64(designation.expires.as_unix())?.ok()
            }
            Self::Outcome(outcome) => {
                to.array(4)?.bytes(outcome.application.as_bytes())?;
                to.u32(outcome.sequence)?.u8(outcome.code)?;
                to.bytes(outcome.commitment.as_bytes())?.ok()
            }
            Self::Erasure(erasure) => {
                to.array(2)?.bytes(erasure.case.as_bytes())?;
                to.bytes(erasure.commitment.as_bytes())?.ok()
            }
            Self::Proposal(proposal) => {
                to.array(3)?.u64(proposal.activation_height)?;
                to.u64(proposal.expires.as_unix())?;
                to.bytes(proposal.change.to_json().as_bytes())?.ok()
            }
            Self::Approval(approval) => to.array(1)?.bytes(approval.proposal.as_bytes())?.ok(),
            Self::CaseEventGroup(group) => group.encode(to),
        }
    }

    /// As [`Self::encode`], in the form that is signed: of a group its root stands for its events.
    pub(super) fn encode_signed<W: Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::CaseEventGroup(group) => group.encode_root(to),
            Self::CredentialBatch(_)
            | Self::StatusListVersion(_)
            | Self::CaseEvent(_)
            | Self::Designation(_)
            | Self::Outcome(_)
            | Self::Erasure(_)
            | Self::Proposal(_)
            | Self::Approval(_) => self.encode(to),
        }
    }

    pub(super) fn decode(kind: u8, from: &mut Decoder<'_>) -> Result<Self, RecordError> {
        match kind {
            1 => credential_batch(from).map(Self::CredentialBatch),
            2 => status_list_version(from).map(Self::StatusListVersion),
            3 => case_event(from).map(Self::CaseEvent),
            4 => designation(from).map(Self::Designation),
            5 => outcome(from).map(Self::Outcome),
            6 => erasure(from).map(Self::Erasure),
            7 => proposal(from).map(|proposal| Self::Proposal(Box::new(proposal))),
            8 => approval(from).map(Self::Approval),
            9 => group::decode(from).map(Self::CaseEventGroup),
            _ => Err(RecordError::Malformed),
        }
    }
}

fn credential_batch(from: &mut Decoder<'_>) -> Result<CredentialBatch, RecordError> {
    array(from, 3)?;
    let batch = CredentialBatch {
        sequence: from.u64()?,
        root: TreeHash::from_bytes(bytes(from)?),
        depth: from.u8()?,
    };
    if batch.depth > BATCH_DEPTH_MAX {
        return Err(RecordError::Malformed);
    }
    Ok(batch)
}

fn status_list_version(from: &mut Decoder<'_>) -> Result<StatusListVersion, RecordError> {
    array(from, 3)?;
    Ok(StatusListVersion {
        list: ListId::from_bytes(bytes(from)?),
        sequence: from.u64()?,
        digest: ContentDigest::from_bytes(bytes(from)?),
    })
}

pub(super) fn case_event(from: &mut Decoder<'_>) -> Result<CaseEvent, RecordError> {
    array(from, 5)?;
    Ok(CaseEvent {
        case: CaseId::from_bytes(bytes(from)?),
        sequence: from.u32()?,
        code: from.u16()?,
        definition: from.u32()?,
        commitment: Commitment::from_bytes(bytes(from)?),
    })
}

fn designation(from: &mut Decoder<'_>) -> Result<Designation, RecordError> {
    array(from, 5)?;
    Ok(Designation {
        application: ApplicationId::from_bytes(bytes(from)?),
        anchor: decode_opening(from)?,
        commitment: Commitment::from_bytes(bytes(from)?),
        outcome_key: bytes(from)?,
        expires: Timestamp::from_unix(from.u64()?),
    })
}

fn outcome(from: &mut Decoder<'_>) -> Result<Outcome, RecordError> {
    array(from, 4)?;
    Ok(Outcome {
        application: ApplicationId::from_bytes(bytes(from)?),
        sequence: from.u32()?,
        code: from.u8()?,
        commitment: Commitment::from_bytes(bytes(from)?),
    })
}

fn erasure(from: &mut Decoder<'_>) -> Result<Erasure, RecordError> {
    array(from, 2)?;
    Ok(Erasure {
        case: CaseId::from_bytes(bytes(from)?),
        commitment: Commitment::from_bytes(bytes(from)?),
    })
}

fn proposal(from: &mut Decoder<'_>) -> Result<Proposal, RecordError> {
    array(from, 3)?;
    Ok(Proposal {
        activation_height: from.u64()?,
        expires: Timestamp::from_unix(from.u64()?),
        change: Change::parse(from.bytes()?).map_err(|_cause| RecordError::Malformed)?,
    })
}

fn approval(from: &mut Decoder<'_>) -> Result<Approval, RecordError> {
    array(from, 1)?;
    Ok(Approval {
        proposal: RecordId::from_bytes(bytes(from)?),
    })
}

pub(super) fn encode_case_event<W: Write>(
    event: &CaseEvent,
    to: &mut Encoder<W>,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    to.array(5)?.bytes(event.case.as_bytes())?;
    to.u32(event.sequence)?.u16(event.code)?;
    to.u32(event.definition)?;
    to.bytes(event.commitment.as_bytes())?.ok()
}

fn encode_opening<W: Write>(
    opening: &AnchorOpening,
    to: &mut Encoder<W>,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    to.array(5)?.bytes(&opening.nonce)?;
    to.bytes(&opening.signing_input_hash)?;
    to.u64(opening.batch)?.u32(opening.leaf)?;
    to.array(opening.path.len() as u64)?;
    for hash in &opening.path {
        to.bytes(hash.as_bytes())?;
    }
    Ok(())
}

fn decode_opening(from: &mut Decoder<'_>) -> Result<AnchorOpening, RecordError> {
    array(from, 5)?;
    let (nonce, signing_input_hash) = (bytes(from)?, bytes(from)?);
    let (batch, leaf) = (from.u64()?, from.u32()?);
    let length = from.array()?.ok_or(RecordError::Malformed)?;
    if length > u64::from(BATCH_DEPTH_MAX) {
        return Err(RecordError::Malformed);
    }
    let path = (0..length)
        .map(|_hash| bytes(from).map(TreeHash::from_bytes))
        .collect::<Result<_, _>>()?;
    Ok(AnchorOpening {
        nonce,
        signing_input_hash,
        batch,
        leaf,
        path,
    })
}
