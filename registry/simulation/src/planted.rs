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

/// All mistakes, and what each is.
pub const MISTAKES: [(Mistake, &str); 15] = [
    (Consensus(UnsyncedVotes), "no sync before a vote is told"),
    (
        Consensus(ForgottenVotes),
        "votes are not kept over a restart",
    ),
    (
        Protocol(ForgetfulBallot),
        "a node with an old disk image votes at once",
    ),
    (
        Consensus(OneJournal),
        "a node that must not vote opens the journal of its votes",
    ),
    (
        Protocol(EarlyCommit),
        "a block is committed and acknowledged before it is final",
    ),
    (Protocol(SmallQuorum), "2f signatures are a quorum"),
    (
        Protocol(FormerCommittee),
        "signatures of a former member still count",
    ),
    (Protocol(FewApprovals), "a minority decides"),
    (
        Protocol(LeafWithoutPrefix),
        "the leaf's prefix byte is left out",
    ),
    (Protocol(SmallerLedger), "a smaller tree is accepted"),
    (
        Protocol(UnsignedRecord),
        "the signature of a record is not checked",
    ),
    (Protocol(RepeatedRecord), "a record is taken twice"),
    (
        Protocol(AnyOrder),
        "the order of a case's steps is not checked",
    ),
    (
        Protocol(EarlyDefinition),
        "a process definition is active too early",
    ),
    (Consensus(TimeGoesBack), "the time of blocks goes back"),
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
