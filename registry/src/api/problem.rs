//! One place where errors become problems.

use crate::{replica::SubmitError, state::Rejection, store::StoreError};
use protocol::{
    problem::{Problem, ProblemType},
    registry::{merkle::TreeError, record::RecordError},
};
use service::refusal::Refusal;

/// The path or query names nothing that can exist.
pub(super) fn malformed_name() -> Refusal {
    Problem::new(ProblemType::InvalidRequest)
        .with_code("malformed_name")
        .into()
}

/// The work was cut short: the node is stopping.
pub(super) fn stopping() -> Refusal {
    Refusal::unavailable()
}

pub(super) fn of_store(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the store failed");
    Refusal::internal()
}

pub(super) fn of_tree(error: &TreeError) -> Refusal {
    tracing::error!(%error, "a proof could not be made");
    Refusal::internal()
}

pub(super) fn of_submission(error: &SubmitError) -> Refusal {
    let (kind, code) = match error {
        SubmitError::Record(error) => of_record(*error),
        SubmitError::Rejected(rejection) => of_rejection(*rejection),
        SubmitError::Full(_) => (ProblemType::Unavailable, "too_many_records_wait"),
        SubmitError::SlotsFull(_) => (ProblemType::Unavailable, "too_many_records_wait"),
        SubmitError::NotRelayed => (ProblemType::InvalidRequest, "not_an_outcome"),
        SubmitError::NotYet => (ProblemType::Unavailable, "not_final_yet"),
        SubmitError::Proof(error) => return of_tree(error),
    };
    Problem::new(kind)
        .with_code(code)
        .with_detail(error_chain(error))
        .into()
}

const fn of_record(error: RecordError) -> (ProblemType, &'static str) {
    match error {
        RecordError::TooLong => (ProblemType::TooLarge, "record_too_long"),
        RecordError::Malformed => (ProblemType::InvalidRequest, "record_malformed"),
        RecordError::NotCanonical => (ProblemType::InvalidRequest, "record_not_canonical"),
        RecordError::WrongNetwork => (ProblemType::Forbidden, "wrong_network"),
        RecordError::Signature => (ProblemType::Forbidden, "record_signature"),
    }
}

const fn of_rejection(rejection: Rejection) -> (ProblemType, &'static str) {
    match rejection {
        Rejection::Unreadable(_) => (ProblemType::Unavailable, "ledger_unreadable"),
        Rejection::Duplicate { .. } => (ProblemType::Conflict, "duplicate"),
        Rejection::Conflict => (ProblemType::Conflict, "conflict"),
        Rejection::NotAuthorised => (ProblemType::Forbidden, "not_authorised"),
        Rejection::OutOfSequence { .. } => (ProblemType::Unprocessable, "out_of_sequence"),
        Rejection::Unknown => (ProblemType::Unprocessable, "unknown_subject"),
        Rejection::InactiveDefinition { .. } => (ProblemType::Unprocessable, "inactive_definition"),
        Rejection::StepNotAllowed => (ProblemType::Unprocessable, "step_not_allowed"),
        Rejection::Anchor => (ProblemType::Unprocessable, "anchor"),
        Rejection::Expired => (ProblemType::Unprocessable, "expired"),
        Rejection::Unfit => (ProblemType::Unprocessable, "unfit_change"),
        Rejection::TooMany => (ProblemType::Unprocessable, "too_many_decisions_wait"),
    }
}

/// The causes, which name rules and numbers and never quote the record.
fn error_chain(error: &SubmitError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
