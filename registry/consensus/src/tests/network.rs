//! The simulated network: members can crash, restart with their disk, and observe.

use super::ledger::{Behaviour, Ledger, Member};
use crate::{
    application::Application,
    config::{Memory, Timing},
    delivery::DeliveryError,
    engine::{self, BLOCK_QUOTA, Channels, Identity, QUOTA},
    node,
};
use bytes::Bytes;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZUsize, TryCollect as _, probability};
use std::{
    sync::Arc,
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

pub(super) struct Simulation {
    context: Context,
    oracle: Oracle<ed25519::PublicKey, Context>,
    keys: Vec<ed25519::PrivateKey>,
    observers: Vec<usize>,
    ledgers: Vec<Ledger>,
    running: Vec<Option<Running>>,
    starts: u64,
    memory: Memory,
    /// How many disks each member has had.
    disks: Vec<u64>,
}

struct Running {
    task: Handle<()>,
    member: Arc<Member>,
    delivery: Option<oneshot::Receiver<DeliveryError>>,
}

/// Tells a story with `members` nodes; the answer is a digest of everything that happened.
pub(super) fn simulate(seed: u64, members: usize, story: impl AsyncFnOnce(Simulation)) -> String {
    let config = deterministic::Config::new()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(600)));
    deterministic::Runner::new(config).start(|context| async move {
        let keys: Vec<_> = (1..=members as u64)
            .map(ed25519::PrivateKey::from_seed)
            .collect();
        let (network, oracle) = simulated::Network::new_with_peers(
            context.child("network"),
            simulated::Config {
                max_size: engine::message_bytes_max(members),
                max_peers_per_set: NZUsize!(8),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
            keys.iter().map(|key| key.public_key()),
        )
        .await;
        network.start();
        for from in &keys {
            for to in keys
                .iter()
                .filter(|to| to.public_key() != from.public_key())
            {
                let (from, to) = (from.public_key(), to.public_key());
                oracle.add_link(from, to, link()).await.unwrap();
            }
        }
        let auditor = context.child("audit");
        let simulation = Simulation {
            context,
            oracle,
            observers: Vec::new(),
            ledgers: (0..members).map(|_| Ledger::default()).collect(),
            running: (0..members).map(|_| None).collect(),
            keys,
            starts: 0,
            memory: Memory::Whole,
            disks: vec![0; members],
        };
        story(simulation).await;
        auditor.auditor().state()
    })
}

impl Simulation {
    pub(super) fn make_observer(&mut self, node: usize) {
        self.observers.push(node);
    }

    pub(super) async fn start_all(&mut self, behaviour: Behaviour) {
        for node in 0..self.keys.len() {
            self.start(node, behaviour).await;
        }
    }

    pub(super) async fn start(&mut self, node: usize, behaviour: Behaviour) {
        let key = self.keys[node].clone();
        let (handle, ports) = node::ports();
        let member = Arc::new(Member::new(self.ledgers[node].clone(), handle, behaviour));
        let application: Arc<dyn Application> = member.clone();
        let validators = (0..self.keys.len()).filter(|index| !self.observers.contains(index));
        let identity = Identity {
            validators: validators
                .map(|index| self.keys[index].public_key())
                .try_collect()
                .unwrap(),
            partition: format!("node{node}-{}-", self.disks[node]),
            network: [7; 32],
            memory: self.memory,
            key: key.clone(),
        };
        let control = self.oracle.control(key.public_key());
        let channels = Channels {
            votes: control.register(0, QUOTA).await.unwrap(),
            certificates: control.register(1, QUOTA).await.unwrap(),
            resolver: control.register(2, BLOCK_QUOTA).await.unwrap(),
            backfill: control.register(3, BLOCK_QUOTA).await.unwrap(),
            broadcast: control.register(4, BLOCK_QUOTA).await.unwrap(),
            gossip: control.register(5, QUOTA).await.unwrap(),
        };
        let peers = (self.oracle.manager(), control);
        self.starts += 1;
        let context = self
            .context
            .child("member")
            .with_attribute("start", self.starts);
        let (ended, delivery) = oneshot::channel();
        // A member is one task with all its parts below it, so that aborting it is a crash.
        let task = context.spawn(move |context| async move {
            let started = engine::start(
                context,
                identity,
                Timing::DEFAULT,
                application,
                ports,
                channels,
                peers,
            );
            let engine = Box::pin(started).await.unwrap();
            if let Ok(error) = engine.delivery.await {
                let _nobody_waits = ended.send(error);
            }
        });
        self.running[node] = Some(Running {
            task,
            member,
            delivery: Some(delivery),
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
        self.memory = Memory::Lost;
        self.start(node, Behaviour::Honest).await;
        self.memory = Memory::Whole;
    }

    /// Cuts or heals the links between the members of `part` and all others.
    pub(super) async fn partition(&mut self, part: &[usize], links: Links) {
        for from in 0..self.keys.len() {
            for to in 0..self.keys.len() {
                if from == to || part.contains(&from) == part.contains(&to) {
                    continue;
                }
                let (from, to) = (self.keys[from].public_key(), self.keys[to].public_key());
                match links {
                    Links::Cut => self.oracle.remove_link(from, to).await.unwrap(),
                    Links::Healed => self.oracle.add_link(from, to, link()).await.unwrap(),
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

    pub(super) async fn delivery_ended(&mut self, node: usize) -> bool {
        let ended = self.running[node]
            .as_mut()
            .unwrap()
            .delivery
            .take()
            .unwrap();
        matches!(ended.await, Ok(DeliveryError::Commit(_)))
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
