//! Joining and coming back: a node that has little or nothing of the ledger takes the records from a peer, which may lie.
//!
//! Consensus fetches the blocks that a node missed, as long as its peers keep them. A node that is further behind than
//! [`BLOCKS_BEHIND_MAX`] takes the records themselves, before it starts consensus and before it answers anyone:
//!
//! 1. It asks all members for the handovers, from the genesis file or from its own ledger on, and for their latest checkpoint. The
//!    largest with a quorum's signatures is where it goes: whatever a peer tells then is bounded by it.
//! 2. It takes bundle after bundle from one peer and executes the rules, without signatures (`replay.rs`).
//! 3. What it computes at the end must be that checkpoint: size, root, height, time, blocks, trusted parties. Then all of it
//!    becomes part of the ledger in one step. Otherwise none of it does, and the next peer is asked.
//!
//! The consensus engine then lacks the blocks in between, and asks for a floor to start from: [`Floors`].
//!
//! A crash at any moment of it leaves a store that opens as it was before, or with all of it (`store/unchecked.rs`).

mod peer;
mod peers;
mod replay;
#[cfg(test)]
mod tests;

pub use peers::{Floors, Peers};
pub use replay::{Bundle, Replay, ReplayError, Replayed};

use crate::{
    cosigning::kept_handovers,
    replica::{OpenError, restored_state},
    source::{BUNDLE_BYTES_MAX, BUNDLE_ENTRIES, PLACES_BYTES_MAX, SourceError, tile_path},
    store::{CosignedNote, Grain, Store, StoreError, disk::Disk},
};
use peer::{Peer, View};
use protocol::registry::{
    Genesis, Member,
    checkpoint::{Committees, VerifiedCheckpoint},
};
use replay::wanted;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::mpsc;

/// A node that lacks no more blocks than these, up to the latest checkpoint, has them from consensus.
pub const BLOCKS_BEHIND_MAX: u64 = registry_consensus::BLOCKS_FETCHED_MAX;

/// The ledger grows meanwhile: so often it is followed.
const ROUNDS_MAX: usize = 8;
/// Bundles that are fetched ahead.
const BUNDLES_AHEAD: usize = 4;

/// This node's own ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not hold the ledger that it claims to hold.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The process ends.
    #[error(transparent)]
    Ending(#[from] Ending),
}

/// The process ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process ends")]
pub struct Ending;

/// Why a peer was of no use.
#[derive(Debug, thiserror::Error)]
enum PeerError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the peer does not have all the records")]
    Withheld,
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Ending(#[from] Ending),
}

/// The ledger of a node that is about to start.
pub struct Joining {
    /// The genesis file.
    pub genesis: Arc<Genesis>,
    /// Where the ledger is stored.
    pub disk: Arc<dyn Disk>,
    /// How the store is divided.
    pub grain: Grain,
    /// Where the members' nodes are read; none if they cannot be.
    pub peers: Option<Peers>,
}

/// What the own ledger says.
struct Standing {
    height: u64,
    committees: Committees,
    members: Vec<Member>,
}

impl Joining {
    /// Opens the store, with the records of peers if it lacks too many.
    ///
    /// # Errors
    ///
    /// Fails if this node's own store does. Peers that lie or are silent are told of, and the node starts with what it has.
    pub async fn catch_up(&self) -> Result<Store, SyncError> {
        if let Some(peers) = &self.peers {
            self.follow(peers).await?;
        }
        let (genesis, disk, grain) = (self.genesis.clone(), self.disk.clone(), self.grain);
        blocking(move || Ok(Store::on(&disk, genesis.network(), grain)?)).await?
    }

    /// Takes the records of peers as long as too many are lacking.
    async fn follow(&self, peers: &Peers) -> Result<(), SyncError> {
        let mut useless = BTreeSet::new();
        for _round in 0..ROUNDS_MAX {
            let standing = self.standing().await?;
            let (view, peers) = peers.look(&standing.committees, &standing.members).await;
            let Some(latest) = &view.latest else {
                break;
            };
            let (height, target) = (standing.height, latest.checkpoint().height);
            if target <= height.saturating_add(BLOCKS_BEHIND_MAX) {
                break;
            }
            tracing::info!(height, target, "the records are taken from a peer");
            let mut moved = false;
            for peer in &peers {
                if moved || useless.contains(&peer.address) {
                    continue;
                }
                match self.replay(peer, latest, &view).await {
                    Ok(()) => moved = true,
                    Err(PeerError::Ending(ending)) => return Err(ending.into()),
                    Err(error) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(peer = peer.name, error, "a peer is of no use");
                        useless.insert(peer.address.clone());
                    }
                }
            }
            if !moved {
                tracing::error!(height, target, "no peer has the records that were signed");
                break;
            }
        }
        Ok(())
    }

    async fn standing(&self) -> Result<Standing, SyncError> {
        let (genesis, disk, grain) = (self.genesis.clone(), self.disk.clone(), self.grain);
        let read = move || {
            let store = Store::on(&disk, genesis.network(), grain)?;
            let state = restored_state(&genesis, &store)?;
            Ok(Standing {
                height: store.tip().height,
                committees: state.committees(),
                members: state.parties_at(u64::MAX).members().to_vec(),
            })
        };
        blocking(read).await?
    }

    /// Takes all records up to a checkpoint from one peer.
    async fn replay(
        &self,
        peer: &Peer,
        latest: &VerifiedCheckpoint,
        view: &View,
    ) -> Result<(), PeerError> {
        let (genesis, disk, grain) = (self.genesis.clone(), self.disk.clone(), self.grain);
        let target = *latest.checkpoint();
        let begin = move || {
            let store = Store::on(&disk, genesis.network(), grain)?;
            let size = store.tip().size;
            Ok::<_, ReplayError>((Replay::begin(&genesis, store, &target)?, size))
        };
        let (replay, size) = blocking(begin).await??;
        let (bundles, fetched) = mpsc::channel(BUNDLES_AHEAD);
        let (note, handovers) = (latest.as_note().to_owned(), view.handovers.clone());
        let replaying = blocking(move || take_all(replay, fetched, note, handovers));
        let (fetched, replayed) =
            tokio::join!(fetch_all(peer, size, target.size, bundles), replaying);
        // What the records are tells more than that fetching them was given up then.
        match (fetched, replayed?) {
            (Err(error), Err(ReplayError::Incomplete)) => Err(error),
            (_, replayed) => Ok(replayed?),
        }
    }
}

/// Executes what is fetched, and remembers what members signed of it.
fn take_all(
    mut replay: Replay,
    mut fetched: mpsc::Receiver<Bundle>,
    checkpoint: String,
    handovers: Vec<(u64, CosignedNote)>,
) -> Result<(), ReplayError> {
    while let Some(bundle) = fetched.blocking_recv() {
        replay.take(&bundle)?;
    }
    let Replayed {
        store,
        document,
        decided,
    } = replay.finish()?;
    let kept = kept_handovers(&store)?;
    for (height, handover) in handovers {
        if decided.contains(&height) && !kept.contains_key(&height) {
            store.keep_handover(&handover)?;
        }
    }
    let document = document.to_string();
    Ok(store.remember_cosigned(&CosignedNote {
        checkpoint,
        document,
    })?)
}

/// Fetches the bundles from an entry on, in their order.
async fn fetch_all(
    peer: &Peer,
    mut size: u64,
    end: u64,
    bundles: mpsc::Sender<Bundle>,
) -> Result<(), PeerError> {
    while let Some((number, width)) = wanted(size, end) {
        let fetch = async |kind, bytes_max| {
            let path = tile_path(kind, number, width);
            let found = peer.source.fetch(&path, bytes_max).await?;
            found.ok_or(PeerError::Withheld)
        };
        let first = number * BUNDLE_ENTRIES;
        let bundle = Bundle {
            first,
            entries: fetch("entries", BUNDLE_BYTES_MAX).await?,
            places: fetch("blocks", PLACES_BYTES_MAX).await?,
        };
        size = first + width;
        if bundles.send(bundle).await.is_err() {
            // Whoever takes them refused one, and says why.
            return Ok(());
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Ending> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_cancelled| Ending)
}
