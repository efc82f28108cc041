//! etcd: three members, each on its own disk folder; clients put new keys through gRPC and wait for the answer, which means
//! that a majority has the entry on disk.
//!
//! One remote procedure, without options: HTTP/2 by the `h2` crate, and the two protobuf messages written by hand.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Figures, Writer, measure};
use crate::sandbox::{Ports, Process};

const MEMBERS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);
const PUT: &str = "/etcdserverpb.KV/Put";

/// Three members on this machine.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<(Process, u16)>,
}

impl Etcd {
    /// Starts them, and waits until they take a key.
    pub async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut ports = Ports::default();
        let mut places = Vec::new();
        for number in 0..MEMBERS {
            places.push((format!("m{number}"), ports.take()?, ports.take()?));
        }
        let peers = places
            .iter()
            .map(|(name, _, peer)| format!("{name}=http://127.0.0.1:{peer}"));
        let peers = peers.collect::<Vec<_>>().join(",");
        let mut members = Vec::new();
        for (name, client, peer) in places {
            let data: PathBuf = folder.join(&name);
            let client_url = format!("http://127.0.0.1:{client}");
            let peer_url = format!("http://127.0.0.1:{peer}");
            let arguments = [
                format!("--name={name}"),
                format!("--data-dir={}", data.display()),
                format!("--listen-client-urls={client_url}"),
                format!("--advertise-client-urls={client_url}"),
                format!("--listen-peer-urls={peer_url}"),
                format!("--initial-advertise-peer-urls={peer_url}"),
                format!("--initial-cluster={peers}"),
                "--log-level=error".to_owned(),
            ];
            let log = folder.join(format!("{name}.log"));
            let process = Process::start("etcd", program, arguments, &log, None)?;
            members.push((process, client));
        }
        let etcd = Self { members };
        let begun = std::time::Instant::now();
        while let Err(error) = etcd.client(0, 0)?.put(b"ready", b"?").await {
            ensure!(begun.elapsed() < PATIENCE, "etcd takes no key: {error:#}");
            sleep(Duration::from_millis(100)).await;
        }
        Ok(etcd)
    }

    /// Lets clients of all members write for a while.
    pub async fn load(
        &self,
        clients: usize,
        bytes: usize,
        seconds: Duration,
    ) -> anyhow::Result<Figures> {
        let writers: anyhow::Result<Vec<_>> = (0..clients)
            .map(|number| self.client(number, bytes))
            .collect();
        let servers = self.members.iter().map(|(process, _)| process.id());
        let servers: Option<Vec<_>> = servers.collect();
        let servers = servers.context("a member of etcd has ended")?;
        let system = format!("etcd, {MEMBERS} nodes");
        measure(system, writers?, &servers, seconds).await
    }

    fn client(&self, number: usize, bytes: usize) -> anyhow::Result<Client> {
        let member = self.members.get(number % self.members.len());
        let (_, port) = member.context("etcd has members")?;
        Ok(Client {
            port: *port,
            connection: None,
            number,
            next: 0,
            value: vec![0xa5; bytes],
        })
    }
}

struct Client {
    port: u16,
    connection: Option<SendRequest<Bytes>>,
    number: usize,
    next: u64,
    value: Vec<u8>,
}

impl Client {
    async fn put(&mut self, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.port).await?,
        };
        let mut connection = connection.ready().await?;
        let request = Request::post(format!("http://127.0.0.1:{}{PUT}", self.port))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (answer, mut body) = connection.send_request(request, false)?;
        body.send_data(put_request(key, value), true)?;
        let mut answer = answer.await?;
        // An error without a message has its status among the headers.
        refuse_error(answer.headers())?;
        let mut answered = 0;
        while let Some(data) = answer.body_mut().data().await {
            let data = data?;
            answered += data.len();
            answer
                .body_mut()
                .flow_control()
                .release_capacity(data.len())?;
        }
        let trailers = answer.body_mut().trailers().await?;
        refuse_error(&trailers.context("an answer of gRPC ends with trailers")?)?;
        ensure!(answered > 0, "etcd answered without a message");
        self.connection = Some(connection);
        Ok(())
    }
}

impl Writer for Client {
    async fn write(&mut self) -> anyhow::Result<()> {
        let key = format!("client{}/{:016}", self.number, self.next);
        self.next += 1;
        let value = self.value.clone();
        self.put(key.as_bytes(), &value).await
    }
}

async fn connect(port: u16) -> anyhow::Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn refuse_error(headers: &http::HeaderMap) -> anyhow::Result<()> {
    match headers.get("grpc-status") {
        Some(status) if status != "0" => bail!(
            "etcd answered with status {status:?}: {:?}",
            headers.get("grpc-message")
        ),
        Some(_) | None => Ok(()),
    }
}

/// `PutRequest { bytes key = 1; bytes value = 2; }` in the frame of gRPC.
fn put_request(key: &[u8], value: &[u8]) -> Bytes {
    let mut message = BytesMut::new();
    for (field, bytes) in [(1, key), (2, value)] {
        message.put_u8(field << 3 | 2);
        put_length(&mut message, bytes.len());
        message.put_slice(bytes);
    }
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(&message);
    frame.freeze()
}

fn put_length(message: &mut BytesMut, mut length: usize) {
    while length >= 0x80 {
        message.put_u8(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    message.put_u8(u8::try_from(length).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_framed_as_grpc_and_protobuf_want_it() {
        assert_eq!(
            put_request(b"k", b"vw")[..],
            [0, 0, 0, 0, 7, 0x0a, 1, b'k', 0x12, 2, b'v', b'w']
        );
        let long = put_request(b"", &[7; 300]);
        assert_eq!(long[5..10], [0x0a, 0, 0x12, 0xac, 0x02]);
    }
}
