//! The settings of the voting protocol in one epoch.

use super::{BUFFER, FETCH_RETRY, FETCH_TIMEOUT, MAILBOX, Scheme, VIEW_RETENTION};
use crate::{
    block::{BlockDigest, RoundContext},
    config::Timing,
};
use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter,
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
        types::Activity,
    },
    types::Epoch,
};
use commonware_cryptography::{Sha256, ed25519};
use commonware_p2p::Blocker;
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_utils::NZDuration;

pub(super) type VotingOf<A, B> =
    simplex::Config<Scheme, RoundRobin<Sha256>, B, BlockDigest, A, A, A, Sequential>;

/// What differs between members and epochs.
pub(super) struct Parts<A, B> {
    pub(super) scheme: Scheme,
    pub(super) automaton: A,
    pub(super) blocker: B,
    pub(super) timing: Timing,
    pub(super) epoch: Epoch,
    pub(super) floor: Floor<Scheme, BlockDigest>,
    pub(super) partition: String,
    pub(super) cache: CacheRef,
}

pub(super) fn settings<A, B>(parts: Parts<A, B>) -> VotingOf<A, B>
where
    A: CertifiableAutomaton<Context = RoundContext, Digest = BlockDigest>
        + Relay<Digest = BlockDigest>
        + Reporter<Activity = Activity<Scheme, BlockDigest>>,
    B: Blocker<PublicKey = ed25519::PublicKey>,
{
    let leader_timeout = parts.timing.leader_timeout();
    simplex::Config {
        scheme: parts.scheme,
        elector: RoundRobin::default(),
        blocker: parts.blocker,
        automaton: parts.automaton.clone(),
        relay: parts.automaton.clone(),
        reporter: parts.automaton,
        track_historical_votes: false,
        strategy: Sequential,
        partition: parts.partition,
        mailbox_size: MAILBOX,
        epoch: parts.epoch,
        floor: parts.floor,
        replay_buffer: BUFFER,
        write_buffer: BUFFER,
        page_cache: parts.cache,
        leader_timeout,
        certification_timeout: leader_timeout * 2,
        timeout_retry: leader_timeout,
        view_retention: VIEW_RETENTION,
        // A leader that has been silent for this long is skipped at once when its turn comes.
        skip: SkipPolicy::Enabled {
            timeout: leader_timeout * 3,
            budget: SkipBudget::Participants,
        },
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        forward: ForwardPolicy::SilentVoters,
    }
}
