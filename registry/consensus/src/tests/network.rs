//! The simulated network: members can crash, restart with their disk, and observe.

use super::ledger::{Behaviour, EPOCH, Ledger, Member, Seat, members_record};
use crate::{
    application::Application,
    committee::Vote,
    config::{Ballot, PeerKey, Timing},
    delivery::DeliveryError,
    engine::{
        self, BEACON_QUOTA, BLOCK_QUOTA, Channels, Ended, Identity, Ports, QUOTA, StartError,
        next_epoch,
    },
    node,
};
use bytes::Bytes;
use commonware_consensus::types::FixedEpocher;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZU64, NZUsize, probability};
use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::sync::oneshot;

type Context = deterministic::Context;

/// What happens to links at the edge of a partition.
#[derive(Clone, Copy)]
pub(super) enum Links {
    Cut,
    Healed,
}

/// A link that loses one message in fifty.
fn link() -> Link {
    Link {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(5),
        success_rate: probability!(0.98),
    }
}

/// The second key of a node has the seed of the first and this.
const SECOND_KEY: u8 = 100;

pub(super) struct Simulation {
    context: Context,
    oracle: Oracle<ed25519::PublicKey, Context>,
    /// The keys of each node; the second waits for its epoch.
    keys: Vec<Vec<ed25519::PrivateKey>>,
    founders: Vec<Seat>,
    ledgers: Vec<Ledger>,
    running: Vec<Option<Running>>,
    starts: u64,
    /// How many disks each member has had.
    disks: Vec<u64>,
    permissions: Vec<Permission>,
    floor: Option<Bytes>,
}

struct Running {
    task: Handle<()>,
    member: Arc<Member>,
    ended: Option<oneshot::Receiver<Result<Ended, StartError>>>,
}

/// What a node notes outside its disk: the last epoch in which it voted, and from which disk.
type Permission = Arc<Mutex<(u64, Option<u64>)>>;

struct Disk {
    number: u64,
    permission: Permission,
}

impl Ballot for Disk {
    fn admit(&self, _: &PeerKey, epoch: u64) -> io::Result<Vote> {
        let mut permission = self.permission.lock().unwrap();
        let (noted, disk) = *permission;
        let same = epoch == noted && disk.is_none_or(|disk| disk == self.number);
        if epoch < noted || (epoch == noted && !same) {
            return Ok(Vote::Observer);
        }
        *permission = (epoch, Some(self.number));
        Ok(Vote::Validator)
    }
}

/// Tells a story with `members` nodes, all founders; the answer is a digest of everything that happened.
pub(super) fn simulate(seed: u64, members: u8, story: impl AsyncFnOnce(Simulation)) -> String {
    simulate_with_second_keys(seed, members, &[], story)
}

/// The same, and these nodes have a second key.
pub(super) fn simulate_with_second_keys(
    seed: u64,
    members: u8,
    rotating: &[u8],
    story: impl AsyncFnOnce(Simulation),
) -> String {
    println!("seed {seed}");
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(900)));
    deterministic::Runner::new(config).start(|context| async move {
        let key = |seed: u8| ed25519::PrivateKey::from_seed(u64::from(seed));
        let keys: Vec<_> = (1..=members)
            .map(|seed| match rotating.contains(&(seed - 1)) {
                true => vec![key(seed), key(seed + SECOND_KEY)],
                false => vec![key(seed)],
            })
            .collect();
        let everybody: Vec<_> = keys.iter().flatten().map(|key| key.public_key()).collect();
        let (network, oracle) = simulated::Network::new_with_peers(
            context.child("network"),
            simulated::Config {
                max_size: engine::message_bytes_max(),
                max_peers_per_set: NZUsize!(20),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
            everybody.clone(),
        )
        .await;
        network.start();
        for from in &everybody {
            for to in everybody.iter().filter(|to| *to != from) {
                oracle
                    .add_link(from.clone(), to.clone(), link())
                    .await
                    .unwrap();
            }
        }
        let auditor = context.child("audit");
        let nodes = usize::from(members);
        let simulation = Simulation {
            context,
            oracle,
            founders: (1..=members).map(|seed| (seed, Vote::Validator)).collect(),
            ledgers: (0..members).map(|_| Ledger::default()).collect(),
            running: (0..members).map(|_| None).collect(),
            keys,
            starts: 0,
            disks: vec![0; nodes],
            permissions: (0..members).map(|_| Permission::default()).collect(),
            floor: None,
        };
        story(simulation).await;
        auditor.auditor().state()
    })
}

impl Simulation {
    /// Only these nodes are members from the start.
    pub(super) fn found_with(&mut self, nodes: &[usize]) {
        self.founders = self.validators(nodes);
    }

    pub(super) fn make_observer(&mut self, node: usize) {
        self.founders[node].1 = Vote::Observer;
    }

    /// Seats of these nodes, with their first keys, as validators.
    pub(super) fn validators(&self, nodes: &[usize]) -> Vec<Seat> {
        let seat = |node: &usize| (u8::try_from(*node).unwrap() + 1, Vote::Validator);
        nodes.iter().map(seat).collect()
    }

    /// Submits through `node` that these are the members.
    pub(super) fn change_members(&self, node: usize, seats: &[Seat]) {
        self.submit(node, &members_record(seats));
    }

    pub(super) async fn start_all(&mut self, behaviour: Behaviour) {
        for node in 0..self.keys.len() {
            self.start(node, behaviour).await;
        }
    }

    pub(super) async fn start(&mut self, node: usize, behaviour: Behaviour) {
        let (handle, ports) = node::ports();
        let (ledger, founders) = (self.ledgers[node].clone(), self.founders.clone());
        let member = Arc::new(Member::new(ledger, founders, handle, behaviour));
        self.starts += 1;
        let context = self
            .context
            .child("member")
            .with_attribute("start", self.starts);
        let parts = Parts {
            oracle: self.oracle.clone(),
            keys: self.keys[node].clone(),
            member: member.clone(),
            ports,
            ballot: Arc::new(Disk {
                number: self.disks[node],
                permission: self.permissions[node].clone(),
            }),
            floor: self.floor.clone(),
            partition: format!("node{node}-{}-", self.disks[node]),
        };
        let (told, ended) = oneshot::channel();
        // A member is one task with all its parts below it, so that aborting it is a crash.
        let task = context.spawn(move |context| async move {
            let _nobody_waits = told.send(parts.run(context).await);
        });
        self.running[node] = Some(Running {
            task,
            member,
            ended: Some(ended),
        });
    }

    pub(super) async fn crash(&mut self, node: usize) {
        let running = self.running[node].take().unwrap();
        running.task.abort();
        let _aborted = running.task.await;
    }

    /// Starts a member whose disk was lost; its engine's store begins anew.
    pub(super) async fn restart_without_disk(&mut self, node: usize) {
        self.ledgers[node].forget();
        self.disks[node] += 1;
        self.start(node, Behaviour::Honest).await;
    }

    /// Starts a member whose disk is an older copy: the votes on it are not the last ones that it cast.
    pub(super) async fn restart_with_old_disk(&mut self, node: usize) {
        self.permissions[node].lock().unwrap().1 = Some(u64::MAX);
        self.start(node, Behaviour::Honest).await;
    }

    /// Starts a member with the records of another and nothing in its engine's store but a floor.
    pub(super) async fn start_replayed(&mut self, node: usize, from: usize, floor: Option<Bytes>) {
        self.copy_ledger(node, from);
        self.disks[node] += 1;
        self.start_from(node, floor).await;
    }

    /// Gives a member that does not run the records of another.
    pub(super) fn copy_ledger(&mut self, node: usize, from: usize) {
        self.ledgers[node].copy_from(&self.ledgers[from]);
    }

    /// Starts a member with the records that it has, and what it has in its engine's store.
    pub(super) async fn start_from(&mut self, node: usize, floor: Option<Bytes>) {
        self.floor = floor;
        self.start(node, Behaviour::Honest).await;
        self.floor = None;
    }

    /// The floor at or below `height` that a peer gives.
    pub(super) async fn floor(&self, node: usize, height: u64) -> Option<Bytes> {
        let running = self.running[node].as_ref().unwrap();
        running.member.handle().floor(height).await
    }

    /// Cuts or heals the links between the members of `part` and all others.
    pub(super) async fn partition(&mut self, part: &[usize], links: Links) {
        for from in 0..self.keys.len() {
            for to in 0..self.keys.len() {
                if from == to || part.contains(&from) == part.contains(&to) {
                    continue;
                }
                for from in &self.keys[from] {
                    for to in &self.keys[to] {
                        let (from, to) = (from.public_key(), to.public_key());
                        match links {
                            Links::Cut => self.oracle.remove_link(from, to).await.unwrap(),
                            Links::Healed => self.oracle.add_link(from, to, link()).await.unwrap(),
                        }
                    }
                }
            }
        }
    }

    pub(super) async fn restart(&mut self, node: usize, behaviour: Behaviour) {
        assert!(self.running[node].is_none());
        self.start(node, behaviour).await;
    }

    pub(super) fn submit(&self, node: usize, record: &[u8]) {
        let running = self.running[node].as_ref().unwrap();
        running.member.submit(Bytes::copy_from_slice(record));
    }

    /// Why a member ended by itself.
    pub(super) async fn ended(&mut self, node: usize) -> Result<Ended, StartError> {
        let running = self.running[node].as_mut().unwrap();
        running.ended.take().unwrap().await.unwrap()
    }

    pub(super) async fn delivery_ended(&mut self, node: usize) -> bool {
        let ended = self.ended(node).await;
        matches!(ended, Ok(Ended::Delivery(DeliveryError::Commit(_))))
    }

    pub(super) fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    pub(super) fn heights(&self) -> Vec<u64> {
        self.ledgers.iter().map(Ledger::height).collect()
    }

    pub(super) fn now(&self) -> Duration {
        self.context
            .current()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
    }

    pub(super) async fn run(&self, duration: Duration) {
        self.context.sleep(duration).await;
    }

    /// Lets simulated time pass until `condition` holds; the simulation's own timeout ends a story that never gets there.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&[Ledger]) -> bool) {
        for _ in 0..12_000 {
            if condition(&self.ledgers) {
                return;
            }
            self.context.sleep(Duration::from_millis(10)).await;
        }
        panic!("within two minutes: {what}");
    }

    pub(super) fn assert_agreement(&self) {
        for one in &self.ledgers {
            let other_blocks = self.ledgers.iter().map(Ledger::blocks);
            for other in other_blocks {
                for (height, block) in one.blocks() {
                    assert!(
                        other.get(&height).is_none_or(|same| *same == block),
                        "fork at {height}"
                    );
                }
            }
            let blocks = one.blocks();
            let times: Vec<u64> = blocks.values().map(|block| block.time_ms).collect();
            assert!(
                times.windows(2).all(|pair| pair[0] < pair[1]),
                "time goes backwards"
            );
            assert!(
                blocks.keys().copied().eq(1..=one.height()),
                "a height is missing"
            );
        }
    }
}

/// What a running member needs to set up its network again under another key.
struct Parts {
    oracle: Oracle<ed25519::PublicKey, Context>,
    keys: Vec<ed25519::PrivateKey>,
    member: Arc<Member>,
    ports: Ports,
    ballot: Arc<dyn Ballot>,
    floor: Option<Bytes>,
    partition: String,
}

impl Parts {
    async fn run(self, context: Context) -> Result<Ended, StartError> {
        for number in 0_u64.. {
            let context = context.child("engine").with_attribute("number", number);
            let (key, channels) = self.channels().await;
            let control = self.oracle.control(key.public_key());
            let peers = (self.oracle.manager(), control, Box::new(|_, _| {}) as _);
            let identity = Identity {
                own: self.keys.iter().map(|key| key.public_key()).collect(),
                key,
                network: [7; 32],
                epoch_blocks: NZU64!(EPOCH),
                ballot: self.ballot.clone(),
                floor: self.floor.clone(),
                peers_max: 20,
                partition: self.partition.clone(),
            };
            let (member, ports) = (self.member.clone(), self.ports.clone());
            let engine = context.spawn(move |context| async move {
                let timing = Timing::DEFAULT;
                let started =
                    engine::start(context, identity, timing, member, ports, channels, peers);
                Ok(Box::pin(started).await?.await.unwrap())
            });
            let ended = engine.await.unwrap();
            if !matches!(ended, Ok(Ended::Renew)) {
                return ended;
            }
        }
        unreachable!("numbers do not end")
    }

    /// The key that the next epoch knows, and its channels.
    async fn channels(
        &self,
    ) -> (
        ed25519::PrivateKey,
        Channels<
            simulated::Sender<ed25519::PublicKey, Context>,
            simulated::Receiver<ed25519::PublicKey>,
        >,
    ) {
        let epocher = FixedEpocher::new(NZU64!(EPOCH));
        let epoch = next_epoch(&epocher, self.member.as_ref());
        let committee = self.member.committee(epoch.get()).unwrap();
        let known = self.keys.iter();
        let known = known.filter(|key| committee.has_member(&key.public_key()));
        let key = known.chain(&self.keys).next().unwrap().clone();
        let control = self.oracle.control(key.public_key());
        let channels = Channels {
            votes: control.register(0, QUOTA).await.unwrap(),
            certificates: control.register(1, QUOTA).await.unwrap(),
            resolver: control.register(2, BLOCK_QUOTA).await.unwrap(),
            backfill: control.register(3, BLOCK_QUOTA).await.unwrap(),
            broadcast: control.register(4, BLOCK_QUOTA).await.unwrap(),
            gossip: control.register(5, QUOTA).await.unwrap(),
            beacon: control.register(6, BEACON_QUOTA).await.unwrap(),
        };
        (key, channels)
    }
}
