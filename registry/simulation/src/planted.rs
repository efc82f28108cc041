//! The mistakes that can be planted, and how.

/// A mistake in one of the crates under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// In the rules that all share, or in a node.
    Protocol(protocol::planted::Bug),
    /// In the consensus engine's use.
    Consensus(registry_consensus::planted::Bug),
}

use Mistake::{Consensus, Protocol};
use protocol::planted::Bug::{
    AnyOrder, EarlyCommit, EarlyDefinition, FewApprovals, ForgetfulBallot, FormerCommittee,
    LeafWithoutPrefix, RepeatedRecord, SmallQuorum, SmallerLedger, UnsignedRecord,
};
use registry_consensus::planted::Bug::{ForgottenVotes, OneJournal, TimeGoesBack, UnsyncedVotes};

/// A mistake that is planted, and how it has to be found.
#[derive(Debug)]
pub struct Planted {
    /// What is planted.
    pub mistake: Mistake,
    /// What it is, for readers.
    pub what: &'static str,
    /// Of the invariants that it breaks one has to be seen broken, whatever else goes wrong.
    pub breaks: &'static [&'static str],
}

impl Planted {
    /// Whether a violation is of an invariant that the mistake breaks.
    #[must_use]
    pub fn is_seen_in(&self, violation: &str) -> bool {
        let invariant = violation.split_once(':').map(|(invariant, _)| invariant);
        invariant.is_some_and(|invariant| self.breaks.contains(&invariant))
    }
}

const fn planted(mistake: Mistake, what: &'static str, breaks: &'static [&'static str]) -> Planted {
    Planted {
        mistake,
        what,
        breaks,
    }
}

/// All mistakes.
pub static MISTAKES: [Planted; 15] = [
    planted(
        Consensus(UnsyncedVotes),
        "no sync before a vote is told",
        &["N9"],
    ),
    planted(
        Consensus(ForgottenVotes),
        "votes are not kept over a restart",
        &["N9"],
    ),
    planted(
        Protocol(ForgetfulBallot),
        "a node with an old disk image votes at once",
        &["N9"],
    ),
    planted(
        Consensus(OneJournal),
        "a node that must not vote opens the journal of its votes",
        &["N10"],
    ),
    planted(
        Protocol(EarlyCommit),
        "a block is committed and acknowledged before it is final",
        &["N1", "N3"],
    ),
    planted(Protocol(SmallQuorum), "2f signatures are a quorum", &["N3"]),
    planted(
        Protocol(FormerCommittee),
        "signatures of a former member still count",
        &["N3", "N6"],
    ),
    planted(Protocol(FewApprovals), "a minority decides", &["N2"]),
    planted(
        Protocol(LeafWithoutPrefix),
        "the leaf's prefix byte is left out",
        &["N6", "N7"],
    ),
    planted(
        Protocol(SmallerLedger),
        "a smaller tree is accepted",
        &["N7"],
    ),
    planted(
        Protocol(UnsignedRecord),
        "the signature of a record is not checked",
        &["N2"],
    ),
    planted(Protocol(RepeatedRecord), "a record is taken twice", &["N4"]),
    planted(
        Protocol(AnyOrder),
        "the order of a case's steps is not checked",
        &["N5"],
    ),
    planted(
        Protocol(EarlyDefinition),
        "a process definition is active too early",
        &["N2", "N5"],
    ),
    planted(
        Consensus(TimeGoesBack),
        "the time of blocks goes back",
        &["N7"],
    ),
];

/// Plants a mistake on this thread, and takes out the one before.
#[cfg(feature = "planted")]
pub(crate) fn plant(mistake: Option<Mistake>) {
    let (rules, consensus) = match mistake {
        Some(Protocol(bug)) => (Some(bug), None),
        Some(Consensus(bug)) => (None, Some(bug)),
        None => (None, None),
    };
    protocol::planted::plant(rules);
    registry_consensus::planted::plant(consensus);
}

/// Without the feature there is nothing to plant.
#[cfg(not(feature = "planted"))]
pub(crate) const fn plant(_mistake: Option<Mistake>) {}
