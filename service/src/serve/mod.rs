//! Listening: connections are counted, timed and bounded here, because `axum::serve` has no limits.

mod connection;
mod count;
mod idle;
mod shell;
#[cfg(test)]
mod tests;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::{ConfigError, ServiceConfig};
use crate::limits::{CONNECTIONS_MAX, SHUTDOWN_GRACE};
use crate::operations::{self, Operations, Traffic};
use connection::Connections;
use count::ConnectionCount;
pub use shell::shell;

/// A pause after the system refused a connection, for example because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections of the operator's monitoring.
const OPERATIONS_MAX: usize = 16;

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain HTTP is for loopback in development; anything else needs a certificate.
    #[error(
        "{listen} without TLS is refused: give [service.tls], or listen on loopback with development_loopback_http = true"
    )]
    PlainHttpRefused {
        /// The address in the configuration.
        listen: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {listen}")]
    Listen {
        /// The address in the configuration.
        listen: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key cannot be read.
    #[error("TLS cannot be set up")]
    Config(#[from] ConfigError),
    /// Certificate and key do not make a TLS server.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The key file holds no private key.
    #[error("the TLS key file holds no private key")]
    NoKey,
    /// What only the operator may see would be on an address that others reach.
    #[error("{listen} is not loopback or a private address: operations_listen must be one")]
    OperationsExposed {
        /// The address in the configuration.
        listen: SocketAddr,
    },
    /// The process cannot listen for signals.
    #[error("signals cannot be received")]
    Signal(#[source] std::io::Error),
}

/// A socket that listens and waits for a router.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    connections_per_address_max: usize,
    operations: Option<TcpListener>,
}

impl Server {
    /// Takes the addresses of `config`. With port 0, [`Server::address`] says which port it became.
    ///
    /// # Errors
    ///
    /// When an address is taken, TLS cannot be set up, or plain HTTP is not allowed there.
    pub async fn bind(config: &ServiceConfig) -> Result<Self, ServeError> {
        let listen = config.listen;
        let tls = match &config.tls {
            Some(tls) => Some(tls::acceptor(tls)?),
            None if config.development_loopback_http && listen.ip().is_loopback() => None,
            None => return Err(ServeError::PlainHttpRefused { listen }),
        };
        let listener = bind(listen).await?;
        let unavailable = |source| ServeError::Listen { listen, source };
        let address = listener.local_addr().map_err(unavailable)?;
        let operations = match config.operations_listen {
            Some(listen) if is_private(listen.ip()) => Some(bind(listen).await?),
            Some(listen) => return Err(ServeError::OperationsExposed { listen }),
            None => None,
        };
        Ok(Self {
            listener,
            address,
            tls,
            connections_per_address_max: config.connections_per_address_max,
            operations,
        })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for the operator.
    #[must_use]
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref()?.local_addr().ok()
    }

    /// Answers requests with `router` inside the shell until `stop` completes; then it takes no more connections and
    /// gives running requests [`SHUTDOWN_GRACE`] to end.
    pub async fn run(self, router: Router, operations: Operations, stop: impl Future<Output = ()>) {
        tracing::info!(address = %self.address, tls = self.tls.is_some(), "listening on {}", self.address);
        let (stopping, stopped) = watch::channel(());
        let (operations, traffic) = (Arc::new(operations), Arc::new(Traffic::default()));
        let ready = operations::public(&operations);
        let private = operations::private(&operations, &traffic);
        let public = router.merge(ready.clone());
        // Without TLS the service is on loopback, in development: there is nobody to hide the numbers from.
        let public = match self.tls {
            Some(_) => public,
            None => public.merge(private.clone()),
        };
        let public = shell::measured_shell(public, Arc::clone(&traffic));
        let mut front = Front {
            listener: Some(self.listener),
            connections: Connections::new(public, self.tls, stopped.clone()),
            count: ConnectionCount::new(self.connections_per_address_max, CONNECTIONS_MAX).into(),
            traffic,
            tasks: JoinSet::new(),
        };
        let private = private.merge(ready).route("/healthz", get(async || "ok"));
        let mut side = Front {
            listener: self.operations,
            connections: Connections::new(shell(private), None, stopped),
            count: ConnectionCount::new(OPERATIONS_MAX, OPERATIONS_MAX).into(),
            traffic: Arc::default(),
            tasks: JoinSet::new(),
        };
        tokio::select! {
            () = stop => {}
            () = front.accept() => {}
            () = side.accept() => {}
        }
        front.listener = None;
        drop((stopping, side));
        tracing::info!(open = front.tasks.len(), "stopping");
        let drained = tokio::time::timeout(SHUTDOWN_GRACE, async {
            while front.tasks.join_next().await.is_some() {}
        })
        .await;
        tracing::info!(drained = drained.is_ok(), "stopped");
    }
}

/// A listener and the connections that came through it.
struct Front {
    listener: Option<TcpListener>,
    connections: Connections,
    count: Arc<ConnectionCount>,
    traffic: Arc<Traffic>,
    tasks: JoinSet<()>,
}

impl Front {
    /// Takes connections for ever.
    async fn accept(&mut self) {
        let Some(listener) = &self.listener else {
            return std::future::pending().await;
        };
        loop {
            tokio::select! {
                Some(_ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        admit(&mut self.tasks, &self.connections, &self.count, &self.traffic, stream, peer);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

async fn bind(listen: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(listen)
        .await
        .map_err(|source| ServeError::Listen { listen, source })
}

/// Loopback, or an address that no router of the internet passes on.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

fn admit(
    tasks: &mut JoinSet<()>,
    connections: &Connections,
    count: &Arc<ConnectionCount>,
    traffic: &Arc<Traffic>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    match count.enter(peer.ip()) {
        Ok(place) => {
            let (connections, traffic) = (connections.clone(), Arc::clone(traffic));
            tasks.spawn(async move {
                let open = traffic.connection();
                connections.serve(stream).await;
                drop((place, open));
            });
        }
        Err(full) => {
            traffic.refused();
            connections.refuse(stream, full);
        }
    }
}

/// Listens as `config` says and answers with `router` until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start.
pub async fn serve(
    router: Router,
    operations: Operations,
    config: &ServiceConfig,
) -> Result<(), ServeError> {
    let stop = stop_signal().map_err(ServeError::Signal)?;
    let server = Server::bind(config).await?;
    server.run(router, operations, stop).await;
    Ok(())
}

/// Completes at SIGTERM or SIGINT.
///
/// # Errors
///
/// When signals cannot be received.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
