//! Final blocks on their way to the [`Application`], in height order, acknowledged once durable.

use crate::{
    application::{Application, CommitError},
    automaton::blocking,
    block::Block,
};
use commonware_actor::Feedback;
use commonware_consensus::{Heightable as _, Reporter, marshal::Update, types::Height};
use commonware_cryptography::Digested;
use commonware_runtime::Spawner;
use commonware_utils::acknowledgement::Exact;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Final blocks that may wait for the application; the engine delivers no more without an acknowledgement.
pub(crate) const PENDING_MAX: usize = 16;

/// The engine's end: it must not wait, so blocks go through a queue.
#[derive(Clone)]
pub(crate) struct Reports {
    blocks: mpsc::Sender<(Digested<Block>, Exact)>,
    tip: watch::Sender<u64>,
}

/// The application's end: final blocks, each with what says that it is durable.
pub(crate) type Deliveries = mpsc::Receiver<(Digested<Block>, Exact)>;

/// Connects the engine to whoever commits; `tip` follows the highest height known to be final.
pub(crate) fn channel(tip: watch::Sender<u64>) -> (Reports, Deliveries) {
    // Twice the bound: a new floor redelivers blocks whose first delivery still waits.
    let (sender, receiver) = mpsc::channel(2 * PENDING_MAX);
    (
        Reports {
            blocks: sender,
            tip,
        },
        receiver,
    )
}

impl Reporter for Reports {
    type Activity = Update<Block, Exact>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match activity {
            Update::Tip(_, height, _) => {
                self.tip.send_if_modified(|tip| {
                    let higher = height.get() > *tip;
                    *tip = height.get().max(*tip);
                    higher
                });
            }
            // A full or closed queue drops the acknowledgement, and the engine stops: better than losing a block.
            Update::Block(block, acknowledgement) => {
                if self.blocks.try_send((block, acknowledgement)).is_err() {
                    tracing::error!("a final block could not be queued");
                }
            }
        }
        Feedback::Ok
    }
}

/// Why no more blocks are committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the final block {0} that the application has not seen is not in the engine's store")]
    Missing(u64),
    #[error("the engine stopped delivering blocks")]
    Stopped,
}

/// Commits one final block. One that is committed already, and the genesis block, have no effect.
pub(crate) async fn commit(
    runtime: &impl Spawner,
    application: &Arc<dyn Application>,
    block: &Digested<Block>,
) -> Result<(), DeliveryError> {
    let committed = application.committed_height();
    if block.height().get() <= committed {
        return Ok(());
    }
    if block.height() > Height::new(committed).next() {
        return Err(DeliveryError::Missing(committed.saturating_add(1)));
    }
    let application = application.clone();
    let block = block.inner().ordered();
    let stored = blocking(runtime, "commit", move || application.commit(&block)).await;
    Ok(stored.ok_or(DeliveryError::Stopped)??)
}
