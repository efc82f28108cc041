//! Who sends and mixes cells, and how many.

use super::message::CellMessage;
use protocol::{
    registry::{Member, NetworkId},
    relay::{cascade, cell_bytes, faults_tolerated, hops, relay_public_key},
};

/// Cells that each member sends in each slot.
const CELLS: usize = 8;

/// The bounds that all members share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Milliseconds from one slot to the next.
    pub slot_ms: u64,
    /// Cells that each member sends in each slot, with dummies.
    pub cells: usize,
    /// Nodes that a cell passes.
    pub hops: usize,
    /// Cells are mixed if at least this many members sent theirs.
    pub batches_min: usize,
}

impl Settings {
    /// The settings of a network of this many members.
    #[must_use]
    pub fn of(members: usize, slot_ms: u64) -> Self {
        Self {
            slot_ms: slot_ms.max(1),
            cells: CELLS,
            hops: hops(members),
            batches_min: members - faults_tolerated(members),
        }
    }

    pub(super) const fn slot_at(&self, now_ms: u64) -> u64 {
        now_ms / self.slot_ms
    }

    pub(super) const fn begin_of(&self, slot: u64) -> u64 {
        slot.saturating_mul(self.slot_ms)
    }
}

/// The members of a network, as a node sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    pub(super) network: NetworkId,
    pub(super) settings: Settings,
    /// This node's position, if it is a member's.
    pub(super) me: Option<usize>,
    consensus_keys: Vec<[u8; 32]>,
    relay_keys: Vec<[u8; 32]>,
}

impl Committee {
    /// The members in force, and which of them this node is: the one that has one of its consensus keys.
    #[must_use]
    pub fn new<'m>(
        network: NetworkId,
        members: impl Iterator<Item = &'m Member>,
        own_keys: &[[u8; 32]],
        settings: Settings,
    ) -> Self {
        let (mut consensus_keys, mut relay_keys) = (Vec::new(), Vec::new());
        for member in members {
            consensus_keys.push(*member.consensus_key.as_bytes());
            // A key that is none seals nothing: the slots of that member carry no records.
            let relay_key = relay_public_key(member.cosigning_key.as_bytes());
            relay_keys.push(relay_key.unwrap_or_default());
        }
        let mut own_keys = own_keys.iter();
        Self {
            network,
            settings,
            me: own_keys.find_map(|key| position(&consensus_keys, key)),
            relay_keys,
            consensus_keys,
        }
    }

    /// Whether this node is a member's: nobody else sends or takes cells.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        self.me.is_some()
    }

    /// The position of the member with this consensus key.
    #[must_use]
    pub fn position(&self, consensus_key: &[u8; 32]) -> Option<usize> {
        position(&self.consensus_keys, consensus_key)
    }

    /// The consensus key of the member at a position.
    #[must_use]
    pub fn consensus_key(&self, position: usize) -> Option<&[u8; 32]> {
        self.consensus_keys.get(position)
    }

    /// The nodes that the cells of a slot pass.
    #[must_use]
    pub fn cascade(&self, slot: u64) -> Vec<usize> {
        cascade(
            &self.network,
            slot,
            &self.consensus_keys,
            self.settings.hops,
        )
    }

    /// The bounds.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn members(&self) -> usize {
        self.consensus_keys.len()
    }

    pub(super) fn keys(&self, positions: &[usize]) -> Vec<[u8; 32]> {
        let keys = positions
            .iter()
            .map(|position| self.relay_keys.get(*position).copied().unwrap_or_default());
        keys.collect()
    }

    /// Whether this member may send this to this node: every member to the first node of a cascade, each node of it to the
    /// next, cells of the right size and as many as members sent.
    pub(super) fn expects(&self, cascade: &[usize], from: usize, message: &CellMessage) -> bool {
        let hop = usize::from(message.place.hop);
        let Settings {
            cells, batches_min, ..
        } = self.settings;
        let sender = match hop.checked_sub(1) {
            None => from < self.members() && message.total == cells,
            Some(before) => {
                let counts = batches_min * cells..=self.members() * cells;
                cascade.get(before) == Some(&from) && counts.contains(&message.total)
            }
        };
        let layers = cascade.len().saturating_sub(hop);
        let mine = self.me.is_some() && cascade.get(hop).copied() == self.me;
        sender && mine && message.cell.len() == cell_bytes(layers)
    }
}

fn position(keys: &[[u8; 32]], key: &[u8; 32]) -> Option<usize> {
    keys.iter().position(|known| known == key)
}
