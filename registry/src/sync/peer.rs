//! What peers show: the latest checkpoint that a quorum signed, and how the members came to be those who sign.

use crate::{source::Source, store::CosignedNote};
use protocol::{
    json::{self, Limits},
    registry::{
        Member, TrustedParties,
        checkpoint::{
            CheckpointError, Committees, Handover, UnverifiedCheckpoint, VerifiedCheckpoint,
        },
        note::NOTE_BYTES_MAX,
    },
};
use serde::Deserialize;
use std::time::Duration;
use tokio::{task::JoinSet, time::timeout};

/// A peer that has not answered for this long is not waited for: the others are there, and a node must start.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// A trusted parties document is no longer (`specs/node-api.md`).
const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Documents come as strings in JSON, several in one answer.
const HANDOVERS_BYTES_MAX: usize = 2 * DOCUMENT_BYTES_MAX;
/// Answers of handovers that are taken from one peer: more than a network ever makes.
const PAGES_MAX: usize = 1_000;

/// Another member's node.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The name of its member.
    pub(super) name: String,
    pub(super) address: String,
    /// How it is read.
    pub(super) source: Source,
}

/// What the peers show together. Each part was checked.
pub(super) struct View {
    /// Who signs at which height.
    committees: Committees,
    /// The largest checkpoint with a quorum's signatures.
    pub(super) latest: Option<VerifiedCheckpoint>,
    /// The checkpoints that say who follows whom, with their heights.
    pub(super) handovers: Vec<(u64, CosignedNote)>,
    /// The members as the newest of these checkpoints names them; none if there is none.
    pub(super) members: Vec<Member>,
}

#[derive(Deserialize)]
struct HandoversAnswer {
    handovers: Vec<Handover>,
}

impl View {
    pub(super) const fn new(committees: Committees) -> Self {
        Self {
            committees,
            latest: None,
            handovers: Vec::new(),
            members: Vec::new(),
        }
    }

    /// Asks all peers at once, and keeps what holds. First who signs, from all of them, so that none can hide it: former members
    /// sign nothing any more.
    pub(super) async fn ask(&mut self, peers: &[Peer]) {
        let mut answers = JoinSet::new();
        for peer in peers.iter().cloned() {
            let committees = self.committees.clone();
            answers.spawn(async move {
                let handovers = handovers_of(&peer, committees).await;
                let note = fetch(&peer, "checkpoint", NOTE_BYTES_MAX).await;
                (peer, handovers, note)
            });
        }
        let mut notes = Vec::new();
        let mut found = Vec::new();
        while let Some(answer) = answers.join_next().await {
            let Ok((peer, handovers, note)) = answer else {
                continue;
            };
            found.extend(handovers);
            notes.extend(note.map(|note| (peer, note)));
        }
        found.sort_by_key(|(height, _)| *height);
        for (_, handover) in found {
            self.follow(handover);
        }
        for (peer, note) in notes {
            match verified(&note, &self.committees) {
                Ok(checkpoint) => self.note_latest(checkpoint),
                Err(error) => {
                    tracing::warn!(peer = peer.name, %error, "a checkpoint that does not hold");
                }
            }
        }
    }

    fn follow(&mut self, handover: Handover) {
        let Ok(checkpoint) = self.committees.follow(&handover) else {
            return;
        };
        let height = checkpoint.checkpoint().height;
        if self.handovers.iter().any(|(known, _)| *known == height) {
            return;
        }
        if let Ok(trusted) = TrustedParties::verify(&handover.document, &checkpoint) {
            self.members = trusted.parties().members().to_vec();
        }
        let note = CosignedNote {
            checkpoint: handover.checkpoint,
            document: handover.document,
        };
        self.handovers.push((height, note));
    }

    fn note_latest(&mut self, checkpoint: VerifiedCheckpoint) {
        let position = |checkpoint: &VerifiedCheckpoint| {
            let checkpoint = checkpoint.checkpoint();
            (checkpoint.size, checkpoint.height)
        };
        let known = self.latest.as_ref().map(position);
        if known.is_none_or(|known| known < position(&checkpoint)) {
            self.latest = Some(checkpoint);
        }
    }
}

fn verified(note: &[u8], committees: &Committees) -> Result<VerifiedCheckpoint, CheckpointError> {
    UnverifiedCheckpoint::parse(note)?.verify(committees)
}

/// The handovers of a peer that hold, with their heights.
async fn handovers_of(peer: &Peer, mut committees: Committees) -> Vec<(u64, Handover)> {
    let limits = Limits::DEFAULT
        .with_bytes(HANDOVERS_BYTES_MAX)
        .with_string(DOCUMENT_BYTES_MAX);
    let mut found = Vec::new();
    for _page in 0..PAGES_MAX {
        let from = committees.followed().saturating_add(1);
        let path = format!("handovers?from={from}");
        let Some(page) = fetch(peer, &path, HANDOVERS_BYTES_MAX).await else {
            break;
        };
        let page: Option<HandoversAnswer> = json::parse_as(&page, &limits).ok();
        for handover in page.into_iter().flat_map(|page| page.handovers) {
            match committees.follow(&handover) {
                Ok(checkpoint) => found.push((checkpoint.checkpoint().height, handover)),
                Err(error) => {
                    tracing::warn!(peer = peer.name, %error, "a handover that does not hold");
                    return found;
                }
            }
        }
        // Whoever shows the same ones again has no more.
        if committees.followed() < from {
            break;
        }
    }
    found
}

/// What a peer answers, if it does so in time.
async fn fetch(peer: &Peer, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
    let answer = timeout(ANSWER_TIMEOUT, peer.source.fetch(path, bytes_max)).await;
    match answer {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::info!(peer = peer.name, %error, "a peer does not answer");
            None
        }
        Err(_elapsed) => {
            tracing::info!(peer = peer.name, "a peer does not answer in time");
            None
        }
    }
}
