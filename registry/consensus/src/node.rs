//! A member on the real network: its own runtime on its own thread, reached through a [`Handle`].

use crate::{
    application::{Application, CommitError},
    config::{Config, ConfigError, Vote},
    delivery::DeliveryError,
    engine::{self, BLOCK_QUOTA, Channels, Identity, Ports, QUOTA},
    gossip::{self, GossipError, Outbox, Recipients},
};
use bytes::Bytes;
use commonware_cryptography::{ChaCha20Poly1305, ed25519};
use commonware_p2p::{Address, AddressableManager as _, authenticated::lookup};
use commonware_runtime::{Quota, Runner as _, Supervisor as _, tokio as runtime};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, TryCollect as _, ordered::Map};
use std::{num::NonZeroUsize, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::sync::{oneshot, watch};

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
}

/// Makes the two ends through which a node and its engine meet.
pub(crate) fn ports() -> (Handle, Ports) {
    let (outbox, queue) = gossip::channel();
    let (wake, woken) = watch::channel(());
    let (tip_writer, tip) = watch::channel(0);
    let handle = Handle {
        outbox,
        wake: Arc::new(wake),
        tip,
    };
    let ports = Ports {
        wake: woken,
        tip: tip_writer,
        outbox: queue,
    };
    (handle, ports)
}

/// A running member.
pub struct Node {
    handle: Handle,
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
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("consensus".into())
            .spawn(move || {
                if let Err(error) = run(config, application, ports, stopped) {
                    let _nobody_waits = end.send(error);
                }
            })
            .map_err(NodeError::Thread)?;
        Ok(Self {
            handle,
            stop: Some(stop),
            ended: Some(ended),
            thread: Some(thread),
        })
    }

    /// A handle to the running engine.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Resolves when the engine ends without having been told to.
    pub async fn ended(&mut self) -> NodeError {
        match self.ended.take() {
            Some(ended) => ended.await.unwrap_or(NodeError::Ended),
            None => NodeError::Ended,
        }
    }

    /// Stops the engine and waits until its thread, and with it every call into the application, has ended.
    pub fn stop(mut self) {
        self.shut_down();
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

impl Drop for Node {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn run(
    config: Config,
    application: Arc<dyn Application>,
    ports: Ports,
    stopped: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    let settings = runtime::Config::new()
        .with_storage_directory(config.directory.clone())
        .with_worker_threads(2);
    runtime::Runner::new(settings).start(|context| async move {
        let engine = Box::pin(start(context, config, application, ports)).await?;
        tokio::select! {
            _ = stopped => Ok(()),
            failure = engine.delivery => Err(match failure {
                Ok(DeliveryError::Commit(error)) => NodeError::Commit(error),
                Ok(missing @ DeliveryError::Missing(_)) => NodeError::Store(missing.to_string()),
                Ok(DeliveryError::Stopped) | Err(_) => NodeError::Ended,
            }),
            _ = engine.consensus => Err(NodeError::Ended),
        }
    })
}

async fn start(
    context: runtime::Context,
    config: Config,
    application: Arc<dyn Application>,
    ports: Ports,
) -> Result<engine::Engine, NodeError> {
    let mut validators = Vec::new();
    let mut addresses = Vec::new();
    for peer in &config.peers {
        let key = peer.key.decode()?;
        if peer.vote == Vote::Validator {
            validators.push(key.clone());
        }
        addresses.push((key, Address::from(peer.address)));
    }
    let peers: Map<ed25519::PublicKey, Address> = addresses
        .try_into()
        .map_err(|_duplicate| NodeError::Config(ConfigError::Size))?;
    let validators = validators
        .into_iter()
        .try_collect()
        .map_err(|_duplicate| NodeError::Config(ConfigError::Size))?;

    let settings = network_settings(&config);
    let (mut network, mut oracle) = lookup::Network::new(context.child("network"), settings);
    oracle.track(0, peers);
    let channels = Channels {
        votes: network.register(0, QUOTA),
        certificates: network.register(1, QUOTA),
        resolver: network.register(2, BLOCK_QUOTA),
        backfill: network.register(3, BLOCK_QUOTA),
        broadcast: network.register(4, BLOCK_QUOTA),
        gossip: network.register(5, QUOTA),
    };
    network.start();

    let identity = Identity {
        key: config.key.0,
        validators,
        network: config.network,
        memory: config.memory,
        partition: String::new(),
    };
    let members = (oracle.clone(), oracle);
    Box::pin(engine::start(
        context,
        identity,
        config.timing,
        application,
        ports,
        channels,
        members,
    ))
    .await
    .map_err(|error| NodeError::Store(error.to_string()))
}

fn network_settings(
    config: &Config,
) -> lookup::Config<Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>> {
    let sake = Sake {
        signer: config.key.0.clone(),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let namespace = [engine::namespace(&config.network).as_slice(), b"/p2p"].concat();
    let validators = config
        .peers
        .iter()
        .filter(|peer| peer.vote == Vote::Validator)
        .count();
    let members = NonZeroUsize::new(config.peers.len()).unwrap_or(NonZeroUsize::MIN);
    let mut settings = lookup::Config::local(
        Cups::new(sake, cups::Version::V1),
        &namespace,
        config.listen,
        members,
        engine::message_bytes_max(validators),
        NZUsize!(256),
    );
    settings.tracked_peer_sets = NZUsize!(1);
    // Members behind one address (all of them, on one machine) reconnect at the same time.
    settings.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(64));
    settings.peer_connection_cooldown = Duration::from_millis(500);
    settings
}
