//! Small messages between members: best effort, authenticated, bounded.
//!
//! Messages that wait at the same time travel in one frame, so that the channel's quota bounds frames
//! and a burst of records does not meet it. A message to a member that is not connected is lost:
//! whoever sent it repeats it as long as it matters.

use crate::{
    application::Application, automaton::blocking, committee::CommitteeError, config::PeerKey,
};
use bytes::{BufMut, Bytes};
use commonware_codec::{
    Buf, DecodeExt as _, Encode as _, EncodeSize, Error, RangeCfg, Read, Write,
};
use commonware_cryptography::ed25519;
use commonware_p2p::{Receiver, Sender};
use commonware_runtime::{Clock, Spawner};
use futures::FutureExt as _;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc};

/// Longest message of the gossip channel: the longest note of a checkpoint, and a byte that says what it is.
pub const GOSSIP_BYTES_MAX: usize = 64 * 1024 + 1;

/// Messages that may wait to be sent.
const QUEUE_MAX: usize = 1024;
pub(crate) const FRAME_MESSAGES_MAX: usize = 256;
/// No further frame is taken to messages that are this many already.
const MESSAGES_TOGETHER_MAX: usize = 256;
pub(crate) const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Frames leave no faster than this, below the quota of [`crate::engine`].
const FRAME_INTERVAL: Duration = Duration::from_millis(5);

/// Who is to receive a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Every connected member but this one.
    All,
    /// One member.
    One(PeerKey),
}

/// A message was not accepted for sending.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GossipError {
    /// Longer than [`GOSSIP_BYTES_MAX`], or empty.
    #[error("a message has 1 to {GOSSIP_BYTES_MAX} bytes, not {0}")]
    Length(usize),
    /// Too many messages wait, or the node is stopping.
    #[error("the gossip queue is full")]
    Full,
    /// The recipient's key is not a key.
    #[error(transparent)]
    Recipient(#[from] CommitteeError),
}

struct Outgoing {
    to: Option<ed25519::PublicKey>,
    message: Bytes,
}

/// Accepts messages for sending.
#[derive(Clone)]
pub(crate) struct Outbox(mpsc::Sender<Outgoing>);

/// Messages waiting to be sent; one task at a time takes them.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Mutex<mpsc::Receiver<Outgoing>>>);

pub(crate) fn channel() -> (Outbox, Queue) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    (Outbox(sender), Queue(Arc::new(Mutex::new(receiver))))
}

impl Outbox {
    pub(crate) fn send(&self, to: Recipients, message: Bytes) -> Result<(), GossipError> {
        if message.is_empty() || message.len() > GOSSIP_BYTES_MAX {
            return Err(GossipError::Length(message.len()));
        }
        let to = match to {
            Recipients::All => None,
            Recipients::One(key) => Some(key.decode()?),
        };
        self.0
            .try_send(Outgoing { to, message })
            .map_err(|_full_or_closed| GossipError::Full)
    }
}

/// Sends what is queued until the node stops.
pub(crate) async fn send<S>(runtime: impl Clock, queue: Queue, mut sender: S)
where
    S: Sender<PublicKey = ed25519::PublicKey>,
{
    let mut queue = queue.0.lock_owned().await;
    let mut held: Option<Outgoing> = None;
    loop {
        let first = match held.take() {
            Some(message) => message,
            None => match queue.recv().await {
                Some(message) => message,
                None => return,
            },
        };
        let to = first.to;
        let mut frame = Frame::of(first.message);
        while let Ok(next) = queue.try_recv() {
            if next.to != to || !frame.has_room_for(&next.message) {
                held = Some(next);
                break;
            }
            frame.0.push(next.message);
        }
        let recipients = match to {
            None => commonware_p2p::Recipients::All,
            Some(key) => commonware_p2p::Recipients::One(key),
        };
        let _reached = sender.send(recipients, frame.encode(), false);
        runtime.sleep(FRAME_INTERVAL).await;
    }
}

/// Hands messages to the application until the node stops; those that have arrived in the meantime together.
pub(crate) async fn receive<R>(
    runtime: impl Spawner,
    application: Arc<dyn Application>,
    mut receiver: R,
) where
    R: Receiver<PublicKey = ed25519::PublicKey>,
{
    while let Ok(first) = receiver.recv().await {
        let mut messages = Vec::new();
        unpack(first, &mut messages);
        while messages.len() < MESSAGES_TOGETHER_MAX
            && let Some(Ok(next)) = receiver.recv().now_or_never()
        {
            unpack(next, &mut messages);
        }
        let application = application.clone();
        let work = move || application.on_gossip_of_many(messages);
        if blocking(&runtime, "gossip", work).await.is_none() {
            return;
        }
    }
}

fn unpack(
    (peer, bytes): (ed25519::PublicKey, impl Into<Bytes>),
    messages: &mut Vec<(PeerKey, Bytes)>,
) {
    let from = PeerKey::of(&peer);
    match Frame::decode(bytes.into()) {
        Ok(frame) => messages.extend(frame.0.into_iter().map(|message| (from, message))),
        Err(_malformed) => tracing::warn!(%from, "gossip that is not a frame"),
    }
}

/// Messages that travel together.
#[derive(Debug)]
pub(crate) struct Frame(Vec<Bytes>);

impl Frame {
    fn of(message: Bytes) -> Self {
        Self(vec![message])
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn messages(&self) -> &[Bytes] {
        &self.0
    }

    fn has_room_for(&self, message: &Bytes) -> bool {
        let bytes: usize = self.0.iter().map(|held| held.encode_size()).sum();
        self.0.len() < FRAME_MESSAGES_MAX && bytes + message.encode_size() + 2 <= FRAME_BYTES_MAX
    }
}

impl Write for Frame {
    fn write(&self, buffer: &mut impl BufMut) {
        self.0.write(buffer);
    }
}

impl EncodeSize for Frame {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

impl Read for Frame {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let limits = (
            RangeCfg::from(1..=FRAME_MESSAGES_MAX),
            RangeCfg::from(1..=GOSSIP_BYTES_MAX),
        );
        Vec::<Bytes>::read_cfg(buffer, &limits).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_frame_stays_within_its_size() {
        let message = Bytes::from(vec![1; GOSSIP_BYTES_MAX]);
        let mut frame = Frame::of(message.clone());
        while frame.has_room_for(&message) {
            frame.0.push(message.clone());
        }
        assert!(frame.encode_size() <= FRAME_BYTES_MAX);
        assert_eq!(Frame::decode(frame.encode()).unwrap().0, frame.0);
    }

    #[test]
    fn neg_l09_garbage_is_not_a_frame() {
        assert!(Frame::decode(Bytes::from_static(&[0])).is_err());
        assert!(Frame::decode(Bytes::from_static(&[1, 0])).is_err());
        assert!(Frame::decode(Bytes::from_static(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f])).is_err());
        assert!(Frame::decode(Bytes::from_static(&[1, 2, 7])).is_err());
    }

    #[test]
    fn a_message_over_the_limit_is_not_accepted() {
        let (outbox, _queue) = channel();
        assert_eq!(
            outbox.send(Recipients::All, Bytes::from(vec![0; GOSSIP_BYTES_MAX])),
            Ok(())
        );
        let long = Bytes::from(vec![0; GOSSIP_BYTES_MAX + 1]);
        assert_eq!(
            outbox.send(Recipients::All, long),
            Err(GossipError::Length(GOSSIP_BYTES_MAX + 1))
        );
        assert_eq!(
            outbox.send(Recipients::All, Bytes::new()),
            Err(GossipError::Length(0))
        );
    }
}
