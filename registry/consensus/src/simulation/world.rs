//! The members, their machines, and the network between them.

use super::{
    Channel,
    disk::Disk,
    liar::{Contradiction, Liar},
    machine::{Machine, Skew},
    network::{Counts, Incoming, Outgoing, Wire},
};
use crate::{
    application::Application,
    config::{Config, ConfigError, ConsensusKey},
    engine::{self, BEACON_QUOTA, BLOCK_QUOTA, Channels, Identity, QUOTA},
    node::{self, Handle, NodeError},
};
use commonware_cryptography::{Signer as _, ed25519::PublicKey};
use commonware_p2p::simulated::{self, Network, Oracle, SplitTarget};
use commonware_runtime::{
    Clock as _, Handle as Task, Spawner as _, Supervisor as _, deterministic::Context,
};
use commonware_utils::{NZUsize, Probability};
use futures::future::BoxFuture;
use rand_core::Rng;
use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, OnceLock},
    time::{Duration, UNIX_EPOCH},
};

const MEMBERS_MAX: std::num::NonZeroUsize = NZUsize!(64);

/// How messages travel from one member to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// How long they take on average.
    pub latency: Duration,
    /// How much that varies.
    pub jitter: Duration,
    /// How many of a hundred are lost.
    pub lost_percent: u8,
}

/// Simulated time, and the clock of one machine.
#[derive(Clone)]
pub struct Timer {
    context: Arc<Context>,
    skew: Skew,
}

impl Timer {
    /// What the clock on the wall shows, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        let shown = self.skew.of(self.context.current());
        let elapsed = shown.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Simulated time since 1970, which no fault of a clock touches.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let now = self.context.current().duration_since(UNIX_EPOCH);
        now.unwrap_or_default()
    }

    /// Resolves after a time.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.context.sleep(duration))
    }
}

/// One member's place: what is there stays when programs come and go.
struct Seat {
    key: PublicKey,
    disk: Disk,
    skew: Skew,
    running: Vec<Instance>,
}

/// A program that runs, or has ended.
struct Instance {
    task: Task<()>,
    broken: Arc<OnceLock<String>>,
}

/// What makes an application of an engine's handle.
pub type Maker = Box<dyn FnOnce(Handle) -> Arc<dyn Application>>;

/// One of two nodes with the same key: its disk, its configuration, and what makes its application.
pub type Twin = (Disk, Config, Maker);

/// All members.
pub struct World {
    context: Context,
    oracle: Oracle<PublicKey, Context>,
    wire: Wire,
    seats: Vec<Seat>,
    starts: u64,
}

impl World {
    pub(super) async fn new(context: Context, keys: Vec<PublicKey>, seed: u64) -> Self {
        let config = simulated::Config {
            max_size: engine::message_bytes_max(),
            max_peers_per_set: MEMBERS_MAX,
            // What a member does to a peer that it has caught lying is seen from whom it asks, not from broken links.
            disconnect_on_block: false,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) =
            Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        let seat = |key: &PublicKey| Seat {
            key: key.clone(),
            disk: Disk::default(),
            skew: Skew::default(),
            running: Vec::new(),
        };
        Self {
            context,
            oracle,
            wire: Wire::new(keys.clone(), seed),
            seats: keys.iter().map(seat).collect(),
            starts: 0,
        }
    }

    /// Starts a member's node, as [`crate::Node::start`] does. Of the configuration, where it listens and keeps its files has no
    /// meaning here.
    ///
    /// # Errors
    ///
    /// Fails if the configuration contradicts itself. What fails later is told by [`Self::ended`].
    pub async fn start(
        &mut self,
        member: usize,
        config: Config,
        application: impl FnOnce(Handle) -> Arc<dyn Application> + 'static,
    ) -> Result<(), NodeError> {
        let application = Box::new(application);
        let channels = self.channels(member).await?;
        let disk = self.seat(member)?.disk.clone();
        let channels = channels.map(|channel, sender, receiver| {
            let outgoing = self.outgoing(member, channel, sender, None)?;
            Ok((
                outgoing,
                Incoming::new(receiver, channel, self.wire.clone()),
            ))
        })?;
        self.launch(member, disk, &config, application, channels)
    }

    /// Starts two nodes with one member's key, each with a disk of its own: the members in `first` talk with one of them only, all
    /// others with the other.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub async fn start_twins(
        &mut self,
        member: usize,
        first: &[usize],
        nodes: [Twin; 2],
    ) -> Result<(), NodeError> {
        let keys = |wanted: &dyn Fn(usize) -> bool| -> Arc<BTreeSet<PublicKey>> {
            let seats = self.seats.iter().enumerate();
            let wanted = seats.filter(|(index, _)| wanted(*index));
            Arc::new(wanted.map(|(_, seat)| seat.key.clone()).collect())
        };
        let audiences = [
            keys(&|index| first.contains(&index)),
            keys(&|index| !first.contains(&index)),
        ];
        let mut ones = Vec::new();
        let mut others = Vec::new();
        for (channel, sender, receiver) in self.channels(member).await?.0 {
            let heard = audiences[0].clone();
            let context = self.context.child("twins");
            let (one, other) = receiver.split_with(context, move |(from, _): &(PublicKey, _)| {
                if heard.contains(from) {
                    SplitTarget::Primary
                } else {
                    SplitTarget::Secondary
                }
            });
            ones.push((channel, sender.clone(), one));
            others.push((channel, sender, other));
        }
        for ((raw, audience), (disk, config, application)) in
            [ones, others].into_iter().zip(audiences).zip(nodes)
        {
            let channels = Raw(raw).map(|channel, sender, receiver| {
                let outgoing = self.outgoing(member, channel, sender, Some(audience.clone()))?;
                Ok((
                    outgoing,
                    Incoming::new(receiver, channel, self.wire.clone()),
                ))
            })?;
            self.launch(member, disk, &config, application, channels)?;
        }
        Ok(())
    }

    /// Ends a member's programs at once.
    pub async fn stop(&mut self, member: usize) {
        let Some(seat) = self.seats.get_mut(member) else {
            return;
        };
        for instance in seat.running.drain(..) {
            instance.task.abort();
            let _aborted = instance.task.await;
        }
        seat.disk.end_process();
    }

    /// Cuts a member's power.
    pub async fn cut_power(&mut self, member: usize, rng: &mut impl Rng) {
        self.stop(member).await;
        if let Some(seat) = self.seats.get(member) {
            seat.disk.lose_power(rng);
        }
    }

    /// Whether a program of the member runs, or has ended without having been stopped.
    #[must_use]
    pub fn is_started(&self, member: usize) -> bool {
        let seat = self.seats.get(member);
        seat.is_some_and(|seat| !seat.running.is_empty())
    }

    /// Why a program of the member ended without having been stopped.
    #[must_use]
    pub fn ended(&self, member: usize) -> Option<String> {
        let instances = &self.seats.get(member)?.running;
        instances
            .iter()
            .find_map(|instance| instance.broken.get().cloned())
    }

    /// The member's disk.
    ///
    /// # Panics
    ///
    /// If there is no such member.
    #[must_use]
    pub fn disk(&self, member: usize) -> Disk {
        self.seats.get(member).expect("a member").disk.clone()
    }

    /// The member's clock.
    ///
    /// # Panics
    ///
    /// If there is no such member.
    #[must_use]
    pub fn clock(&self, member: usize) -> Timer {
        Timer {
            context: Arc::new(self.context.child("clock")),
            skew: self.seats.get(member).expect("a member").skew.clone(),
        }
    }

    /// Sets the member's clock, in milliseconds ahead of the simulated time.
    pub fn set_clock(&self, member: usize, ahead_ms: i64) {
        if let Some(seat) = self.seats.get(member) {
            seat.skew.set(ahead_ms);
        }
    }

    /// A clock that is right.
    #[must_use]
    pub fn timer(&self) -> Timer {
        Timer {
            context: Arc::new(self.context.child("timer")),
            skew: Skew::default(),
        }
    }

    /// Runs a task beside the story.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let _runs_to_its_end = self.context.child("client").spawn(move |_| work);
    }

    /// Sets how messages travel in one direction; `None` cuts it.
    ///
    /// # Panics
    ///
    /// If there is no such member.
    pub async fn link(&self, from: usize, to: usize, link: Option<Link>) {
        let key = |member: usize| self.seats.get(member).expect("a member").key.clone();
        let (from, to) = (key(from), key(to));
        // A link that is cut already stays cut; one that is there makes place for the new one.
        let _cut = self.oracle.remove_link(from.clone(), to.clone()).await;
        if let Some(link) = link {
            let passed = u64::from(100 - link.lost_percent.min(100));
            let link = simulated::Link {
                latency: link.latency,
                jitter: link.jitter,
                success_rate: Probability::new(passed, 100).expect("a percentage"),
            };
            let added = self.oracle.add_link(from, to, link).await;
            added.expect("the network runs as long as the world");
        }
    }

    /// From now on this many of a hundred messages arrive twice.
    pub fn repeat(&self, percent: u64) {
        self.wire.repeat(percent);
    }

    /// From now on the member garbles some of what it sends.
    pub fn garble(&self, member: usize) {
        if let Some(seat) = self.seats.get(member) {
            self.wire.garble(&seat.key);
        }
    }

    /// From now on the member signs votes that contradict its own.
    pub fn contradict(
        &self,
        member: usize,
        how: Contradiction,
        key: &ConsensusKey,
        network: &[u8; 32],
    ) {
        if let Some(seat) = self.seats.get(member) {
            let liar = Liar::new(how, key, network);
            self.wire.contradict(&seat.key, liar);
        }
    }

    /// From now on the member sends nothing on a channel to the victims.
    pub fn withhold(&self, member: usize, channel: Channel, victims: &[usize]) {
        let keys = victims.iter().filter_map(|victim| self.seats.get(*victim));
        let keys = keys.map(|seat| seat.key.clone()).collect();
        if let Some(seat) = self.seats.get(member) {
            self.wire.withhold(&seat.key, channel, keys);
        }
    }

    /// The members that signed two votes of which one forbids the other.
    #[must_use]
    pub fn contradictions(&self) -> Vec<usize> {
        let liars = self.wire.contradictions();
        let seats = self.seats.iter().enumerate();
        seats
            .filter(|(_, seat)| liars.contains(&seat.key))
            .map(|(member, _)| member)
            .collect()
    }

    /// What was done to messages so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.wire.counts()
    }

    fn seat(&self, member: usize) -> Result<&Seat, NodeError> {
        self.seats.get(member).ok_or(NodeError::Ended)
    }

    async fn channels(&self, member: usize) -> Result<Raw, NodeError> {
        let control = self.oracle.control(self.seat(member)?.key.clone());
        let mut channels = Vec::new();
        for (number, channel) in (0..).zip(Channel::ALL) {
            let quota = match channel {
                Channel::Votes | Channel::Certificates | Channel::Gossip => QUOTA,
                Channel::Resolver | Channel::Backfill | Channel::Broadcast => BLOCK_QUOTA,
                Channel::Beacon => BEACON_QUOTA,
            };
            let (sender, receiver) = control
                .register(number, quota)
                .await
                .map_err(|error| NodeError::Store(error.to_string()))?;
            channels.push((channel, sender, receiver));
        }
        Ok(Raw(channels))
    }

    fn outgoing(
        &self,
        member: usize,
        channel: Channel,
        inner: simulated::Sender<PublicKey, Context>,
        audience: Option<Arc<BTreeSet<PublicKey>>>,
    ) -> Result<Outgoing, NodeError> {
        Ok(Outgoing {
            inner,
            me: self.seat(member)?.key.clone(),
            channel,
            audience,
            wire: self.wire.clone(),
        })
    }

    /// A program is one task with all its parts below it, so that aborting it ends everything.
    fn launch(
        &mut self,
        member: usize,
        disk: Disk,
        config: &Config,
        application: Maker,
        channels: Channels<Outgoing, Incoming>,
    ) -> Result<(), NodeError> {
        config.check()?;
        let (handle, ports) = node::ports();
        let application = application(handle);
        let identity = identity(config)?;
        let timing = config.timing;
        let broken = Arc::new(OnceLock::new());
        let peers = (
            self.oracle.manager(),
            self.oracle.control(self.seat(member)?.key.clone()),
            Box::new(|_, _| {}) as engine::Track,
        );
        self.starts += 1;
        let context = self.context.child("member");
        let context = context.with_attribute("start", self.starts);
        let skew = self.seat(member)?.skew.clone();
        let machine = Machine::new(context, disk, skew, broken.clone());
        let told = broken.clone();
        let task = machine.spawn(move |machine| async move {
            let started = engine::start(
                machine,
                identity,
                timing,
                application,
                ports,
                channels,
                peers,
            );
            let end = match Box::pin(started).await {
                Err(error) => format!("{error:?}"),
                Ok(engine) => format!("{:?}", engine.await),
            };
            let _first = told.set(end);
        });
        let seat = self.seats.get_mut(member);
        let seat = seat.ok_or(NodeError::Ended)?;
        seat.running.push(Instance { task, broken });
        Ok(())
    }
}

/// A member's channels as the simulated network gives them.
struct Raw(
    Vec<(
        Channel,
        simulated::Sender<PublicKey, Context>,
        simulated::Receiver<PublicKey>,
    )>,
);

impl Raw {
    fn map<S, R>(
        self,
        end: impl Fn(
            Channel,
            simulated::Sender<PublicKey, Context>,
            simulated::Receiver<PublicKey>,
        ) -> Result<(S, R), NodeError>,
    ) -> Result<Channels<S, R>, NodeError> {
        let mut ends = self
            .0
            .into_iter()
            .map(|(channel, sender, receiver)| end(channel, sender, receiver));
        let mut next = || ends.next().unwrap_or(Err(NodeError::Ended));
        Ok(Channels {
            votes: next()?,
            certificates: next()?,
            resolver: next()?,
            backfill: next()?,
            broadcast: next()?,
            gossip: next()?,
            beacon: next()?,
        })
    }
}

fn identity(config: &Config) -> Result<Identity, NodeError> {
    let key = &config.keys.first().ok_or(ConfigError::NoKey)?.0;
    Ok(Identity {
        key: key.clone(),
        own: config.keys.iter().map(|key| key.0.public_key()).collect(),
        network: config.network,
        epoch_blocks: config.epoch_blocks,
        ballot: config.ballot.clone(),
        floor: None,
        peers_max: MEMBERS_MAX.get(),
        partition: String::new(),
    })
}
