//! From a committed block to a checkpoint that a quorum of members signed.
//!
//! Every node signs the checkpoint of every block with records that it commits, tells the others, and collects
//! what they tell. A quorum's signatures make the checkpoint that readers trust; receipts wait for it.
//! A node that missed messages repeats its own signature until it has a quorum's, and whoever already
//! has one answers with it. From time to time the latest checkpoint is signed again, because
//! readers judge by the signatures' times whether it is fresh.
//!
//! Whose signatures count follows the height of the checkpoint: members come and go between epochs.

mod attendance;
mod handovers;
mod rounds;
#[cfg(test)]
mod tests;

pub use attendance::{LastSigned, Signed};
pub use handovers::{Told, kept_handovers};

use crate::{
    patience::Patience,
    store::{CosignedNote, Store, StoreError},
};
use attendance::Attendance;
use bytes::Bytes;
use handovers::Handovers;
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{
        ContentDigest, NetworkId,
        checkpoint::{Checkpoint, Committees, UnverifiedCheckpoint, VerifiedCheckpoint},
        note::NoteSignature,
    },
};
use registry_consensus::PeerKey;
use rounds::{Note, Rounds};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The latest checkpoint is signed anew this often.
const REFRESH_SECONDS: u64 = 300;
/// A checkpoint whose signatures are newer by this much replaces the same one with older signatures.
const NEWER_SECONDS: u64 = 60;
/// Signatures that one member tells in a second and this node looks at: some for each block, and those of a quorum in
/// answers.
const SIGNATURES_LOOKED_AT: usize = 1024;
/// A member is answered with the latest checkpoint at most this often.
const REPLY_INTERVAL: Duration = Duration::from_millis(500);

/// A checkpoint that a quorum signed, with the document that it vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint.
    pub checkpoint: VerifiedCheckpoint,
    /// The trusted parties document.
    pub document: Arc<str>,
}

impl Cosigned {
    /// A remembered checkpoint, if its signatures still hold.
    pub(crate) fn reopen(committees: &Committees, note: CosignedNote) -> Option<Self> {
        let checkpoint = UnverifiedCheckpoint::parse(note.checkpoint.as_bytes()).ok()?;
        let checkpoint = checkpoint.verify(committees).ok()?;
        let digest = ContentDigest::of(note.document.as_bytes());
        (checkpoint.checkpoint().trusted_parties == digest).then_some(Self {
            checkpoint,
            document: note.document.into(),
        })
    }
}

/// Whether this node signs a checkpoint at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The node is with the others: they wait for its signature.
    Live,
    /// The node is catching up: the others have signed long ago.
    CatchingUp,
}

/// Collects the members' signatures.
pub struct Cosigning {
    network: NetworkId,
    /// This node's keys, of which at most one is a member's at any height.
    keys: Vec<SigningKey>,
    store: Store,
    collected: Mutex<Collected>,
    latest: watch::Sender<Option<Arc<Cosigned>>>,
    /// What of it is in the store.
    remembered: Mutex<Option<Arc<Cosigned>>>,
}

struct Collected {
    committees: Committees,
    rounds: Rounds,
    handovers: Handovers,
    replies: HashMap<PeerKey, Instant>,
    attendance: Attendance,
    patience: Patience,
    /// The slot of [`REFRESH_SECONDS`] in which this node signed last.
    signed_in: u64,
}

impl Cosigned {
    fn to_note(&self) -> CosignedNote {
        CosignedNote {
            checkpoint: self.checkpoint.as_note().to_owned(),
            document: self.document.to_string(),
        }
    }
}

impl Collected {
    /// Whether a member may be answered again; it has been answered then.
    fn may_reply(&mut self, to: PeerKey, now: Instant) -> bool {
        let replied = self.replies.get(&to);
        if replied.is_some_and(|at| now.saturating_duration_since(*at) < REPLY_INTERVAL) {
            return false;
        }
        self.replies.insert(to, now);
        true
    }
}

impl Cosigning {
    /// Starts from the checkpoint that the store remembers, if its signatures still hold. Of the keys, at most one is a
    /// member's at any height.
    ///
    /// # Errors
    ///
    /// Fails if the handovers in the store cannot be read.
    pub fn new(
        committees: Committees,
        keys: Vec<SigningKey>,
        store: Store,
    ) -> Result<Self, StoreError> {
        let remembered = store.cosigned().ok().flatten();
        let latest = remembered.and_then(|note| Cosigned::reopen(&committees, note));
        let latest = latest.map(Arc::new);
        let handovers = Handovers::open(&store)?;
        Ok(Self {
            network: committees.network(),
            keys,
            store,
            collected: Mutex::new(Collected {
                committees,
                rounds: Rounds::default(),
                handovers,
                replies: HashMap::new(),
                attendance: Attendance::default(),
                patience: Patience::of(SIGNATURES_LOOKED_AT),
                signed_in: 0,
            }),
            latest: watch::Sender::new(latest.clone()),
            remembered: Mutex::new(latest),
        })
    }

    /// The latest checkpoint that a quorum signed.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Cosigned>> {
        self.latest.borrow().clone()
    }

    /// Follows [`Self::latest`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Cosigned>>> {
        self.latest.subscribe()
    }

    /// Whose signatures count, as this node derives it from the ledger; before the checkpoint of the block that changed it.
    pub fn follow(&self, committees: Committees) {
        let mut collected = self.lock();
        collected.committees = committees;
        collected.rounds.forget_early();
    }

    /// Takes the checkpoint of a block that is on this node's disk. The answer is to be told to all members.
    pub fn committed(
        &self,
        checkpoint: &Checkpoint,
        document: Arc<str>,
        pace: Pace,
        now: Timestamp,
    ) -> Option<Bytes> {
        let mut collected = self.lock();
        collected.rounds.open(checkpoint, document);
        let note = match pace {
            Pace::Live => self.sign(&mut collected, now),
            Pace::CatchingUp => None,
        };
        self.settle(&mut collected);
        note
    }

    /// Takes a checkpoint that a member told. The answer, if any, is to be told to that member.
    pub fn receive(&self, from: PeerKey, bytes: &Bytes, now: Instant) -> Option<Bytes> {
        let note = Note::parse(bytes, self.network)?;
        let mut collected = self.lock();
        let latest = self.latest();
        let Collected {
            rounds,
            committees,
            attendance,
            handovers,
            patience,
            ..
        } = &mut *collected;
        if !patience.bears(from, note.signatures.len(), now) {
            return None;
        }
        attendance.hear(from, &note, committees, now);
        let height = note.checkpoint.height;
        let quorum = committees.at(height).quorum();
        let wants_handover = handovers.has(height) && note.signatures.len() < quorum;
        let behind = latest.filter(|latest| {
            let known = latest.checkpoint.checkpoint().height;
            let quorum = committees.at(known).quorum();
            height < known || (height == known && note.signatures.len() < quorum)
        });
        let mut told = handovers.receive(from, &note, committees);
        if height >= rounds.newest_height() || rounds.at(height).is_some() {
            told = told.and(rounds.receive(from, &note, committees));
            if let Some(round) = rounds.at(height).filter(|it| attendance.has_grown(it)) {
                attendance.cosigned(round);
            }
            self.settle(&mut collected);
        } else {
            self.settle_handovers(&mut collected);
        }
        if let Err(error) = told {
            tracing::warn!(%from, %error, "a note that is not heard");
            collected.patience.lose(from, now);
        }
        if wants_handover && collected.may_reply(from, now) {
            return collected.handovers.note(height);
        }
        let latest = behind.filter(|_| collected.may_reply(from, now))?;
        Some(Bytes::copy_from_slice(
            latest.checkpoint.as_note().as_bytes(),
        ))
    }

    /// Called every second: what is to be told to all members again.
    pub fn tick(&self, now: Timestamp) -> Option<Bytes> {
        let mut collected = self.lock();
        let newest = collected.rounds.newest_height();
        let lacks_quorum = self
            .latest()
            .is_none_or(|latest| latest.checkpoint.checkpoint().height < newest);
        if !lacks_quorum && slot(now) == collected.signed_in {
            return None;
        }
        let note = self.sign(&mut collected, now);
        self.settle(&mut collected);
        note
    }

    /// The largest ledger that more members signed than may lie: only a hint that this node is behind.
    pub fn dangerous_largest_size(&self) -> u64 {
        let collected = self.lock();
        let committees = &collected.committees;
        collected.rounds.dangerous_largest_size(committees)
    }

    /// What each member signed last, as far as this node heard since it started.
    #[must_use]
    pub fn last_signed(&self) -> BTreeMap<String, LastSigned> {
        self.lock().attendance.members()
    }

    /// Checkpoints that a quorum signed since this node started, the newest first; of those of ten seconds one.
    #[must_use]
    pub fn recent(&self) -> Vec<Signed> {
        self.lock().attendance.checkpoints()
    }

    /// Signs the newest committed checkpoint; the note has this signature alone.
    fn sign(&self, collected: &mut Collected, now: Timestamp) -> Option<Bytes> {
        let round = collected.rounds.newest()?;
        let signature = self.signature(&round.checkpoint, &collected.committees, now)?;
        let note = round.note_with(&signature)?;
        let _own_holds = round.add(&signature, &collected.committees);
        let attendance = &mut collected.attendance;
        attendance.signed(signature.name(), now, &round.checkpoint);
        collected.signed_in = slot(now);
        Some(note.into())
    }

    fn signature(
        &self,
        checkpoint: &Checkpoint,
        committees: &Committees,
        now: Timestamp,
    ) -> Option<NoteSignature> {
        let cosigners = committees.at(checkpoint.height);
        let mut keys = self.keys.iter();
        keys.find_map(|key| cosigners.cosign(checkpoint, key, now))
    }

    /// Publishes the newest checkpoint that has a quorum, if it is better than the latest.
    fn settle(&self, collected: &mut Collected) {
        self.settle_handovers(collected);
        let better = |height: u64, time: Timestamp| {
            self.latest().is_none_or(|latest| {
                let known = latest.checkpoint.checkpoint().height;
                let newer = latest.checkpoint.cosigned_at().plus_seconds(NEWER_SECONDS) <= time;
                height > known || (height == known && newer)
            })
        };
        let Collected {
            rounds,
            committees,
            attendance,
            ..
        } = collected;
        let newest = rounds
            .newest_with_quorum(committees)
            .filter(|(round, time)| better(round.checkpoint.height, *time));
        let Some((round, _)) = newest else {
            return;
        };
        let Some(cosigned) = round.cosigned(committees) else {
            return;
        };
        attendance.cosigned(round);
        let height = cosigned.checkpoint.checkpoint().height;
        rounds.forget_below(height);
        self.latest.send_replace(Some(Arc::new(cosigned)));
    }

    /// Writes the latest checkpoint down, if it is another than the one written last. Every second and at the end is enough:
    /// the ledger is safe without it, and the signatures can be collected again.
    pub fn remember(&self) {
        let remembered = self.remembered.lock();
        let mut remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        let latest = self.latest();
        if latest == *remembered {
            return;
        }
        if let Some(cosigned) = &latest
            && let Err(error) = self.store.remember_cosigned(&cosigned.to_note())
        {
            tracing::error!(%error, "a cosigned checkpoint could not be remembered");
        }
        *remembered = latest;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Members refresh in the same slot, so that a quorum of fresh signatures meets.
const fn slot(time: Timestamp) -> u64 {
    time.as_unix() / REFRESH_SECONDS
}
