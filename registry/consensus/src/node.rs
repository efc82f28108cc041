//! A member on the real network: its own runtime on its own thread, reached through a [`Handle`].
//!
//! Where an epoch knows this node by another of its keys, or has more members than the network was sized for, the runtime is
//! taken down and set up anew within the thread. The application, and everything on disk, stays.

use crate::{
    application::{Application, CommitError},
    config::{Config, ConfigError, PeerKey},
    delivery::DeliveryError,
    engine::{
        self, BEACON_QUOTA, BLOCK_QUOTA, BLOCKS_FETCHED_MAX, Certificates, Channels, Ended,
        Identity, Ports, QUOTA, Relocate, Relocation, StartError,
    },
    gossip::{self, GossipError, Outbox, Recipients},
};
use bytes::{Bytes, BytesMut};
use commonware_codec::Encode as _;
use commonware_consensus::{
    marshal::Identifier,
    types::{FixedEpocher, Height},
};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{AddressableManager as _, authenticated::lookup};
use commonware_runtime::{Quota, Runner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, PoisonError},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{oneshot, watch};

/// Members that may join before the network is set up anew.
const NEWCOMERS: usize = 8;

/// The engine's tasks wake each other all the time: on one thread that costs no switch. The disk and the application have
/// threads of their own.
const WORKERS: usize = 1;

/// Why a node did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A final block could not be made durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The engine's own store cannot be read, or lacks a block that the application needs.
    #[error("the engine's store is not usable: {0}")]
    Store(String),
    /// The application is more than [`BLOCKS_FETCHED_MAX`] ahead of the engine: [`Node::start_from`] helps.
    #[error("the engine needs another node's floor to start from")]
    FloorNeeded,
    /// What was given to [`Node::start_from`] is no final block of this network near the committed one.
    #[error("the floor to start from does not hold")]
    Floor,
    /// The application does not know the members of an epoch that begins.
    #[error("the members of epoch {0} are not known")]
    Committee(u64),
    /// Whether this node may vote cannot be read or noted.
    #[error("whether this node may vote is not known")]
    Ballot(#[source] io::Error),
    /// A part of the engine ended; its log line says why.
    #[error("the consensus engine ended")]
    Ended,
    /// The thread could not be started.
    #[error("the engine's thread could not be started")]
    Thread(#[source] std::io::Error),
}

/// What other threads may ask of a running node.
#[derive(Clone)]
pub struct Handle {
    outbox: Outbox,
    wake: Arc<watch::Sender<()>>,
    tip: watch::Receiver<u64>,
    certificates: Certificates,
    relocation: Relocation,
}

impl Handle {
    /// Queues a message for other members. It may be lost: repeat it as long as it matters.
    ///
    /// # Errors
    /// If the message is too long or too many wait.
    pub fn gossip(&self, to: Recipients, message: Bytes) -> Result<(), GossipError> {
        self.outbox.send(to, message)
    }

    /// Says that records are waiting, so that an idle leader proposes at once.
    pub fn wake(&self) {
        self.wake.send_replace(());
    }

    /// The greatest height known to be final in the network; the application may be behind.
    pub fn tip(&self) -> u64 {
        *self.tip.borrow()
    }

    /// Says where peers are now: connections to other addresses end. Whoever is no peer is passed over.
    pub fn relocate(&self, peers: impl IntoIterator<Item = (PeerKey, SocketAddr)>) {
        let peers = peers.into_iter();
        let peers = peers.filter_map(|(peer, address)| Some((peer.decode().ok()?, address.into())));
        let peers = Map::from_iter_dedup(peers);
        let relocation = self.relocation.lock();
        if let Some(relocate) = &mut *relocation.unwrap_or_else(PoisonError::into_inner) {
            relocate(peers);
        }
    }

    /// Where another node's engine may start ([`Node::start_from`]) whose application has committed `height`: the highest
    /// block near it that has a certificate here, behind its certificate.
    pub async fn floor(&self, height: u64) -> Option<Bytes> {
        let order = {
            let certificates = self.certificates.lock();
            certificates.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let order = order?;
        let (latest, _digest) = order.get_info(Identifier::Latest).await?;
        let processed = order.get_processed().await;
        let processed = processed.map_or(Height::zero(), |processed| processed.height());
        let highest = height.min(latest.get());
        let lowest = highest.saturating_sub(BLOCKS_FETCHED_MAX).max(1);
        for height in (lowest..=highest).rev().map(Height::new) {
            if let Some(certificate) = order.get_finalization(height).await
                && let Some(block) = order.get_block(Identifier::Height(height)).await
            {
                let mut floor = BytesMut::from(certificate.encode());
                floor.extend_from_slice(&block.inner().encode());
                return Some(floor.freeze());
            }
            let block = order.get_info(Identifier::Height(height)).await;
            if block.is_none() && height <= processed {
                // It was removed, and so was everything below.
                return None;
            }
        }
        None
    }
}

/// Makes the two ends through which a node and its engine meet.
pub(crate) fn ports() -> (Handle, Ports) {
    let (outbox, queue) = gossip::channel();
    let (wake, woken) = watch::channel(());
    let (tip_writer, tip) = watch::channel(0);
    let certificates = Certificates::default();
    let relocation = Relocation::default();
    let handle = Handle {
        outbox,
        wake: Arc::new(wake),
        tip,
        certificates: certificates.clone(),
        relocation: relocation.clone(),
    };
    let ports = Ports {
        wake: woken,
        tip: tip_writer,
        outbox: queue,
        certificates,
        relocation,
    };
    (handle, ports)
}

/// A running member.
pub struct Node {
    handle: Handle,
    config: Arc<Config>,
    application: Arc<dyn Application>,
    ports: Ports,
    running: Running,
}

/// The engine's thread.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    ended: Option<oneshot::Receiver<NodeError>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts the engine on a thread of its own. `application` is made from the handle that it may keep.
    ///
    /// # Errors
    /// If the configuration contradicts itself or no thread can be started.
    pub fn start(
        config: Config,
        application: impl FnOnce(Handle) -> Arc<dyn Application>,
    ) -> Result<Self, NodeError> {
        config.check()?;
        let (handle, ports) = ports();
        let application = application(handle.clone());
        let config = Arc::new(config);
        let running = Running::start(&config, &application, &ports, None)?;
        Ok(Self {
            handle,
            config,
            application,
            ports,
            running,
        })
    }

    /// Starts the engine that has ended for want of a floor again, from what another node gave as one ([`Handle::floor`]).
    /// That is not trusted: it ends again with [`NodeError::Floor`] if it does not hold.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start_from(&mut self, floor: Bytes) -> Result<(), NodeError> {
        self.running.shut_down();
        self.running = Running::start(&self.config, &self.application, &self.ports, Some(floor))?;
        Ok(())
    }

    /// A handle to the running engine.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Resolves when the engine ends without having been told to.
    pub async fn ended(&mut self) -> NodeError {
        match self.running.ended.take() {
            Some(ended) => ended.await.unwrap_or(NodeError::Ended),
            None => NodeError::Ended,
        }
    }

    /// Stops the engine and waits until its thread, and with it every call into the application, has ended.
    pub fn stop(mut self) {
        self.running.shut_down();
    }
}

impl Running {
    fn start(
        config: &Arc<Config>,
        application: &Arc<dyn Application>,
        ports: &Ports,
        floor: Option<Bytes>,
    ) -> Result<Self, NodeError> {
        let (config, application, ports) = (config.clone(), application.clone(), ports.clone());
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("consensus".into())
            .spawn(move || {
                if let Err(error) = run(&config, floor, &application, &ports, stopped) {
                    let _nobody_waits = end.send(error);
                }
            })
            .map_err(NodeError::Thread)?;
        Ok(Self {
            stop: Some(stop),
            ended: Some(ended),
            thread: Some(thread),
        })
    }

    fn shut_down(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the consensus thread panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn run(
    config: &Config,
    mut floor: Option<Bytes>,
    application: &Arc<dyn Application>,
    ports: &Ports,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    loop {
        let settings = runtime::Config::new()
            .with_storage_directory(config.directory.clone())
            .with_worker_threads(WORKERS);
        // An engine that has begun there finds it in its store.
        let floor = floor.take();
        let ended = runtime::Runner::new(settings).start(|context| async {
            let started = start(context, config, floor, application.clone(), ports.clone());
            let engine = Box::pin(started).await?;
            tokio::select! {
                _ = &mut stopped => Ok(None),
                ended = engine => Ok::<_, NodeError>(Some(ended.unwrap_or(Ended::Stopped))),
            }
        })?;
        match ended {
            None => return Ok(()),
            Some(Ended::Renew) => tracing::info!("the network is set up anew for the new epoch"),
            Some(ended) => return Err(ended.into()),
        }
    }
}

impl From<Ended> for NodeError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Delivery(DeliveryError::Commit(error)) => Self::Commit(error),
            Ended::Delivery(missing @ DeliveryError::Missing(_)) => {
                Self::Store(missing.to_string())
            }
            Ended::FloorNeeded => Self::FloorNeeded,
            Ended::Committee(epoch) => Self::Committee(epoch.get()),
            Ended::Ballot(error) => Self::Ballot(error),
            Ended::Delivery(DeliveryError::Stopped) | Ended::Renew | Ended::Stopped => Self::Ended,
        }
    }
}

impl From<StartError> for NodeError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => Self::Store(error.to_string()),
            StartError::Genesis => Self::Committee(0),
            StartError::Floor => Self::Floor,
        }
    }
}

async fn start(
    context: runtime::Context,
    config: &Config,
    floor: Option<Bytes>,
    application: Arc<dyn Application>,
    ports: Ports,
) -> Result<commonware_runtime::Handle<Ended>, NodeError> {
    let identity = identity(config, floor, application.as_ref())?;

    let settings = network_settings(config, &identity);
    let (mut network, mut oracle) = lookup::Network::new(context.child("network"), settings);
    let channels = Channels {
        votes: network.register(0, QUOTA),
        certificates: network.register(1, QUOTA),
        resolver: network.register(2, BLOCK_QUOTA),
        backfill: network.register(3, BLOCK_QUOTA),
        broadcast: network.register(4, BLOCK_QUOTA),
        gossip: network.register(5, QUOTA),
        beacon: network.register(6, BEACON_QUOTA),
    };
    network.start();
    let members = (oracle.clone(), oracle.clone());
    let mut moving = oracle.clone();
    let relocate: Relocate = Box::new(move |peers| {
        moving.overwrite(peers);
    });
    let relocation = ports.relocation.lock();
    *relocation.unwrap_or_else(PoisonError::into_inner) = Some(relocate);
    let track: engine::Track = Box::new(move |number, peers| {
        oracle.track(number, peers);
    });
    let started = engine::start(
        context,
        identity,
        config.timing,
        application,
        ports,
        channels,
        (members.0, members.1, track),
    );
    Ok(Box::pin(started).await?)
}

/// Who this node is in the epoch that it starts in: the member among its keys, or the first if none is.
fn identity(
    config: &Config,
    floor: Option<Bytes>,
    application: &dyn Application,
) -> Result<Identity, NodeError> {
    let epocher = FixedEpocher::new(config.epoch_blocks);
    let epoch = engine::next_epoch(&epocher, application).get();
    let committee = application.electorate(epoch);
    let committee = committee.ok_or(NodeError::Committee(epoch))?;
    let is_member = |key: &&ed25519::PrivateKey| committee.has_member(&key.public_key());
    let mut keys = config.keys.iter().map(|key| &key.0);
    let own = keys.clone().map(|key| key.public_key()).collect();
    let key = keys.clone().find(is_member).or_else(|| keys.next());
    // A floor may be in an earlier epoch, but not in one much earlier.
    let earlier = match floor {
        Some(_) => (BLOCKS_FETCHED_MAX / config.epoch_blocks).saturating_add(2),
        None => 1,
    };
    let around = epoch.saturating_sub(earlier)..=epoch.saturating_add(1);
    let around: Vec<_> = around.map(|epoch| application.electorate(epoch)).collect();
    let known = engine::union(around.iter().map(Option::as_ref)).len();
    Ok(Identity {
        key: key.ok_or(ConfigError::NoKey)?.clone(),
        own,
        network: config.network,
        epoch_blocks: config.epoch_blocks,
        ballot: config.ballot.clone(),
        peers_max: known.saturating_add(NEWCOMERS),
        floor,
        partition: String::new(),
    })
}

fn network_settings(
    config: &Config,
    identity: &Identity,
) -> lookup::Config<Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>> {
    let sake = Sake {
        signer: identity.key.clone(),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let namespace = [engine::namespace(&config.network).as_slice(), b"/p2p"].concat();
    // This node itself takes a place, whether it is a member or not.
    let peers = NonZeroUsize::MIN.saturating_add(identity.peers_max);
    let mut settings = lookup::Config::local(
        Cups::new(sake, cups::Version::V1),
        &namespace,
        config.listen,
        peers,
        engine::message_bytes_max(),
        NZUsize!(256),
    );
    settings.tracked_peer_sets = NZUsize!(1);
    // Members behind one address (all of them, on one machine) reconnect at the same time.
    settings.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(64));
    settings.peer_connection_cooldown = Duration::from_millis(500);
    settings
}
