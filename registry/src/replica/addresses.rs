//! Where the members' names lead. What a name led to last stays, until the name leads only elsewhere: a member is not lost
//! because a resolver does not answer, and not left because it answers in another order.

use super::{Committed, Replica};
use protocol::registry::Member;
use registry_consensus::PeerKey;
use std::{
    collections::{BTreeMap, HashMap},
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a member's `peer_address` led to last; nothing if it never led anywhere.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<String, Option<SocketAddr>>>);

/// Where a member is that cannot be reached.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Addresses {
    /// Where a member is, as far as is known; asks nobody.
    pub(super) fn of(&self, member: &Member) -> SocketAddr {
        if let Ok(address) = member.peer_address.parse() {
            return address;
        }
        let known = self.known();
        let known = known.get(&member.peer_address);
        known.copied().flatten().unwrap_or(NOWHERE)
    }

    /// Asks where members are whose names were never asked for.
    pub(super) fn meet(&self, members: &[Member]) {
        let known = self.known();
        let names = members.iter().map(|member| &member.peer_address);
        let new = names.filter(|name| !known.contains_key(*name));
        let new: Vec<String> = new.cloned().collect();
        drop(known);
        self.ask(&new, resolve);
    }

    /// Asks for names at the same time, because each may take as long as the resolver is patient.
    fn ask(&self, names: &[String], resolve: impl Fn(&str) -> Vec<SocketAddr> + Sync) {
        let asked = names
            .iter()
            .filter(|name| name.parse::<SocketAddr>().is_err());
        let resolve = &resolve;
        let answers: Vec<(String, Vec<SocketAddr>)> = std::thread::scope(|threads| {
            let asked = asked.map(|name| (name, threads.spawn(move || resolve(name))));
            let asked: Vec<_> = asked.collect();
            let answers = asked.into_iter();
            let answers =
                answers.map(|(name, asked)| (name.clone(), asked.join().unwrap_or_default()));
            answers.collect()
        });
        let mut known = self.known();
        for (name, answer) in answers {
            let last = known.get(&name).copied().flatten();
            let stays = answer.is_empty() || last.is_some_and(|last| answer.contains(&last));
            let now = if stays { last } else { answer.first().copied() };
            if now.is_none() {
                tracing::warn!(address = name, "the peer address cannot be resolved");
            }
            known.insert(name, now);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Option<SocketAddr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolve(name: &str) -> Vec<SocketAddr> {
    name.to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default()
}

impl Replica {
    /// Asks where the members are now, and tells consensus about those that moved. Blocks as long as the resolver does not
    /// answer. Says whether the addresses of all are known.
    pub fn find_members(&self) -> bool {
        let members = self.members_around();
        let names = members.values().map(|member| member.peer_address.clone());
        let names: Vec<String> = names.collect();
        self.addresses.ask(&names, resolve);
        let addresses = members.iter();
        let addresses = addresses.map(|(key, member)| (*key, self.addresses.of(member)));
        let found: Vec<_> = addresses
            .filter(|(_, address)| *address != NOWHERE)
            .collect();
        let all = found.len() == members.len();
        if let Some(consensus) = self.consensus.get() {
            consensus.relocate(found);
        }
        all
    }

    /// The members of the epochs in which this node connects.
    fn members_around(&self) -> BTreeMap<PeerKey, Member> {
        let committed = self.committed();
        let epoch = self.genesis.epochs().of(committed.height.saturating_add(1));
        // What the epoch itself says of a member counts.
        let epochs = [epoch.saturating_sub(1), epoch.saturating_add(1), epoch];
        let committees = epochs.map(|epoch| committed.members(epoch));
        drop(committed);
        let members = committees
            .iter()
            .flatten()
            .flat_map(|members| members.iter());
        let members = members.map(|member| {
            (
                PeerKey::from_bytes(*member.consensus_key.as_bytes()),
                member.clone(),
            )
        });
        members.collect()
    }
}

impl Committed {
    pub(super) fn members(&self, epoch: u64) -> Option<Arc<[Member]>> {
        self.state.committee_of_epoch(epoch, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Network;

    #[test]
    fn n10_a_member_stays_where_it_was_while_its_name_leads_nowhere_or_there_as_well() {
        let mut member = Network::member(1);
        member.peer_address = "node.example:7000".to_owned();
        let [a, b]: [SocketAddr; 2] =
            ["192.0.2.1:7000", "192.0.2.2:7000"].map(|it| it.parse().unwrap());
        let addresses = Addresses::default();
        let ask = |answer: &[SocketAddr]| {
            let answer = answer.to_vec();
            addresses.ask(std::slice::from_ref(&member.peer_address), |_| {
                answer.clone()
            });
            addresses.of(&member)
        };
        assert_eq!(ask(&[]), NOWHERE);
        assert_eq!(ask(&[a]), a);
        assert_eq!(ask(&[]), a, "the resolver does not answer");
        assert_eq!(ask(&[b, a]), a, "another order");
        assert_eq!(ask(&[b]), b, "it moved");
    }

    #[test]
    fn an_address_that_is_no_name_needs_nobody_to_be_asked() {
        let addresses = Addresses::default();
        let member = Network::member(1);
        addresses.ask(std::slice::from_ref(&member.peer_address), |_| {
            panic!("asked")
        });
        assert!(addresses.known().is_empty());
        assert_eq!(addresses.of(&member).to_string(), member.peer_address);
    }
}
