//! Which nodes mix the cells of a slot, in which order.

use sha2::{Digest as _, Sha256};

use crate::registry::NetworkId;

const DOMAIN: &[u8] = b"tegata relay cascade/1";
/// One node alone would see where a cell comes from and what it holds.
const HOPS_MIN: usize = 2;

/// How many members may lie together without harm to the ledger.
#[must_use]
pub const fn faults_tolerated(members: usize) -> usize {
    members.saturating_sub(1) / 3
}

/// How many nodes a cell passes: one more than may be faulty, so that an honest one is among them.
#[must_use]
pub fn hops(members: usize) -> usize {
    (faults_tolerated(members) + 1).max(HOPS_MIN).min(members)
}

/// The nodes that the cells of a slot pass, as positions in `members`, which are the members' consensus keys.
///
/// It is the same for all cells of a slot, whoever sends them, and other for each slot: where a record appears says nothing
/// of where it came from, and a dead node holds up a part of the slots only.
#[must_use]
pub fn cascade(network: &NetworkId, slot: u64, members: &[[u8; 32]], hops: usize) -> Vec<usize> {
    let mut drawn: Vec<([u8; 32], usize)> = members
        .iter()
        .enumerate()
        .map(|(position, member)| (ticket(network, slot, member), position))
        .collect();
    drawn.sort_unstable();
    drawn
        .into_iter()
        .take(hops)
        .map(|(_, position)| position)
        .collect()
}

fn ticket(network: &NetworkId, slot: u64, member: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(network.as_bytes());
    hash.update(slot.to_be_bytes());
    hash.update(member);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkId = NetworkId::from_bytes([7; 32]);

    fn members(count: u8) -> Vec<[u8; 32]> {
        (0..count).map(|n| [n; 32]).collect()
    }

    #[test]
    fn a_cascade_is_longer_than_the_members_that_may_lie_together() {
        for (members, wanted) in [(1, 1), (2, 2), (3, 2), (4, 2), (7, 3), (10, 4), (20, 7)] {
            assert_eq!(hops(members), wanted, "{members}");
            assert!(hops(members) > faults_tolerated(members), "{members}");
        }
    }

    #[test]
    fn a_cascade_is_the_same_for_everyone_and_passes_each_node_once() {
        let mut reversed = members(7);
        reversed.reverse();
        for slot in 0..100 {
            let nodes = cascade(&NETWORK, slot, &members(7), 3);
            let mut distinct = nodes.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), 3);
            let of_reversed: Vec<usize> = cascade(&NETWORK, slot, &reversed, 3)
                .into_iter()
                .map(|position| 6 - position)
                .collect();
            assert_eq!(nodes, of_reversed, "the order of the list does not matter");
        }
    }

    #[test]
    fn each_node_is_the_last_one_about_equally_often() {
        let mut last = [0; 7];
        for slot in 0..7_000 {
            let nodes = cascade(&NETWORK, slot, &members(7), 3);
            last[nodes[2]] += 1;
        }
        assert!(
            last.iter().all(|count| (850..1_150).contains(count)),
            "{last:?}"
        );
    }

    #[test]
    fn another_network_has_other_cascades() {
        let other = NetworkId::from_bytes([8; 32]);
        let differ = (0..50)
            .filter(|slot| {
                cascade(&NETWORK, *slot, &members(7), 3) != cascade(&other, *slot, &members(7), 3)
            })
            .count();
        assert!(differ > 40, "{differ}");
    }
}
