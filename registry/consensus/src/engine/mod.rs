//! Wires consensus, dissemination, backfill and storage together, on any runtime and network.

mod storage;

use crate::{
    application::Application,
    automaton::Automaton,
    block::{Block, BlockDigest, RoundContext},
    config::{Memory, Timing},
    delivery::{self, DeliveryError},
    gossip,
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter,
    marshal::{
        self,
        resolver::p2p as backfill,
        standard::{Deferred, Standard},
    },
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
        types::Activity,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digestible as _, Sha256, Signer as _, ed25519};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Quota, Spawner};
use commonware_utils::{NZDuration, NZU32, NZU64, NZUsize, ordered::Set};
use rand_core::CryptoRng;
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use storage::Storage;
use tokio::sync::watch;

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

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(150);

/// Messages per second and peer on the channels of votes, certificates, and gossip.
///
/// Every channel reserves one slot of memory for each message of one second, of every peer.
pub(crate) const QUOTA: Quota = Quota::per_second(NZU32!(256));
/// The same for blocks and backfill, whose messages are large.
pub(crate) const BLOCK_QUOTA: Quota = Quota::per_second(NZU32!(128));

/// The channels of the network, one sender and receiver each.
pub(crate) struct Channels<S, R> {
    pub(crate) votes: (S, R),
    pub(crate) certificates: (S, R),
    pub(crate) resolver: (S, R),
    pub(crate) backfill: (S, R),
    pub(crate) broadcast: (S, R),
    pub(crate) gossip: (S, R),
}

/// What distinguishes this member and this network.
pub(crate) struct Identity {
    pub(crate) key: ed25519::PrivateKey,
    pub(crate) validators: Set<ed25519::PublicKey>,
    pub(crate) network: [u8; 32],
    pub(crate) memory: Memory,
    /// Prefix of everything stored, so that several members can share one simulated disk.
    pub(crate) partition: String,
}

/// The ends of the node's handle that the engine serves.
pub(crate) struct Ports {
    pub(crate) wake: watch::Receiver<()>,
    pub(crate) tip: watch::Sender<u64>,
    pub(crate) outbox: gossip::Queue,
}

/// The domain of every vote and connection of one network.
pub(crate) fn namespace(network: &[u8; 32]) -> Vec<u8> {
    [NAMESPACE, network].concat()
}

/// The largest message that any channel carries.
pub(crate) fn message_bytes_max(validators: usize) -> u32 {
    let validators = u32::try_from(validators).unwrap_or(u32::MAX);
    commonware_p2p::max_message_size(&[
        simplex::max_payload_size::<Scheme, BlockDigest>(validators),
        marshal::max_payload_size::<Standard<Block>, Scheme>(validators, &()),
        gossip::FRAME_BYTES_MAX,
    ])
}

/// A started engine; it stops when its runtime does.
pub(crate) struct Engine {
    pub(crate) delivery: Handle<DeliveryError>,
    pub(crate) consensus: Handle<()>,
}

/// Opens the stores and starts every part.
///
/// # Errors
/// If a store cannot be opened.
pub(crate) async fn start<E, S, R, P, B>(
    runtime: E,
    identity: Identity,
    timing: Timing,
    application: Arc<dyn Application>,
    ports: Ports,
    channels: Channels<S, R>,
    (peers, blocker): (P, B),
) -> Result<Engine, commonware_storage::archive::Error>
where
    E: Runtime,
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
    P: Provider<PublicKey = ed25519::PublicKey>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    let me = identity.key.public_key();
    let domain = namespace(&identity.network);
    // A member that is no validator, or must not vote any more, checks certificates and never signs.
    let signer = match identity.memory {
        Memory::Whole => Scheme::signer(&domain, identity.validators.clone(), identity.key),
        Memory::Lost => None,
    };
    let scheme = signer.unwrap_or_else(|| Scheme::verifier(&domain, identity.validators.clone()));

    let buffer = broadcast(&runtime, &me, peers.clone(), channels.broadcast);
    let resolver = backfill::init(
        runtime.child("backfill"),
        backfill::Config {
            public_key: me,
            peer_provider: peers,
            blocker: blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            priority_requests: false,
            priority_responses: false,
        },
        channels.backfill,
    );
    let storage = Storage::new(identity.partition);
    let genesis = Block::genesis(first(&identity.validators));
    let floor = genesis.digest();
    let (actor, marshal) = storage.marshal(&runtime, &scheme, genesis).await?;
    let (reports, deliveries) = delivery::channel(ports.tip);
    actor.start(reports, buffer, resolver);

    let delivery = runtime.child("delivery").spawn({
        let (application, marshal) = (application.clone(), marshal.clone());
        move |runtime| delivery::deliver(runtime, application, marshal, deliveries)
    });
    let (gossip_sender, gossip_receiver) = channels.gossip;
    runtime
        .child("outbox")
        .spawn(move |runtime| gossip::send(runtime, ports.outbox, gossip_sender));
    runtime.child("inbox").spawn({
        let application = application.clone();
        move |runtime| gossip::receive(runtime, application, gossip_receiver)
    });

    let automaton = Automaton {
        application,
        timing,
        marshal: marshal.clone(),
        wake: ports.wake,
    };
    let automaton = Deferred::new(runtime.child("automaton"), automaton, marshal, epochs());
    let voting = voting(scheme, automaton, blocker, timing, floor, storage);
    let consensus = simplex::Engine::new(runtime.child("consensus"), voting).start(
        channels.votes,
        channels.certificates,
        channels.resolver,
    );
    Ok(Engine {
        delivery,
        consensus,
    })
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

type VotingOf<A, B> =
    simplex::Config<Scheme, RoundRobin<Sha256>, B, BlockDigest, A, A, A, Sequential>;

/// The settings of the voting protocol.
fn voting<A, B>(
    scheme: Scheme,
    automaton: A,
    blocker: B,
    timing: Timing,
    floor: BlockDigest,
    storage: Storage,
) -> VotingOf<A, B>
where
    A: CertifiableAutomaton<Context = RoundContext, Digest = BlockDigest>
        + Relay<Digest = BlockDigest>
        + Reporter<Activity = Activity<Scheme, BlockDigest>>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    let leader_timeout = timing.leader_timeout();
    simplex::Config {
        scheme,
        elector: RoundRobin::default(),
        blocker,
        automaton: automaton.clone(),
        relay: automaton.clone(),
        reporter: automaton,
        track_historical_votes: false,
        strategy: Sequential,
        partition: storage.partition("votes"),
        mailbox_size: MAILBOX,
        epoch: Epoch::zero(),
        floor: Floor::Genesis(floor),
        replay_buffer: BUFFER,
        write_buffer: BUFFER,
        page_cache: storage.cache,
        leader_timeout,
        certification_timeout: leader_timeout * 2,
        timeout_retry: leader_timeout,
        view_retention: VIEW_RETENTION,
        // A leader that has been silent for this long is skipped at once when its turn comes.
        skip: SkipPolicy::Enabled {
            timeout: leader_timeout * 3,
            budget: SkipBudget::Participants,
        },
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        forward: ForwardPolicy::SilentVoters,
    }
}

/// One epoch for ever: the validators are fixed by the configuration.
fn epochs() -> FixedEpocher {
    FixedEpocher::new(NZU64!(u64::MAX))
}

fn first(validators: &Set<ed25519::PublicKey>) -> ed25519::PublicKey {
    validators
        .iter()
        .next()
        .cloned()
        .expect("a checked configuration has a validator")
}
