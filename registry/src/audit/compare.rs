//! What nodes show, compared with what follows from the records and with one another.

use super::{
    Auditor, Fault, Node, NodeReport, Report, Round, SourceError, Standing, Violation, parse,
    report::Violations,
};
use protocol::{
    json::{self, Limits},
    registry::{
        checkpoint::{Checkpoint, UnverifiedEvidence},
        merkle::{PROOF_HASHES_MAX, TreeHash, verify_consistency},
        note::NOTE_BYTES_MAX,
    },
};
use serde::Deserialize;

const CONSISTENCY_BYTES_MAX: usize = 4 * NOTE_BYTES_MAX;

/// What a node shows, before anything is believed.
pub(super) struct View {
    name: String,
    note: Option<Vec<u8>>,
    pub(super) claim: Option<Checkpoint>,
    pub(super) problem: Option<SourceError>,
}

/// A checkpoint that members signed, as a node shows it.
struct Signed {
    checkpoint: Checkpoint,
    note: String,
    is_quorum: bool,
}

#[derive(Deserialize)]
struct ConsistencyAnswer {
    hashes: Vec<String>,
}

impl View {
    pub(super) fn read(name: &str, note: Result<Option<Vec<u8>>, SourceError>) -> Self {
        let (note, problem) = match note {
            Ok(note) => (note, None),
            Err(problem) => (None, Some(problem)),
        };
        Self {
            name: name.to_owned(),
            claim: note
                .as_deref()
                .and_then(parse)
                .and_then(|note| note.dangerous_claim()),
            note,
            problem,
        }
    }
}

impl Auditor {
    pub(super) async fn compare(&mut self, views: Vec<View>, nodes: &[Node]) -> Round {
        let mut violations = Violations::default();
        let mut evidence = Vec::new();
        let mut standings = Vec::new();
        let mut signed: Vec<(String, Signed)> = Vec::new();
        for (view, node) in views.into_iter().zip(nodes) {
            let standing = match self.signed(&view) {
                Err(standing) => standing,
                Ok(Err(violation)) => {
                    violations.add(violation);
                    Standing::Wrong
                }
                Ok(Ok(shown)) => {
                    let standing = self.standing(node, &shown, &mut violations).await;
                    signed.push((view.name.clone(), shown));
                    standing
                }
            };
            standings.push(NodeReport {
                name: view.name,
                standing,
            });
        }
        for (name, shown) in &signed {
            let others = signed
                .iter()
                .map(|(_, other)| (&other.checkpoint, &other.note));
            let seen = self
                .seen
                .iter()
                .map(|(checkpoint, note)| (checkpoint, note));
            for (other, note) in others.chain(seen) {
                self.accuse(name, shown, (other, note), &mut violations, &mut evidence);
            }
        }
        for (_, shown) in signed {
            self.remember(shown.checkpoint, &shown.note);
        }
        let latest = self.replay.checkpoint_at(self.replay.size());
        Round {
            report: Report {
                network: self.genesis.network(),
                records: self.replay.size(),
                root: latest
                    .map(|latest| latest.root.to_string())
                    .unwrap_or_default(),
                height: latest.map_or(0, |latest| latest.height),
                time: latest.map_or(protocol::Timestamp::from_unix(0), |latest| latest.time),
                nodes: standings,
                violations: violations.into_vec(),
            },
            evidence,
        }
    }

    /// The signed checkpoint of a view; or what there is instead of one, or what is wrong with it.
    fn signed(&self, view: &View) -> Result<Result<Signed, Violation>, Standing> {
        if let Some(problem) = &view.problem {
            let problem = problem.to_string();
            return Err(Standing::Unreachable { problem });
        }
        let note = view.note.as_ref().ok_or(Standing::Empty)?;
        let forged = |text: &str| Ok(Err(Violation::of(&view.name, Fault::Forged, text)));
        let Some(parsed) = parse(note) else {
            return forged("the checkpoint is no signed note");
        };
        if let Some(claim) = view.claim.filter(|claim| !self.replay.settles(claim)) {
            return Err(Standing::NotCompared { size: claim.size });
        }
        let committees = &self.replay.committees();
        let is_quorum = parsed.clone().verify(committees).is_ok();
        match parsed.signed_by(committees) {
            Ok((checkpoint, _members)) => Ok(Ok(Signed {
                checkpoint,
                note: String::from_utf8_lossy(note).into_owned(),
                is_quorum,
            })),
            Err(error) => forged(&error.to_string()),
        }
    }

    async fn standing(&self, node: &Node, shown: &Signed, violations: &mut Violations) -> Standing {
        if !shown.is_quorum {
            let text = "fewer members than a quorum signed the checkpoint";
            violations.add(Violation::of(&node.name, Fault::NoQuorum, text));
            return Standing::Wrong;
        }
        let size = shown.checkpoint.size;
        if size > self.replay.size() {
            // Where the log is wrong, nothing beyond it can be compared.
            return match self.log_fault {
                Some(_) => Standing::NotCompared { size },
                None => self.ahead(node, &shown.checkpoint, violations).await,
            };
        }
        if self.replay.is_true(&shown.checkpoint) {
            self.check_document(node, &shown.checkpoint, violations)
                .await;
            return Standing::Agrees { size };
        }
        let text = match self.replay.checkpoint_at(size) {
            None => {
                format!("no block ends at {size} records, and a quorum signed a checkpoint there")
            }
            Some(right) => format!(
                "the checkpoint at {size} records has another {}",
                difference(right, &shown.checkpoint)
            ),
        };
        violations.add(Violation::of(&node.name, Fault::Checkpoint, &text));
        Standing::Wrong
    }

    /// A larger checkpoint must extend what was executed.
    async fn ahead(
        &self,
        node: &Node,
        claim: &Checkpoint,
        violations: &mut Violations,
    ) -> Standing {
        let (from, size) = (self.replay.size(), claim.size);
        let path = format!("consistency?from={from}&to={size}");
        let Ok(Some(answer)) = node.source.fetch(&path, CONSISTENCY_BYTES_MAX).await else {
            return Standing::NotCompared { size };
        };
        let limits = Limits::DEFAULT
            .with_bytes(CONSISTENCY_BYTES_MAX)
            .with_string(NOTE_BYTES_MAX);
        let proof = json::parse_as::<ConsistencyAnswer>(&answer, &limits).ok();
        let proof: Option<Vec<TreeHash>> = proof
            .filter(|answer| answer.hashes.len() <= PROOF_HASHES_MAX)
            .and_then(|answer| {
                answer
                    .hashes
                    .iter()
                    .map(|hash| TreeHash::from_base64(hash))
                    .collect()
            });
        let latest = self.replay.checkpoint_at(from);
        let extends = proof.zip(latest).is_some_and(|(proof, latest)| {
            verify_consistency(&proof, from, latest.root, size, claim.root).is_ok()
        });
        if extends {
            return Standing::Ahead { size };
        }
        let text = format!(
            "the checkpoint at {size} records is not shown to extend the {from} executed ones"
        );
        violations.add(Violation::of(&node.name, Fault::Checkpoint, &text));
        Standing::Wrong
    }

    /// The document that a node shows for the latest checkpoint must be the one that follows from the records.
    async fn check_document(&self, node: &Node, shown: &Checkpoint, violations: &mut Violations) {
        #[derive(Deserialize)]
        struct Answer {
            checkpoint: String,
            document: String,
        }
        const BYTES_MAX: usize = 8 * 1024 * 1024;
        let Ok(Some(answer)) = node.source.fetch("trusted-parties", BYTES_MAX).await else {
            return;
        };
        let limits = Limits::DEFAULT.with_bytes(BYTES_MAX).with_string(BYTES_MAX);
        let answer: Option<Answer> = json::parse_as(&answer, &limits).ok();
        let claimed = answer
            .as_ref()
            .and_then(|answer| parse(answer.checkpoint.as_bytes()));
        let claimed = claimed.and_then(|note| note.dangerous_claim());
        let wrong = match (answer, claimed) {
            // The ledger may have grown since: then it is checked in the next round.
            (Some(answer), Some(claimed)) if claimed == *shown => {
                shown.size == self.replay.size()
                    && answer.document != *self.replay.document_at(shown.height)
            }
            (Some(_), Some(_)) => false,
            (_, _) => true,
        };
        if wrong {
            let text = "the trusted parties document is not the one that follows from the records";
            violations.add(Violation::of(&node.name, Fault::TrustedParties, text));
        }
    }

    /// Makes evidence of two checkpoints that cannot both be true, if members signed both.
    fn accuse(
        &self,
        name: &str,
        shown: &Signed,
        (other, note): (&Checkpoint, &String),
        violations: &mut Violations,
        evidence: &mut Vec<UnverifiedEvidence>,
    ) {
        let in_order =
            (shown.checkpoint.size, shown.checkpoint.height) <= (other.size, other.height);
        let ((first, first_note), (second, second_note)) = if in_order {
            ((&shown.checkpoint, &shown.note), (other, note))
        } else {
            ((other, note), (&shown.checkpoint, &shown.note))
        };
        let mut accusation = UnverifiedEvidence::new(first_note, second_note);
        if !first.contradicts(second) {
            // The larger one is what was executed, and the smaller one no part of it.
            let executed = self.replay.is_true(second);
            let Some((root, proof)) = executed
                .then(|| self.replay.prefix(first.size, second.size))
                .flatten()
                .filter(|(root, _)| *root != first.root)
            else {
                return;
            };
            accusation = accusation.with_prefix(root, &proof);
        }
        let Ok(shown) = accusation.verify(&self.replay.committees()) else {
            return;
        };
        let sizes = (shown.first.size, shown.second.size);
        let text = format!(
            "members signed two ledgers, of {} and {} records",
            sizes.0, sizes.1
        );
        let violation = Violation {
            members: shown.members,
            ..Violation::of(name, Fault::DoubleSignature, &text)
        };
        if violations.add(violation) {
            evidence.push(accusation);
        }
    }
}

fn difference(right: &Checkpoint, shown: &Checkpoint) -> &'static str {
    if right.root != shown.root {
        "root than follows from the records"
    } else if right.blocks != shown.blocks
        || right.height != shown.height
        || right.time != shown.time
    {
        "height, time or digest of blocks than the node tells"
    } else {
        "trusted parties document than follows from the records"
    }
}
