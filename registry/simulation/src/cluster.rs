//! The nodes of one run: the real application on simulated machines, each with a directory for its ledger.

use crate::{
    client::{Access, Desk},
    network::{Network, cosigning_key},
    plan::Lie,
};
use bytes::Bytes;
use protocol::Timestamp;
use registry::{
    clock::Clock,
    replica::Replica,
    store::{Store, StoreError},
    votes::Votes,
};
use registry_consensus::{
    Application, Ballot, CommitError, Committee, OrderedBlock, PeerKey, Verdict, Vote,
    simulation::{Disk, Image, Link, Timer, Twin, World},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::watch;

const TICK: Duration = Duration::from_secs(1);
/// Until the store of a node that has ended can be opened again.
const UNLOCKED_WITHIN: Duration = Duration::from_secs(5);
const TURN: Duration = Duration::from_millis(1);

/// How messages travel when nothing is wrong.
pub(crate) const FAIR: Link = Link {
    latency: Duration::from_millis(10),
    jitter: Duration::from_millis(5),
    lost_percent: 0,
};

/// All nodes.
pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) desk: Desk,
    network: Network,
    directory: TempDir,
    places: Vec<Place>,
}

struct Place {
    lie: Option<Lie>,
    /// Dropped when the node ends: one for each task that has to know.
    stop: Vec<watch::Sender<()>>,
    image: Option<(Image, PathBuf)>,
}

/// A machine's clock as the application wants it.
struct MachineClock {
    timer: Timer,
    origin: (Instant, Duration),
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.timer.unix_ms() / 1000)
    }

    fn instant(&self) -> Instant {
        self.origin.0 + self.timer.elapsed().saturating_sub(self.origin.1)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.timer.sleep(duration)
    }
}

/// A member that proposes what breaks the rules.
struct Liar {
    honest: Arc<Replica>,
    records: Vec<Bytes>,
}

impl Application for Liar {
    fn committed_height(&self) -> u64 {
        self.honest.committed_height()
    }

    fn propose(&self, ancestors: &[OrderedBlock], height: u64, time_ms: u64) -> Vec<Bytes> {
        let mut records = self.honest.propose(ancestors, height, time_ms);
        let which = usize::try_from(height).unwrap_or(0) % self.records.len().max(1);
        records.extend(self.records.get(which).cloned());
        records
    }

    fn validate(&self, _ancestors: &[OrderedBlock], _block: &OrderedBlock) -> Verdict {
        Verdict::Valid
    }

    fn commit(&self, block: &OrderedBlock) -> Result<(), CommitError> {
        self.honest.commit(block)
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        self.honest.committee(epoch)
    }

    fn change_awaits(&self) -> bool {
        self.honest.change_awaits()
    }

    fn keep_from(&self) -> u64 {
        self.honest.keep_from()
    }

    fn on_gossip(&self, from: PeerKey, message: Bytes) {
        self.honest.on_gossip(from, message);
    }

    fn on_gossip_of_many(&self, messages: Vec<(PeerKey, Bytes)>) {
        self.honest.on_gossip_of_many(messages);
    }
}

/// The second of twins votes without asking.
struct Always;

impl Ballot for Always {
    fn admit(&self, _key: &PeerKey, _epoch: u64) -> io::Result<Vote> {
        Ok(Vote::Validator)
    }
}

impl Cluster {
    pub(crate) async fn new(world: World, network: Network) -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let desk = Desk::new(network.clone(), world.timer());
        let place = |_| Place {
            lie: None,
            stop: Vec::new(),
            image: None,
        };
        let cluster = Self {
            world,
            desk,
            directory,
            places: (0..network.members).map(place).collect(),
            network,
        };
        cluster.links(|_, _| Some(FAIR)).await;
        Ok(cluster)
    }

    pub(crate) fn members(&self) -> usize {
        self.network.members
    }

    /// Sets all links.
    pub(crate) async fn links(&self, link: impl Fn(usize, usize) -> Option<Link>) {
        for from in 0..self.members() {
            for to in (0..self.members()).filter(|to| *to != from) {
                self.world.link(from, to, link(from, to)).await;
            }
        }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.world.timer().sleep(duration).await;
    }

    /// Lets a member lie from its next start on.
    pub(crate) fn lie(&mut self, member: usize, lie: Lie) {
        match &lie {
            Lie::Garbles => self.world.garble(member),
            Lie::Withholds(channel, victim) => self.world.withhold(member, *channel, &[*victim]),
            Lie::InvalidBlocks | Lie::Twins(_) => {}
        }
        if let Some(place) = self.places.get_mut(member) {
            place.lie = Some(lie);
        }
    }

    /// Starts a member's node.
    pub(crate) async fn start(&mut self, member: usize) -> Result<(), String> {
        let Some(place) = self.places.get(member) else {
            return Err("no such member".to_owned());
        };
        let lie = place.lie.clone();
        let (stop, gone) = watch::channel(());
        let mut stops = vec![stop];
        let replica = self.open(member, "ledger")?;
        let network = self.network.clone();
        let votes = Arc::new(self.votes(member));
        let config = network.config(member, votes.clone());
        let started = match lie {
            Some(Lie::Twins(first)) => {
                let other = self.open(member, "twin")?;
                stops.push(self.tick(&other, None));
                let one = replica.clone();
                let nodes: [Twin; 2] = [
                    (
                        self.world.disk(member),
                        config,
                        Box::new(move |handle| {
                            one.connect(handle);
                            one
                        }),
                    ),
                    (
                        Disk::default(),
                        network.config(member, Arc::new(Always)),
                        Box::new(move |handle| {
                            other.connect(handle);
                            other
                        }),
                    ),
                ];
                self.world.start_twins(member, &first, nodes).await
            }
            lie => {
                let application = replica.clone();
                let start = |handle| -> Arc<dyn Application> {
                    application.connect(handle);
                    match lie {
                        Some(Lie::InvalidBlocks) => Arc::new(Liar {
                            records: refused(&network),
                            honest: application,
                        }),
                        _ => application,
                    }
                };
                self.world.start(member, config, start).await
            }
        };
        started.map_err(|error| error.to_string())?;
        stops.push(self.tick(&replica, Some(votes)));
        self.desk.set(member, Some(Access { replica, gone }));
        if let Some(place) = self.places.get_mut(member) {
            place.stop = stops;
        }
        Ok(())
    }

    fn open(&self, member: usize, name: &str) -> Result<Arc<Replica>, String> {
        let timer = self.world.clock(member);
        let clock = MachineClock {
            origin: (Instant::now(), timer.elapsed()),
            timer,
        };
        let now = clock.now();
        let genesis = self.network.genesis.clone();
        let path = self.path(member, name);
        let begun = Instant::now();
        let store = loop {
            match Store::open(&path, genesis.network()) {
                Ok(store) => break store,
                // A reader on a thread of its own may still hold the store of the node that ended.
                Err(StoreError::Disk(error))
                    if error.kind() == io::ErrorKind::ResourceBusy
                        && begun.elapsed() < UNLOCKED_WITHIN =>
                {
                    std::thread::yield_now();
                }
                Err(error) => return Err(format!("opening the store: {error:?}")),
            }
        };
        let replica = Replica::open(genesis, store, vec![cosigning_key(member)], now)
            .map_err(|error| format!("opening the ledger: {error:?}"))?;
        Ok(Arc::new(replica.with_clock(Arc::new(clock))))
    }

    fn path(&self, member: usize, name: &str) -> PathBuf {
        self.directory.path().join(format!("{member}/{name}"))
    }

    /// The member's own notes on its votes: some with its data, some beside its keys.
    fn votes(&self, member: usize) -> Votes {
        let data = self.path(member, "data");
        let keys = self.network.peers().into_iter().skip(member).take(1);
        let keys = keys.map(|key| (key, self.path(member, "keys"))).collect();
        Votes::new(keys, &data, data.join("ballots"))
    }

    fn tick(&self, replica: &Arc<Replica>, votes: Option<Arc<Votes>>) -> watch::Sender<()> {
        // Two tasks that wait on one channel are woken in an order that no seed settles.
        let (stop, mut gone) = watch::channel(());
        let (replica, timer) = (Arc::downgrade(replica), self.world.timer());
        let (clock, origin) = (Instant::now(), timer.elapsed());
        self.world.spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    _ = gone.changed() => return,
                    () = timer.sleep(TICK) => {}
                }
                let Some(replica) = replica.upgrade() else {
                    return;
                };
                let now = Timestamp::from_unix(timer.unix_ms() / 1000);
                replica.tick(now, clock + timer.elapsed().saturating_sub(origin));
                let (height, _) = replica.progress();
                if votes
                    .as_ref()
                    .is_some_and(|votes| votes.note(height).is_err())
                {
                    return;
                }
            }
        });
        stop
    }

    /// Lets go of a member's node, which has ended or will now.
    async fn release(&mut self, member: usize) {
        let access = self.desk.node(member);
        self.desk.set(member, None);
        if let Some(place) = self.places.get_mut(member) {
            place.stop.clear();
        }
        self.world.stop(member).await;
        if let Some(access) = access {
            let ledger = Arc::downgrade(&access.replica);
            drop(access);
            while ledger.strong_count() > 0 {
                self.sleep(TURN).await;
            }
        }
        self.sleep(TURN).await;
    }

    /// Kills a member's process.
    pub(crate) async fn kill(&mut self, member: usize) {
        self.release(member).await;
    }

    /// Cuts a member's power.
    pub(crate) async fn cut_power(&mut self, member: usize, rng: &mut impl rand_core::Rng) {
        self.release(member).await;
        self.world.cut_power(member, rng).await;
    }

    /// Keeps a copy of all that a member's machine holds.
    pub(crate) fn keep_image(&mut self, member: usize) -> io::Result<()> {
        let kept = self.path(member, "image");
        copy(&self.path(member, "ledger"), &kept.join("ledger"))?;
        copy(&self.path(member, "data"), &kept.join("data"))?;
        let image = self.world.disk(member).image();
        if let Some(place) = self.places.get_mut(member) {
            place.image = Some((image, kept));
        }
        Ok(())
    }

    /// Puts the copy back; whether there was one.
    pub(crate) async fn restore_image(&mut self, member: usize) -> io::Result<bool> {
        let image = self
            .places
            .get_mut(member)
            .and_then(|place| place.image.take());
        let Some((image, kept)) = image else {
            return Ok(false);
        };
        self.release(member).await;
        self.world.disk(member).restore(&image, "");
        for part in ["ledger", "data"] {
            let place = self.path(member, part);
            fs::remove_dir_all(&place)?;
            copy(&kept.join(part), &place)?;
        }
        Ok(true)
    }
}

/// Records that no honest member accepts: out of their turn, of no process, with a byte changed.
fn refused(network: &Network) -> Vec<Bytes> {
    let bytes = |record: protocol::registry::record::Record| record.as_bytes().to_vec();
    let mut forged = bytes(network.event([200; 16], 0, 1));
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    let wrong = [
        bytes(network.event([201; 16], 5, 2)),
        bytes(network.event([202; 16], 0, 6)),
        forged,
    ];
    wrong.into_iter().map(Bytes::from).collect()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
