//! Mistakes that are planted on purpose, to show that the simulation finds them; as in `protocol::planted`, which this crate
//! does not know.

/// A mistake in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A block's time is the leader's clock, also if that shows an earlier time than the block before.
    TimeGoesBack,
    /// A node that starts again has forgotten its votes of the epoch.
    ForgottenVotes,
    /// A vote is told before it is on the disk.
    UnsyncedVotes,
    /// A node that must not vote opens the journal in which its own votes are.
    OneJournal,
}

/// Whether a mistake is to be made: never, in a product.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether a mistake is to be made on this thread.
#[cfg(feature = "planted")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Plants a mistake on this thread, in the place of the one before.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}
