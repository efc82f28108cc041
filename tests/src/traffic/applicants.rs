//! People who apply, and what the ledger shows of them.

use protocol::Timestamp;
use protocol::application::OutcomeOpening;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::record::Record;
use protocol::registry::{ApplicationId, ApplicationResult, NetworkId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng as _;

use super::{COMPANIES, MEMBERS, Plan, SLOT_MS, Transport, below, straight};

/// A company verifies a presentation within this time.
const RECEIVED_MS: u64 = 3_000;
/// Companies decide within this many slots, all alike: their habits are not what is examined.
const DECIDED_SLOTS: u64 = 60;

/// A person who applies at a company.
pub(super) struct Applicant {
    pub(super) company: usize,
    designated_ms: u64,
    designated_at: usize,
    received_ms: u64,
    decides_after_ms: u64,
    id: ApplicationId,
    key: SigningKey,
    openings: [OutcomeOpening; 2],
    /// Outcomes that were handed in.
    handed_in: usize,
    recorded: Vec<Sighting>,
}

/// Where and when a record of an application appeared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) slot: u64,
    /// The node that told the others.
    pub(super) node: usize,
    /// Its place among the records of the slot.
    pub(super) position: usize,
}

/// All that the ledger shows of an application.
#[derive(Clone, Debug)]
pub(super) struct Sightings {
    pub(super) designated_slot: u64,
    pub(super) designated_at: usize,
    pub(super) outcomes: Vec<Sighting>,
}

impl Applicant {
    /// People who apply over such a time that about two outcomes fall into a slot: few to hide among.
    pub(super) fn many(plan: &Plan, rng: &mut ChaCha20Rng) -> Vec<Self> {
        let span_ms = plan.applications as u64 * SLOT_MS;
        (0..plan.applications)
            .map(|_person| {
                let company = COMPANIES.start + below(rng, COMPANIES.len());
                let designated_ms = rng.next_u64() % span_ms.max(1);
                let designated_at = match plan.transport {
                    Transport::OtherNode | Transport::OwnNode => {
                        straight(Transport::OtherNode, company, rng)
                    }
                    Transport::Cascade
                    | Transport::ShortCascade
                    | Transport::OneNode
                    | Transport::WithoutDummies
                    | Transport::WithoutSlots => below(rng, MEMBERS),
                };
                let time = Timestamp::from_unix(designated_ms / 1_000);
                let results = [ApplicationResult::Received, ApplicationResult::Opened];
                Self {
                    company,
                    designated_ms,
                    designated_at,
                    received_ms: designated_ms + rng.next_u64() % RECEIVED_MS,
                    decides_after_ms: rng.next_u64() % (DECIDED_SLOTS * SLOT_MS),
                    id: ApplicationId::random(rng),
                    key: SigningKey::generate(Algorithm::EdDsa, rng),
                    openings: results.map(|result| OutcomeOpening::new(result, time, rng)),
                    handed_in: 0,
                    recorded: Vec::new(),
                }
            })
            .collect()
    }

    pub(super) fn is_done(&self) -> bool {
        self.recorded.len() == self.openings.len()
    }

    /// The outcome that its company has ready by now, once, and since when.
    pub(super) fn next_outcome(
        &mut self,
        now_ms: u64,
        network: NetworkId,
    ) -> Option<(u64, Record)> {
        if self.handed_in > self.recorded.len() {
            return None;
        }
        let opening = self.openings.get(self.handed_in)?;
        let ready_ms = match self.recorded.first() {
            None => self.received_ms,
            Some(received) => received.slot * SLOT_MS + self.decides_after_ms,
        };
        if ready_ms > now_ms {
            return None;
        }
        self.handed_in += 1;
        Some((ready_ms, opening.sign(network, self.id, &self.key)))
    }

    pub(super) fn has_id(&self, id: ApplicationId) -> bool {
        self.id == id
    }

    pub(super) fn appears(&mut self, sighting: Sighting) {
        self.recorded.push(sighting);
    }

    pub(super) fn sightings(&self) -> Sightings {
        Sightings {
            designated_slot: self.designated_ms / SLOT_MS,
            designated_at: self.designated_at,
            outcomes: self.recorded.clone(),
        }
    }
}
