//! What the staff see of applications.

use protocol::application::ApplicationState;
use protocol::registry::receipt::VerifiedEntry;
use protocol::registry::record::{Body, CaseEvent};
use protocol::registry::{ApplicationId, CaseId, Genesis};
use serde_json::{Value, json};

use crate::application::record::{Application, Standing};
use crate::application::status::state_of;
use crate::policy::Finding;
use crate::registry::OutcomeStanding;

/// One line of a list; no personal data.
pub(super) fn summary(id: ApplicationId, application: &Application) -> Value {
    json!({
        "application": id,
        "received": application.received.to_string(),
        "purpose": application.purpose,
        "account_type": application.declaration.account_type(),
        "state": state_of(application),
        "findings": application.findings,
        "standing": application.standing,
    })
}

/// Whether the company relied on a credential that no longer holds.
pub(super) fn needs_attention(application: &Application) -> bool {
    application.standing != Standing::Valid && state_of(application) != ApplicationState::Declined
}

/// An application with all that was disclosed, what was verified, and the case as the registry has it now; `null` if the
/// registry does not answer.
pub(super) fn whole(
    id: ApplicationId,
    application: &Application,
    history: Option<&[VerifiedEntry]>,
    genesis: &Genesis,
    outcome: &OutcomeStanding,
) -> Value {
    let report = &application.report;
    json!({
        "summary": summary(id, application),
        "claims": application.claims,
        "tax_residences": application.declaration.tax_residences(),
        "documents": application.documents,
        "report": {
            "consent_receipt": report.consent_receipt,
            "designation": report.designation,
            "declaration": report.declaration,
            "case": report.case,
            "presented": report.presented.to_string(),
            "issuer": application.credential.iss,
            "credential_expires": application.credential.expires.to_string(),
        },
        "history": history.map(|entries| events(entries, report.case, genesis)),
        "decision": application.decision.as_ref().map(|decision| json!({
            "result": decision.verdict,
            "time": decision.time.to_string(),
            "by": decision.by,
        })),
        "outcome": match outcome {
            OutcomeStanding::Recorded => json!({"state": "recorded"}),
            OutcomeStanding::Waits => json!({"state": "waits"}),
            OutcomeStanding::Refused(refused) => json!({
                "state": "refused",
                "reason": refused.reason,
                "at": refused.at.to_string(),
            }),
        },
    })
}

fn events(entries: &[VerifiedEntry], case: Option<CaseId>, genesis: &Genesis) -> Vec<Value> {
    let definitions = genesis.parties().process_definitions();
    let event = |entry: &VerifiedEntry, event: &CaseEvent| {
        let definition = definitions
            .iter()
            .find(|definition| definition.version == event.definition);
        let step = definition.and_then(|definition| definition.step(event.code));
        json!({
            "sequence": event.sequence,
            "step": step.map(|step| step.name.as_str()),
            "definition": event.definition,
            "index": entry.index(),
        })
    };
    let shown = |entry: &VerifiedEntry| match entry.record().body() {
        // Who looks at an application sees the events of its case, not those that came with them.
        body @ (Body::CaseEvent(_) | Body::CaseEventGroup(_)) => {
            let of_case = body.case_events().iter();
            let of_case = of_case.filter(|event| Some(event.case) == case);
            of_case.map(|own| event(entry, own)).collect()
        }
        Body::Erasure(_) => vec![json!({"step": "erased", "index": entry.index()})],
        Body::CredentialBatch(_)
        | Body::StatusListVersion(_)
        | Body::Designation(_)
        | Body::Outcome(_)
        | Body::Proposal(_)
        | Body::Approval(_) => Vec::new(),
    };
    entries.iter().flat_map(shown).collect()
}

/// Findings as words, separated by commas.
pub(super) fn words(findings: &[Finding]) -> String {
    let words = findings
        .iter()
        .map(|finding| serde_json::to_value(finding).unwrap_or_default());
    words
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}
