//! The ledger's members as consensus wants to see them.

use super::addresses::Addresses;
use protocol::registry::Member;
use registry_consensus::{Committee, Peer, PeerKey, Vote};

/// The committee of these members, at the addresses that are known.
pub(super) fn committee(members: &[Member], addresses: &Addresses) -> Option<Committee> {
    let peers = members.iter().map(|member| Peer {
        key: PeerKey::from_bytes(*member.consensus_key.as_bytes()),
        address: addresses.of(member),
        vote: if member.validator && !member.suspended {
            Vote::Validator
        } else {
            Vote::Observer
        },
    });
    let committee = Committee::new(peers);
    if let Err(error) = &committee {
        tracing::error!(%error, "the members make no committee");
    }
    committee.ok()
}
