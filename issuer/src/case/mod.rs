//! A KYC case: its state, its events, and which step may come next.
//!
//! What is kept of a case names nobody: random ids, hashes, dates, pseudonyms. Personal data is in the evidence files
//! ([`crate::evidence`]) and in the claims that wait for a bearer value.

mod event;
mod renewal;
mod store;

use protocol::{
    Timestamp,
    envelope::hpke::Sealed,
    kyc::{CaseState, CaseStatus, CheckState, CheckStatus, Judgement, Process},
    registry::{CaseId, ProcessDefinition},
};
use serde::{Deserialize, Serialize};
use service::bearer::BearerHash;

pub(crate) use event::{Event, EventContent, StepError};
pub(crate) use renewal::renew;
pub(crate) use store::{CASE, load, load_all};

/// The checks that staff complete; the residence is confirmed by redeeming the offer.
pub(crate) const STAFF_CHECKS: [Process; 3] = [
    Process::IdentityDocument,
    Process::NameIdentification,
    Process::AsfCollation,
];

/// One application under way, or what is left of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Where it stands.
    pub(crate) progress: Progress,
    /// Admits the applicant to its state.
    token: [u8; 32],
    /// To whom the offer is sealed.
    pub(crate) reply_key: [u8; 32],
    /// When it arrived.
    pub(crate) received: Timestamp,
    /// What happened, in order. Gone when the case is closed.
    pub(crate) events: Vec<Event>,
    /// The open offer: under which name it is stored, and its sealed link.
    pub(crate) offer: Option<OpenOffer>,
    /// Access tokens under which credentials can still be requested, by the name they are stored under.
    pub(crate) grants: Vec<String>,
    /// The status list entries of its credentials.
    pub(crate) statuses: Vec<StatusEntry>,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Checks are open.
    UnderReview,
    /// All checks of the staff are passed.
    Checked,
    /// Credentials were issued.
    Issued,
    /// The last event is on its way to the registry; the evidence is still there.
    Closing(Outcome),
    /// The evidence is gone; the erasure receipt is on its way.
    Erasing(Outcome),
    /// Nothing is left to do.
    Closed(Outcome),
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Credentials were issued.
    Issued,
    /// A check failed.
    Rejected,
    /// The application held a My Number.
    MyNumber,
    /// Nobody redeemed the offer.
    Lapsed,
}

/// An offer that can be redeemed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenOffer {
    /// The name under which it is stored: a hash of its code.
    pub(crate) name: String,
    /// The link, sealed to the applicant.
    pub(crate) sealed: Sealed,
}

/// One entry of a status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusEntry {
    /// Which list.
    pub(crate) list: u16,
    /// Which entry.
    pub(crate) index: u32,
}

impl Case {
    /// A case whose application just arrived.
    pub(crate) const fn new(token: BearerHash, reply_key: [u8; 32], now: Timestamp) -> Self {
        Self {
            progress: Progress::UnderReview,
            token: *token.as_bytes(),
            reply_key,
            received: now,
            events: Vec::new(),
            offer: None,
            grants: Vec::new(),
            statuses: Vec::new(),
        }
    }

    /// The hash of the applicant's token.
    pub(crate) const fn token(&self) -> BearerHash {
        BearerHash::from_bytes(self.token)
    }

    /// Adds the event of a step if the process definition allows it now.
    pub(crate) fn append(
        &mut self,
        content: EventContent<'_>,
        definition: &ProcessDefinition,
    ) -> Result<&Event, StepError> {
        let event = event::next(&self.events, content, definition)?;
        self.events.push(event);
        self.events.last().ok_or(StepError::Order)
    }

    /// The event of a check, if it was completed.
    pub(crate) fn check(&self, process: Process) -> Option<&Event> {
        self.events
            .iter()
            .find(|event| event.process() == Some(process))
    }

    /// Whether every event stands on the registry.
    pub(crate) fn is_recorded(&self) -> bool {
        self.events.iter().all(|event| event.recorded.is_some())
    }

    /// Whether every check of the staff is passed.
    pub(crate) fn staff_checks_passed(&self) -> bool {
        STAFF_CHECKS.into_iter().all(|process| {
            self.check(process).and_then(Event::judgement) == Some(Judgement::Passed)
        })
    }

    /// Whether the case is over, or about to be.
    pub(crate) const fn is_over(&self) -> bool {
        self.outcome().is_some()
    }

    /// How the case ended, if it did.
    const fn outcome(&self) -> Option<Outcome> {
        match self.progress {
            Progress::UnderReview | Progress::Checked | Progress::Issued => None,
            Progress::Closing(outcome) | Progress::Erasing(outcome) | Progress::Closed(outcome) => {
                Some(outcome)
            }
        }
    }

    /// What the applicant is told.
    pub(crate) fn status(&self) -> CaseStatus {
        let check_state = |process| match self.check(process) {
            Some(event) if event.recorded.is_some() => CheckState::Completed,
            // The events are forgotten, but nothing is issued before all checks are completed.
            None if self.outcome() == Some(Outcome::Issued) => CheckState::Completed,
            Some(_) | None => CheckState::Pending,
        };
        let reason = (self.outcome() == Some(Outcome::MyNumber)).then(|| "my_number".to_owned());
        CaseStatus {
            state: self.state(),
            checks: Process::ALL
                .into_iter()
                .map(|process| CheckStatus {
                    process,
                    state: check_state(process),
                })
                .collect(),
            offer: self.offer.as_ref().map(|offer| offer.sealed.clone()),
            reason,
        }
    }

    fn state(&self) -> CaseState {
        match self.progress {
            Progress::UnderReview if self.events.len() <= 1 => CaseState::Received,
            Progress::UnderReview => CaseState::UnderReview,
            Progress::Checked if self.offer.is_some() || !self.grants.is_empty() => {
                CaseState::OfferReady
            }
            Progress::Checked => CaseState::UnderReview,
            Progress::Issued
            | Progress::Closing(Outcome::Issued)
            | Progress::Erasing(Outcome::Issued) => CaseState::Issued,
            Progress::Closed(Outcome::Issued) => CaseState::Closed,
            Progress::Closing(_) | Progress::Erasing(_) | Progress::Closed(_) => {
                CaseState::Rejected
            }
        }
    }

    /// Forgets what the applicant's copy alone shall open: salts, pseudonyms, the offer.
    pub(crate) fn forget(&mut self, outcome: Outcome) {
        self.progress = Progress::Closed(outcome);
        self.events.clear();
        self.offer = None;
        self.grants.clear();
        self.reply_key = [0; 32];
    }
}

/// A case as lists show it.
#[derive(Debug, Serialize)]
pub(crate) struct CaseSummary {
    case: CaseId,
    state: CaseState,
    received: Timestamp,
    checks: Vec<CheckSummary>,
}

/// A check as the staff see it.
#[derive(Debug, Serialize)]
struct CheckSummary {
    process: Process,
    result: Judgement,
    recorded: bool,
}

impl CaseSummary {
    pub(crate) fn new(id: CaseId, case: &Case) -> Self {
        let checks = case.events.iter().filter_map(|event| {
            Some(CheckSummary {
                process: event.process()?,
                result: event.judgement()?,
                recorded: event.recorded.is_some(),
            })
        });
        Self {
            case: id,
            state: case.state(),
            received: case.received,
            checks: checks.collect(),
        }
    }
}
