//! The network between the nodes: a TCP proxy in front of every peer port, whose links can be cut, held and delayed.
//!
//! Members find each other at the addresses in the genesis file, and those are the proxy's. A member that dials says its
//! public key in the clear before anything is encrypted; so the proxy knows both ends of every connection. Bytes of an
//! encrypted stream cannot be dropped singly: loss is a connection that is cut, and what was on its way with it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

const KEY_BYTES: usize = 32;
const PRELUDE_PATIENCE: Duration = Duration::from_secs(5);
const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks on their way in one direction of one connection.
const CHUNKS_MAX: usize = 64;

/// What happens to bytes from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They arrive after the link's delay.
    #[default]
    Open,
    /// They wait, and the other direction flows.
    Held,
    /// There is no connection.
    Cut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link {
    flow: Flow,
    delay: Duration,
    /// Connections of an older generation are cut.
    generation: u64,
}

/// A pair of nodes, the sender first.
type Direction = (usize, usize);

/// All links at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Links(BTreeMap<Direction, Link>);

impl Links {
    fn link(&self, direction: Direction) -> Link {
        self.0.get(&direction).copied().unwrap_or_default()
    }

    fn change(&mut self, direction: Direction, change: impl FnOnce(&mut Link)) {
        change(self.0.entry(direction).or_default());
    }
}

/// The proxies of one network.
#[derive(Debug)]
pub struct Proxy {
    links: watch::Sender<Links>,
    nodes: usize,
    carried: Arc<AtomicU64>,
    disturbed: Arc<AtomicU64>,
    _listeners: JoinSet<()>,
}

/// A node behind the proxy.
#[derive(Clone, Debug)]
pub struct Place {
    /// The public key with which it dials.
    pub key: [u8; KEY_BYTES],
    /// Where the others believe it to be.
    pub front: u16,
    /// Where it listens.
    pub back: u16,
}

impl Proxy {
    /// Listens in front of every node.
    pub async fn start(places: &[Place]) -> anyhow::Result<Self> {
        let (links, _) = watch::channel(Links::default());
        let keys: Arc<Vec<_>> = Arc::new(places.iter().map(|place| place.key).collect());
        let (carried, disturbed) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut listeners = JoinSet::new();
        for (node, place) in places.iter().enumerate() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, place.front))
                .await
                .context("listening in front of a node")?;
            let listening = Listening {
                node,
                back: SocketAddr::from((Ipv4Addr::LOCALHOST, place.back)),
                keys: Arc::clone(&keys),
                links: links.subscribe(),
                carried: Arc::clone(&carried),
                disturbed: Arc::clone(&disturbed),
            };
            listeners.spawn(listening.run(listener));
        }
        Ok(Self {
            links,
            nodes: places.len(),
            carried,
            disturbed,
            _listeners: listeners,
        })
    }

    /// How many bytes were carried between nodes.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// How often a connection was cut or refused, or bytes were held or came late.
    pub fn disturbed(&self) -> u64 {
        self.disturbed.load(Ordering::Relaxed)
    }

    /// Sets what happens to bytes from one node to another.
    pub fn set(&self, from: usize, to: usize, flow: Flow) {
        self.links
            .send_modify(|links| links.change((from, to), |link| link.flow = flow));
    }

    /// Only nodes of one group reach each other; a node may be in several.
    pub fn partition(&self, groups: &[&[usize]]) {
        self.links.send_modify(|links| {
            for from in 0..self.nodes {
                for to in 0..self.nodes {
                    let together = groups
                        .iter()
                        .any(|group| group.contains(&from) && group.contains(&to));
                    let flow = if together { Flow::Open } else { Flow::Cut };
                    links.change((from, to), |link| link.flow = flow);
                }
            }
        });
    }

    /// Delays everything between all nodes.
    pub fn delay(&self, delay: Duration) {
        self.links.send_modify(|links| {
            for from in 0..self.nodes {
                for to in 0..self.nodes {
                    links.change((from, to), |link| link.delay = delay);
                }
            }
        });
    }

    /// Cuts the connections between two nodes; they may connect again at once.
    pub fn reset(&self, one: usize, other: usize) {
        self.links.send_modify(|links| {
            for direction in [(one, other), (other, one)] {
                links.change(direction, |link| link.generation += 1);
            }
        });
    }

    /// All links are open and fast. Connections on which bytes were held are cut, so that these are lost.
    pub fn heal(&self) {
        self.links.send_modify(|links| {
            for link in links.0.values_mut() {
                let held = u64::from(link.flow == Flow::Held);
                *link = Link {
                    generation: link.generation + held,
                    ..Link::default()
                };
            }
        });
    }
}

/// One node's front.
#[derive(Clone)]
struct Listening {
    node: usize,
    back: SocketAddr,
    keys: Arc<Vec<[u8; KEY_BYTES]>>,
    links: watch::Receiver<Links>,
    carried: Arc<AtomicU64>,
    disturbed: Arc<AtomicU64>,
}

impl Listening {
    async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(self.clone().carry(stream));
                    }
                }
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    /// Carries one connection to its end; whoever dialled sees it closed when anything is wrong.
    async fn carry(self, mut front: TcpStream) -> anyhow::Result<()> {
        let prelude = timeout(PRELUDE_PATIENCE, read_prelude(&mut front)).await??;
        let key = prelude.get(1..).unwrap_or_default();
        let Some(dialer) = self.keys.iter().position(|known| known == key) else {
            bail!("a stranger dials");
        };
        let (to, from) = ((dialer, self.node), (self.node, dialer));
        let generation = self.links.borrow().link(to).generation;
        let mut watched = self.links.clone();
        let cut = watched.wait_for(|links| {
            let either = [links.link(to), links.link(from)];
            either.iter().any(|link| link.flow == Flow::Cut)
                || links.link(to).generation != generation
        });
        let carried = async {
            let mut back = TcpStream::connect(self.back).await?;
            front.set_nodelay(true)?;
            back.set_nodelay(true)?;
            back.write_all(&prelude).await?;
            let (front_in, front_out) = front.split();
            let (back_in, back_out) = back.split();
            tokio::select! {
                ended = self.pump(front_in, back_out, to) => ended,
                ended = self.pump(back_in, front_out, from) => ended,
            }
        };
        tokio::select! {
            ended = carried => ended,
            _cut = cut => {
                self.disturb();
                Ok(())
            }
        }
    }

    fn disturb(&self) {
        self.disturbed.fetch_add(1, Ordering::Relaxed);
    }

    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        direction: Direction,
    ) -> anyhow::Result<()> {
        let (send, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
        let links = self.links.clone();
        let read = async move {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let length = from.read(&mut buffer).await?;
                let Some(chunk) = buffer.get(..length).filter(|chunk| !chunk.is_empty()) else {
                    return anyhow::Ok(());
                };
                let delay = links.borrow().link(direction).delay;
                send.send((Instant::now() + delay, chunk.to_vec())).await?;
            }
        };
        let mut links = self.links.clone();
        let write = async {
            while let Some((when, chunk)) = due.recv().await {
                if when > Instant::now() {
                    self.disturb();
                    sleep_until(when).await;
                }
                if links.borrow().link(direction).flow == Flow::Held {
                    self.disturb();
                }
                links
                    .wait_for(|links| links.link(direction).flow != Flow::Held)
                    .await?;
                to.write_all(&chunk).await?;
                self.carried
                    .fetch_add(u64::try_from(chunk.len())?, Ordering::Relaxed);
            }
            anyhow::Ok(())
        };
        let (read, write) = tokio::join!(read, write);
        read.and(write)
    }
}

/// The dialer's key: one length byte and the key itself.
async fn read_prelude(stream: &mut TcpStream) -> anyhow::Result<[u8; KEY_BYTES + 1]> {
    let mut prelude = [0; KEY_BYTES + 1];
    stream.read_exact(&mut prelude).await?;
    Ok(prelude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Ports;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Two nodes; the second one echoes what it is told.
    async fn echo() -> (Proxy, [Place; 2], JoinSet<()>) {
        let mut ports = Ports::default();
        let places = [1, 2].map(|seed| Place {
            key: [seed; KEY_BYTES],
            front: ports.take().unwrap(),
            back: ports.take().unwrap(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, places[1].back))
            .await
            .unwrap();
        let mut echo = JoinSet::new();
        echo.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        (Proxy::start(&places).await.unwrap(), places, echo)
    }

    async fn dial(place: &Place, key: u8) -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, place.front))
            .await
            .unwrap();
        let mut prelude = vec![32];
        prelude.extend([key; KEY_BYTES]);
        stream.write_all(&prelude).await.unwrap();
        stream
    }

    async fn echoed(stream: &mut TcpStream, bytes: usize) -> std::io::Result<Vec<u8>> {
        let mut answer = vec![0; bytes];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()?;
        Ok(answer)
    }

    #[tokio::test]
    async fn bytes_pass_an_open_link_and_not_one_that_is_cut() {
        let (proxy, places, _echo) = echo().await;
        let mut stream = dial(&places[1], 1).await;
        stream.write_all(b"hello").await.unwrap();
        assert_eq!(echoed(&mut stream, 38).await.unwrap()[33..], *b"hello");

        proxy.partition(&[&[0], &[1]]);
        assert!(
            echoed(&mut stream, 1).await.is_err(),
            "the connection is cut"
        );
        let mut again = dial(&places[1], 1).await;
        assert!(echoed(&mut again, 1).await.is_err(), "and stays so");

        assert_eq!(proxy.disturbed(), 2);
        proxy.heal();
        let mut healed = dial(&places[1], 1).await;
        assert_eq!(echoed(&mut healed, 33).await.unwrap()[1..], [1; 32]);
    }

    #[tokio::test]
    async fn held_bytes_wait_for_their_direction() {
        let (proxy, places, _echo) = echo().await;
        let mut stream = dial(&places[1], 1).await;
        echoed(&mut stream, 33).await.unwrap();
        proxy.set(1, 0, Flow::Held);
        stream.write_all(b"x").await.unwrap();
        let held = timeout(Duration::from_millis(200), stream.read_u8()).await;
        assert!(held.is_err(), "the answer must wait");
        proxy.set(1, 0, Flow::Open);
        assert_eq!(echoed(&mut stream, 1).await.unwrap(), *b"x");
        assert_eq!(proxy.disturbed(), 1);
    }

    #[tokio::test]
    async fn delayed_bytes_arrive_late() {
        let (proxy, places, _echo) = echo().await;
        proxy.delay(Duration::from_millis(150));
        let begun = Instant::now();
        let mut stream = dial(&places[1], 1).await;
        stream.write_all(b"x").await.unwrap();
        echoed(&mut stream, 34).await.unwrap();
        // The dialer's key passes at once, what follows is delayed there and back.
        assert!(begun.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn a_stranger_is_not_connected() {
        let (_proxy, places, _echo) = echo().await;
        let mut stream = dial(&places[1], 9).await;
        assert!(echoed(&mut stream, 1).await.is_err());
    }
}
