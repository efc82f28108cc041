//! `tegata-registry run`: the ledger, consensus and HTTP of one node, until a signal or a failure ends them.

use crate::{
    api,
    config::NodeConfig,
    explorer,
    operations::NodeOperations,
    replica::Replica,
    store::Store,
    votes::{NOTED_EVERY, Votes},
};
use anyhow::Context as _;
use protocol::{identity::SigningKey, relay::relay_key};
use registry_consensus::{ConsensusKey, Node, PeerKey};
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
    let server = Server::bind(&config.service).await.context("listening")?;
    let Opened {
        replica,
        consensus,
        votes,
        relayed,
    } = {
        let config = config.clone();
        let opened = tokio::task::spawn_blocking(move || open(&config));
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
            failure = node.ended() => Some(failure),
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
        Some(failure) => Err(failure).context("consensus ended"),
    }
}

struct Opened {
    replica: Arc<Replica>,
    consensus: registry_consensus::Config,
    votes: Arc<Votes>,
    relayed: mpsc::Receiver<Vec<u8>>,
}

fn open(config: &NodeConfig) -> anyhow::Result<Opened> {
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
    let store =
        Store::open(&config.ledger_directory(), genesis.network()).context("opening the ledger")?;
    let replica = Replica::open(genesis, store, cosigning_keys, service::clock::now());
    let replica = Arc::new(replica.context("opening the ledger")?);
    if let Some(blocks) = config.keep_blocks {
        replica.keep_blocks(blocks);
    }
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
