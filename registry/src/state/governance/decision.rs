//! Proposals, approvals, and when they are enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Timestamp;
use protocol::planted::{Bug, planted};
use protocol::registry::governance::{Change, Entry};
use protocol::registry::record::{Approval, Author, Body, Proposal, Record};
use protocol::registry::{KeyBytes, Member, Parties, RecordId};

use super::Governance;
use crate::state::{BlockContext, Rejection, State};

/// Proposals of one member that wait for approvals.
const PENDING_PER_MEMBER_MAX: usize = 8;
/// A proposal cannot wait longer: 90 days.
const TERM_SECONDS_MAX: u64 = 90 * 24 * 60 * 60;
/// A change cannot be decided further ahead: some months of blocks.
const AHEAD_BLOCKS_MAX: u64 = 10_000_000;

/// A proposal that waits for approvals.
#[derive(Clone, Debug)]
pub struct Pending {
    index: u64,
    proposer: KeyBytes,
    proposal: Proposal,
    /// The entry that the change replaces, as it was when it was proposed.
    replaces: Option<Entry>,
    /// The governance keys that agree, and where they said so. A key that is replaced takes its agreement with it.
    approvals: BTreeMap<KeyBytes, u64>,
}

/// A change that a quorum decided.
#[derive(Clone, Debug)]
pub struct Adopted {
    record: RecordId,
    index: u64,
    /// The records with approvals; the last of them decided.
    approvals: Vec<u64>,
    adopted_at: u64,
    effect: u64,
}

impl Pending {
    /// Where the proposal stands.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// What is proposed.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// The members in force that agree.
    pub fn approvers<'p>(&'p self, parties: &'p Parties) -> impl Iterator<Item = &'p Member> {
        let members = parties.members_in_force();
        members.filter(|member| self.approvals.contains_key(&member.governance_key))
    }

    /// Where the approvals stand, apart from the proposer's, which is the proposal.
    #[must_use]
    pub fn approvals(&self) -> Vec<u64> {
        let approvals = self.approvals.values().copied();
        let mut approvals: Vec<u64> = approvals.filter(|index| *index != self.index).collect();
        approvals.sort_unstable();
        approvals
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        self.proposal.expires < now
    }
}

impl Adopted {
    /// The record of the proposal.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.record
    }

    /// Where the proposal stands.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Where the approvals stand; the last one decided. There are none where the proposer decides alone.
    #[must_use]
    pub fn approvals(&self) -> &[u64] {
        &self.approvals
    }

    /// The height of the block with the deciding approval.
    #[must_use]
    pub const fn adopted_at(&self) -> u64 {
        self.adopted_at
    }

    /// The height from which the change holds.
    #[must_use]
    pub const fn effect(&self) -> u64 {
        self.effect
    }
}

impl State<'_> {
    /// Takes a proposal or an approval.
    pub(in crate::state) fn decide(
        &mut self,
        record: &Record,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        match record.body() {
            Body::Proposal(proposal) => self.proposal(record, proposal, index, block),
            Body::Approval(approval) => self.approval(record, approval, index, block),
            Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::CaseEvent(_)
            | Body::CaseEventGroup(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Erasure(_) => Ok(()),
        }
    }

    /// A proposal comes from a member in force, has a term, and is of a change that could be made now. It counts as its
    /// author's approval.
    fn proposal(
        &mut self,
        record: &Record,
        proposal: &Proposal,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let proposer = self.member_of(record, block)?;
        if proposal.expires <= block.time {
            return Err(Rejection::Expired);
        }
        let too_late = block.time.plus_seconds(TERM_SECONDS_MAX) < proposal.expires;
        // Neither a change nor a definition: no later one could be active before it, whoever mistyped the height.
        let mut latest = proposal.activation_height;
        if let Change::PublishDefinition { definition } = &proposal.change {
            latest = latest.max(definition.activation_height);
        }
        let too_far = block.height.saturating_add(AHEAD_BLOCKS_MAX) < latest;
        if too_late || too_far {
            return Err(Rejection::Unfit);
        }
        let mut governance = (*self.governance).clone();
        governance
            .pending
            .retain(|_, pending| !pending.has_lapsed(block.time));
        let own = governance.pending.values();
        if own.filter(|pending| pending.proposer == proposer).count() >= PENDING_PER_MEMBER_MAX {
            return Err(Rejection::TooMany);
        }
        let pending = Pending {
            index,
            proposer,
            proposal: proposal.clone(),
            replaces: governance.decided().replaced(&proposal.change),
            approvals: BTreeMap::from([(proposer, index)]),
        };
        // A change that does not fit now is refused before anyone considers it.
        let wished = proposal.activation_height;
        let mut trial = governance.clone();
        trial.adopt(&proposal.change, wished, block.height)?;
        governance.settle(record.id(), pending, block)?;
        self.governance = Arc::new(governance);
        Ok(())
    }

    /// An approval comes from a member in force, for a proposal that waits. With a quorum the change is adopted.
    fn approval(
        &mut self,
        record: &Record,
        approval: &Approval,
        index: u64,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let member = self.member_of(record, block)?;
        let proposal = approval.proposal;
        let mut adopted = self.governance.adopted.iter();
        if adopted.any(|adopted| adopted.record == proposal) {
            return Err(Rejection::Conflict);
        }
        let pending = self.governance.pending.get(&proposal);
        let mut pending = Pending::clone(pending.ok_or(Rejection::Unknown)?);
        if pending.has_lapsed(block.time) {
            return Err(Rejection::Expired);
        }
        if pending.approvals.insert(member, index).is_some() {
            return Err(Rejection::Conflict);
        }
        let mut governance = (*self.governance).clone();
        governance.settle(proposal, pending, block)?;
        self.governance = Arc::new(governance);
        Ok(())
    }

    /// The governance key of the member in force that made a record.
    fn member_of(&self, record: &Record, block: &BlockContext) -> Result<KeyBytes, Rejection> {
        let Author::Ed25519(key) = record.author() else {
            return Err(Rejection::NotAuthorised);
        };
        let key = KeyBytes::from_bytes(*key);
        let mut members = self.governance.parties_at(block.height).members_in_force();
        if members.any(|member| member.governance_key == key) {
            return Ok(key);
        }
        Err(Rejection::NotAuthorised)
    }
}

impl Governance {
    /// Adopts a proposal with a quorum; keeps any other waiting.
    fn settle(
        &mut self,
        record: RecordId,
        pending: Pending,
        block: &BlockContext,
    ) -> Result<(), Rejection> {
        let parties = self.parties_at(block.height);
        let spared = usize::from(planted(Bug::FewApprovals));
        if pending.approvers(parties).count() < parties.quorum() - spared {
            self.pending.insert(record, Arc::new(pending));
            return Ok(());
        }
        let proposal = &pending.proposal;
        if self.decided().replaced(&proposal.change) != pending.replaces {
            return Err(Rejection::Unfit);
        }
        let effect = self.adopt(&proposal.change, proposal.activation_height, block.height)?;
        self.pending.remove(&record);
        self.adopted.push(Arc::new(Adopted {
            record,
            index: pending.index,
            approvals: pending.approvals(),
            adopted_at: block.height,
            effect,
        }));
        Ok(())
    }

    pub(in crate::state) fn pending(&self) -> impl Iterator<Item = (RecordId, &Pending)> {
        let pending = self.pending.iter();
        pending.map(|(record, pending)| (*record, &**pending))
    }

    pub(in crate::state) fn adopted(&self) -> impl DoubleEndedIterator<Item = &Adopted> {
        self.adopted.iter().map(|adopted| &**adopted)
    }
}
