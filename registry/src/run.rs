//! `tegata-registry run`: the ledger, consensus and HTTP of one node, until a signal or a failure ends them.

use crate::{
    api,
    config::NodeConfig,
    explorer,
    operations::NodeOperations,
    replica::Replica,
    store::{Grain, Store, disk::Directory},
    sync::{Floors, Joining, Peers},
    votes::{NOTED_EVERY, Votes},
};
use anyhow::Context as _;
use protocol::{identity::SigningKey, relay::relay_key};
use registry_consensus::{ConsensusKey, Node, NodeError, PeerKey};
use service::client::Reach;
use service::serve::{Server, stop_signal};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

const TICK: Duration = Duration::from_secs(1);
/// Members' names are asked for this often.
const FOUND_EVERY: Duration = Duration::from_secs(60);
/// The same while one of them leads nowhere.
const SOUGHT_EVERY: Duration = Duration::from_secs(5);

/// Runs a node to its end.
///
/// # Errors
///
/// Fails if it cannot start, or if the disk or consensus fails: then the process must end rather than go on.
pub async fn run(config: &Path) -> anyhow::Result<()> {
    let config = NodeConfig::load(config).context("reading the configuration")?;
    let stop = stop_signal().context("listening for signals")?;
    let peers = reach_peers(&config)?;
    tokio::pin!(stop);
    let joining = join(&config, peers.clone());
    let store = tokio::select! {
        () = &mut stop => return Ok(()),
        store = joining => store?,
    };
    // Nobody reads before the ledger is known to be the members'.
    let server = Server::bind(&config.service).await.context("listening")?;
    let Opened {
        replica,
        consensus,
        votes,
        relayed,
    } = {
        let config = config.clone();
        let opened = tokio::task::spawn_blocking(move || open(&config, store));
        opened.await.context("opening the ledger")??
    };
    let (height, size) = replica.progress();
    let network = replica.genesis().network();
    tracing::info!(member = config.member, %network, height, size, "ledger opened");
    let node = Node::start(consensus, |handle| {
        replica.connect(handle);
        replica.clone()
    });
    let mut node = node.context("starting consensus")?;

    let operations = NodeOperations::of(replica.clone(), config.data.clone());
    let ticking = tokio::spawn(tick(replica.clone(), votes, operations.clone()));
    let finding = tokio::spawn(find_members(replica.clone()));
    let relaying = tokio::spawn(replica.clone().relaying(relayed, config.relay.slot_ms));
    let (end, ended) = oneshot::channel::<()>();
    let pages = explorer::router(&replica, &operations, &config.member);
    let router = api::router(replica.clone()).merge(pages);
    let serving = server.run(router, operations.answers(), async {
        let _told_or_dropped = ended.await;
    });
    let failure = {
        tokio::pin!(serving);
        let failure = tokio::select! {
            () = stop => None,
            failure = end_of(&mut node, peers.clone(), &replica) => Some(failure),
            failure = left_behind(peers, &replica) => Some(failure),
            () = &mut serving => None,
        };
        drop(end);
        if failure.is_none() {
            serving.await;
        }
        failure
    };
    ticking.abort();
    relaying.abort();
    finding.abort();
    let closing = tokio::task::spawn_blocking(move || {
        node.stop();
        replica.close()
    });
    closing.await.context("closing the ledger")??;
    match failure {
        None => Ok(()),
        Some(failure) => Err(failure.context("consensus ended")),
    }
}

/// How the members' nodes are read. A machine without certificates cannot, and need not as long as consensus brings it
/// what it lacks.
fn reach_peers(config: &NodeConfig) -> anyhow::Result<Option<Peers>> {
    let reach = Reach::from_development_setting(config.service.development_loopback_http);
    let certificates = config.peer_certificates.as_deref();
    match Peers::over_http(&config.member, reach, certificates) {
        Ok(peers) => Ok(Some(peers)),
        Err(error) if certificates.is_some() => Err(error).context("reading peer_certificates"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the members' nodes cannot be asked for records");
            Ok(None)
        }
    }
}

/// Opens the ledger, with the records of the members' nodes if it lacks too many.
async fn join(config: &NodeConfig, peers: Option<Peers>) -> anyhow::Result<Store> {
    let genesis = config.read_genesis().context("reading the genesis file")?;
    let directory = Directory::open(&config.ledger_directory()).context("opening the ledger")?;
    let joining = Joining {
        genesis: Arc::new(genesis),
        disk: Arc::new(directory),
        grain: Grain::NODE,
        peers,
    };
    joining.catch_up().await.context("opening the ledger")
}

/// Why consensus ended. If it wants a floor, it gets one from the members' nodes and goes on.
async fn end_of(node: &mut Node, peers: Option<Peers>, replica: &Replica) -> anyhow::Error {
    let mut floors = peers.map(Floors::new);
    loop {
        let ended = node.ended().await;
        let floor = match (&ended, &mut floors) {
            (NodeError::FloorNeeded | NodeError::Floor, Some(floors)) => floors.next(replica).await,
            _ => return ended.into(),
        };
        if let Err(error) = node.start_from(floor) {
            return error.into();
        }
    }
}

async fn left_behind(peers: Option<Peers>, replica: &Replica) -> anyhow::Error {
    match peers {
        Some(peers) => peers.have_left_behind(replica).await,
        None => std::future::pending().await,
    }
    anyhow::anyhow!(
        "the members have gone on without this node: when it starts again it takes the records from them"
    )
}

struct Opened {
    replica: Arc<Replica>,
    consensus: registry_consensus::Config,
    votes: Arc<Votes>,
    relayed: mpsc::Receiver<Vec<u8>>,
}

fn open(config: &NodeConfig, store: Store) -> anyhow::Result<Opened> {
    let genesis = Arc::new(config.read_genesis().context("reading the genesis file")?);
    let cosigning_keys = config
        .read_cosigning_keys()
        .context("reading the cosigning key")?;
    let relay_keys: Option<_> = cosigning_keys.iter().map(relay_key).collect();
    let relay_keys: Vec<_> = relay_keys.context("the cosigning key opens no cells")?;
    let cosigning: Vec<_> = cosigning_keys.iter().map(public_bytes).collect();
    let (consensus, votes) = config
        .consensus(&genesis)
        .context("reading the consensus key")?;
    let replica = Replica::open(genesis, store, cosigning_keys, service::clock::now());
    let replica = Arc::new(replica.context("opening the ledger")?);
    replica.keep_blocks(config.keep_blocks);
    let me: Vec<PeerKey> = consensus
        .keys
        .iter()
        .map(ConsensusKey::public_key)
        .collect();
    tell_standing(&replica, &config.member, &me, &cosigning);
    let relayed = replica.start_relaying(relay_keys, &me, config.relay.slot_ms);
    Ok(Opened {
        replica,
        consensus,
        votes,
        relayed: relayed.context("the replica relays already")?,
    })
}

/// Says what the ledger knows of this node's member. Whoever is not known, or not any more, follows as far as the others let
/// it: a newcomer starts before it is known, and one that replaced its keys before it has read so.
fn tell_standing(replica: &Replica, name: &str, me: &[PeerKey], cosigning: &[Vec<u8>]) {
    let Some(member) = replica.newest_member(name) else {
        tracing::warn!(member = name, "the ledger so far names no such member");
        return;
    };
    let consensus = member.consensus_key.as_bytes();
    if !me.iter().any(|key| key.as_bytes() == consensus) {
        tracing::warn!(
            member = name,
            "the ledger so far knows another consensus key"
        );
    }
    let known = member.cosigning_key.as_bytes();
    if !cosigning.iter().any(|key| key == known) {
        tracing::warn!(
            member = name,
            "the ledger so far knows another cosigning key"
        );
    }
}

fn public_bytes(key: &SigningKey) -> Vec<u8> {
    key.public_key().to_bytes()
}

/// Follows the members' names. A resolver that does not answer keeps a thread, never the node.
async fn find_members(replica: Arc<Replica>) {
    loop {
        let finding = replica.clone();
        let found = tokio::task::spawn_blocking(move || finding.find_members()).await;
        let Ok(all) = found else {
            return;
        };
        tokio::time::sleep(if all { FOUND_EVERY } else { SOUGHT_EVERY }).await;
    }
}

async fn tick(replica: Arc<Replica>, votes: Arc<Votes>, operations: Arc<NodeOperations>) {
    let mut noted = 0;
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        replica.tick(service::clock::now(), Instant::now());
        operations.tick();
        let (height, _) = replica.progress();
        if height < noted + NOTED_EVERY && (noted > 0 || height == 0) {
            continue;
        }
        let votes = votes.clone();
        match tokio::task::spawn_blocking(move || votes.note(height)).await {
            Ok(Ok(())) => noted = height,
            Ok(Err(error)) => tracing::error!(%error, "the height could not be noted"),
            Err(_cancelled) => return,
        }
    }
}
