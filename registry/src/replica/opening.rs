//! The state as the store has it: restored from a mark, or made again from all entries.

use super::{
    Announcement, OpenError, RECENT_MAX,
    handover::{announcement, decides},
};
use crate::{
    cosigning::{Cosigned, kept_handovers},
    state::{Snapshot, State},
    store::{CosignedNote, Store, StoreError},
};
use protocol::registry::{Genesis, checkpoint::Committees, merkle};
use std::{collections::BTreeMap, sync::Arc};

/// A state, and the announcements of other members on the way to it that have no quorum's signatures yet.
pub(super) type Opened = (State<'static>, Vec<Announcement>);

/// The handovers with a quorum's signatures, by height.
type Kept = BTreeMap<u64, CosignedNote>;

/// What the members' signatures say of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    /// Nothing that contradicts it.
    Agrees,
    /// The records are those that were signed, and something that follows from them is not.
    Derived,
    /// Other records were signed.
    Records,
}

/// The state at the end of the store. What a mark says of it is not believed if the members signed something else: then it
/// is made again from the entries.
pub(super) fn open(genesis: &Arc<Genesis>, store: &Store) -> Result<Opened, OpenError> {
    let kept = kept_handovers(store)?;
    match restored(genesis, store, &kept) {
        Ok(Some(opened)) if agreement(&opened.0, store) == Agreement::Agrees => return Ok(opened),
        Ok(Some(_)) => {
            tracing::warn!("the state of the latest mark is not the one that was signed");
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the state of the latest mark cannot be used"),
    }
    let state = State::new(genesis.clone()).over(Arc::new(store.clone()));
    let opened = replayed(state, store, &kept)?;
    match agreement(&opened.0, store) {
        Agreement::Agrees => Ok(opened),
        Agreement::Derived | Agreement::Records => Err(OpenError::Contradiction),
    }
}

/// The state from the latest mark on; none if there is no mark with a state, or if members that were decided before it are to
/// be announced again: what is announced follows from the state at that time.
fn restored(
    genesis: &Arc<Genesis>,
    store: &Store,
    kept: &Kept,
) -> Result<Option<Opened>, OpenError> {
    let (size, snapshot) = store.marked();
    let Ok(snapshot) = serde_json::from_value::<Snapshot>(snapshot) else {
        return Ok(None);
    };
    let tree = store.frontier(size);
    let tree = tree.map_err(|_cause| StoreError::Damaged("hashes of the tree"))?;
    let base = Arc::new(store.clone());
    let restored = State::restore(genesis.clone(), base, tree, &snapshot);
    let (state, decided) = restored.map_err(OpenError::Decision)?;
    if decided.iter().any(|height| !kept.contains_key(height)) {
        return Ok(None);
    }
    replayed(state, store, kept).map(Some)
}

/// Applies the entries that the state has not seen. Their signatures were checked before they were stored.
fn replayed(mut state: State<'static>, store: &Store, kept: &Kept) -> Result<Opened, OpenError> {
    let tip = store.tip();
    let mut announced = Vec::new();
    let mut deciding: Option<(u64, Committees)> = None;
    for index in state.size()..tip.size {
        let placed = store.record(index)?;
        let height = placed.block.height;
        if let Some((before_height, before)) = deciding.take_if(|(last, _)| *last != height) {
            announced.extend(announcement(&state, &before, before_height));
        }
        if deciding.is_none() && decides(&placed.record) && !kept.contains_key(&height) {
            deciding = Some((height, state.committees()));
        }
        state
            .apply(&placed.record, &placed.block)
            .map_err(|source| OpenError::Rejected { index, source })?;
        state.settle(RECENT_MAX);
    }
    if let Some((height, before)) = deciding {
        announced.extend(announcement(&state, &before, height));
    }
    state.settle(RECENT_MAX);
    state.end_block(tip.height);
    Ok((state, announced))
}

fn agreement(state: &State<'_>, store: &Store) -> Agreement {
    let remembered = store.cosigned().ok().flatten();
    let signed = remembered.and_then(|note| Cosigned::reopen(&state.committees(), note));
    let Some(signed) = signed else {
        return Agreement::Agrees;
    };
    let (signed, own) = (signed.checkpoint.checkpoint(), state.checkpoint());
    if signed.size > own.size {
        // This disk lost entries: they are fetched again.
        return Agreement::Agrees;
    }
    let root = merkle::root(signed.size, |index| store.hash(index));
    if root != Ok(signed.root) {
        return Agreement::Records;
    }
    if signed.height == own.height && *signed != own {
        return Agreement::Derived;
    }
    Agreement::Agrees
}
