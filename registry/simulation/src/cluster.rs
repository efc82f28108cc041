//! The nodes of one run: the real application on simulated machines, each with a directory for its notes on votes.

use crate::{
    desk::{Access, Desk},
    ledger::LedgerDisk,
    network::{Network, consensus_key, cosigning_key},
    plan::Lie,
    player::Player,
    witness::Witness,
};
use protocol::Timestamp;
use registry::{
    clock::Clock,
    replica::Replica,
    store::{self, Grain, Store},
    votes::{NOTED_EVERY, Votes},
};
use registry_consensus::{
    Application, Ballot, Handle, PeerKey, Vote,
    simulation::{Disk, Image, Link, Maker, Timer, Twin, World},
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
const TURN: Duration = Duration::from_millis(1);
/// So fine that the few records of a run make marks, runs, and runs of runs.
const GRAIN: Grain = Grain {
    entries: 32,
    postings: 64,
    runs: 3,
};

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
    pub(crate) witness: Witness,
    network: Network,
    /// An instant and the simulated time that it stands for: one for all, or what they measure would not agree.
    origin: (Instant, Duration),
    directory: TempDir,
    places: Vec<Place>,
}

struct Place {
    lie: Option<Lie>,
    /// Dropped when the node ends: one for each task that has to know.
    stop: Vec<watch::Sender<()>>,
    image: Option<Kept>,
}

/// A copy of all that a machine holds but its keys, from the time of a height.
struct Kept {
    disk: Image,
    notes: PathBuf,
    height: u64,
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
        let origin = (Instant::now(), world.timer().elapsed());
        let cluster = Self {
            origin,
            world,
            desk,
            witness: Witness::default(),
            directory,
            places: (0..network.seats()).map(place).collect(),
            network,
        };
        cluster.links(|_, _| Some(FAIR)).await;
        Ok(cluster)
    }

    /// The machines that have a node, or had one: the newcomer's comes last.
    pub(crate) fn seats(&self) -> Vec<usize> {
        let founders = self.network.members;
        (0..self.network.seats())
            .filter(|seat| *seat < founders || self.world.is_started(*seat))
            .collect()
    }

    /// Sets all links.
    pub(crate) async fn links(&self, link: impl Fn(usize, usize) -> Option<Link>) {
        for from in 0..self.network.seats() {
            for to in (0..self.network.seats()).filter(|to| *to != from) {
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
            Lie::Votes(how) => {
                let network = self.network.genesis.network();
                let key = consensus_key(member);
                self.world
                    .contradict(member, *how, &key, network.as_bytes());
            }
            Lie::InvalidBlocks | Lie::Twins(_) | Lie::Forks => {}
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
        let (replica, application) = self.open(member, self.world.disk(member), lie.as_ref())?;
        let network = self.network.clone();
        let votes = Arc::new(self.votes(member));
        let config = network.config(member, votes.clone());
        let started = match lie {
            Some(Lie::Twins(first)) => {
                let disk = Disk::default();
                let (other, second) = self.open(member, disk.clone(), None)?;
                stops.push(self.tick(&other, None));
                let nodes: [Twin; 2] = [
                    (self.world.disk(member), config, application),
                    (disk, network.config(member, Arc::new(Always)), second),
                ];
                self.world.start_twins(member, &first, nodes).await
            }
            _ => self.world.start(member, config, application).await,
        };
        started.map_err(|error| error.to_string())?;
        stops.push(self.tick(&replica, Some(votes)));
        self.desk.set(member, Some(Access { replica, gone }));
        if let Some(place) = self.places.get_mut(member) {
            place.stop = stops;
        }
        Ok(())
    }

    /// A member's ledger, and what makes the application over it.
    fn open(
        &self,
        member: usize,
        disk: Disk,
        lie: Option<&Lie>,
    ) -> Result<(Arc<Replica>, Maker), String> {
        let timer = self.world.clock(member);
        let clock = Arc::new(MachineClock {
            origin: self.origin,
            timer,
        });
        let now = clock.now();
        let genesis = self.network.genesis.clone();
        let disk: Arc<dyn store::disk::Disk> = Arc::new(LedgerDisk::new(disk));
        let store = Store::on(&disk, genesis.network(), GRAIN)
            .map_err(|error| format!("opening the store: {error:?}"))?;
        let keys = vec![cosigning_key(member, 0), cosigning_key(member, 1)];
        let replica = Replica::open(genesis, store, keys, now)
            .map_err(|error| format!("opening the ledger: {error:?}"))?;
        let replica = Arc::new(replica.with_clock(clock.clone()));
        let (plays, witness) = (replica.clone(), self.witness.clone());
        let (network, lie) = (self.network.clone(), lie.cloned());
        let start = move |handle: Handle| -> Arc<dyn Application> {
            plays.connect(handle.clone());
            let role = (member, lie.as_ref(), &network);
            Arc::new(Player::new(plays, witness, handle, clock, role))
        };
        Ok((replica, Box::new(start)))
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
        let (clock, origin) = self.origin;
        self.world.spawn(async move {
            let mut noted = 0;
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
                // As the program does it.
                if height < noted + NOTED_EVERY && (noted > 0 || height == 0) {
                    continue;
                }
                match votes.as_ref().map(|votes| votes.note(height)) {
                    Some(Ok(())) => noted = height,
                    Some(Err(_)) => return,
                    None => {}
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

    /// Keeps a copy of all that a member's machine holds, in place of the one before.
    pub(crate) fn keep_image(&mut self, member: usize) -> io::Result<()> {
        let notes = self.path(member, "image");
        if notes.exists() {
            fs::remove_dir_all(&notes)?;
        }
        copy(&self.path(member, "data"), &notes)?;
        let kept = Kept {
            disk: self.world.disk(member).image(),
            notes,
            height: self.height(member),
        };
        if let Some(place) = self.places.get_mut(member) {
            place.image = Some(kept);
        }
        Ok(())
    }

    /// Whether the member's copy is so old that its node has to recognise it, a moment later.
    pub(crate) fn has_old_image(&self, member: usize) -> bool {
        let place = self.places.get(member);
        let kept = place.and_then(|place| place.image.as_ref());
        kept.is_some_and(|kept| self.height(member) >= kept.height + NOTED_EVERY)
    }

    fn height(&self, member: usize) -> u64 {
        let access = self.desk.node(member);
        access.map_or(0, |access| access.replica.progress().0)
    }

    /// Puts the copy back in place of everything but the keys.
    pub(crate) async fn restore_image(&mut self, member: usize) -> io::Result<()> {
        let place = self.places.get_mut(member);
        let kept = place.and_then(|place| place.image.take());
        let kept = kept.ok_or(io::ErrorKind::NotFound)?;
        self.release(member).await;
        self.world.disk(member).restore(&kept.disk);
        let place = self.path(member, "data");
        fs::remove_dir_all(&place)?;
        copy(&kept.notes, &place)
    }
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
