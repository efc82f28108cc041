//! The ledger's members as consensus wants to see them.

use protocol::registry::Member;
use registry_consensus::{Committee, CommitteeError, Peer, PeerKey, Vote};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};

/// The committee of these members.
pub(super) fn committee(members: &[Member]) -> Result<Committee, CommitteeError> {
    Committee::new(members.iter().map(peer))
}

fn peer(member: &Member) -> Peer {
    Peer {
        key: PeerKey::from_bytes(*member.consensus_key.as_bytes()),
        address: address(member),
        vote: if member.validator && !member.suspended {
            Vote::Validator
        } else {
            Vote::Observer
        },
    }
}

/// A name that cannot be resolved now must not stop an epoch from beginning: its member is not reached until the next one.
fn address(member: &Member) -> SocketAddr {
    let mut resolved = member.peer_address.to_socket_addrs().ok();
    let address = resolved.as_mut().and_then(Iterator::next);
    address.unwrap_or_else(|| {
        let address = &member.peer_address;
        tracing::warn!(member = member.name, %address, "the peer address cannot be resolved");
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    })
}
