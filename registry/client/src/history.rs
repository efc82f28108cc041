//! What the ledger says of a case or an application.
//!
//! Each entry is proved by the node that names it. That none is missing at the end cannot be proved: one more member than
//! may be faulty is asked, so that an honest one is among them.

use std::collections::BTreeMap;

use protocol::json::{self, Limits};
use protocol::registry::receipt::VerifiedEntry;
use protocol::registry::record::Body;
use protocol::registry::{ApplicationId, CaseId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fault::Next;
use crate::memory::Floor;
use crate::node::Node;
use crate::{Fault, ReadError, RegistryClient};

const INDEXES_BYTES_MAX: usize = 64 * 1024;
/// More records than any process definition has steps.
const INDEXES_MAX: usize = 128;

#[derive(Deserialize)]
struct CaseAnswer {
    records: Vec<u64>,
}

#[derive(Deserialize)]
struct ApplicationAnswer {
    designation: u64,
    outcomes: Vec<u64>,
}

/// What is asked for: where, in which form it comes, and which records belong to it.
enum Subject {
    Case(CaseId),
    Application(ApplicationId),
}

impl Subject {
    fn path(&self) -> String {
        match self {
            Self::Case(case) => format!("/cases/{case}"),
            Self::Application(application) => format!("/applications/{application}"),
        }
    }

    fn indexes(&self, answer: &[u8]) -> Result<Vec<u64>, Fault> {
        let indexes = match self {
            Self::Case(_) => parse::<CaseAnswer>(answer)?.records,
            Self::Application(_) => {
                let answer: ApplicationAnswer = parse(answer)?;
                [&[answer.designation], answer.outcomes.as_slice()].concat()
            }
        };
        if indexes.len() > INDEXES_MAX {
            return Err(Fault::TooLong);
        }
        Ok(indexes)
    }

    fn owns(&self, body: &Body) -> bool {
        match (self, body) {
            (Self::Case(case), Body::CaseEvent(_) | Body::CaseEventGroup(_)) => {
                body.case_events().iter().any(|event| event.case == *case)
            }
            (Self::Case(case), Body::Erasure(erasure)) => erasure.case == *case,
            (Self::Application(application), Body::Designation(designation)) => {
                designation.application == *application
            }
            (Self::Application(application), Body::Outcome(outcome)) => {
                outcome.application == *application
            }
            (Self::Case(_) | Self::Application(_), _) => false,
        }
    }
}

impl RegistryClient {
    /// The records of a case, in their order. The nodes of the members in `avoid` are not asked: who knows the case need not
    /// learn who looks at it.
    ///
    /// # Errors
    ///
    /// Fails if there is no such case, or too few nodes answer.
    pub async fn case(
        &self,
        case: &CaseId,
        avoid: &[&str],
    ) -> Result<Vec<VerifiedEntry>, ReadError> {
        self.history(&Subject::Case(*case), avoid).await
    }

    /// The records of a case as the node of the caller's own member has them. It is believed also for what it leaves out;
    /// nobody else learns who looks.
    ///
    /// # Errors
    ///
    /// Fails if the node has no such case, does not answer, or belongs to no member of this network.
    pub async fn case_at(
        &self,
        case: &CaseId,
        own_member: &str,
    ) -> Result<Vec<VerifiedEntry>, ReadError> {
        let subject = Subject::Case(*case);
        let node = self.node_of(own_member);
        let node = node.ok_or(ReadError::Unavailable(None))?;
        let mut pauses = self.pauses.iter();
        loop {
            let floor = self.memory.floor();
            let none = BTreeMap::new();
            let last_fault = match self.history_from(&node, &subject, &none, floor).await {
                Ok(mut entries) if !entries.is_empty() => {
                    entries.sort_by_key(VerifiedEntry::index);
                    return Ok(entries);
                }
                Ok(_none) => None,
                Err(Fault::Stale) => Some(Fault::Stale),
                Err(fault) => {
                    return Err(match fault.next() {
                        Next::AnotherNode(fault) => ReadError::Unavailable(Some(fault)),
                        Next::GiveUp(error) => error,
                    });
                }
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None if last_fault.is_none() => return Err(ReadError::NotFound),
                None => return Err(ReadError::Unavailable(last_fault)),
            }
        }
    }

    /// The designation of an application and its outcomes, in their order.
    ///
    /// # Errors
    ///
    /// As [`RegistryClient::case`].
    pub async fn application(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<VerifiedEntry>, ReadError> {
        self.history(&Subject::Application(*application), &[]).await
    }

    async fn history(
        &self,
        subject: &Subject,
        avoid: &[&str],
    ) -> Result<Vec<VerifiedEntry>, ReadError> {
        let mut pauses = self.pauses.iter();
        loop {
            let (mut answers, mut last_fault) = (0, None);
            let mut entries: BTreeMap<u64, VerifiedEntry> = BTreeMap::new();
            let floor = self.memory.floor();
            for node in self.shuffled(avoid) {
                match self.history_from(&node, subject, &entries, floor).await {
                    Ok(new) => {
                        entries.extend(new.into_iter().map(|entry| (entry.index(), entry)));
                        answers += 1;
                    }
                    Err(fault) => {
                        tracing::warn!(node = node.name(), %fault, "registry read failed");
                        match fault.next() {
                            Next::AnotherNode(fault) => last_fault = Some(fault),
                            Next::GiveUp(error) => return Err(error),
                        }
                    }
                }
                if answers == self.believed() {
                    break;
                }
            }
            let enough = answers == self.believed();
            if enough && !entries.is_empty() {
                return Ok(entries.into_values().collect());
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None if enough => return Err(ReadError::NotFound),
                None => return Err(ReadError::Unavailable(last_fault)),
            }
        }
    }

    /// What one node names and shows beyond what is known.
    async fn history_from(
        &self,
        node: &Node,
        subject: &Subject,
        known: &BTreeMap<u64, VerifiedEntry>,
        floor: Floor,
    ) -> Result<Vec<VerifiedEntry>, Fault> {
        let Some(answer) = node.get(&subject.path(), INDEXES_BYTES_MAX).await? else {
            return Ok(Vec::new());
        };
        let mut new = Vec::new();
        for index in subject.indexes(&answer)? {
            if known.contains_key(&index) {
                continue;
            }
            let entry = self.entry_from(node, index, floor).await?;
            if !subject.owns(entry.record().body()) {
                return Err(Fault::Malformed);
            }
            new.push(entry);
        }
        Ok(new)
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Fault> {
    json::parse_as(answer, &Limits::DEFAULT).map_err(|_cause| Fault::Malformed)
}
