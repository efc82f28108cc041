//! The cells of a place, until all are there or the wait is over.

use protocol::relay::Place;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Cells that arrived for one place.
pub(super) struct Collection {
    cells: BTreeSet<Vec<u8>>,
    of_member: HashMap<usize, usize>,
    wanted: usize,
    until_ms: u64,
}

impl Collection {
    pub(super) fn new(wanted: usize, until_ms: u64) -> Self {
        Self {
            cells: BTreeSet::new(),
            of_member: HashMap::new(),
            wanted,
            until_ms,
        }
    }

    /// Takes a cell unless it is there already or its sender sent as many as it may; says whether it was taken.
    ///
    /// The set forgets in which order cells came.
    pub(super) fn add(&mut self, from: usize, bound: usize, cell: Vec<u8>) -> bool {
        let sent = self.of_member.entry(from).or_default();
        if *sent >= bound || !self.cells.insert(cell) {
            return false;
        }
        *sent += 1;
        true
    }

    pub(super) fn is_complete(&self) -> bool {
        self.cells.len() >= self.wanted
    }
}

/// The collections of the slots that are now; `None` for places whose cells were passed on, so that none is opened twice.
#[derive(Default)]
pub(super) struct Collections(BTreeMap<Place, Option<Collection>>);

impl Collections {
    /// The collection of a place, `new` if there was none; none if its cells were passed on.
    pub(super) fn open(&mut self, place: Place, new: Collection) -> Option<&mut Collection> {
        self.0.entry(place).or_insert(Some(new)).as_mut()
    }

    /// Ends the collection of a place and gives its cells, in the order of their bytes.
    pub(super) fn close(&mut self, place: Place) -> Vec<Vec<u8>> {
        let closed = self.0.insert(place, None).flatten();
        closed.map_or_else(Vec::new, |closed| closed.cells.into_iter().collect())
    }

    /// Where the wait is over.
    pub(super) fn overdue(&self, now_ms: u64) -> Vec<Place> {
        let overdue = self.0.iter().filter(|(_, collection)| {
            collection
                .as_ref()
                .is_some_and(|open| open.until_ms <= now_ms)
        });
        overdue.map(|(place, _)| *place).collect()
    }

    /// Forgets the slots before this one.
    pub(super) fn forget_before(&mut self, slot: u64) {
        self.0.retain(|place, _| place.slot >= slot);
    }
}
