//! What members signed, as heard on the wire: whoever contradicts a vote of its own has forgotten or lies.

use crate::{block::BlockDigest, engine::Scheme};
use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_consensus::{Epochable as _, Viewable as _, simplex::types::Vote};
use commonware_cryptography::ed25519::PublicKey;
use commonware_runtime::IoBuf;
use std::collections::{BTreeMap, BTreeSet};

/// The votes of every member, by member, epoch and view.
#[derive(Default)]
pub(super) struct Testimony {
    votes: BTreeMap<(PublicKey, u64, u64), Ballots>,
    contradictions: BTreeSet<PublicKey>,
    heard: u64,
}

#[derive(Default)]
struct Ballots {
    notarized: Option<BlockDigest>,
    finalized: Option<BlockDigest>,
    nullified: bool,
}

impl Testimony {
    /// Takes a message of the channel of votes, on which members send their own votes only.
    pub(super) fn hear(&mut self, from: &PublicKey, message: &IoBuf) {
        let Some((_, vote)) = read_vote(message) else {
            return;
        };
        self.heard += 1;
        let place = (from.clone(), vote.epoch().get(), vote.view().get());
        let ballots = self.votes.entry(place).or_default();
        match vote {
            Vote::Notarize(vote) => {
                let before = ballots.notarized.replace(vote.proposal.payload);
                if before.is_some_and(|before| before != vote.proposal.payload) {
                    self.contradictions.insert(from.clone());
                }
            }
            Vote::Finalize(vote) => {
                let before = ballots.finalized.replace(vote.proposal.payload);
                if before.is_some_and(|before| before != vote.proposal.payload) {
                    self.contradictions.insert(from.clone());
                }
            }
            Vote::Nullify(_) => ballots.nullified = true,
        }
        if ballots.nullified && ballots.finalized.is_some() {
            self.contradictions.insert(from.clone());
        }
    }

    /// How many votes were understood.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) fn contradictions(&self) -> Vec<PublicKey> {
        self.contradictions.iter().cloned().collect()
    }
}

/// A message of the channel of votes: the epoch's bytes, and the vote.
pub(super) fn read_vote(message: &IoBuf) -> Option<(&[u8], Vote<Scheme, BlockDigest>)> {
    // Votes of several epochs share the channel: the epoch comes first, in seven bits a byte.
    let bytes = message.as_ref();
    let length = bytes.iter().take_while(|byte| **byte >= 0x80).count();
    let (epoch, vote) = bytes.split_at_checked(length + 1)?;
    let vote = Vote::decode(Bytes::copy_from_slice(vote)).ok()?;
    Some((epoch, vote))
}
