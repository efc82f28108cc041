//! This node's copy of the ledger: the state, the store below it, and the records on their way into it.
//!
//! A block is applied to a fork of the state first, then written to the store, and then applied to the
//! state: what the store holds was accepted, and what the state shows is on disk. Readers see the ledger
//! as of the latest checkpoint that a quorum signed.

mod addresses;
mod committee;
mod handover;
mod opening;
mod order;
mod proposals;
mod read;
mod relay;
mod signatures;
mod submit;
#[cfg(test)]
mod tests;
mod verified;

pub(crate) use handover::decides;
pub use proposals::{Adoption, ListedProposal, Proposals};
pub use read::{Consistency, TILE_WIDTH};
pub use relay::Relayed;
pub use submit::SubmitError;

use crate::{
    clock::{Clock, SystemClock},
    cosigning::{Cosigning, Pace},
    mempool::Mempool,
    message::Message,
    patience::Patience,
    state::{Rejection, State},
    store::{Store, StoreError},
};
use addresses::Addresses;
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{Genesis, checkpoint::Checkpoint},
};
use registry_consensus::{Handle, Recipients};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    time::Instant,
};
use tokio::sync::watch;
use verified::Verified;

/// What of the latest records and cases is kept in memory, at least; at most twice as much.
pub(crate) const RECENT_MAX: usize = 8192;

/// The store does not hold the ledger that it claims to hold.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry breaks the rules.
    #[error("entry {index} of the store breaks the rules")]
    Rejected {
        /// Where it stands.
        index: u64,
        /// Which rule.
        #[source]
        source: Rejection,
    },
    /// Decisions of the members that stand in the store cannot be made again.
    #[error("a decision of the members in the store breaks the rules")]
    Decision(#[source] Rejection),
    /// A quorum signed another ledger of the same size.
    #[error("the store's entries are not those that the members signed")]
    Contradiction,
}

/// The ledger as this node has it.
pub struct Replica {
    genesis: Arc<Genesis>,
    store: Store,
    committed: RwLock<Committed>,
    mempool: Mutex<Mempool>,
    verified: Mutex<Verified>,
    /// With the records that other nodes tell.
    patience: Mutex<Patience>,
    addresses: Addresses,
    cosigning: Cosigning,
    consensus: OnceLock<Handle>,
    kept_blocks: OnceLock<u64>,
    relaying: OnceLock<relay::Relaying>,
    heights: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

/// What is on disk and applied.
struct Committed {
    state: State<'static>,
    height: u64,
}

impl Replica {
    /// Opens the ledger as the store has it: the state of its latest mark, and the entries behind it. Of the keys, at most one
    /// is a member's at any height.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read, or holds another ledger than the members signed.
    pub fn open(
        genesis: Arc<Genesis>,
        store: Store,
        cosigning_keys: Vec<SigningKey>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let tip = store.tip();
        let (state, announced) = opening::open(&genesis, &store)?;
        if store.is_mark_due() {
            store.mark(snapshot(&state))?;
        }
        let cosigning = Cosigning::new(state.committees(), cosigning_keys, store.clone())?;
        for (checkpoint, document) in announced {
            cosigning.announce(&checkpoint, document);
        }
        let document = state.trusted_parties_document();
        // Nobody listens yet; the first tick repeats the signature.
        let _untold = cosigning.committed(&state.checkpoint(), document, Pace::Live, now);
        Ok(Self {
            genesis,
            store,
            committed: RwLock::new(Committed {
                state,
                height: tip.height,
            }),
            mempool: Mutex::default(),
            verified: Mutex::default(),
            patience: Mutex::new(Patience::of(usize::MAX)),
            addresses: Addresses::default(),
            cosigning,
            consensus: OnceLock::new(),
            kept_blocks: OnceLock::new(),
            relaying: OnceLock::new(),
            heights: watch::Sender::new(tip.height),
            clock: Arc::new(SystemClock),
        })
    }

    /// Puts another clock in the place of the machine's own.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Gives the replica its way to the other nodes.
    pub fn connect(&self, handle: Handle) {
        let first = self.consensus.set(handle).is_ok();
        debug_assert!(first, "a replica is connected once");
    }

    /// Lets consensus remove blocks that are further below the committed one than this.
    pub fn keep_blocks(&self, blocks: u64) {
        self.kept_blocks.get_or_init(|| blocks);
    }

    /// The genesis that it started from.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The members' signatures.
    #[must_use]
    pub const fn cosigning(&self) -> &Cosigning {
        &self.cosigning
    }

    /// Called every second: repeats what others may have missed.
    pub fn tick(&self, now: Timestamp, instant: Instant) {
        self.cosigning.remember();
        self.forget_impossible();
        let again = self.mempool().tick(instant);
        for record in again {
            self.tell(
                &Message::Record(record.as_bytes().to_vec().into()),
                Recipients::All,
            );
        }
        if let Some(note) = self.cosigning.tick(now) {
            self.tell(&Message::Checkpoint(note), Recipients::All);
        }
        self.repeat_handovers(now);
    }

    /// Brings the store to the disk at the end of the process, so that the next start is quick.
    ///
    /// # Errors
    ///
    /// Fails if the store does.
    pub fn close(&self) -> Result<(), StoreError> {
        self.cosigning.remember();
        let snapshot = snapshot(&self.committed().state);
        match self.store.mark(snapshot) {
            // What failed was told when it did.
            Err(StoreError::Stopped) => Ok(()),
            marked => marked,
        }
    }

    /// Queues a message; what matters is repeated by [`Self::tick`].
    fn tell(&self, message: &Message, to: Recipients) {
        if let Some(consensus) = self.consensus.get()
            && let Err(error) = consensus.gossip(to, message.encode())
        {
            tracing::warn!(%error, "a message to other nodes was not sent");
        }
    }

    fn committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn mempool(&self) -> std::sync::MutexGuard<'_, Mempool> {
        self.mempool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A checkpoint that announces other members, with its document.
type Announcement = (Checkpoint, Arc<str>);

/// What the store keeps of a state.
pub(crate) fn snapshot(state: &State<'static>) -> Value {
    serde_json::to_value(state.snapshot()).expect("a snapshot has a JSON form")
}

/// The state at the end of a store.
///
/// # Errors
///
/// Fails if the store cannot be read, or holds another ledger than the members signed.
pub(crate) fn restored_state(
    genesis: &Arc<Genesis>,
    store: &Store,
) -> Result<State<'static>, OpenError> {
    opening::open(genesis, store).map(|(state, _announced)| state)
}

/// Makes the state of a store, from the entries if need be, and marks it, so that the next start is quick.
///
/// # Errors
///
/// Fails if the store cannot be read or written, or holds another ledger than the members signed.
pub fn derive(genesis: &Arc<Genesis>, store: &Store) -> Result<(), OpenError> {
    let (state, _announced) = opening::open(genesis, store)?;
    Ok(store.mark(snapshot(&state))?)
}
