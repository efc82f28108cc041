//! Outcomes of this member's company on their way to the ledger through other members' nodes, and theirs through this one.

use super::{
    Replica, SubmitError,
    submit::{RECEIPT_TIMEOUT, Standing, may_change},
};
use crate::{
    message::Message,
    relay::{Action, CellMessage, Committee, Relay, Settings},
};
use bytes::Bytes;
use protocol::{envelope::hpke::RecipientKey, registry::record::Body};
use registry_consensus::{PeerKey, Recipients};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};

/// Records that came out of cascades here and are not being submitted yet.
const SUBMISSIONS_MAX: usize = 1024;
/// A slot's begin is noticed within this part of the slot.
const LOOKS_PER_SLOT: u64 = 20;
const LOOK_MS_MIN: u64 = 20;
const LOOK_MS_MAX: u64 = 500;

/// What became of an outcome that is to be relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// It stands; this is its receipt.
    Recorded(String),
    /// It waits for its slot, or is on its way.
    Waits,
}

/// The node's part in relaying.
pub(super) struct Relaying {
    relay: Mutex<Relay>,
    /// This node's consensus keys, of which at most one is a member's at any height.
    me: Vec<[u8; 32]>,
    slot_ms: u64,
    submissions: mpsc::Sender<Vec<u8>>,
}

impl Relaying {
    fn relay(&self) -> MutexGuard<'_, Relay> {
        self.relay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replica {
    /// Gives the replica its part in relaying, for as long as one of these consensus keys is a member's. What comes out is
    /// for [`Replica::relaying`]; none if it relays already.
    pub fn start_relaying(
        &self,
        keys: Vec<RecipientKey>,
        me: &[PeerKey],
        slot_ms: u64,
    ) -> Option<mpsc::Receiver<Vec<u8>>> {
        let me: Vec<[u8; 32]> = me.iter().map(|key| *key.as_bytes()).collect();
        let committee = self.relaying_members(&me, slot_ms);
        let (submissions, submitted) = mpsc::channel(SUBMISSIONS_MAX);
        let relaying = Relaying {
            relay: Mutex::new(Relay::new(committee, keys)),
            me,
            slot_ms,
            submissions,
        };
        self.relaying.set(relaying).ok().map(|()| submitted)
    }

    /// Whether this node is a member's now, or nobody has said whose it is.
    #[must_use]
    pub fn is_members(&self) -> bool {
        self.relaying.get().is_none_or(|relaying| {
            let committed = self.committed();
            let next = committed.height.saturating_add(1);
            let mut members = committed.state.parties_at(next).members().iter();
            members.any(|member| relaying.me.contains(member.consensus_key.as_bytes()))
        })
    }

    /// The members in force now.
    fn relaying_members(&self, me: &[[u8; 32]], slot_ms: u64) -> Committee {
        let parties = {
            let committed = self.committed();
            let next = committed.height.saturating_add(1);
            Arc::clone(committed.state.parties_at(next))
        };
        let settings = Settings::of(parties.members_in_force().count(), slot_ms);
        let members = parties.members_in_force();
        Committee::new(self.genesis.network(), members, me, settings)
    }

    /// Takes an outcome of this member's company: its receipt if it stands, else it goes into one of the next slots. It may
    /// be repeated at will.
    ///
    /// # Errors
    ///
    /// Fails if it is no outcome, breaks a rule, or too many wait.
    pub async fn relay(&self, bytes: &[u8]) -> Result<Relayed, SubmitError> {
        let relaying = self.relaying.get().ok_or(SubmitError::NotYet)?;
        let record = self.record(bytes)?;
        if !matches!(record.body(), Body::Outcome(_)) {
            return Err(SubmitError::NotRelayed);
        }
        match self.standing(&record) {
            Standing::Recorded(index) => {
                relaying.relay().forget(bytes);
                let receipt = timeout(RECEIPT_TIMEOUT, self.receipt_of(index)).await;
                Ok(Relayed::Recorded(
                    receipt.unwrap_or(Err(SubmitError::NotYet))?,
                ))
            }
            Standing::Acceptable => {
                let mut relay = relaying.relay();
                if !relay.committee().is_member() {
                    return Err(SubmitError::NotYet);
                }
                relay.offer(bytes)?;
                Ok(Relayed::Waits)
            }
            Standing::Rejected(rejection) if may_change(rejection) => Err(SubmitError::NotYet),
            Standing::Rejected(rejection) => {
                relaying.relay().forget(bytes);
                Err(rejection.into())
            }
        }
    }

    /// How many outcomes of this member's company wait for a slot.
    #[must_use]
    pub fn waiting_outcomes(&self) -> usize {
        let relaying = self.relaying.get();
        relaying.map_or(0, |relaying| relaying.relay().waiting())
    }

    /// Sends cells in each slot and submits what comes out here, until it is dropped.
    pub async fn relaying(self: Arc<Self>, mut relayed: mpsc::Receiver<Vec<u8>>, slot_ms: u64) {
        let look_ms = (slot_ms / LOOKS_PER_SLOT).clamp(LOOK_MS_MIN, LOOK_MS_MAX);
        let mut looks = interval(Duration::from_millis(look_ms));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut submissions = JoinSet::new();
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let replica = Arc::clone(&self);
                    if spawn_blocking(move || replica.tick_relay()).await.is_err() {
                        return;
                    }
                }
                Some(record) = relayed.recv() => {
                    let replica = Arc::clone(&self);
                    submissions.spawn(async move { replica.submit_relayed(&record).await });
                }
                Some(_) = submissions.join_next() => {}
            }
        }
    }

    fn tick_relay(&self) {
        if let Some(relaying) = self.relaying.get() {
            let now_ms = service::clock::now_ms();
            let members = self.relaying_members(&relaying.me, relaying.slot_ms);
            let mut relay = relaying.relay();
            if *relay.committee() != members {
                relay.adopt(members);
            }
            let actions = relay.tick(now_ms, &mut service::random::os());
            self.act(relaying, &relay, actions);
        }
    }

    pub(super) fn on_cell(&self, from: PeerKey, bytes: &Bytes) {
        let (Some(relaying), Some(message)) = (self.relaying.get(), CellMessage::decode(bytes))
        else {
            return;
        };
        let mut relay = relaying.relay();
        let Some(position) = relay.committee().position(from.as_bytes()) else {
            return;
        };
        let now_ms = service::clock::now_ms();
        let actions = relay.receive(position, message, now_ms, &mut service::random::os());
        self.act(relaying, &relay, actions);
    }

    fn act(&self, relaying: &Relaying, relay: &Relay, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(to, cell) => {
                    if let Some(to) = relay.committee().consensus_key(to) {
                        let to = Recipients::One(PeerKey::from_bytes(*to));
                        self.tell(&Message::Cell(cell.encode()), to);
                    }
                }
                Action::Submit(record) => {
                    if relaying.submissions.try_send(record).is_err() {
                        tracing::warn!("a relayed record could not wait");
                    }
                }
            }
        }
    }

    /// Submits what came out of a cascade. Whoever sent it asks its own node for the receipt.
    pub(super) async fn submit_relayed(&self, bytes: &[u8]) {
        let outcome =
            |record: &protocol::registry::record::Record| matches!(record.body(), Body::Outcome(_));
        if !self.record(bytes).is_ok_and(|record| outcome(&record)) {
            tracing::warn!("a relayed record is no outcome");
            return;
        }
        if let Err(error) = self.submit(bytes).await {
            tracing::info!(%error, "a relayed record was not recorded");
        }
    }
}
