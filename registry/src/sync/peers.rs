//! The other members' nodes: who they are, and what they show together.

use super::{
    BLOCKS_BEHIND_MAX,
    peer::{ANSWER_TIMEOUT, Peer, View},
};
use crate::{replica::Replica, source::Source};
use bytes::Bytes;
use protocol::registry::{Member, checkpoint::Committees};
use registry_consensus::FLOOR_BYTES_MAX;
use service::client::{ClientError, Outbound, Reach};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// All nodes were asked for a floor without success: they are asked again after this time.
const FLOOR_PAUSE: Duration = Duration::from_secs(5);
/// A node whose height stays for this long asks whether the others have gone on. An idle network makes a block every second.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Where a member's node is read; none if it is this one.
type Reading = dyn Fn(&Member) -> Option<Source> + Send + Sync;

/// Where members' nodes are read.
#[derive(Clone)]
pub struct Peers {
    source: Arc<Reading>,
}

impl Peers {
    /// The nodes of all members but the one of this name, over HTTP.
    ///
    /// # Errors
    ///
    /// Fails if the certificates cannot be used.
    pub fn over_http(
        own: &str,
        reach: Reach,
        certificates: Option<&Path>,
    ) -> Result<Self, ClientError> {
        let (own, http) = (own.to_owned(), Outbound::new(reach, certificates)?);
        Ok(Self::read_by(move |member| {
            let (http, url) = (http.clone(), member.url.clone());
            (member.name != own).then_some(Source::Node { http, url })
        }))
    }

    pub(super) fn read_by(
        source: impl Fn(&Member) -> Option<Source> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Arc::new(source),
        }
    }

    /// What they show: those of the members that are known, and those that followed them.
    pub(super) async fn look(
        &self,
        committees: &Committees,
        members: &[Member],
    ) -> (View, Vec<Peer>) {
        let mut view = View::new(committees.clone());
        let mut peers = self.of(members, &[]);
        view.ask(&peers).await;
        let followers = self.of(&view.members, &peers);
        if !followers.is_empty() {
            view.ask(&followers).await;
            peers.extend(followers);
        }
        (view, peers)
    }

    /// The nodes of members that are not among the known ones.
    fn of(&self, members: &[Member], known: &[Peer]) -> Vec<Peer> {
        let peer = |member: &Member| {
            Some(Peer {
                name: member.name.clone(),
                address: member.url.as_str().to_owned(),
                source: (self.source)(member)?,
            })
        };
        let is_new = |peer: &Peer| known.iter().all(|known| known.address != peer.address);
        members.iter().filter_map(peer).filter(is_new).collect()
    }

    /// Resolves when this node stands still and the others have gone on so far that consensus may not bring it to them: then it
    /// is to start again.
    pub async fn have_left_behind(&self, replica: &Replica) {
        let mut interval = interval(STANDSTILL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = None;
        loop {
            interval.tick().await;
            let (height, _) = replica.progress();
            if before.replace(height) != Some(height) {
                continue;
            }
            let members = replica.parties().members().to_vec();
            let (view, _) = self.look(&replica.committees(), &members).await;
            let latest = view
                .latest
                .as_ref()
                .map(|latest| latest.checkpoint().height);
            if latest.is_some_and(|latest| latest > height.saturating_add(BLOCKS_BEHIND_MAX)) {
                return;
            }
        }
    }
}

/// Floors for this node's engine, from one node after the other: whether they hold is for the engine to say.
pub struct Floors {
    peers: Peers,
    asked: usize,
}

impl Floors {
    /// The floors of these nodes.
    #[must_use]
    pub const fn new(peers: Peers) -> Self {
        Self { peers, asked: 0 }
    }

    /// The next one for an engine whose ledger is the replica's. It is looked for until there is one.
    pub async fn next(&mut self, replica: &Replica) -> Bytes {
        let mut pauses = interval(FLOOR_PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pauses.reset();
        loop {
            let peers = self.peers.of(replica.parties().members(), &[]);
            let (height, _) = replica.progress();
            let path = format!("finalization?height={height}");
            for _ in 0..peers.len() {
                let turn = self.asked % peers.len();
                self.asked += 1;
                let Some(peer) = peers.get(turn) else {
                    continue;
                };
                let answer = peer.source.fetch(&path, FLOOR_BYTES_MAX);
                if let Ok(Ok(Some(floor))) = timeout(ANSWER_TIMEOUT, answer).await {
                    tracing::info!(peer = peer.name, height, "the engine starts from a floor");
                    return floor.into();
                }
            }
            pauses.tick().await;
        }
    }
}
