//! The wire between members: loss, delay and partitions are the simulated network's; repeating, garbling and
//! withholding are done here, at the ends.

use super::{
    Channel,
    liar::{Contradiction, Liar},
    testimony::Testimony,
};
use bytes::Bytes;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    LimitedSender, Message, Receiver, Recipients,
    simulated::{self, Error},
};
use commonware_runtime::{IoBuf, deterministic::Context};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// What members do to messages; clones are the same.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Habits>>);

struct Habits {
    members: Vec<PublicKey>,
    random: u64,
    repeated_percent: u64,
    garblers: BTreeSet<PublicKey>,
    liars: BTreeMap<PublicKey, Liar>,
    withheld: BTreeMap<(PublicKey, Channel), BTreeSet<PublicKey>>,
    counts: Counts,
    testimony: Testimony,
}

/// What was done to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that arrived.
    pub delivered: u64,
    /// Votes among them.
    pub votes: u64,
    /// Messages that arrived once more.
    pub repeated: u64,
    /// Messages that a member sent garbled.
    pub garbled: u64,
    /// Votes that a member contradicted.
    pub contradicted: u64,
    /// Messages that a member did not send to all for whom they were meant.
    pub withheld: u64,
}

impl Wire {
    pub(super) fn new(members: Vec<PublicKey>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Habits {
            members,
            random: seed,
            repeated_percent: 0,
            garblers: BTreeSet::new(),
            liars: BTreeMap::new(),
            withheld: BTreeMap::new(),
            counts: Counts::default(),
            testimony: Testimony::default(),
        })))
    }

    pub(super) fn repeat(&self, percent: u64) {
        self.lock().repeated_percent = percent;
    }

    pub(super) fn garble(&self, member: &PublicKey) {
        self.lock().garblers.insert(member.clone());
    }

    pub(super) fn contradict(&self, member: &PublicKey, liar: Liar) {
        self.lock().liars.insert(member.clone(), liar);
    }

    pub(super) fn withhold(
        &self,
        member: &PublicKey,
        channel: Channel,
        victims: BTreeSet<PublicKey>,
    ) {
        self.lock()
            .withheld
            .insert((member.clone(), channel), victims);
    }

    /// The members that signed two votes of which one forbids the other.
    pub(super) fn contradictions(&self) -> Vec<PublicKey> {
        self.lock().testimony.contradictions()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, Habits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Habits {
    /// What a lying member says besides its vote, or instead of it.
    fn contradict(&mut self, from: &PublicKey, vote: &mut IoBuf) -> Option<Message<PublicKey>> {
        let liar = self.liars.get(from)?;
        let how = liar.how;
        let other = liar.contradict(vote)?;
        self.counts.contradicted += 1;
        match how {
            Contradiction::Both => return Some((from.clone(), other)),
            Contradiction::Either if self.below(2) == 0 => *vote = other,
            Contradiction::Either => {}
        }
        None
    }

    /// A number below `bound` (splitmix64).
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// The sending end of a member's channel.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) inner: simulated::Sender<PublicKey, Context>,
    pub(super) me: PublicKey,
    pub(super) channel: Channel,
    /// The members to whom this instance talks; a member that runs two has each talk to some of the others.
    pub(super) audience: Option<Arc<BTreeSet<PublicKey>>>,
    pub(super) wire: Wire,
}

impl LimitedSender for Outgoing {
    type PublicKey = PublicKey;
    type Checked<'a> = <simulated::Sender<PublicKey, Context> as LimitedSender>::Checked<'a>;

    fn check(
        &mut self,
        recipients: Recipients<PublicKey>,
    ) -> Result<Self::Checked<'_>, SystemTime> {
        let recipients = self.permitted(recipients);
        self.inner.check(recipients)
    }
}

impl Outgoing {
    fn permitted(&self, recipients: Recipients<PublicKey>) -> Recipients<PublicKey> {
        let mut habits = self.wire.lock();
        let victims = habits.withheld.get(&(self.me.clone(), self.channel));
        if victims.is_none() && self.audience.is_none() {
            return recipients;
        }
        let meant: Vec<PublicKey> = match recipients {
            Recipients::All => {
                let members = habits.members.iter();
                members.filter(|key| **key != self.me).cloned().collect()
            }
            Recipients::Some(keys) => keys,
            Recipients::One(key) => vec![key],
        };
        let hears = |key: &PublicKey| {
            self.audience
                .as_ref()
                .is_none_or(|audience| audience.contains(key))
                && victims.is_none_or(|victims| !victims.contains(key))
        };
        let permitted: Vec<PublicKey> = meant.iter().filter(|key| hears(key)).cloned().collect();
        if self.audience.is_none() && permitted.len() < meant.len() {
            habits.counts.withheld += 1;
        }
        Recipients::Some(permitted)
    }
}

/// The receiving end of a member's channel.
#[derive(Debug)]
pub(super) struct Incoming {
    inner: simulated::Receiver<PublicKey>,
    channel: Channel,
    wire: Wire,
    again: Option<Message<PublicKey>>,
}

impl Incoming {
    pub(super) fn new(inner: simulated::Receiver<PublicKey>, channel: Channel, wire: Wire) -> Self {
        Self {
            inner,
            channel,
            wire,
            again: None,
        }
    }
}

impl Receiver for Incoming {
    type Error = Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, Error> {
        if let Some(message) = self.again.take() {
            return Ok(message);
        }
        let (from, mut bytes) = self.inner.recv().await?;
        let mut habits = self.wire.lock();
        habits.counts.delivered += 1;
        if self.channel == Channel::Votes {
            habits.testimony.hear(&from, &bytes);
            habits.counts.votes = habits.testimony.heard();
            self.again = habits.contradict(&from, &mut bytes);
        }
        if habits.garblers.contains(&from) && habits.below(4) == 0 {
            habits.counts.garbled += 1;
            bytes = garbled(&bytes, &mut habits);
        }
        let percent = habits.repeated_percent;
        if habits.below(100) < percent && self.again.is_none() {
            habits.counts.repeated += 1;
            self.again = Some((from.clone(), bytes.clone()));
        }
        Ok((from, bytes))
    }

    fn capacity(&self) -> NonZeroUsize {
        self.inner.capacity()
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Wire")
    }
}

/// The message with one byte changed, or cut.
fn garbled(bytes: &IoBuf, habits: &mut Habits) -> IoBuf {
    let mut bytes = bytes.as_ref().to_vec();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let place = usize::try_from(habits.below(length)).unwrap_or(0);
    if habits.below(2) == 0 {
        bytes.truncate(place);
    } else if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << habits.below(8);
    }
    IoBuf::from(Bytes::from(bytes))
}
