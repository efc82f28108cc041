//! Slots, cells and cascades of one node (`specs/relay.md`): pure, so that the traffic it makes can be examined.
//!
//! In each slot the node sends [`Settings::cells`] cells into the cascade of the slot, whether or not outcomes wait: what
//! waits goes into cells, the others are dummies. Where the node is part of a cascade it takes a layer off all cells of
//! the slot, shuffles them, and passes them on; at its end it finds the records.
//!
//! Nothing here is kept on disk: whoever handed in a record asks for its receipt, and hands it in again as long as it has
//! none. A cell that is lost is lost; the record goes into another one.

mod collection;
mod committee;
mod message;
#[cfg(test)]
mod tests;

pub use committee::{Committee, Settings};
pub use message::CellMessage;

use collection::{Collection, Collections};
use protocol::{
    envelope::hpke::RecipientKey,
    registry::merkle::TreeHash,
    relay::{Place, open_cell, read_content, seal_cell},
};
use rand_core::{CryptoRng, Rng};
use std::collections::{HashMap, VecDeque};

/// Records that may wait for a slot.
pub const WAITING_MAX: usize = 4096;
/// Cells of a slot are taken this many slots before and after it: clocks differ, and where a member is missing the others'
/// cells wait for it.
const SLOTS_APART_MAX: u64 = 2;
/// A record that was sent is not sent again before this many slots have passed.
const SLOTS_ON_THE_WAY: u64 = SLOTS_APART_MAX + 1;

/// Too many records wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{WAITING_MAX} records wait for their slot already")]
pub struct Full;

/// What the node is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message to the member at this position.
    Send(usize, CellMessage),
    /// Submit a record that came out of a cascade here.
    Submit(Vec<u8>),
}

/// The relay of one node.
pub struct Relay {
    committee: Committee,
    /// Of the keys of this node, a cell is for the one that the members knew when it was sealed.
    keys: Vec<RecipientKey>,
    waiting: VecDeque<(TreeHash, Vec<u8>)>,
    /// Which records went into cells of which slot.
    sent: HashMap<TreeHash, u64>,
    collections: Collections,
    slot: Option<u64>,
}

impl Relay {
    /// A relay that begins with the next slot.
    #[must_use]
    pub fn new(committee: Committee, keys: Vec<RecipientKey>) -> Self {
        Self {
            committee,
            keys,
            waiting: VecDeque::new(),
            sent: HashMap::new(),
            collections: Collections::default(),
            slot: None,
        }
    }

    /// The members and the bounds.
    #[must_use]
    pub const fn committee(&self) -> &Committee {
        &self.committee
    }

    /// How many records wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Goes on with other members. Cells on their way are lost with the old ones.
    pub fn adopt(&mut self, committee: Committee) {
        self.committee = committee;
        self.collections = Collections::default();
    }

    /// Takes a record for one of the next slots. It may be given again at will.
    ///
    /// # Errors
    ///
    /// Fails if too many wait.
    pub fn offer(&mut self, record: &[u8]) -> Result<(), Full> {
        let leaf = TreeHash::of_leaf(record);
        let waits = self.waiting.iter().any(|(waiting, _)| *waiting == leaf);
        if waits || self.sent.contains_key(&leaf) {
            return Ok(());
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Full);
        }
        self.waiting.push_back((leaf, record.to_vec()));
        Ok(())
    }

    /// Forgets a record that stands on the ledger.
    pub fn forget(&mut self, record: &[u8]) {
        let leaf = TreeHash::of_leaf(record);
        self.waiting.retain(|(waiting, _)| *waiting != leaf);
        self.sent.remove(&leaf);
    }

    /// To be called several times in each slot: sends the cells of a slot that has begun, and what others were waited for
    /// long enough.
    pub fn tick(&mut self, now_ms: u64, rng: &mut impl CryptoRng) -> Vec<Action> {
        let slot = self.committee.settings.slot_at(now_ms);
        let mut actions = Vec::new();
        if self.slot.is_some_and(|last| last < slot) {
            let on_the_way = self.sent.len();
            self.sent.retain(|_, sent| *sent + SLOTS_ON_THE_WAY > slot);
            let lost = on_the_way - self.sent.len();
            if lost > 0 {
                // A node of their cascade was gone, or somebody drops cells.
                tracing::warn!(lost, "outcomes were sent and have no receipt");
            }
            self.begin(slot, now_ms, rng, &mut actions);
        }
        self.slot = Some(self.slot.map_or(slot, |last| last.max(slot)));
        self.collections
            .forget_before(slot.saturating_sub(SLOTS_APART_MAX));
        for place in self.collections.overdue(now_ms) {
            let cells = self.collections.close(place);
            let wanted = self.committee.settings.batches_min * self.committee.settings.cells;
            if cells.len() >= wanted {
                self.pass_on(place, &cells, rng, &mut actions);
            } else {
                tracing::warn!(slot = place.slot, "too few members sent cells");
            }
        }
        actions
    }

    /// Takes a cell from the member at a position.
    pub fn receive(
        &mut self,
        from: usize,
        message: CellMessage,
        now_ms: u64,
        rng: &mut impl CryptoRng,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(from, message, now_ms, rng, &mut actions);
        actions
    }

    fn begin(
        &mut self,
        slot: u64,
        now_ms: u64,
        rng: &mut impl CryptoRng,
        actions: &mut Vec<Action>,
    ) {
        let Some(me) = self.committee.me else {
            return;
        };
        let cascade = self.committee.cascade(slot);
        let Some(entry) = cascade.first().copied() else {
            return;
        };
        let keys = self.committee.keys(&cascade);
        let first = Place { slot, hop: 0 };
        let cells = self.committee.settings.cells;
        for _cell in 0..cells {
            let waiting = self.waiting.pop_front();
            let record = waiting.as_ref().map(|(_, record)| record.as_slice());
            let cell = match seal_cell(&self.committee.network, first, &keys, record, rng) {
                Ok(cell) => cell,
                Err(error) => {
                    // A member without a usable key: its slots carry nothing, and the record goes with another.
                    tracing::warn!(slot, %error, "no cell can be sealed");
                    self.waiting.extend(waiting);
                    return;
                }
            };
            if let Some((leaf, _)) = waiting {
                self.sent.insert(leaf, slot);
            }
            let message = CellMessage::new(first, cells, cell);
            if entry == me {
                self.take(entry, message, now_ms, rng, actions);
            } else {
                actions.push(Action::Send(entry, message));
            }
        }
    }

    fn take(
        &mut self,
        from: usize,
        message: CellMessage,
        now_ms: u64,
        rng: &mut impl CryptoRng,
        actions: &mut Vec<Action>,
    ) {
        let place = message.place;
        let settings = &self.committee.settings;
        if settings.slot_at(now_ms).abs_diff(place.slot) > SLOTS_APART_MAX {
            tracing::debug!(slot = place.slot, "a cell of a slot that is not now");
            return;
        }
        let cascade = self.committee.cascade(place.slot);
        if !self.committee.expects(&cascade, from, &message) {
            tracing::debug!(from, slot = place.slot, "a cell from the wrong member");
            return;
        }
        let until = now_ms.max(settings.begin_of(place.slot)) + settings.slot_ms;
        let wanted = if place.hop == 0 {
            settings.cells * self.committee.members()
        } else {
            message.total
        };
        let bound = if place.hop == 0 {
            settings.cells
        } else {
            wanted
        };
        let collection = self.collections.open(place, Collection::new(wanted, until));
        let Some(collection) = collection else {
            return;
        };
        if collection.add(from, bound, message.cell) && collection.is_complete() {
            let cells = self.collections.close(place);
            self.pass_on(place, &cells, rng, actions);
        }
    }

    /// Takes a layer off all cells of a place, shuffles them, and sends them on, or submits what is in them.
    fn pass_on(
        &mut self,
        place: Place,
        cells: &[Vec<u8>],
        rng: &mut impl CryptoRng,
        actions: &mut Vec<Action>,
    ) {
        let cascade = self.committee.cascade(place.slot);
        let next = usize::from(place.hop) + 1;
        let opened = cells.iter().map(|cell| {
            let mut keys = self.keys.iter();
            keys.find_map(|key| {
                let opened = open_cell(key, &self.committee.network, place, cell);
                opened.map(|cell| cell.to_vec()).ok()
            })
        });
        let mut opened: Vec<Option<Vec<u8>>> = opened.collect();
        shuffle(&mut opened, rng);
        let Some(to) = cascade.get(next).copied() else {
            let contents = opened.iter().flatten();
            let records = contents.filter_map(|content| read_content(content).ok().flatten());
            actions.extend(records.map(|record| Action::Submit(record.to_vec())));
            return;
        };
        let Some(hop) = place.hop.checked_add(1) else {
            return;
        };
        let onward = Place { hop, ..place };
        let keys = self.committee.keys(cascade.get(next..).unwrap_or_default());
        let total = opened.len();
        for cell in opened {
            // What cannot be opened goes on as a dummy, so that nobody lowers the count of cells below what others expect.
            let cell = match cell {
                Some(cell) => Ok(cell),
                None => seal_cell(&self.committee.network, onward, &keys, None, rng),
            };
            match cell {
                Ok(cell) => actions.push(Action::Send(to, CellMessage::new(onward, total, cell))),
                Err(error) => tracing::warn!(slot = place.slot, %error, "no cell can be sealed"),
            }
        }
    }
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        let other = rng.next_u64() % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(last));
    }
}
