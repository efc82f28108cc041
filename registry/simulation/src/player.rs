//! A member's application: the replica as it is, or one that lies.

use crate::{
    network::{Network, cosigning_key},
    plan::Lie,
    witness::{CHECKPOINT, Witness},
};
use bytes::Bytes;
use protocol::registry::{checkpoint::write_checkpoint, merkle::TreeHash, record::Record};
use registry::{clock::Clock, replica::Replica};
use registry_consensus::{
    Application, CommitError, Committee, Handle, OrderedBlock, PeerKey, Recipients, Verdict,
};
use std::sync::Arc;

/// A member that may lie, and whose mail is read.
pub(crate) struct Player {
    replica: Arc<Replica>,
    witness: Witness,
    play: Play,
}

enum Play {
    Honest,
    /// It adds records against the rules to its blocks, and accepts any.
    InvalidBlocks(Vec<Bytes>),
    /// It signs another ledger for each that it signs.
    Forks {
        member: usize,
        handle: Handle,
        clock: Arc<dyn Clock>,
    },
}

impl Player {
    pub(crate) fn new(
        replica: Arc<Replica>,
        witness: Witness,
        handle: Handle,
        clock: Arc<dyn Clock>,
        (member, lie, network): (usize, Option<&Lie>, &Network),
    ) -> Self {
        let play = match lie {
            Some(Lie::InvalidBlocks) => Play::InvalidBlocks(refused(network)),
            Some(Lie::Forks) => Play::Forks {
                member,
                handle,
                clock,
            },
            Some(Lie::Garbles | Lie::Withholds(..) | Lie::Twins(_) | Lie::Votes(_)) | None => {
                Play::Honest
            }
        };
        Self {
            replica,
            witness,
            play,
        }
    }

    /// Tells everybody of a ledger that is not this one.
    fn fork(&self) -> Option<()> {
        let Play::Forks {
            member,
            handle,
            clock,
        } = &self.play
        else {
            return None;
        };
        let latest = self.replica.latest()?;
        let mut other = *latest.checkpoint.checkpoint();
        other.root = TreeHash::of_leaf(b"another ledger");
        let cosigners = self.replica.genesis().cosigners();
        let signature = cosigners.cosign(&other, &cosigning_key(*member, 0), clock.now())?;
        let note = write_checkpoint(&other, &[signature]).ok()?;
        let message = [&[CHECKPOINT], note.as_bytes()].concat();
        handle.gossip(Recipients::All, message.into()).ok()
    }
}

impl Application for Player {
    fn committed_height(&self) -> u64 {
        self.replica.committed_height()
    }

    fn waiting(&self) -> usize {
        let refused = matches!(&self.play, Play::InvalidBlocks(refused) if !refused.is_empty());
        self.replica.waiting() + usize::from(refused)
    }

    fn propose(&self, ancestors: &[OrderedBlock], height: u64, time_ms: u64) -> Vec<Bytes> {
        let mut records = self.replica.propose(ancestors, height, time_ms);
        if let Play::InvalidBlocks(refused) = &self.play {
            let which = usize::try_from(height).unwrap_or(0) % refused.len().max(1);
            records.extend(refused.get(which).cloned());
        }
        records
    }

    fn validate(&self, ancestors: &[OrderedBlock], block: &OrderedBlock) -> Verdict {
        match self.play {
            Play::InvalidBlocks(_) => Verdict::Valid,
            Play::Honest | Play::Forks { .. } => self.replica.validate(ancestors, block),
        }
    }

    fn commit(&self, block: &OrderedBlock) -> Result<(), CommitError> {
        self.replica.commit(block)?;
        let _told = self.fork();
        Ok(())
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        self.replica.committee(epoch)
    }

    fn change_awaits(&self) -> bool {
        self.replica.change_awaits()
    }

    fn keep_from(&self) -> u64 {
        self.replica.keep_from()
    }

    fn on_gossip(&self, from: PeerKey, message: Bytes) {
        self.witness.hear(&message);
        self.replica.on_gossip(from, message);
    }

    fn on_gossip_of_many(&self, messages: Vec<(PeerKey, Bytes)>) {
        for (_, message) in &messages {
            self.witness.hear(message);
        }
        self.replica.on_gossip_of_many(messages);
    }
}

/// Records that no honest member accepts: out of their turn, of no process, with a byte changed.
fn refused(network: &Network) -> Vec<Bytes> {
    let bytes = |record: Record| record.as_bytes().to_vec();
    let mut forged = bytes(network.event([200; 16], (0, 1), 1, 0));
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    let wrong = [
        bytes(network.event([201; 16], (5, 2), 1, 0)),
        bytes(network.event([202; 16], (0, 6), 1, 0)),
        forged,
    ];
    wrong.into_iter().map(Bytes::from).collect()
}
