//! Several case events under one signature.
//!
//! What an issuer signs is the root of an RFC 6962 tree over the events, so that one signature, made and checked once, stands
//! for all of them, and a single event can be shown with its path alone. The record carries the events themselves.

use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use super::body::{case_event, encode_case_event};
use super::{CaseEvent, RecordError, VEC_GROWS};
use crate::registry::merkle::{Frontier, TreeHash};

/// A group has at most this many events.
pub const GROUP_EVENTS_MAX: usize = 64;

/// Kind 9: steps of cases, each of which takes effect like a record of its own, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseEventGroup {
    events: Vec<CaseEvent>,
}

/// A group without events, or with more than [`GROUP_EVENTS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a group has 1 to {GROUP_EVENTS_MAX} events")]
pub struct GroupSizeError;

impl CaseEventGroup {
    /// Events that are to be signed together.
    ///
    /// # Errors
    ///
    /// Fails if there are none or too many.
    pub fn of(events: Vec<CaseEvent>) -> Result<Self, GroupSizeError> {
        if events.is_empty() || events.len() > GROUP_EVENTS_MAX {
            return Err(GroupSizeError);
        }
        Ok(Self { events })
    }

    /// The events, in the order in which they take effect.
    #[must_use]
    pub fn events(&self) -> &[CaseEvent] {
        &self.events
    }

    /// The root of the tree over the events' encodings.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut tree = Frontier::default();
        for event in &self.events {
            let mut leaf = Encoder::new(Vec::new());
            encode_case_event(event, &mut leaf).expect(VEC_GROWS);
            tree.push(TreeHash::of_leaf(leaf.writer()));
        }
        tree.root()
    }

    pub(super) fn encode<W: Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        to.array(self.events.len() as u64)?;
        for event in &self.events {
            encode_case_event(event, to)?;
        }
        Ok(())
    }

    pub(super) fn encode_root<W: Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        to.array(2)?.u64(self.events.len() as u64)?;
        to.bytes(self.root().as_bytes())?.ok()
    }
}

pub(super) fn decode(from: &mut Decoder<'_>) -> Result<CaseEventGroup, RecordError> {
    let count = from.array()?.ok_or(RecordError::Malformed)?;
    let bounded = usize::try_from(count).is_ok_and(|count| count <= GROUP_EVENTS_MAX);
    if !bounded {
        return Err(RecordError::Malformed);
    }
    let events = (0..count).map(|_event| case_event(from));
    let events = events.collect::<Result<_, _>>()?;
    CaseEventGroup::of(events).map_err(|_cause| RecordError::Malformed)
}
