//! One connection: handshake, requests, end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::count::Full;
use super::idle::Idle;
use crate::limits::{
    CONNECTION_LIFETIME, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_MAX, IDLE_TIMEOUT,
    REQUEST_TIMEOUT,
};

/// Connections that were turned away and are waited for, how long, and how much is read from each.
const REFUSED_MAX: usize = 256;
const REFUSAL_TIME: Duration = Duration::from_secs(1);
const REFUSED_BYTES_MAX: u64 = 64 * 1024;

const TOO_MANY_FROM_ADDRESS: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What every connection of a service shares.
#[derive(Clone)]
pub(super) struct Connections {
    router: Router,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<()>,
    /// Places of those that were turned away and still read why.
    refused: Arc<Semaphore>,
}

/// Sends nothing more, and reads until the other side ends too or has sent more than a request.
async fn end(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(REFUSED_BYTES_MAX);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

impl Connections {
    pub(super) fn new(
        router: Router,
        tls: Option<TlsAcceptor>,
        stopped: watch::Receiver<()>,
    ) -> Self {
        Self {
            router,
            tls,
            stopped,
            refused: Arc::new(Semaphore::new(REFUSED_MAX)),
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self, stream: TcpStream) {
        // Answers are small and whole; waiting for more to send only costs time.
        let _ = stream.set_nodelay(true);
        let stream = Idle::new(stream, IDLE_TIMEOUT);
        match self.tls.clone() {
            None => self.speak_http(stream).await,
            Some(tls) => {
                match tokio::time::timeout(HEADER_READ_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.speak_http(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!("TLS handshake timed out"),
                }
            }
        }
    }

    async fn speak_http(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_header_size(HEADER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .half_close(false)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router));
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            // The sender says nothing; it is dropped when the service stops.
            _ = self.stopped.changed() => None,
            () = tokio::time::sleep(CONNECTION_LIFETIME) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(REQUEST_TIMEOUT, connection).await {
                    Ok(ended) => ended,
                    Err(_elapsed) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    /// Turns a connection away. Clients do not understand an answer that comes before they have asked, and what they still send to
    /// a closed socket makes their system drop what they have not read: as many as there are places for are given the time.
    pub(super) fn refuse(&self, stream: TcpStream, full: Full) {
        tracing::warn!(?full, "connection refused");
        if self.tls.is_some() {
            return;
        }
        let answer = match full {
            Full::Address => TOO_MANY_FROM_ADDRESS,
            Full::Service => TOO_MANY,
        };
        let Ok(place) = Arc::clone(&self.refused).try_acquire_owned() else {
            let _ = stream.try_write(answer);
            return;
        };
        tokio::spawn(async move {
            let _asked_or_not = tokio::time::timeout(REFUSAL_TIME, stream.peek(&mut [0])).await;
            let _ = stream.try_write(answer);
            let _ended_or_not = tokio::time::timeout(REFUSAL_TIME, end(stream)).await;
            drop(place);
        });
    }
}
