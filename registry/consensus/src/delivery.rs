//! Final blocks on their way to the [`Application`], in height order, acknowledged once durable.

use crate::{
    application::{Application, CommitError},
    automaton::blocking,
    block::Block,
};
use commonware_actor::Feedback;
use commonware_consensus::{
    Heightable as _, Reporter,
    marshal::{Identifier, Update, core::Mailbox, standard::Standard},
    types::Height,
};
use commonware_cryptography::Digested;
use commonware_runtime::Spawner;
use commonware_utils::acknowledgement::{Acknowledgement as _, Exact};
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

/// The application's end.
pub(crate) struct Deliveries {
    blocks: mpsc::Receiver<(Digested<Block>, Exact)>,
}

/// Connects the engine to [`deliver`]; `tip` follows the highest height known to be final.
pub(crate) fn channel(tip: watch::Sender<u64>) -> (Reports, Deliveries) {
    // Twice the bound: a new floor redelivers blocks whose first delivery still waits.
    let (sender, receiver) = mpsc::channel(2 * PENDING_MAX);
    (
        Reports {
            blocks: sender,
            tip,
        },
        Deliveries { blocks: receiver },
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
    #[error("the engine's store lacks the final block {0} that the application has not seen")]
    Missing(u64),
    #[error("the engine stopped delivering blocks")]
    Stopped,
}

/// Commits final blocks until something fails.
///
/// The application may stand behind what the engine was told is durable (an older copy of its
/// store was put back): the blocks in between are read from the engine's store first.
pub(crate) async fn deliver<S>(
    runtime: impl Spawner,
    application: Arc<dyn Application>,
    marshal: Mailbox<S, Standard<Block>>,
    mut deliveries: Deliveries,
) -> DeliveryError
where
    S: commonware_cryptography::certificate::Scheme,
{
    let processed = marshal
        .get_processed()
        .await
        .map_or(0, |processed| processed.height().get());
    for height in application.committed_height().saturating_add(1)..=processed {
        let Some(block) = marshal
            .get_block(Identifier::Height(Height::new(height)))
            .await
        else {
            return DeliveryError::Missing(height);
        };
        if let Err(error) = commit(&runtime, &application, &block).await {
            return error;
        }
    }
    while let Some((block, acknowledgement)) = deliveries.blocks.recv().await {
        if let Err(error) = commit(&runtime, &application, &block).await {
            return error;
        }
        acknowledgement.acknowledge();
    }
    DeliveryError::Stopped
}

async fn commit(
    runtime: &impl Spawner,
    application: &Arc<dyn Application>,
    block: &Digested<Block>,
) -> Result<(), DeliveryError> {
    // The genesis block is delivered as well, and has nothing to commit.
    if block.height() == Height::zero() {
        return Ok(());
    }
    let application = application.clone();
    let block = block.inner().ordered();
    let stored = blocking(runtime, "commit", move || application.commit(&block)).await;
    Ok(stored.ok_or(DeliveryError::Stopped)??)
}
