//! The real runtime, disk and network: members come, go and change keys while nodes run.

use super::ledger::{Behaviour, EPOCH, Ledger, Member, Seat, members_record, place};
use crate::{
    ConsensusKey, Node, NodeError, Timing,
    application::Application,
    committee::Vote,
    config::{Ballot, Config, PeerKey},
};
use bytes::Bytes;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_utils::NZU64;
use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

struct Trusted;

impl Ballot for Trusted {
    fn admit(&self, _: &PeerKey, _: u64) -> io::Result<Vote> {
        Ok(Vote::Validator)
    }
}

struct Machine {
    node: Node,
    member: Arc<Member>,
    ledger: Ledger,
}

fn key(seed: u8) -> ConsensusKey {
    ConsensusKey(ed25519::PrivateKey::from_seed(u64::from(seed)))
}

fn config(seeds: &[u8], address: SocketAddr, directory: &Path) -> Config {
    Config {
        keys: seeds.iter().map(|seed| key(*seed)).collect(),
        network: [9; 32],
        epoch_blocks: NZU64!(EPOCH),
        listen: address,
        directory: directory.join(seeds[0].to_string()),
        timing: Timing::DEFAULT,
        ballot: Arc::new(Trusted),
    }
}

/// A node with the keys of these seeds at `address`.
fn start(seeds: &[u8], address: SocketAddr, founders: &[Seat], directory: &Path) -> Machine {
    let config = config(seeds, address, directory);
    let ledger = Ledger::default();
    let mut made = None;
    let node = Node::start(config, |handle| {
        let member = Member::new(ledger.clone(), founders.to_vec(), handle, Behaviour::Honest);
        let member = Arc::new(member);
        made = Some(member.clone());
        member as Arc<dyn Application>
    });
    Machine {
        node: node.unwrap(),
        member: made.unwrap(),
        ledger,
    }
}

#[expect(clippy::disallowed_methods, reason = "the pace of the load")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(story: &str) -> Self {
        let name = format!("registry-consensus-{story}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

/// Submits through the machines of `writers` until all of `readers` have reached `height`.
fn load(machines: &BTreeMap<u8, Machine>, writers: &[u8], readers: &[u8], height: u64) {
    let deadline = Instant::now() + Duration::from_secs(90);
    let heights = || {
        readers
            .iter()
            .map(|reader| machines[reader].ledger.height())
    };
    let mut number = 0;
    while heights().any(|reached| reached < height) {
        let now: Vec<u64> = heights().collect();
        assert!(
            Instant::now() < deadline,
            "{readers:?} at {now:?}, not {height}"
        );
        let writer = writers[number % writers.len()];
        let record = format!("record {number} at {height}");
        machines[&writer].member.submit(Bytes::from(record));
        number += 1;
        pause();
    }
}

#[test]
fn members_come_and_go_and_change_keys_on_real_sockets_without_a_restart() {
    let directory = Directory::new("members");
    let seats =
        |seeds: &[u8]| -> Vec<Seat> { seeds.iter().map(|seed| (*seed, Vote::Validator)).collect() };
    let listeners: Vec<_> = (0..5)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let addresses: Vec<_> = listeners
        .iter()
        .map(|free| free.local_addr().unwrap())
        .collect();
    drop(listeners);
    for (seed, address) in (61..=65).zip(&addresses) {
        place(seed, *address);
    }
    // The second key of 64 is at the same address.
    place(74, addresses[3]);
    let founders = seats(&[61, 62, 63, 64]);
    let mut machines = BTreeMap::new();
    for (seed, address) in (61..=65).zip(&addresses) {
        let keys: &[u8] = if seed == 64 { &[64, 74] } else { &[seed] };
        machines.insert(seed, start(keys, *address, &founders, &directory.0));
    }
    let change = members_record(&seats(&[62, 63, 74, 65]));
    machines[&61].member.submit(Bytes::from(change));
    load(&machines, &[61, 62], &[61, 62, 63, 64, 65], 2 * EPOCH + 5);
    // Without two founders and the first key of a third, only the new committee can go on.
    machines.remove(&61).unwrap().node.stop();
    machines.remove(&62).unwrap().node.stop();
    load(&machines, &[63], &[63, 64, 65], 3 * EPOCH + 5);
    let blocks = machines[&63].ledger.blocks();
    for machine in machines.values() {
        let common = machine.ledger.height().min(3 * EPOCH);
        assert!(
            machine
                .ledger
                .blocks()
                .range(..=common)
                .eq(blocks.range(..=common))
        );
    }
}

#[test]
fn neg_l05_a_floor_that_does_not_hold_starts_no_node() {
    let directory = Directory::new("floor");
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = config(&[61], nowhere, &directory.0);
    let node = Node::start(config, |handle| {
        let founders = vec![(61, Vote::Validator)];
        let member = Member::new(Ledger::default(), founders, handle, Behaviour::Honest);
        Arc::new(member) as Arc<dyn Application>
    });
    let mut node = node.unwrap();
    for floor in [vec![], b"no certificate".to_vec(), vec![0; 100_000]] {
        node.start_from(Bytes::from(floor)).unwrap();
        let ended = futures::executor::block_on(node.ended());
        assert!(matches!(ended, NodeError::Floor), "{ended}");
    }
}
