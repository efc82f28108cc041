//! Listening: connections are counted, timed and bounded here, because `axum::serve` has no limits.

mod connection;
mod count;
mod idle;
mod shell;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::{ConfigError, ServiceConfig};
use crate::limits::{CONNECTIONS_MAX, SHUTDOWN_GRACE};
use connection::Connections;
use count::ConnectionCount;
pub use shell::shell;

/// A pause after the system refused a connection, for example because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
}

impl Server {
    /// Takes the address of `config`. With port 0, [`Server::address`] says which port it became.
    ///
    /// # Errors
    ///
    /// When the address is taken, TLS cannot be set up, or plain HTTP is not allowed there.
    pub async fn bind(config: &ServiceConfig) -> Result<Self, ServeError> {
        let listen = config.listen;
        let tls = match &config.tls {
            Some(tls) => Some(tls::acceptor(tls)?),
            None if config.development_loopback_http && listen.ip().is_loopback() => None,
            None => return Err(ServeError::PlainHttpRefused { listen }),
        };
        let unavailable = |source| ServeError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            listener,
            address,
            tls,
            connections_per_address_max: config.connections_per_address_max,
        })
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests with `router` inside the shell until `stop` completes; then it takes no more connections and
    /// gives running requests [`SHUTDOWN_GRACE`] to end.
    pub async fn run(self, router: Router, stop: impl Future<Output = ()>) {
        tracing::info!(address = %self.address, tls = self.tls.is_some(), "listening on {}", self.address);
        let (stopping, stopped) = watch::channel(());
        let connections = Connections::new(shell(router), self.tls, stopped);
        let count = Arc::new(ConnectionCount::new(
            self.connections_per_address_max,
            CONNECTIONS_MAX,
        ));
        let mut tasks = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_ended) = tasks.join_next(), if !tasks.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => admit(&mut tasks, &connections, &count, stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.listener);
        drop(stopping);
        tracing::info!(open = tasks.len(), "stopping");
        let drained = tokio::time::timeout(SHUTDOWN_GRACE, async {
            while tasks.join_next().await.is_some() {}
        })
        .await;
        tracing::info!(drained = drained.is_ok(), "stopped");
    }
}

fn admit(
    tasks: &mut JoinSet<()>,
    connections: &Connections,
    count: &Arc<ConnectionCount>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    match count.enter(peer.ip()) {
        Ok(place) => {
            let connections = connections.clone();
            tasks.spawn(async move {
                connections.serve(stream).await;
                drop(place);
            });
        }
        Err(full) => connections.refuse(&stream, full),
    }
}

/// Listens as `config` says and answers with `router` until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start.
pub async fn serve(router: Router, config: &ServiceConfig) -> Result<(), ServeError> {
    let stop = stop_signal().map_err(ServeError::Signal)?;
    Server::bind(config).await?.run(router, stop).await;
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
