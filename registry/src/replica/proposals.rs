//! What members have proposed, as far as readers can check it.

use super::Replica;
use crate::state::{Adopted, Pending};
use protocol::registry::RecordId;
use serde::{Deserialize, Serialize};

/// Adopted changes that are listed although they hold already: the newest ones.
const ADOPTED_MAX: usize = 64;

/// What the node knows of proposals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposals {
    /// The height that the node has committed.
    pub height: u64,
    /// Those that wait or have lapsed, and the adopted ones, in the order of the ledger.
    pub proposals: Vec<ListedProposal>,
}

/// Where a proposal and what became of it stand on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedProposal {
    /// The record of the proposal.
    pub proposal: RecordId,
    /// Its index.
    pub index: u64,
    /// The indexes of the approvals, in their order.
    pub approvals: Vec<u64>,
    /// What the node computed when the last of them decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adoption>,
}

/// When a change was decided, and from when on it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adoption {
    /// The height of the block with the deciding approval.
    pub height: u64,
    /// The first height at which the change holds.
    pub effect: u64,
}

impl ListedProposal {
    fn waiting(proposal: RecordId, pending: &Pending) -> Self {
        Self {
            proposal,
            index: pending.index(),
            approvals: pending.approvals(),
            adopted: None,
        }
    }

    fn adopted(adopted: &Adopted) -> Self {
        Self {
            proposal: adopted.record(),
            index: adopted.index(),
            approvals: adopted.approvals().to_vec(),
            adopted: Some(Adoption {
                height: adopted.adopted_at(),
                effect: adopted.effect(),
            }),
        }
    }

    /// What is left of it on a ledger of `size` records; none if nothing is.
    fn within(mut self, size: u64) -> Option<Self> {
        let decided = self.approvals.last().unwrap_or(&self.index);
        if *decided >= size {
            self.adopted = None;
        }
        self.approvals.retain(|index| *index < size);
        (self.index < size).then_some(self)
    }
}

impl Replica {
    /// The proposals that wait or have lapsed, the adopted ones that do not hold yet, and the newest of those that do. None of
    /// them speaks of records that no quorum has signed for.
    #[must_use]
    pub fn proposals(&self) -> Proposals {
        let size = self.latest().map_or(0, |latest| latest.checkpoint.size());
        let committed = self.committed();
        let height = committed.height;
        let waiting = committed.state.proposals();
        let waiting = waiting.map(|(record, pending)| ListedProposal::waiting(record, pending));
        let newest_first = (0..).zip(committed.state.adopted().rev());
        let adopted = newest_first
            .filter(|(place, adopted)| *place < ADOPTED_MAX || adopted.effect() > height)
            .map(|(_place, adopted)| ListedProposal::adopted(adopted));
        let listed = waiting.chain(adopted);
        let mut proposals: Vec<_> = listed.filter_map(|listed| listed.within(size)).collect();
        proposals.sort_unstable_by_key(|listed| listed.index);
        Proposals { height, proposals }
    }

    /// One proposal, however long ago it was decided.
    #[must_use]
    pub fn proposal(&self, record: &RecordId) -> Option<ListedProposal> {
        let size = self.latest()?.checkpoint.size();
        let committed = self.committed();
        let mut waiting = committed.state.proposals();
        let mut adopted = committed.state.adopted();
        let listed = waiting
            .find(|(waiting, _pending)| waiting == record)
            .map(|(record, pending)| ListedProposal::waiting(record, pending))
            .or_else(|| {
                let adopted = adopted.find(|adopted| adopted.record() == *record);
                adopted.map(ListedProposal::adopted)
            });
        listed?.within(size)
    }
}
