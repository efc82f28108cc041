//! One voting engine per epoch, and final blocks on their way to the application.
//!
//! Both in one task, because the committed blocks decide who votes next. The last block of an epoch is proposed again
//! until it is final; once it is committed, the engine of the next epoch starts from it, on channels and with
//! a journal of its own, and the old one is stopped. A block is acknowledged after that, so a crash in between repeats it.

use super::{
    BLOCKS_FETCHED_MAX, Certificate, Identity, Runtime, Track,
    beacon::Beacon,
    schemes::Schemes,
    storage::{Order, Storage},
    voting::{self, VotingOf},
};
use crate::{
    application::Application,
    block::{BlockDigest, RoundContext},
    committee::{Committee, Vote},
    config::{PeerKey, Timing},
    delivery::{self, Deliveries, DeliveryError},
    planted::{Bug, planted},
};
use commonware_consensus::{
    CertifiableAutomaton, Epochable as _, Heightable as _, Relay, Reporter,
    marshal::Identifier,
    simplex::{self, config::Floor, types::Activity},
    types::{Epoch, Epocher as _, FixedEpocher, Height},
};
use commonware_cryptography::{Digestible as _, Signer as _, ed25519};
use commonware_p2p::{
    Blocker, Sender,
    utils::mux::{self, MuxHandle},
};
use commonware_runtime::Handle;
use commonware_utils::{acknowledgement::Acknowledgement as _, ordered::Map};
use std::{convert::Infallible, io, sync::Arc};

/// Blocks are removed every so many heights.
const PRUNED_EVERY: u64 = 64;

/// Why the engine ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The members of the new epoch know this node by another key, or are more than the network was sized for.
    #[error("the new epoch needs another network")]
    Renew,
    /// The application is far ahead of everything that the engine has.
    #[error("the engine needs a certificate to start from")]
    FloorNeeded,
    #[error("the application does not know the members of epoch {0}")]
    Committee(Epoch),
    #[error("whether this node may vote is not known")]
    Ballot(#[source] io::Error),
    #[error("a part of the engine stopped")]
    Stopped,
}

/// The channels of the voting engines, divided by epoch.
pub(super) struct EpochChannels<S: Sender> {
    pub(super) votes: MuxHandle<S>,
    pub(super) certificates: MuxHandle<S>,
    pub(super) resolver: MuxHandle<S>,
}

/// The voting engine of one epoch; dropping it stops the engine.
struct Active {
    epoch: Epoch,
    engine: Handle<()>,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// What goes from epoch to epoch.
pub(super) struct Epochs<E, S: Sender, A, B> {
    pub(super) runtime: E,
    pub(super) identity: Identity,
    pub(super) timing: Timing,
    pub(super) application: Arc<dyn Application>,
    pub(super) automaton: A,
    pub(super) blocker: B,
    pub(super) storage: Storage,
    pub(super) schemes: Schemes,
    pub(super) epocher: FixedEpocher,
    pub(super) order: Order,
    pub(super) floor: Option<Certificate>,
    pub(super) channels: EpochChannels<S>,
    pub(super) track: Track,
    pub(super) beacon: Beacon,
}

impl<E, S, A, B> Epochs<E, S, A, B>
where
    E: Runtime,
    S: Sender<PublicKey = ed25519::PublicKey>,
    A: CertifiableAutomaton<Context = RoundContext, Digest = BlockDigest>
        + Relay<
            Digest = BlockDigest,
            PublicKey = ed25519::PublicKey,
            Plan = simplex::Plan<ed25519::PublicKey>,
        > + Reporter<Activity = Activity<super::Scheme, BlockDigest>>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    /// Commits final blocks and changes engines until something fails.
    pub(super) async fn run(mut self, deliveries: Deliveries) -> Ended {
        match self.follow(deliveries).await {
            Err(ended) => ended,
            Ok(never) => match never {},
        }
    }

    async fn follow(&mut self, mut deliveries: Deliveries) -> Result<Infallible, Ended> {
        self.catch_up().await?;
        let (epoch, floor) = self.resume().await?;
        let mut active = self.enter(epoch, floor).await?;
        loop {
            tokio::select! {
                biased;
                _ = &mut active.engine => return Err(Ended::Stopped),
                delivered = deliveries.recv() => {
                    let (block, acknowledgement) = delivered.ok_or(Ended::Stopped)?;
                    delivery::commit(&self.runtime, &self.application, &block).await?;
                    if Some(block.height()) == self.epocher.last(active.epoch) {
                        let floor = Floor::Genesis(block.digest());
                        active = self.enter(active.epoch.next(), floor).await?;
                    }
                    acknowledgement.acknowledge();
                    self.prune(active.epoch, block.height());
                }
            }
        }
    }

    /// The application may stand behind what the engine was told is durable (an older copy of its
    /// store was put back): the blocks in between are read from the engine's store first.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        let processed = self.order.get_processed().await;
        let processed = processed.map_or(0, |processed| processed.height().get());
        for height in self.application.committed_height().saturating_add(1)..=processed {
            let block = self
                .order
                .get_block(Identifier::Height(Height::new(height)));
            let block = block.await.ok_or(DeliveryError::Missing(height))?;
            delivery::commit(&self.runtime, &self.application, &block).await?;
        }
        Ok(())
    }

    /// The epoch of the next block and the block or certificate from which its engine starts.
    ///
    /// An engine that lost its directory, or whose application replayed records from a peer, has nothing of that epoch:
    /// then it starts where the given certificate is or, a little behind, where it stands itself, and passes through what
    /// is committed already.
    async fn resume(&mut self) -> Result<(Epoch, Floor<super::Scheme, BlockDigest>), Ended> {
        if self.floor.is_none() && self.is_far_behind().await {
            return Err(Ended::FloorNeeded);
        }
        let epoch = self.next_epoch();
        if let Some(digest) = self.boundary_block(epoch).await {
            return Ok((epoch, Floor::Genesis(digest)));
        }
        if let Some(certificate) = self.certificate_in(epoch).await {
            return Ok((epoch, Floor::Finalized(certificate)));
        }
        if let Some(floor) = &self.floor
            && floor.epoch() <= epoch
        {
            return Ok((floor.epoch(), Floor::Finalized(floor.clone())));
        }
        let processed = self.order.get_processed().await;
        let next = processed.map_or(Height::zero(), |processed| processed.height().next());
        let epoch = self.epocher.containing(next).map(|info| info.epoch());
        let epoch = epoch.ok_or(Ended::FloorNeeded)?;
        let digest = self.boundary_block(epoch).await.ok_or(Ended::FloorNeeded)?;
        tracing::warn!(%epoch, "the engine is behind the ledger and fetches blocks again");
        Ok((epoch, Floor::Genesis(digest)))
    }

    /// Whether the application has so many more blocks than the engine that peers need not have those in between.
    async fn is_far_behind(&mut self) -> bool {
        let processed = self.order.get_processed().await;
        let processed = processed.map_or(0, |processed| processed.height().get());
        self.application.committed_height() > processed.saturating_add(BLOCKS_FETCHED_MAX)
    }

    /// The block from which an epoch starts, if it is here.
    async fn boundary_block(&mut self, epoch: Epoch) -> Option<BlockDigest> {
        let boundary = Identifier::Height(self.boundary(epoch)?);
        let known = self.order.get_info(boundary).await;
        known.map(|(_, digest)| digest)
    }

    /// The latest certificate of `epoch` at or below the committed height.
    async fn certificate_in(&mut self, epoch: Epoch) -> Option<Certificate> {
        let first = self.epocher.first(epoch)?.get();
        for height in (first..=self.application.committed_height()).rev() {
            if let Some(certificate) = self.order.get_finalization(Height::new(height)).await {
                return (certificate.epoch() == epoch).then_some(certificate);
            }
        }
        None
    }

    /// Starts the engine of an epoch that follows `floor`.
    async fn enter(
        &mut self,
        epoch: Epoch,
        floor: Floor<super::Scheme, BlockDigest>,
    ) -> Result<Active, Ended> {
        let committee = self
            .application
            .committee(epoch.get())
            .ok_or(Ended::Committee(epoch))?;
        if epoch == self.next_epoch() && self.identity.is_known_by_another_key(&committee) {
            return Err(Ended::Renew);
        }
        let peers = self.peers_around(epoch, &committee);
        if peers.len() > self.identity.peers_max {
            return Err(Ended::Renew);
        }
        (self.track)(epoch.get(), peers);
        let scheme = match self.vote(epoch, &committee).await? {
            Vote::Validator => self.schemes.signer(&committee, self.identity.key.clone()),
            Vote::Observer => None,
        };
        let votes = scheme.is_some();
        // A journal with votes of this node cannot be opened by who does not vote: an older copy may hold one.
        let partition = if votes || planted(Bug::OneJournal) {
            self.storage.votes(epoch)
        } else {
            self.storage.followed(epoch)
        };
        let scheme = match scheme {
            Some(scheme) => scheme,
            // Who is no validator, or must not vote, checks certificates and never signs.
            None => self
                .schemes
                .verifier(epoch)
                .ok_or(Ended::Committee(epoch))?
                .as_ref()
                .clone(),
        };
        if planted(Bug::ForgottenVotes) {
            let _absent =
                commonware_runtime::Storage::remove(&self.runtime, &partition, None).await;
        }
        let voting = self.voting(epoch, scheme, floor, partition);
        let engine = self.start(epoch, voting).await;
        let engine = engine.map_err(|_closed| Ended::Stopped)?;
        self.beacon.reach(epoch);
        self.remove_votes_before(epoch).await;
        tracing::info!(%epoch, votes, members = committee.addresses().count(), "epoch begun");
        Ok(Active { epoch, engine })
    }

    /// Whether this node votes in the epoch: if it is a validator, and no vote of it can be forgotten.
    async fn vote(&mut self, epoch: Epoch, committee: &Committee) -> Result<Vote, Ended> {
        let me = self.identity.key.public_key();
        if !committee.votes(&me) {
            return Ok(Vote::Observer);
        }
        let ballot = self.identity.ballot.clone();
        let admitted = crate::automaton::blocking(&self.runtime, "ballot", move || {
            ballot.admit(&PeerKey::of(&me), epoch.get())
        });
        let admitted = admitted.await.ok_or(Ended::Stopped)?;
        let vote = admitted.map_err(Ended::Ballot)?;
        if vote == Vote::Observer {
            tracing::error!(
                %epoch,
                "votes of this epoch may be lost: this node follows, and votes again in a later one"
            );
        }
        Ok(vote)
    }

    fn voting(
        &self,
        epoch: Epoch,
        scheme: super::Scheme,
        floor: Floor<super::Scheme, BlockDigest>,
        partition: String,
    ) -> VotingOf<A, B> {
        voting::settings(voting::Parts {
            scheme,
            automaton: self.automaton.clone(),
            blocker: self.blocker.clone(),
            timing: self.timing,
            epoch,
            floor,
            partition,
            cache: self.storage.cache.clone(),
        })
    }

    async fn start(
        &mut self,
        epoch: Epoch,
        settings: VotingOf<A, B>,
    ) -> Result<Handle<()>, mux::Error> {
        let channel = epoch.get();
        let votes = self.channels.votes.register(channel).await?;
        let certificates = self.channels.certificates.register(channel).await?;
        let resolver = self.channels.resolver.register(channel).await?;
        let runtime = self.runtime.child("consensus");
        let runtime = runtime.with_attribute("epoch", channel);
        let engine = simplex::Engine::new(runtime, settings);
        Ok(engine.start(votes, certificates, resolver))
    }

    /// Members of this epoch, the one before, whom others may need, and the one after, who must catch up in time.
    fn peers_around(
        &self,
        epoch: Epoch,
        committee: &Committee,
    ) -> Map<ed25519::PublicKey, commonware_p2p::Address> {
        let before = epoch
            .previous()
            .and_then(|epoch| self.application.committee(epoch.get()));
        let after = self.application.committee(epoch.next().get());
        super::union([Some(committee), after.as_ref(), before.as_ref()])
    }

    /// Journals of epochs that are over for good: the previous one is kept, in case the application's store is put back.
    async fn remove_votes_before(&mut self, epoch: Epoch) {
        let old = epoch.previous().and_then(Epoch::previous);
        if let Some(old) = old {
            for partition in [self.storage.votes(old), self.storage.followed(old)] {
                // There is none if this node did not take part in this way, or removed it before.
                let _absent =
                    commonware_runtime::Storage::remove(&self.runtime, &partition, None).await;
            }
        }
    }

    fn prune(&self, epoch: Epoch, height: Height) {
        if height.get().is_multiple_of(PRUNED_EVERY) {
            let kept = Height::new(self.application.keep_from());
            let boundary = self.boundary(epoch).unwrap_or_default();
            self.order.prune(kept.min(boundary).min(height));
        }
    }

    fn next_epoch(&self) -> Epoch {
        super::next_epoch(&self.epocher, self.application.as_ref())
    }

    /// The block from which an epoch starts: the last of the one before, or the genesis block.
    fn boundary(&self, epoch: Epoch) -> Option<Height> {
        match epoch.previous() {
            Some(previous) => self.epocher.last(previous),
            None => Some(Height::zero()),
        }
    }
}
