//! What a node shows of the ledger, checked, and what follows from it.

use super::{failure::GovernanceError, keys};
use crate::replica::Adoption;
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{
        KeyBytes, Member, Parties, RecordId, TrustedParties,
        checkpoint::{Committees, VerifiedCheckpoint},
        governance::{Change, ChangeError, Party},
        record::Proposal,
    },
};

/// What a node shows, checked.
#[derive(Debug)]
pub struct View {
    /// The checkpoint that everything else is under.
    pub checkpoint: VerifiedCheckpoint,
    /// Who takes part, and which committees are decided.
    pub trusted: TrustedParties,
    /// Whose signatures count.
    pub committees: Committees,
    /// The node's height, not below the checkpoint's.
    pub height: u64,
    /// The proposals, in the order of the ledger.
    pub proposals: Vec<Proposed>,
}

/// A proposal that stands on the ledger, with the approvals that do.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// Its record.
    pub id: RecordId,
    /// Where it stands.
    pub index: u64,
    /// Where the last approval stands; the proposal itself if there is none.
    pub last_index: u64,
    /// What it says.
    pub proposal: Proposal,
    /// The governance keys that agreed; the proposer's first.
    pub approvals: Vec<KeyBytes>,
    /// What became of it, as the node says.
    pub adopted: Option<Adoption>,
}

/// How a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for approvals.
    Waits,
    /// It waits, and cannot be adopted: the entry that it replaces has been changed since.
    Overtaken,
    /// Its time was over before a quorum agreed.
    Lapsed,
    /// It is decided and does not hold yet.
    Decided(Adoption),
    /// It holds.
    Holds(Adoption),
}

impl Proposed {
    /// The members in force that agree.
    pub fn approvers<'p>(&'p self, parties: &'p Parties) -> impl Iterator<Item = &'p Member> {
        let members = parties.members_in_force();
        members.filter(|member| self.approvals.contains(&member.governance_key))
    }
}

impl View {
    /// How a proposal stands now.
    #[must_use]
    pub fn standing(&self, proposed: &Proposed, now: Timestamp) -> Standing {
        match proposed.adopted {
            Some(adoption) if adoption.effect <= self.height => Standing::Holds(adoption),
            Some(adoption) => Standing::Decided(adoption),
            None if proposed.proposal.expires < now => Standing::Lapsed,
            None if self.is_overtaken(proposed) => Standing::Overtaken,
            None => Standing::Waits,
        }
    }

    /// Whether as many agree with a proposal that waits as decide: there are fewer members since the last of them did, and
    /// only a further approval is counted.
    #[must_use]
    pub fn is_short_of_a_word(&self, proposed: &Proposed) -> bool {
        let parties = self.trusted.parties();
        proposed.adopted.is_none() && proposed.approvers(parties).count() >= parties.quorum()
    }

    /// A proposal of this change that others can still approve until it is adopted.
    #[must_use]
    pub fn waiting(&self, change: &Change, now: Timestamp) -> Option<&Proposed> {
        let mut proposals = self.proposals.iter();
        proposals.find(|proposed| {
            proposed.proposal.change == *change
                && self.standing(proposed, now) == Standing::Waits
                && !self.is_short_of_a_word(proposed)
        })
    }

    /// Whether a change with a whole entry was proposed before another one of the same entry was decided.
    fn is_overtaken(&self, proposed: &Proposed) -> bool {
        let change = &proposed.proposal.change;
        let has_entry = matches!(
            change,
            Change::UpdateMember { .. }
                | Change::RegisterIssuer { .. }
                | Change::RegisterVerifier { .. }
        );
        let mut decided = self.decided().into_iter();
        has_entry
            && decided.any(|(_, other)| {
                other.last_index > proposed.index && other.proposal.change.party() == change.party()
            })
    }

    /// The decided changes in the order of their decisions: of two in one block, in that of the records that decided them.
    fn decided(&self) -> Vec<(Adoption, &Proposed)> {
        let proposals = self.proposals.iter();
        let decided = proposals.filter_map(|proposed| Some((proposed.adopted?, proposed)));
        let mut decided: Vec<_> = decided.collect();
        decided.sort_by_key(|(adoption, proposed)| (adoption.height, proposed.last_index));
        decided
    }

    /// The members of a height, as a quorum signed for them.
    fn members_at(&self, height: u64) -> &[Member] {
        let mut latest_first = self.trusted.scheduled().iter().rev();
        let sitting = latest_first.find(|committee| committee.height <= height);
        sitting.map_or(self.trusted.parties().members(), |sitting| &sitting.members)
    }

    /// The parties that hold at a height: the members by the document, all others by the decisions that wait.
    ///
    /// # Errors
    ///
    /// Fails if the decisions do not fit the document.
    pub fn parties_at(&self, height: u64) -> Result<Parties, ChangeError> {
        let from = self.checkpoint.checkpoint().height;
        let decided = self.decided();
        let mut changes = Vec::new();
        for (place, (adoption, proposed)) in decided.iter().enumerate() {
            let change = &proposed.proposal.change;
            let is_to_come = from < adoption.effect && adoption.effect <= height;
            // What was decided later and holds already is in the document, and stays.
            let mut later = decided.iter().skip(place + 1);
            let is_overruled = later.any(|(later, other)| {
                later.effect <= from && other.proposal.change.party() == change.party()
            });
            if is_to_come && !change.is_of_membership() && !is_overruled {
                changes.push((change, adoption.effect));
            }
        }
        let parties = self.trusted.parties();
        parties.with(self.members_at(height), changes)
    }

    /// Whether the decisions about members that the node lists are those behind the committees that the members announced:
    /// every difference between two committees is decided, and every decision is seen in the committee of its height.
    pub(super) fn is_complete(&self) -> bool {
        let from = self.checkpoint.checkpoint().height;
        let mut decided = self.decided();
        decided.retain(|(_, proposed)| proposed.proposal.change.is_of_membership());
        let mut before = self.trusted.parties().members();
        for committee in self.trusted.scheduled() {
            let is_decided = |name: &str| {
                decided.iter().any(|(adoption, proposed)| {
                    adoption.effect == committee.height
                        && proposed.proposal.change.party() == Party::Member(name)
                })
            };
            if !differing(before, &committee.members).all(is_decided) {
                return false;
            }
            before = &committee.members;
        }
        let mut places = decided.iter().enumerate();
        places.all(|(place, (adoption, proposed))| {
            let change = &proposed.proposal.change;
            let mut later = decided.iter().skip(place + 1);
            let is_overruled = later.any(|(later, other)| {
                later.effect <= adoption.effect && other.proposal.change.party() == change.party()
            });
            adoption.effect <= from
                || is_overruled
                || is_seen(change, self.members_at(adoption.effect))
        })
    }

    /// The member in force whose governance key this is.
    #[must_use]
    pub fn member_of(&self, key: &SigningKey) -> Option<&Member> {
        let key = keys::public(key)?;
        let mut members = self.trusted.parties().members_in_force();
        members.find(|member| member.governance_key == key)
    }

    /// The proposal whose id begins like this.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or more than one.
    pub fn proposal(&self, beginning: &str) -> Result<&Proposed, GovernanceError> {
        let beginning = beginning.to_ascii_lowercase();
        let none = || GovernanceError::NoProposal(beginning.clone());
        if beginning.len() < 8 {
            return Err(GovernanceError::Argument(
                "PROPOSAL",
                "at least 8 characters of an id",
            ));
        }
        let mut found = self
            .proposals
            .iter()
            .filter(|proposed| proposed.id.to_string().starts_with(&beginning));
        let first = found.next().ok_or_else(none)?;
        match found.next() {
            None => Ok(first),
            Some(_) => Err(GovernanceError::Ambiguous(beginning)),
        }
    }
}

fn of_name<'m>(members: &'m [Member], name: &str) -> Option<&'m Member> {
    members.iter().find(|member| member.name == name)
}

/// The names of members that come, go or change from one committee to another.
fn differing<'m>(before: &'m [Member], after: &'m [Member]) -> impl Iterator<Item = &'m str> {
    let names = before.iter().chain(after).map(|member| &*member.name);
    names.filter(|name| of_name(before, name) != of_name(after, name))
}

/// Whether a committee is as a change of members wants it.
fn is_seen(change: &Change, members: &[Member]) -> bool {
    match change {
        Change::AdmitMember { member } | Change::UpdateMember { member } => {
            members.contains(member)
        }
        Change::RemoveMember { name } => of_name(members, name).is_none(),
        Change::SuspendMember { name } => {
            of_name(members, name).is_some_and(|member| member.suspended)
        }
        Change::ReinstateMember { name } => {
            of_name(members, name).is_some_and(|member| !member.suspended)
        }
        Change::RegisterIssuer { .. }
        | Change::RetireIssuer { .. }
        | Change::RegisterVerifier { .. }
        | Change::RetireVerifier { .. }
        | Change::PublishDefinition { .. } => true,
    }
}
