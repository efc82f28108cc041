//! What the messages of a peer may cost this node.
//!
//! Peers check what they pass on, so whoever tells something that does not hold lies. Its messages are not looked at for a
//! second then, and never more of them in a second than an honest node has to tell.

use registry_consensus::PeerKey;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_secs(1);

/// What each peer has cost in the current second.
#[derive(Debug)]
pub(crate) struct Patience {
    budget: usize,
    peers: HashMap<PeerKey, Spent>,
}

#[derive(Debug)]
struct Spent {
    since: Instant,
    cost: usize,
}

impl Patience {
    /// Bears so much from each peer in a second.
    pub(crate) fn of(budget: usize) -> Self {
        Self {
            budget,
            peers: HashMap::new(),
        }
    }

    /// Whether a peer may cost so much more now; it has then.
    pub(crate) fn bears(&mut self, peer: PeerKey, cost: usize, now: Instant) -> bool {
        let fresh = Spent {
            since: now,
            cost: 0,
        };
        let spent = self.peers.entry(peer).or_insert(fresh);
        if now.saturating_duration_since(spent.since) >= PERIOD {
            *spent = Spent {
                since: now,
                cost: 0,
            };
        }
        let borne = spent.cost.saturating_add(cost);
        let bears = borne <= self.budget && spent.cost < self.budget;
        if bears {
            spent.cost = borne;
        }
        bears
    }

    /// Bears nothing more from a peer for a second.
    pub(crate) fn lose(&mut self, peer: PeerKey, now: Instant) {
        let cost = self.budget;
        self.peers.insert(peer, Spent { since: now, cost });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::peer;

    #[test]
    fn a_peer_costs_no_more_than_its_budget_in_a_second() {
        let mut patience = Patience::of(10);
        let now = Instant::now();
        assert!(patience.bears(peer(1), 6, now));
        assert!(!patience.bears(peer(1), 6, now));
        assert!(patience.bears(peer(1), 4, now));
        assert!(!patience.bears(peer(1), 0, now));
        assert!(patience.bears(peer(2), 10, now), "others have their own");
        assert!(patience.bears(peer(1), 10, now + PERIOD));
    }

    #[test]
    fn whoever_told_what_does_not_hold_is_not_listened_to_for_a_second() {
        let mut patience = Patience::of(10);
        let now = Instant::now();
        patience.lose(peer(1), now);
        assert!(!patience.bears(peer(1), 1, now));
        assert!(!patience.bears(peer(1), 1, now + PERIOD / 2));
        assert!(patience.bears(peer(1), 1, now + PERIOD));
    }
}
