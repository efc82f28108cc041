//! Mistakes that are planted on purpose, to show that the simulation of the registry finds them.
//!
//! Only a build with the feature `planted` has them, and there only a thread on which one was planted. In any other build
//! [`planted`] is the constant `false`, and of a mistake nothing is left in the program.

/// A mistake in this crate or in a registry node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Two thirds of the members that may be faulty, and no more, have to sign a checkpoint: 2f.
    SmallQuorum,
    /// A leaf of the tree is hashed without the byte that tells it from an inner node.
    LeafWithoutPrefix,
    /// A smaller ledger passes for an extension of a larger one.
    SmallerLedger,
    /// Nobody checks who signed a record.
    UnsignedRecord,
    /// A committee's signatures count for an epoch after the next one took over.
    FormerCommittee,
    /// A process definition is active as soon as it is decided.
    EarlyDefinition,
    /// A record that stands on the ledger is taken again.
    RepeatedRecord,
    /// The steps of a case may come in any order.
    AnyOrder,
    /// One approval less than a quorum is enough for a decision.
    FewApprovals,
    /// A block counts as final once it was proposed.
    EarlyCommit,
    /// A node with an older copy of its disk votes as if nothing had happened.
    ForgetfulBallot,
}

/// Whether a mistake is to be made: never, in a product.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn planted(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether a mistake is to be made on this thread.
#[cfg(feature = "planted")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Plants a mistake on this thread, in the place of the one before.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}
