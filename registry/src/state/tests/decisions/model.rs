//! The rules of governance once more, read from the specification: no code is shared with the state.

use std::collections::{BTreeMap, BTreeSet};

use protocol::registry::governance::Change;
use protocol::registry::record::{Author, Body, Proposal, Record};
use protocol::registry::{Issuer, KeyBytes, Member, RecordId};

use super::super::network::*;

/// Who takes part, as plain lists.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sides {
    pub(super) members: Vec<Member>,
    pub(super) issuers: Vec<Issuer>,
    /// Version and activation height.
    pub(super) definitions: Vec<(u32, u64)>,
}

/// A proposal that waits.
pub(super) struct Waiting {
    proposal: Proposal,
    by: KeyBytes,
    approvals: BTreeSet<KeyBytes>,
    /// The entry that it replaces, in words.
    replaces: String,
}

/// What the members decided, and what waits.
pub(super) struct Model {
    first: Sides,
    /// What was adopted, in that order, with the height from which it holds.
    pub(super) adopted: Vec<(u64, Change)>,
    pub(super) pending: BTreeMap<RecordId, Waiting>,
    done: BTreeSet<RecordId>,
}

impl Model {
    pub(super) fn new() -> Self {
        let genesis = genesis();
        let parties = genesis.parties();
        let definitions = parties.process_definitions().iter();
        Self {
            first: Sides {
                members: parties.members().to_vec(),
                issuers: parties.issuers().to_vec(),
                definitions: definitions
                    .map(|definition| (definition.version, definition.activation_height))
                    .collect(),
            },
            adopted: Vec::new(),
            pending: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    /// What holds at a height; none if a change could not be made there.
    pub(super) fn sides_at(&self, height: u64, more: Option<&(u64, Change)>) -> Option<Sides> {
        let mut sides = self.first.clone();
        for (effect, change) in self.adopted.iter().chain(more) {
            if *effect <= height {
                make(&mut sides, change, *effect)?;
            }
        }
        Some(sides)
    }

    fn in_force(&self, height: u64) -> Vec<Member> {
        let members = self.sides_at(height, None).unwrap().members;
        members
            .into_iter()
            .filter(|member| !member.suspended)
            .collect()
    }

    /// From when on a change holds that is adopted now; none if it cannot be.
    fn effect(&self, change: &Change, wished: u64, height: u64) -> Option<u64> {
        let boundary = |height: u64| height.div_ceil(EPOCH_BLOCKS) * EPOCH_BLOCKS;
        let effect = if change.is_of_membership() {
            boundary(wished).max((height / EPOCH_BLOCKS + 2) * EPOCH_BLOCKS)
        } else {
            wished.max(height + 1)
        };
        let made = (effect, change.clone());
        let mut heights: BTreeSet<u64> = self.adopted.iter().map(|(effect, _)| *effect).collect();
        heights.insert(effect);
        heights.insert(height);
        let mut committees = 0;
        let mut last = None;
        for at in heights.into_iter().filter(|at| *at >= height) {
            let sides = self.sides_at(at, Some(&made))?;
            if last.as_ref().is_some_and(|last| *last != sides.members) {
                committees += 1;
            }
            last = Some(sides.members);
        }
        (committees <= 4).then_some(effect)
    }

    /// What stands, when all that is decided holds, where a change puts a whole entry.
    fn replaced(&self, change: &Change) -> String {
        let sides = self.sides_at(u64::MAX, None).unwrap();
        let known = match change {
            Change::UpdateMember { member } => {
                let mut members = sides.members.iter();
                let known = members.find(|known| known.name == member.name);
                known.map(|known| format!("{known:?}"))
            }
            Change::RegisterIssuer { issuer } => {
                let mut issuers = sides.issuers.iter();
                let known = issuers.find(|known| known.id == issuer.id);
                known.map(|known| format!("{known:?}"))
            }
            Change::AdmitMember { .. }
            | Change::RemoveMember { .. }
            | Change::SuspendMember { .. }
            | Change::ReinstateMember { .. }
            | Change::RetireIssuer { .. }
            | Change::RegisterVerifier { .. }
            | Change::RetireVerifier { .. }
            | Change::PublishDefinition { .. } => None,
        };
        known.unwrap_or_default()
    }

    fn effect_of(&self, proposal: &Proposal, height: u64) -> Option<u64> {
        self.effect(&proposal.change, proposal.activation_height, height)
    }

    /// Whether the ledger takes the record, as the specification says.
    pub(super) fn take(&mut self, record: &Record, height: u64) -> bool {
        let now = block(height).time;
        let Author::Ed25519(author) = record.author() else {
            return false;
        };
        let author = KeyBytes::from_bytes(*author);
        let members = self.in_force(height);
        if !members.iter().any(|member| member.governance_key == author)
            || self.done.contains(&record.id())
        {
            return false;
        }
        let id = match record.body() {
            Body::Proposal(proposal) => {
                let waiting = self.pending.values();
                let own = |known: &&Waiting| known.by == author && known.proposal.expires >= now;
                let too_many = waiting.filter(own).count() >= 8;
                if proposal.expires <= now || too_many || self.effect_of(proposal, height).is_none()
                {
                    return false;
                }
                self.pending
                    .retain(|_, known| known.proposal.expires >= now);
                let waiting = Waiting {
                    proposal: (**proposal).clone(),
                    by: author,
                    approvals: BTreeSet::from([author]),
                    replaces: self.replaced(&proposal.change),
                };
                self.pending.insert(record.id(), waiting);
                record.id()
            }
            Body::Approval(approval) => {
                let Some(known) = self.pending.get(&approval.proposal) else {
                    return false;
                };
                if known.proposal.expires < now || known.approvals.contains(&author) {
                    return false;
                }
                let agree = counted(&members, &known.approvals, Some(author));
                let fits = self.effect_of(&known.proposal, height).is_some()
                    && self.replaced(&known.proposal.change) == known.replaces;
                if agree >= quorum(members.len()) && !fits {
                    return false;
                }
                let known = self.pending.get_mut(&approval.proposal).unwrap();
                known.approvals.insert(author);
                approval.proposal
            }
            Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::CaseEvent(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Erasure(_)
            | Body::CaseEventGroup(_) => panic!("not about governance"),
        };
        self.done.insert(record.id());
        let known = &self.pending[&id];
        if counted(&members, &known.approvals, None) >= quorum(members.len()) {
            let effect = self.effect_of(&known.proposal, height).unwrap();
            self.adopted.push((effect, known.proposal.change.clone()));
            self.pending.remove(&id);
        }
        true
    }
}

/// More than two thirds.
fn quorum(members: usize) -> usize {
    (1..=members)
        .find(|quorum| members - quorum <= (members - 1) / 3)
        .unwrap()
}

fn counted(members: &[Member], approvals: &BTreeSet<KeyBytes>, more: Option<KeyBytes>) -> usize {
    let agrees = |member: &&Member| {
        approvals.contains(&member.governance_key) || more == Some(member.governance_key)
    };
    members.iter().filter(agrees).count()
}

fn make(sides: &mut Sides, change: &Change, effect: u64) -> Option<()> {
    let before = sides.clone();
    let at = |name: &str| before.members.iter().position(|member| member.name == name);
    match change {
        Change::AdmitMember { member } => sides.members.push(member.clone()),
        Change::RemoveMember { name } => drop(sides.members.remove(at(name)?)),
        Change::SuspendMember { name } => sides.members[at(name)?].suspended = true,
        Change::ReinstateMember { name } => sides.members[at(name)?].suspended = false,
        Change::UpdateMember { member } => {
            let at = at(&member.name)?;
            if before.members[at].suspended {
                return None;
            }
            sides.members[at] = member.clone();
        }
        Change::RegisterIssuer { issuer } => match before
            .issuers
            .iter()
            .position(|known| known.id == issuer.id)
        {
            None => sides.issuers.push(issuer.clone()),
            Some(at) => {
                let old = &before.issuers[at];
                let mut new = issuer.clone();
                new.former_record_keys.clone_from(&old.former_record_keys);
                if old.record_key != new.record_key {
                    new.former_record_keys.push(old.record_key);
                }
                sides.issuers[at] = new;
            }
        },
        Change::RetireIssuer { id } => {
            let at = before
                .issuers
                .iter()
                .position(|issuer| issuer.id.as_str() == id)?;
            sides.issuers[at].retired = true;
        }
        Change::PublishDefinition { definition } => {
            sides
                .definitions
                .push((definition.version, definition.activation_height.max(effect)));
        }
        Change::RegisterVerifier { .. } | Change::RetireVerifier { .. } => {
            panic!("no verifier in these moves")
        }
    }
    (*sides != before && fits(sides)).then_some(())
}

/// Names and keys differ, somebody votes, issuers belong to somebody, definitions follow one another.
fn fits(sides: &Sides) -> bool {
    let differ =
        |values: Vec<Vec<u8>>| values.iter().collect::<BTreeSet<_>>().len() == values.len();
    let of = |part: &dyn Fn(&Member) -> Vec<u8>| sides.members.iter().map(part).collect::<Vec<_>>();
    let mut record_keys: Vec<Vec<u8>> = Vec::new();
    for issuer in &sides.issuers {
        let keys = issuer.former_record_keys.iter().chain([&issuer.record_key]);
        record_keys.extend(keys.map(|key| key.as_bytes().to_vec()));
    }
    let homes = |issuer: &Issuer| {
        issuer.retired
            || sides
                .members
                .iter()
                .any(|member| member.name == issuer.member)
    };
    let versions: Vec<u32> = sides
        .definitions
        .iter()
        .map(|(version, _)| *version)
        .collect();
    differ(of(&|member| member.name.as_bytes().to_vec()))
        && differ(of(&|member| member.governance_key.as_bytes().to_vec()))
        && differ(record_keys)
        && sides
            .members
            .iter()
            .any(|member| member.validator && !member.suspended)
        && sides.issuers.iter().all(homes)
        && versions
            .iter()
            .zip(1..)
            .all(|(version, next)| *version == next)
        && sides.definitions.is_sorted_by(|a, b| a.1 < b.1)
}
