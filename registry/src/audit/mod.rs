//! `tegata-registry audit`: an auditor that knows the genesis file and where nodes are, and believes none of them.
//!
//! It executes the log again from the first record on, with every signature and every rule, computes what the members had to
//! sign, and compares that with what each node shows. Two signed checkpoints that cannot both be true become evidence that
//! anyone can check. From the node it takes the rules alone (`state`); tree and digests are computed here once more.

mod command;
mod compare;
mod handovers;
mod replay;
mod report;
#[cfg(test)]
mod tests;

pub use crate::source::{Source, SourceError};
pub use command::{AuditArguments, EvidenceArguments, run, verify_evidence};
pub use report::{Fault, NodeReport, Report, Standing, Violation};

use crate::source::{BUNDLE_BYTES_MAX, BUNDLE_ENTRIES, PLACES_BYTES_MAX, tile_path};
use compare::View;
use protocol::registry::{
    Genesis, ServiceUrl,
    checkpoint::{Checkpoint, UnverifiedCheckpoint, UnverifiedEvidence},
    note::NOTE_BYTES_MAX,
};
use rand_core::CryptoRng;
use replay::Replay;
use std::sync::Arc;

/// Checkpoints of the audited node that are kept to be compared with later ones.
const SEEN_MAX: usize = 4096;

/// A node with its name.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name in the report.
    pub name: String,
    /// Where it is read.
    pub source: Source,
}

/// Why there was no audit. (What an audit finds wrong is in its [`Report`].)
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The audited node does not answer.
    #[error("{node} cannot be read")]
    Unreachable {
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// There is no node to ask.
    #[error("there is no node to audit")]
    NoNode,
}

/// Audits a network again and again, each record once.
pub struct Auditor {
    genesis: Arc<Genesis>,
    replay: Replay,
    /// Signed checkpoints of earlier rounds, the oldest first.
    seen: Vec<(Checkpoint, String)>,
    /// What is wrong with the log itself: it stays wrong.
    log_fault: Option<Violation>,
}

/// What a round found, and the evidence for third parties.
pub struct Round {
    /// The report.
    pub report: Report,
    /// Proof of what members signed twice.
    pub evidence: Vec<UnverifiedEvidence>,
}

impl Auditor {
    /// An auditor that has seen nothing yet.
    #[must_use]
    pub fn new(genesis: Arc<Genesis>) -> Self {
        Self {
            replay: Replay::new(genesis.clone()),
            genesis,
            seen: Vec::new(),
            log_fault: None,
        }
    }

    /// Executes what the first node shows, and compares it with what all of them show.
    ///
    /// # Errors
    ///
    /// Fails if the first node cannot be read.
    pub async fn round(
        &mut self,
        nodes: &[Node],
        rng: &mut impl CryptoRng,
    ) -> Result<Round, AuditError> {
        let audited = nodes.first().ok_or(AuditError::NoNode)?;
        // The views are taken before the log, so that no honest node is ahead of it for long.
        let mut notes = Vec::new();
        for node in nodes {
            notes.push(node.source.fetch("checkpoint", NOTE_BYTES_MAX).await);
        }
        let mut views = Vec::new();
        for (node, note) in nodes.iter().zip(notes) {
            views.push(View::read(&node.name, note));
        }
        if let Some(View {
            problem: Some(_), ..
        }) = views.first()
        {
            let source = views.swap_remove(0).problem.ok_or(AuditError::NoNode)?;
            let node = audited.name.clone();
            return Err(AuditError::Unreachable { node, source });
        }
        if let Some(claim) = views.first().and_then(|view| view.claim)
            && self.log_fault.is_none()
        {
            self.log_fault = self.follow(audited, claim.size, rng).await?;
        }
        let mut round = self.compare(views, nodes).await;
        if let Some(fault) = &self.log_fault {
            round.report.violations.insert(0, fault.clone());
        }
        Ok(round)
    }

    /// Where the nodes of the members in force are, as far as the records say.
    #[must_use]
    pub fn members(&self) -> Vec<(String, ServiceUrl)> {
        let parties = self.replay.parties();
        let members = parties.members_in_force();
        members
            .map(|member| (member.name.clone(), member.url.clone()))
            .collect()
    }

    /// Executes the log up to a size; what is wrong with it, if anything.
    async fn follow(
        &mut self,
        node: &Node,
        size: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Violation>, AuditError> {
        while self.replay.size() < size {
            let number = self.replay.size() / BUNDLE_ENTRIES;
            let first = number * BUNDLE_ENTRIES;
            let width = (size - first).min(BUNDLE_ENTRIES);
            let fetch = async |kind, bytes_max| {
                let path = tile_path(kind, number, width);
                let fetched = node.source.fetch(&path, bytes_max).await;
                fetched.map_err(|source| AuditError::Unreachable {
                    node: node.name.clone(),
                    source,
                })
            };
            let entries = fetch("entries", BUNDLE_BYTES_MAX).await?;
            let places = fetch("blocks", PLACES_BYTES_MAX).await?;
            let (Some(entries), Some(places)) = (entries, places) else {
                let text =
                    format!("the node shows a checkpoint of {size} records and not all of them");
                return Ok(Some(
                    Violation::at(first, Fault::Withheld, &text).shown_by(&node.name),
                ));
            };
            let before = self.replay.size();
            if let Err(violation) = self.replay.take(first, &entries, &places, rng) {
                return Ok(Some(violation.shown_by(&node.name)));
            }
            if self.replay.size() == before {
                let text = "the bundle has fewer entries than it must have";
                return Ok(Some(
                    Violation::at(before, Fault::Withheld, text).shown_by(&node.name),
                ));
            }
        }
        self.replay.pause();
        Ok(None)
    }

    fn remember(&mut self, checkpoint: Checkpoint, note: &str) {
        if self.seen.iter().any(|(seen, _)| *seen == checkpoint) {
            return;
        }
        self.seen.push((checkpoint, note.to_owned()));
        if self.seen.len() > SEEN_MAX {
            self.seen.remove(0);
        }
    }
}

fn parse(note: &[u8]) -> Option<UnverifiedCheckpoint> {
    UnverifiedCheckpoint::parse(note).ok()
}
