//! Changes of the committee: what is announced to readers, and what they fetch to follow it.

use super::Replica;
use crate::{cosigning::Told, message::Message, state::State, store::CosignedNote};
use protocol::{
    Timestamp,
    registry::{
        Member,
        checkpoint::{Checkpoint, Committees},
        record::{Body, Record},
    },
};
use registry_consensus::Recipients;
use std::sync::Arc;

/// Who signs checkpoints can change with a decision of the members alone.
pub(crate) fn decides(record: &Record) -> bool {
    matches!(record.body(), Body::Proposal(_) | Body::Approval(_))
}

/// The checkpoint that announces other members, if the block of this height, whose records have been applied, decided on
/// them.
pub(super) fn announcement(
    state: &State<'_>,
    before: &Committees,
    height: u64,
) -> Option<(Checkpoint, Arc<str>)> {
    if state.committees() == *before {
        return None;
    }
    let mut ended = state.fork();
    ended.end_block(height);
    Some(ended.signed())
}

impl Replica {
    /// The handovers from a height on, the oldest first, as many as fit into one answer.
    #[must_use]
    pub fn handovers(&self, from: u64) -> Vec<CosignedNote> {
        self.cosigning.handovers(from)
    }

    /// Whose signatures count, as far as this node's ledger says.
    #[must_use]
    pub fn committees(&self) -> Committees {
        self.committed().state.committees()
    }

    /// The member of this name as it was decided last, in force or to be.
    #[must_use]
    pub fn newest_member(&self, name: &str) -> Option<Member> {
        let committed = self.committed();
        let newest = committed.state.parties_at(u64::MAX);
        let mut members = newest.members().iter();
        members.find(|member| member.name == name).cloned()
    }

    pub(super) fn repeat_handovers(&self, now: Timestamp) {
        for told in self.cosigning.repeat_handovers(now) {
            let message = match told {
                Told::Note(note) => Message::Checkpoint(note),
                Told::Wanted(height) => Message::Wanted(height),
            };
            self.tell(&message, Recipients::All);
        }
    }
}
