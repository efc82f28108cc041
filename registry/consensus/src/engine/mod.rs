//! Wires consensus, dissemination, backfill and storage together, on any runtime and network.

mod beacon;
mod epochs;
mod schemes;
mod storage;
mod voting;

use crate::{
    application::Application,
    automaton::Automaton,
    block::{Block, BlockDigest},
    committee::{Committee, MEMBERS_MAX},
    config::{Ballot, Timing},
    delivery, gossip,
};
use beacon::Beacon;
use bytes::Bytes;
use commonware_broadcast::buffered;
use commonware_consensus::{
    marshal::{
        self, Start,
        resolver::p2p as backfill,
        standard::{Deferred, Standard},
    },
    simplex,
    types::{Epoch, Epocher as _, FixedEpocher, Height, ViewDelta},
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Address, Blocker, Provider, Receiver, Sender,
    utils::mux::{MuxHandle, Muxer, prefixed},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Quota, Spawner};
use commonware_utils::{
    NZDuration, NZU32, NZUsize,
    ordered::{Map, Set},
};
use epochs::{EpochChannels, Epochs};
use rand_core::CryptoRng;
use schemes::Schemes;
use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use storage::{Order, Storage};
use tokio::sync::watch;

pub(crate) use epochs::Ended;
pub use schemes::FLOOR_BYTES_MAX;
pub(crate) use storage::Certificate;

pub(crate) type Scheme = simplex::scheme::ed25519::Scheme;

/// The runtime as the parts need it: real time and disk, or a simulation of both.
pub(crate) trait Runtime:
    Clock + CryptoRng + Spawner + commonware_runtime::Storage + Metrics
{
}
impl<E: Clock + CryptoRng + Spawner + commonware_runtime::Storage + Metrics> Runtime for E {}

const NAMESPACE: &[u8] = b"tegata-consensus/v1";

/// Requests waiting inside one part of the engine.
const MAILBOX: NonZeroUsize = NZUsize!(1024);
const BUFFER: NonZeroUsize = NZUsize!(256 * 1024);
/// Views whose votes and blocks stay in memory behind the last final one.
const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);
/// Blocks of each member that are kept until they are final.
const BROADCAST_DEPTH: usize = 8;

/// An engine that is further behind its application than this starts from another node's floor instead of fetching blocks,
/// which peers may have removed.
pub const BLOCKS_FETCHED_MAX: u64 = 128;

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(150);

/// Messages per second and peer on the channels of votes, certificates, and gossip.
///
/// Every channel reserves one slot of memory for each message of one second, of every peer.
pub(crate) const QUOTA: Quota = Quota::per_second(NZU32!(256));
/// The same for blocks and backfill, whose messages are large.
pub(crate) const BLOCK_QUOTA: Quota = Quota::per_second(NZU32!(128));

/// The same for announcements of epochs.
pub(crate) const BEACON_QUOTA: Quota = Quota::per_second(NZU32!(8));

/// The channels of the network, one sender and receiver each.
pub(crate) struct Channels<S, R> {
    pub(crate) votes: (S, R),
    pub(crate) certificates: (S, R),
    pub(crate) resolver: (S, R),
    pub(crate) backfill: (S, R),
    pub(crate) broadcast: (S, R),
    pub(crate) gossip: (S, R),
    pub(crate) beacon: (S, R),
}

/// What distinguishes this member and this network.
pub(crate) struct Identity {
    /// The key that the network runs with.
    pub(crate) key: ed25519::PrivateKey,
    /// Public halves of all keys of this node.
    pub(crate) own: Vec<ed25519::PublicKey>,
    pub(crate) network: [u8; 32],
    pub(crate) epoch_blocks: NonZeroU64,
    pub(crate) ballot: Arc<dyn Ballot>,
    pub(crate) floor: Option<Bytes>,
    /// Peers that the network was sized for.
    pub(crate) peers_max: usize,
    /// Prefix of everything stored, so that several members can share one simulated disk.
    pub(crate) partition: String,
}

impl Identity {
    fn is_known_by_another_key(&self, committee: &Committee) -> bool {
        !committee.has_member(&self.key.public_key())
            && self.own.iter().any(|key| committee.has_member(key))
    }
}

/// What tells a running network that peers moved.
pub(crate) type Relocation = Arc<Mutex<Option<Relocate>>>;

/// Tells the network where peers are now.
pub(crate) type Relocate = Box<dyn FnMut(Map<ed25519::PublicKey, Address>) + Send>;

/// Where the certificates of a running engine can be asked for.
pub(crate) type Certificates = Arc<Mutex<Option<Order>>>;

/// Tells the network whom to connect to from now on, under a number that grows.
pub(crate) type Track = Box<dyn FnMut(u64, Map<ed25519::PublicKey, Address>) + Send>;

/// The ends of the node's handle that the engine serves.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) wake: watch::Receiver<()>,
    pub(crate) tip: watch::Sender<u64>,
    pub(crate) outbox: gossip::Queue,
    pub(crate) certificates: Certificates,
    pub(crate) relocation: Relocation,
}

/// The domain of every vote and connection of one network.
pub(crate) fn namespace(network: &[u8; 32]) -> Vec<u8> {
    [NAMESPACE, network].concat()
}

/// The largest message that any channel carries, however many members there will be.
pub(crate) fn message_bytes_max() -> u32 {
    let validators = u32::try_from(MEMBERS_MAX).unwrap_or(u32::MAX);
    commonware_p2p::max_message_size(&[
        prefixed(simplex::max_payload_size::<Scheme, BlockDigest>(validators)),
        marshal::max_payload_size::<Standard<Block>, Scheme>(validators, &()),
        gossip::FRAME_BYTES_MAX,
    ])
}

/// The epoch of the block that the application waits for.
pub(crate) fn next_epoch(epocher: &FixedEpocher, application: &dyn Application) -> Epoch {
    let next = Height::new(application.committed_height()).next();
    epocher
        .containing(next)
        .map_or(Epoch::zero(), |info| info.epoch())
}

/// The members of several committees and where they are; the first that names a member is right.
pub(crate) fn union<'c>(
    committees: impl IntoIterator<Item = Option<&'c Committee>>,
) -> Map<ed25519::PublicKey, Address> {
    let known = committees.into_iter().flatten();
    Map::from_iter_dedup(known.flat_map(Committee::addresses))
}

/// The engine cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("a store of the engine cannot be opened")]
    Store(#[from] commonware_storage::archive::Error),
    #[error("the application does not know the first members")]
    Genesis,
    #[error("the certificate to start from does not hold")]
    Floor,
}

/// Opens the stores and starts every part; the answer resolves when the engine ends.
///
/// # Errors
/// If a store cannot be opened, or what it is given does not hold.
pub(crate) async fn start<E, S, R, P, B>(
    mut runtime: E,
    identity: Identity,
    timing: Timing,
    application: Arc<dyn Application>,
    ports: Ports,
    channels: Channels<S, R>,
    (peers, blocker, track): (P, B, Track),
) -> Result<Handle<Ended>, StartError>
where
    E: Runtime,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    let me = identity.key.public_key();
    let schemes = Schemes::new(application.clone(), &namespace(&identity.network));
    let floor = match identity.floor.clone() {
        Some(bytes) => {
            let floor = schemes.floor(&mut runtime, bytes);
            let committed = application.committed_height();
            let floor = floor.filter(|(_, height)| is_near(height.get(), committed));
            Some(floor.ok_or(StartError::Floor)?.0)
        }
        None => None,
    };
    let founders = schemes
        .electorate(Epoch::zero())
        .ok_or(StartError::Genesis)?;
    let begin = match &floor {
        Some(floor) => Start::Floor(floor.clone()),
        None => Start::Genesis(Block::genesis(first(founders.validators()))),
    };
    let epocher = FixedEpocher::new(identity.epoch_blocks);
    let storage = Storage::new(identity.partition.clone());
    let opened = storage.marshal(&runtime, schemes.clone(), epocher.clone(), begin);
    let (actor, order) = opened.await?;
    let (reports, deliveries) = delivery::channel(ports.tip);
    let buffer = broadcast(&runtime, &me, peers.clone(), channels.broadcast);
    let fetching = fetching(me, peers, blocker.clone());
    let resolver = backfill::init(runtime.child("backfill"), fetching, channels.backfill);
    actor.start(reports, buffer, resolver);
    publish(&ports.certificates, &order);

    converse(&runtime, ports.outbox, application.clone(), channels.gossip);
    let beacon = Beacon::start(&runtime, epocher.clone(), order.clone(), channels.beacon);

    let automaton = Automaton {
        application: application.clone(),
        timing,
        marshal: order.clone(),
        wake: ports.wake,
    };
    let automaton = by_epoch(&runtime, automaton, epocher.clone());
    let channels = EpochChannels {
        votes: divide(&runtime, "votes_by_epoch", channels.votes),
        certificates: divide(&runtime, "certificates_by_epoch", channels.certificates),
        resolver: divide(&runtime, "resolver_by_epoch", channels.resolver),
    };
    Ok(runtime.child("epochs").spawn(move |runtime| {
        let epochs = Epochs {
            runtime,
            identity,
            timing,
            application,
            automaton,
            blocker,
            storage,
            schemes,
            epocher,
            order,
            floor,
            channels,
            track,
            beacon,
        };
        epochs.run(deliveries)
    }))
}

/// Whether an engine that starts at this height finds its way to the application: beyond what is committed it would miss
/// blocks for ever, and far below it ask for blocks that peers need not have.
fn is_near(floor: u64, committed: u64) -> bool {
    floor <= committed.saturating_add(1) && committed <= floor.saturating_add(BLOCKS_FETCHED_MAX)
}

/// Lets certificates be asked for.
fn publish(certificates: &Certificates, order: &Order) {
    let mut certificates = certificates.lock().unwrap_or_else(PoisonError::into_inner);
    *certificates = Some(order.clone());
}

/// The application's answers, with the last block of an epoch proposed again until it is final.
fn by_epoch<E: Runtime>(
    runtime: &E,
    automaton: Automaton,
    epocher: FixedEpocher,
) -> Deferred<E, Scheme, Automaton, Block, FixedEpocher> {
    let order = automaton.marshal.clone();
    Deferred::new(runtime.child("automaton"), automaton, order, epocher)
}

/// Divides a channel by epoch.
fn divide<S: Sender<PublicKey = ed25519::PublicKey>>(
    runtime: &impl Runtime,
    name: &'static str,
    (sender, receiver): (S, impl Receiver<PublicKey = ed25519::PublicKey>),
) -> MuxHandle<S> {
    let (muxer, handle) = Muxer::new(runtime.child(name), sender, receiver);
    muxer.start();
    handle
}

/// Starts sending and receiving the application's messages.
fn converse(
    runtime: &impl Runtime,
    outbox: gossip::Queue,
    application: Arc<dyn Application>,
    (sender, receiver): (
        impl Sender<PublicKey = ed25519::PublicKey>,
        impl Receiver<PublicKey = ed25519::PublicKey>,
    ),
) {
    runtime
        .child("outbox")
        .spawn(move |runtime| gossip::send(runtime, outbox, sender));
    runtime
        .child("inbox")
        .spawn(move |runtime| gossip::receive(runtime, application, receiver));
}

/// Starts spreading proposed blocks; the answer is where the other parts find them.
fn broadcast<E, P>(
    runtime: &E,
    me: &ed25519::PublicKey,
    peers: P,
    channel: (
        impl Sender<PublicKey = ed25519::PublicKey>,
        impl Receiver<PublicKey = ed25519::PublicKey>,
    ),
) -> buffered::Mailbox<ed25519::PublicKey, Block>
where
    E: Runtime,
    P: Provider<PublicKey = ed25519::PublicKey>,
{
    let config = buffered::Config {
        public_key: me.clone(),
        mailbox_size: MAILBOX,
        deque_size: BROADCAST_DEPTH,
        priority: false,
        codec_config: (),
        peer_provider: peers,
        strategy: Sequential,
    };
    let (engine, mailbox) = buffered::Engine::new(runtime.child("broadcast"), config);
    engine.start(channel);
    mailbox
}

/// How missing blocks and certificates are fetched.
fn fetching<P, B>(
    me: ed25519::PublicKey,
    peers: P,
    blocker: B,
) -> backfill::Config<ed25519::PublicKey, P, B>
where
    P: Provider<PublicKey = ed25519::PublicKey>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    backfill::Config {
        public_key: me,
        peer_provider: peers,
        blocker,
        mailbox_size: MAILBOX,
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        priority_requests: false,
        priority_responses: false,
    }
}

fn first(validators: &Set<ed25519::PublicKey>) -> ed25519::PublicKey {
    validators
        .iter()
        .next()
        .cloned()
        .expect("a committee has a validator")
}
