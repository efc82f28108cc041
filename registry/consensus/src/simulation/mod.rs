//! The engine as it is, on simulated machines and a simulated network: one seed, one history.
//!
//! [`simulate`] tells a story about a [`World`] of members. Each member has a machine of its own with a
//! [`Disk`] and a clock; what runs on it is the same code as in [`crate::Node`]. Time is simulated: nothing waits.
//! Everything that happens follows from the seed, so a story can be told again, and its digest tells whether it was
//! the same.

mod disk;
mod liar;
mod machine;
mod network;
mod storage;
mod testimony;
mod world;

pub use disk::{Disk, DiskError, Image, OpenFile, Trouble};
pub use liar::Contradiction;
pub use machine::Skew;
pub use network::Counts;
pub use world::{Link, Maker, Timer, Twin, World};

use crate::{committee::CommitteeError, config::PeerKey};
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use std::time::{Duration, UNIX_EPOCH};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Votes of validators.
    Votes,
    /// Certificates of blocks and of skipped views.
    Certificates,
    /// Requests for certificates.
    Resolver,
    /// Requests for final blocks.
    Backfill,
    /// Proposed blocks.
    Broadcast,
    /// Records and cosignatures.
    Gossip,
    /// Announcements of epochs.
    Beacon,
}

impl Channel {
    /// All channels, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Votes,
        Self::Certificates,
        Self::Resolver,
        Self::Backfill,
        Self::Broadcast,
        Self::Gossip,
        Self::Beacon,
    ];
}

/// Tells a story about `members`, beginning at `unix_seconds`; it ends in a panic if it takes longer than `limit`.
///
/// The answer is what the story returns and a digest of all that happened. Nothing that it returns may hold on to the world.
///
/// # Errors
///
/// Fails if a member's key is no key.
pub fn simulate<T>(
    seed: u64,
    members: &[PeerKey],
    unix_seconds: u64,
    limit: Duration,
    story: impl AsyncFnOnce(World) -> T,
) -> Result<(T, String), CommitteeError> {
    let keys = members
        .iter()
        .map(|key| key.decode())
        .collect::<Result<Vec<_>, _>>()?;
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_start_time(UNIX_EPOCH + Duration::from_secs(unix_seconds))
        .with_timeout(Some(limit))
        .with_catch_panics(true);
    Ok(
        deterministic::Runner::new(config).start(|context| async move {
            let audit = context.child("audit");
            let world = World::new(context, keys, seed).await;
            let told = story(world).await;
            (told, audit.auditor().state())
        }),
    )
}
