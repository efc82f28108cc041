//! Several events under one signature: what waits at one time goes onto the ledger as one record (kind 9), which is made, sent
//! and checked by every node at a fraction of the cost of one record each.
//!
//! The queue keeps a record for each event. A group is made of them when it is sent and is written nowhere: if the service stops
//! before it has noted the receipt, the events are sent again, refused because they stand, and found there one by one. The same
//! happens if the ledger refuses a group: it takes all events or none, so each of them is then sent alone.

use std::sync::Arc;

use protocol::registry::record::{Body, CaseEvent, CaseEventGroup, Record};
use registry_client::{RegistryClient, SubmitError};

use super::{
    Author, Lane, QueuedRecord, Recorded,
    submission::{Ended, RETRY_PAUSE, Then, note},
};
use crate::issuer::Issuer;

/// Fewer events are cheaper one by one.
const EVENTS_MIN: usize = 2;

/// Events that are sent together.
pub(super) struct Group {
    queued: Vec<QueuedRecord>,
    record: Record,
}

impl Group {
    /// Signs events together; none if there are too few of them.
    pub(super) fn of(author: &Author, waiting: Vec<(QueuedRecord, CaseEvent)>) -> Option<Self> {
        if waiting.len() < EVENTS_MIN {
            return None;
        }
        let (queued, events): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let group = CaseEventGroup::of(events).ok()?;
        let record = author.sign(Body::CaseEventGroup(group));
        Some(Self { queued, record })
    }

    /// The lanes that it keeps busy, each once.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let mut lanes: Vec<Lane> = self.queued.iter().map(|queued| queued.lane).collect();
        lanes.dedup();
        lanes
    }

    /// Brings the group to the registry and notes the receipt of each event.
    pub(super) async fn submit(self, issuer: &Arc<Issuer>, client: &RegistryClient) -> Ended {
        let lanes = self.lanes();
        let then = match client.submit(&self.record, &[]).await {
            Ok(receipt) => self.note_all(issuer, client, receipt.entry().index()).await,
            Err(SubmitError::Refused(refusal)) => {
                let events = self.queued.len();
                tracing::warn!(events, %refusal, "the registry refuses a group of events");
                Then::Alone
            }
            Err(
                error @ (SubmitError::Unavailable(_) | SubmitError::Fork(_) | SubmitError::NoNode),
            ) => {
                tracing::warn!(%error, "a group of events waits for the registry");
                Then::Pause(RETRY_PAUSE)
            }
        };
        Ended { lanes, then }
    }

    /// What is not noted is sent again, alone, and found on the ledger.
    async fn note_all(self, issuer: &Arc<Issuer>, client: &RegistryClient, index: u64) -> Then {
        tracing::info!(
            events = self.queued.len(),
            index,
            "events recorded together"
        );
        let mut then = Then::Next;
        for queued in self.queued {
            // Nobody asks for the receipt of an event; that it was proved is enough.
            let receipt = String::new();
            let recorded = Recorded { index, receipt };
            if note(issuer, client, queued, recorded).await.is_err() {
                then = Then::Alone;
            }
        }
        then
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{queue, waiting_events};
    use protocol::identity::{Algorithm, SigningKey};
    use protocol::registry::record::{Erasure, GROUP_EVENTS_MAX, StatusListVersion};
    use protocol::registry::{CaseId, Commitment, ContentDigest, ListId, NetworkId};
    use vault::{Changes, Vault};

    fn author() -> Author {
        Author {
            network: NetworkId::from_bytes([1; 32]),
            key: SigningKey::from_secret(Algorithm::EdDsa, &[2; 32]).unwrap(),
        }
    }

    fn event(case: u8, sequence: u32) -> Body {
        Body::CaseEvent(CaseEvent {
            case: CaseId::from_bytes([case; 16]),
            sequence,
            code: 1,
            definition: 1,
            commitment: Commitment::from_bytes([case; 32]),
        })
    }

    fn add(vault: &Vault, lane: Lane, sequence: u64, body: Body) {
        let changes = queue(Changes::new(), lane, sequence, &author().sign(body)).unwrap();
        crate::store::commit(vault, &changes).unwrap();
    }

    fn add_event(vault: &Vault, case: u8, sequence: u32) {
        let lane = Lane::Case(CaseId::from_bytes([case; 16]));
        add(vault, lane, sequence.into(), event(case, sequence));
    }

    fn group(vault: &Vault, skip: impl Fn(Lane) -> bool) -> Option<Vec<(u8, u32)>> {
        let waiting = waiting_events(vault, &author(), skip).unwrap();
        let group = Group::of(&author(), waiting)?;
        let Body::CaseEventGroup(events) = group.record.body() else {
            panic!("no group");
        };
        assert_eq!(group.queued.len(), events.events().len());
        let events = events.events().iter();
        Some(
            events
                .map(|event| (event.case.as_bytes()[0], event.sequence))
                .collect(),
        )
    }

    fn vault() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let rng = &mut service::random::os();
        let key = vault::KeyFile::create(&folder.path().join("key"), rng).unwrap();
        let slots = [vault::NewSlot::KeyFile(&key)];
        let vault = Vault::create(&folder.path().join("vault"), &slots, rng).unwrap();
        (folder, vault)
    }

    #[test]
    fn events_that_wait_are_sent_together_in_the_order_of_their_cases() {
        let (_folder, vault) = vault();
        add_event(&vault, 1, 4);
        assert_eq!(group(&vault, |_| false), None, "one event is sent alone");
        for (case, sequence) in [(2, 0), (1, 5), (3, 7)] {
            add_event(&vault, case, sequence);
        }
        assert_eq!(
            group(&vault, |_| false).unwrap(),
            [(1, 4), (1, 5), (2, 0), (3, 7)]
        );
        let busy = Lane::Case(CaseId::from_bytes([1; 16]));
        assert_eq!(
            group(&vault, |lane| lane == busy).unwrap(),
            [(2, 0), (3, 7)]
        );
    }

    #[test]
    fn an_event_does_not_overtake_what_is_not_an_event() {
        let (_folder, vault) = vault();
        let case = CaseId::from_bytes([1; 16]);
        let commitment = Commitment::from_bytes([1; 32]);
        add_event(&vault, 1, 0);
        add(
            &vault,
            Lane::Case(case),
            1,
            Body::Erasure(Erasure { case, commitment }),
        );
        add_event(&vault, 1, 2);
        let (list, digest) = (ListId::from_bytes([1; 16]), ContentDigest::of(b""));
        let version = StatusListVersion {
            list,
            sequence: 0,
            digest,
        };
        add(
            &vault,
            Lane::StatusList(list),
            0,
            Body::StatusListVersion(version),
        );
        add_event(&vault, 2, 0);
        assert_eq!(group(&vault, |_| false).unwrap(), [(1, 0), (2, 0)]);
    }

    #[test]
    fn a_group_has_no_more_events_than_the_ledger_takes() {
        let (_folder, vault) = vault();
        for case in 0..=u8::try_from(GROUP_EVENTS_MAX).unwrap() {
            add_event(&vault, case, 0);
        }
        assert_eq!(group(&vault, |_| false).unwrap().len(), GROUP_EVENTS_MAX);
    }
}
