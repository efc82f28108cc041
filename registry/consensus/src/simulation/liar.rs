//! Votes that a lying member signs beside its own, or instead of them.

use super::testimony::read_vote;
use crate::{
    block::BlockDigest,
    config::ConsensusKey,
    engine::{self, Scheme},
};
use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_consensus::simplex::types::{Finalize, Notarize, Proposal, Vote};
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _, certificate::Attestation, ed25519,
};
use commonware_runtime::IoBuf;
use commonware_utils::Participant;

/// How a member contradicts its own votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Everybody hears both.
    Both,
    /// Some hear one, some hear the other.
    Either,
}

/// A member that contradicts its own votes.
pub(super) struct Liar {
    pub(super) how: Contradiction,
    key: ed25519::PrivateKey,
    domain: Vec<u8>,
}

impl Liar {
    pub(super) fn new(how: Contradiction, key: &ConsensusKey, network: &[u8; 32]) -> Self {
        Self {
            how,
            key: key.0.clone(),
            domain: engine::namespace(network),
        }
    }

    /// The same vote for another block, signed as well; none for a vote to pass over a view.
    pub(super) fn contradict(&self, message: &IoBuf) -> Option<IoBuf> {
        let (epoch, vote) = read_vote(message)?;
        let vote: Vote<Scheme, BlockDigest> = match vote {
            Vote::Notarize(vote) => {
                let proposal = of_another_block(&vote.proposal);
                Vote::Notarize(Notarize {
                    attestation: self.sign(b"_NOTARIZE", &proposal, vote.attestation.signer),
                    proposal,
                })
            }
            Vote::Finalize(vote) => {
                let proposal = of_another_block(&vote.proposal);
                Vote::Finalize(Finalize {
                    attestation: self.sign(b"_FINALIZE", &proposal, vote.attestation.signer),
                    proposal,
                })
            }
            Vote::Nullify(_) => return None,
        };
        let message = [epoch, vote.encode().as_ref()].concat();
        Some(IoBuf::from(Bytes::from(message)))
    }

    fn sign(
        &self,
        purpose: &[u8],
        proposal: &Proposal<BlockDigest>,
        signer: Participant,
    ) -> Attestation<Scheme> {
        let namespace = [self.domain.as_slice(), purpose].concat();
        let signature = self.key.sign(&namespace, &proposal.encode());
        Attestation {
            signer,
            signature: signature.into(),
        }
    }
}

fn of_another_block(proposal: &Proposal<BlockDigest>) -> Proposal<BlockDigest> {
    let payload = Sha256::hash(&[proposal.payload.as_ref()]);
    Proposal::new(proposal.round, proposal.parent, payload)
}
