//! The staff's decision, and what follows of it.

use protocol::Timestamp;
use protocol::application::OutcomeOpening;
use protocol::registry::{ApplicationId, ApplicationResult};
use rand_core::CryptoRng;
use vault::Changes;

use super::record::{self, Decision, Standing, Verdict};
use super::session::outcome_key;
use crate::policy::Finding;
use crate::registry;
use crate::store::{self, Committed, StoreError};
use crate::verifier::Verifier;

/// Why a decision is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecisionError {
    /// There is no such application.
    #[error("no such application")]
    Unknown,
    /// It was decided already.
    #[error("the application was decided already")]
    Decided,
    /// The rules do not allow to open the account.
    #[error("the rules do not allow to open the account")]
    Findings(Vec<Finding>),
    /// The vault failed.
    #[error("the decision cannot be stored")]
    Store(#[from] StoreError),
}

/// Records a decision, given how the credential stands now. The outcome for the registry is queued in the same transaction.
pub(crate) fn decide(
    verifier: &Verifier,
    id: ApplicationId,
    (verdict, standing): (Verdict, Standing),
    by: &str,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<(), DecisionError> {
    let mut application = record::find(&verifier.vault, id)?.ok_or(DecisionError::Unknown)?;
    if application.value.decision.is_some() {
        return Err(DecisionError::Decided);
    }
    application.value.standing = standing;
    if verdict == Verdict::Opened {
        let findings = blocking(&application.value, now);
        if !findings.is_empty() {
            return Err(DecisionError::Findings(findings));
        }
    }
    let decision = Decision {
        verdict,
        time: now,
        by: by.to_owned(),
    };
    let mut changes = Changes::new();
    if let Some(designated) = &application.value.designated {
        let opening = OutcomeOpening::new(verdict.result(), now, rng);
        let outcome = opening.sign(
            verifier.network(),
            id,
            &outcome_key(&designated.outcome_key),
        );
        changes = registry::queue(changes, id, opening.sequence, &outcome)?;
        application.value.openings.push(opening);
    }
    application.value.decision = Some(decision);
    match store::commit(
        &verifier.vault,
        &record::replace(changes, id, &application)?,
    )? {
        Committed::Yes => {
            verifier.outbox.announce();
            Ok(())
        }
        Committed::No => Err(DecisionError::Decided),
    }
}

/// What speaks against opening now: the findings at receipt, and what became of the credential since.
fn blocking(application: &record::Application, now: Timestamp) -> Vec<Finding> {
    let mut findings = application.findings.clone();
    if application.standing != Standing::Valid || application.credential.expires <= now {
        findings.push(Finding::CredentialNotValid);
    }
    let lapsed = |designated: &record::Designated| designated.expires <= now;
    if application.designated.as_ref().is_some_and(lapsed) {
        // The registry takes no outcome after this time, so the account would stand nowhere on it.
        findings.push(Finding::ConsentReceiptMissing);
    }
    findings
}

/// The first outcome of an application that was just accepted.
pub(crate) fn received(now: Timestamp, rng: &mut impl CryptoRng) -> OutcomeOpening {
    OutcomeOpening::new(ApplicationResult::Received, now, rng)
}
