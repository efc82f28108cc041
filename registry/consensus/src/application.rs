//! What the engine asks of the ledger above it.

use crate::{committee::Committee, config::PeerKey};
use bytes::Bytes;

/// A block without the engine's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedBlock {
    /// Distance from the genesis block, which has height 0 and no records.
    pub height: u64,
    /// The proposer's clock in milliseconds since 1970, greater than the parent's.
    pub time_ms: u64,
    /// The records in their order.
    pub records: Vec<Bytes>,
}

/// A final block could not be made durable. The node stops: it must not go on from a state that the disk may not hold.
#[derive(Debug, thiserror::Error)]
#[error("block {height} could not be made durable")]
pub struct CommitError {
    /// Height of the block that was not stored.
    pub height: u64,
    /// What the store said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The answer about a proposed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is acceptable after the ancestors.
    Valid,
    /// At least one record can never be acceptable there.
    Invalid,
    /// A block at this height is committed already; the question has no longer a state to be asked of.
    Passed,
}

/// The state machine that the records drive.
///
/// All methods may block on the disk or compute; the engine calls them away from its own tasks.
/// `ancestors` are the blocks between the last one committed and the block in question, oldest
/// first; while the call runs, some of them may become committed, so those at or below the
/// committed height are to be skipped.
pub trait Application: Send + Sync + 'static {
    /// Height of the last block known to be durable. Blocks above it are delivered again after a restart.
    fn committed_height(&self) -> u64;

    /// How many records wait for a block, those in blocks that are not committed included. Answers at once.
    fn waiting(&self) -> usize;

    /// Records for a block at `height` and `time_ms`, at most [`crate::BLOCK_RECORDS_MAX`] of them
    /// and [`crate::BLOCK_RECORDS_BYTES_MAX`] bytes; empty when nothing waits.
    fn propose(&self, ancestors: &[OrderedBlock], height: u64, time_ms: u64) -> Vec<Bytes>;

    /// Whether every record of `block` is acceptable after `ancestors`.
    ///
    /// Depends on nothing but its arguments and the committed blocks: all nodes give the same answer.
    fn validate(&self, ancestors: &[OrderedBlock], block: &OrderedBlock) -> Verdict;

    /// Makes a final block durable before returning. A height at or below the committed one has no effect.
    fn commit(&self, block: &OrderedBlock) -> Result<(), CommitError>;

    /// The members in force during `epoch`; none as long as the committed blocks do not settle it.
    ///
    /// Once given, the answer stays. It is given for the epoch of the next block and for the one after that: so it
    /// may depend on blocks up to the last one of the epoch before the previous one.
    fn committee(&self, epoch: u64) -> Option<Committee>;

    /// As [`Self::committee`], where nobody is to be connected to: its addresses may be old, and nobody is asked for them.
    fn electorate(&self, epoch: u64) -> Option<Committee> {
        self.committee(epoch)
    }

    /// Whether a change of the committee is decided and not yet in force: empty blocks follow each other quickly then.
    fn change_awaits(&self) -> bool;

    /// The height below which no peer will need blocks from this node any more.
    fn keep_from(&self) -> u64;

    /// Takes a message of the gossip channel. The sender is authenticated; the content is not to be trusted.
    fn on_gossip(&self, from: PeerKey, message: Bytes);

    /// Takes messages that arrived while earlier ones were taken, in their order.
    fn on_gossip_of_many(&self, messages: Vec<(PeerKey, Bytes)>) {
        for (from, message) in messages {
            self.on_gossip(from, message);
        }
    }
}
