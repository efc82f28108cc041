//! The engine's questions, put to the [`Application`] with everything it needs to answer.

use crate::{
    application::{Application, OrderedBlock, Verdict},
    block::{Block, RoundContext},
    config::Timing,
    engine::Scheme,
    gathering::Gathering,
    planted::{Bug, planted},
};
use commonware_consensus::{
    Heightable as _,
    marshal::{Identifier, ancestry::Ancestry, core::Mailbox, standard::Standard},
    types::Height,
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_runtime::{Clock, Spawner};
use futures::StreamExt as _;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// The [`Application`] as the engine wants to see it.
#[derive(Clone)]
pub(crate) struct Automaton {
    pub(crate) application: Arc<dyn Application>,
    pub(crate) timing: Timing,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    /// Changes whenever records may be waiting.
    pub(crate) wake: watch::Receiver<()>,
}

impl<E: Clock + Spawner> commonware_consensus::Application<E> for Automaton {
    type SigningScheme = Scheme;
    type Context = RoundContext;
    type Block = Block;
    type Input = ();

    /// Proposes when enough records have come together ([`Gathering`]), and an empty block after the idle time.
    async fn propose(
        &mut self,
        (runtime, context): (E, RoundContext),
        mut ancestry: impl Ancestry<Block>,
        _: (),
    ) -> Option<Digested<Block>> {
        let parent = ancestry.next().await?;
        let ancestors = self.uncommitted(parent.clone(), ancestry).await?;
        let height = parent.height().next();
        let idle = if self.application.change_awaits() {
            self.timing.hurried_idle()
        } else {
            self.timing.idle()
        };
        let answered = parent.inner().ordered().records.len();
        let mut gathering = Gathering::until(runtime.current() + idle);
        loop {
            self.wake.mark_unchanged();
            let committed = self.application.committed_height();
            let on_their_way = ancestors.iter().filter(|block| block.height > committed);
            let on_their_way: usize = on_their_way.map(|block| block.records.len()).sum();
            let waiting = self.application.waiting().saturating_sub(on_their_way);
            if committed >= parent.height().get() {
                gathering.settle(waiting, answered, runtime.current());
            }
            if gathering.is_over(waiting, runtime.current()) {
                let time_ms = block_time(unix_ms(runtime.current()), parent.inner());
                let records = self.records(&runtime, &ancestors, height, time_ms).await?;
                if !records.is_empty() || gathering.is_due(runtime.current()) {
                    let block = Block::new(context, parent.digest(), height, time_ms, records);
                    return Some(block.digested());
                }
                gathering.begin_again();
            }
            tokio::select! {
                biased;
                _ = self.wake.changed() => {}
                () = runtime.sleep_until(gathering.end()) => {}
            }
        }
    }

    /// Answers `false` for what can never become valid; whatever may change keeps the question open.
    async fn verify(
        &mut self,
        (runtime, _): (E, RoundContext),
        mut ancestry: impl Ancestry<Block>,
    ) -> bool {
        let (Some(block), Some(parent)) = (ancestry.next().await, ancestry.next().await) else {
            return std::future::pending().await;
        };
        let later = block.inner().time_ms() > parent.inner().time_ms();
        if !later && !planted(Bug::TimeGoesBack) {
            return false;
        }
        wait_for_clock(&runtime, block.inner().time_ms(), self.timing.skew_ms_max).await;
        match self.verdict(&runtime, &block, parent, ancestry).await {
            Some(Verdict::Valid) => true,
            Some(Verdict::Invalid) => false,
            Some(Verdict::Passed) if self.is_final(&block).await => true,
            Some(Verdict::Passed) | None => std::future::pending().await,
        }
    }
}

impl Automaton {
    /// The application's answer; `None` when the engine is stopping.
    async fn verdict(
        &self,
        runtime: &impl Spawner,
        block: &Digested<Block>,
        parent: Digested<Block>,
        ancestry: impl Ancestry<Block>,
    ) -> Option<Verdict> {
        if block.height().get() <= self.application.committed_height() {
            return Some(Verdict::Passed);
        }
        let ancestors = self.uncommitted(parent, ancestry).await?;
        let application = self.application.clone();
        let block = block.inner().ordered();
        blocking(runtime, "validate", move || {
            application.validate(&ancestors, &block)
        })
        .await
    }

    /// Whether this very block is the final one at its height: after a restart the engine asks again
    /// about blocks that it finds in its journal of votes.
    async fn is_final(&self, block: &Digested<Block>) -> bool {
        let known = self
            .marshal
            .get_info(Identifier::Height(block.height()))
            .await;
        known.is_some_and(|(_, digest)| digest == block.digest())
    }

    /// The blocks above the committed height up to `newest`, oldest first; `None` when the engine has
    /// lost one of them.
    async fn uncommitted(
        &self,
        newest: Digested<Block>,
        mut ancestry: impl Ancestry<Block>,
    ) -> Option<Vec<OrderedBlock>> {
        let committed = self.application.committed_height();
        let mut blocks = Vec::new();
        let mut current = newest;
        while current.height().get() > committed {
            blocks.push(current.inner().ordered());
            if current.height() == Height::new(1) {
                break;
            }
            current = ancestry.next().await?;
        }
        blocks.reverse();
        Some(blocks)
    }

    async fn records(
        &self,
        runtime: &impl Spawner,
        ancestors: &[OrderedBlock],
        height: Height,
        time_ms: u64,
    ) -> Option<Vec<bytes::Bytes>> {
        let application = self.application.clone();
        let ancestors = ancestors.to_vec();
        blocking(runtime, "propose", move || {
            application.propose(&ancestors, height.get(), time_ms)
        })
        .await
    }
}

/// Runs `work` where it may hold its thread; `None` when the engine is stopping.
pub(crate) async fn blocking<T: Send + 'static>(
    runtime: &impl Spawner,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let task = runtime.child(name).shared(true);
    task.spawn(move |_| async move { work() }).await.ok()
}

/// A block's time: what the leader's clock shows, and always later than the block before.
fn block_time(clock_ms: u64, parent: &Block) -> u64 {
    if planted(Bug::TimeGoesBack) {
        return clock_ms;
    }
    clock_ms.max(parent.time_ms().saturating_add(1))
}

/// Waits until `time_ms` is no more than `skew_ms` ahead of the clock.
async fn wait_for_clock(runtime: &impl Clock, time_ms: u64, skew_ms: u64) {
    let acceptable = time_ms.saturating_sub(skew_ms);
    let ahead_ms = time_ms.saturating_sub(unix_ms(runtime.current()));
    if ahead_ms > skew_ms {
        tracing::warn!(
            ahead_ms,
            "a block from the future: its leader's clock or this one is wrong"
        );
    }
    loop {
        let now = unix_ms(runtime.current());
        if now >= acceptable {
            return;
        }
        runtime.sleep(Duration::from_millis(acceptable - now)).await;
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
