//! A signed record on its way to the ledger, and what a refusal means.

use super::{
    failure::GovernanceError,
    ledger::{Ledger, Unshown},
};
use anyhow::{Context as _, anyhow};
use protocol::{
    json::{self, Limits},
    problem::Problem,
    registry::{
        checkpoint::Committees,
        receipt::{RECEIPT_BYTES_MAX, VerifiedEntry, verify_receipt},
        record::Record,
    },
};
use std::time::Duration;

/// A node waits up to 20 seconds for a record to become final.
const TIMEOUT: Duration = Duration::from_secs(25);
/// A node that is a moment behind, or has too much to do, is asked again after each of these pauses.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

enum Answer {
    Recorded(Box<VerifiedEntry>),
    Later(anyhow::Error),
}

impl Ledger {
    /// Brings a record onto the ledger, and checks the receipt.
    ///
    /// # Errors
    ///
    /// Fails if the ledger refuses the record, or there is no receipt: then submitting the same record again is harmless.
    pub(super) async fn submit(
        &self,
        record: &Record,
        committees: &Committees,
    ) -> Result<VerifiedEntry, GovernanceError> {
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.submit_once(record, committees).await? {
                Answer::Recorded(entry) => return Ok(*entry),
                Answer::Later(error) => error,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(GovernanceError::Uncertain(error)),
            }
        }
    }

    async fn submit_once(
        &self,
        record: &Record,
        committees: &Committees,
    ) -> Result<Answer, GovernanceError> {
        let mut url = self.node.url().clone();
        url.set_path(&format!("{}/records", url.path().trim_end_matches('/')));
        let request = self.http.post(&url);
        let request = request
            .header("content-type", "application/cbor")
            .timeout(TIMEOUT)
            .body(record.as_bytes().to_vec());
        let answer = match self.http.send(request, RECEIPT_BYTES_MAX).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Answer::Later(error.into())),
        };
        if answer.status.as_u16() == 200 {
            let receipt = str::from_utf8(&answer.body).context("the receipt is not text");
            let receipt = receipt.map_err(GovernanceError::Uncertain)?;
            let entry = verify_receipt(receipt, record.as_bytes(), committees);
            let entry = entry.map_err(|error| GovernanceError::Uncertain(error.into()))?;
            return Ok(Answer::Recorded(Box::new(entry)));
        }
        let problem: Option<Problem> = json::parse_as(&answer.body, &Limits::DEFAULT).ok();
        let code = problem.and_then(|problem| problem.code);
        match (answer.status.as_u16(), code) {
            (400..=499, Some(code)) => Err(GovernanceError::Refused { code }),
            (status @ 400..=499, None) => {
                Err(self.unbelievable(Unshown::Status("records".to_owned(), status)))
            }
            (status, _) => Ok(Answer::Later(anyhow!(
                "the node answers with status {status}"
            ))),
        }
    }
}

/// What a problem's code means for an officer.
pub(super) fn reason(code: &str) -> &'static str {
    match code {
        "not_authorised" => "the key is not the governance key of a member in force",
        "conflict" => "this member has approved already, or the proposal is adopted",
        "expired" => "the proposal's time is over",
        "unfit_change" => "the change does not fit the parties any more",
        "too_many_decisions_wait" => "too many proposals or decided changes wait",
        "unknown_subject" => "no such proposal waits",
        "wrong_network" => "it is of another network",
        "record_too_long" => "the change has too much text",
        "record_signature" | "record_malformed" | "record_not_canonical" => {
            "the node cannot read it"
        }
        _ => "for a reason that this build does not know",
    }
}

/// What to do about it.
pub(super) fn advice(code: &str) -> &'static str {
    match code {
        "not_authorised" => {
            "see who decides with `tegata-registry parties`; give that member's governance key with --key"
        }
        "conflict" => "see how it stands: tegata-registry show <id>",
        "expired" => "propose the change again; check this machine's clock",
        "unfit_change" => {
            "another decision came first: see `tegata-registry proposals --all`, and propose what fits now"
        }
        "too_many_decisions_wait" => {
            "approve or let lapse what waits: a member can have 8 proposals waiting, and 4 committees can be decided ahead"
        }
        "unknown_subject" => "it was decided or has lapsed: see `tegata-registry proposals --all`",
        "wrong_network" => "give the genesis file of the node's network with --genesis",
        "record_too_long" => {
            "register with fewer or shorter texts: a change has at most 15,872 bytes"
        }
        _ => "use the build that the node has: the node and this command must be of one version",
    }
}
