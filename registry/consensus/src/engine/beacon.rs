//! Every member says in which epoch it is, so that one that is behind asks for the end of its own.
//!
//! A member that missed the last block of an epoch cannot check votes of the next one, and members that left with
//! that block send none. So the epoch is announced by everybody, members without a vote too, when it begins and every
//! second. It is only a hint: who is behind asks the sender for the certificate of the last block, and checks it
//! against the validators of its own epoch. Whoever announces an epoch that it has not reached is asked in vain.

use super::{Runtime, storage::Order};
use bytes::Bytes;
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher};
use commonware_cryptography::ed25519;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::Clock;
use commonware_utils::vec::NonEmptyVec;
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::watch;

const INTERVAL: Duration = Duration::from_secs(1);

/// Tells both tasks which epoch this member is in. Each has a channel of its own: who of several waiting on one is woken
/// first is chance, and a simulation must repeat.
pub(super) struct Beacon {
    announced: watch::Sender<Epoch>,
    compared: watch::Sender<Epoch>,
}

impl Beacon {
    /// Starts saying which epoch this member is in, and hearing it from the others.
    pub(super) fn start(
        runtime: &impl Runtime,
        epocher: FixedEpocher,
        order: Order,
        (sender, receiver): (
            impl Sender<PublicKey = ed25519::PublicKey>,
            impl Receiver<PublicKey = ed25519::PublicKey>,
        ),
    ) -> Self {
        let (announced, ours) = watch::channel(Epoch::zero());
        runtime
            .child("announce")
            .spawn(move |runtime| announce(runtime, ours, sender));
        let (compared, ours) = watch::channel(Epoch::zero());
        runtime
            .child("listen")
            .spawn(move |_| listen(ours, epocher, order, receiver));
        Self {
            announced,
            compared,
        }
    }

    pub(super) fn reach(&self, epoch: Epoch) {
        self.announced.send_replace(epoch);
        self.compared.send_replace(epoch);
    }
}

/// Says which epoch this member is in, until the node stops.
async fn announce<S>(runtime: impl Clock, mut epoch: watch::Receiver<Epoch>, mut sender: S)
where
    S: Sender<PublicKey = ed25519::PublicKey>,
{
    loop {
        let now = epoch.borrow_and_update().get();
        let message = Bytes::copy_from_slice(&now.to_be_bytes());
        let _reached = sender.send(Recipients::All, message, false);
        tokio::select! {
            biased;
            changed = epoch.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = runtime.sleep(INTERVAL) => {}
        }
    }
}

/// Asks members that are ahead for the certificate of the last block of this member's epoch.
async fn listen<R>(
    mut epoch: watch::Receiver<Epoch>,
    epocher: FixedEpocher,
    order: Order,
    mut receiver: R,
) where
    R: Receiver<PublicKey = ed25519::PublicKey>,
{
    let mut reached: BTreeMap<ed25519::PublicKey, Epoch> = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            changed = epoch.changed() => {
                if changed.is_err() {
                    return;
                }
                let ours = *epoch.borrow_and_update();
                reached.retain(|_, theirs| *theirs > ours);
                ask(&order, &epocher, ours, reached.keys().cloned().collect());
            }
            message = receiver.recv() => {
                let Ok((peer, message)) = message else {
                    return;
                };
                let ours = *epoch.borrow();
                if let Some(theirs) = parse(&message.into()).filter(|theirs| *theirs > ours) {
                    reached.insert(peer.clone(), theirs);
                    ask(&order, &epocher, ours, vec![peer]);
                }
            }
        }
    }
}

fn ask(order: &Order, epocher: &FixedEpocher, epoch: Epoch, peers: Vec<ed25519::PublicKey>) {
    if let (Some(last), Ok(peers)) = (epocher.last(epoch), NonEmptyVec::try_from(peers)) {
        order.hint_finalized(last, peers);
    }
}

fn parse(message: &Bytes) -> Option<Epoch> {
    let bytes = <[u8; 8]>::try_from(message.as_ref()).ok()?;
    Some(Epoch::new(u64::from_be_bytes(bytes)))
}
