//! One test per rule and per way to break it.

use super::network::*;
use crate::state::{Rejection, State};
use protocol::Timestamp;
use protocol::identity::SigningKey;
use protocol::registry::STATUS_LISTS_PER_ISSUER_MAX;
use protocol::registry::merkle::TreeHash;
use protocol::registry::record::Body;

/// Applies a statement at a height, and makes sure that a rejection changed nothing.
fn try_at(
    height: u64,
    state: &mut State<'_>,
    body: Body,
    key: &SigningKey,
) -> Result<u64, Rejection> {
    let before = content(state);
    let applied = state.apply(&sign(body, key), &block(height));
    if applied.is_err() {
        assert_eq!(content(state), before);
    }
    applied.map(|accepted| accepted.index)
}

fn attempt(state: &mut State<'_>, body: Body, key: &SigningKey) -> Result<u64, Rejection> {
    try_at(50, state, body, key)
}

fn opened_case() -> State<'static> {
    ledger(&[(event(1, 0, 1), issuer(0))])
}

fn closed_case() -> State<'static> {
    ledger(&[(event(1, 0, 1), issuer(0)), (event(1, 1, 6), issuer(0))])
}

fn designated() -> State<'static> {
    let consent = Body::Designation(designation(1, 0, 0));
    ledger(&[(batch(0), issuer(0)), (consent, holder(0))])
}

#[test]
fn neg_l01_a_record_by_someone_who_is_no_issuer_is_refused() {
    for body in [batch(0), status_list(1, 0, 1), event(1, 0, 1)] {
        let mut state = State::new(genesis());
        for stranger in [key(9), holder(1), key(220)] {
            let refused = attempt(&mut state, body.clone(), &stranger);
            assert_eq!(refused, Err(Rejection::NotAuthorised));
        }
        assert_eq!(attempt(&mut state, body, &issuer(0)), Ok(0));
    }
    let mut state = closed_case();
    let refused = attempt(&mut state, erasure(1, 1), &key(9));
    assert_eq!(refused, Err(Rejection::NotAuthorised));
}

#[test]
fn neg_l01_another_issuers_case_is_refused() {
    let mut state = opened_case();
    let refused = attempt(&mut state, event(1, 1, 2), &issuer(1));
    assert_eq!(refused, Err(Rejection::NotAuthorised));
    assert_eq!(attempt(&mut state, event(1, 1, 2), &issuer(0)), Ok(1));

    let mut state = closed_case();
    let refused = attempt(&mut state, erasure(1, 1), &issuer(1));
    assert_eq!(refused, Err(Rejection::NotAuthorised));
    assert_eq!(attempt(&mut state, erasure(1, 1), &issuer(0)), Ok(2));
}

#[test]
fn neg_l02_the_same_record_again_names_the_index_of_the_first() {
    let mut state = State::new(genesis());
    assert_eq!(attempt(&mut state, batch(0), &issuer(0)), Ok(0));
    assert_eq!(attempt(&mut state, batch(0), &issuer(1)), Ok(1));
    let again = attempt(&mut state, batch(0), &issuer(0));
    assert_eq!(again, Err(Rejection::Duplicate { index: 0 }));
    let again = attempt(&mut state.fork(), batch(0), &issuer(1));
    assert_eq!(again, Err(Rejection::Duplicate { index: 1 }));
}

#[test]
fn neg_l02_other_content_in_the_same_place_is_a_conflict() {
    let mut state = ledger(&[
        (batch(0), issuer(0)),
        (status_list(1, 0, 1), issuer(0)),
        (event(1, 0, 1), issuer(0)),
        (Body::Designation(designation(1, 0, 0)), holder(0)),
        (outcome(1, 0, 1), outcome_key(1)),
    ]);
    let mut other_batch = batch(0);
    if let Body::CredentialBatch(batch) = &mut other_batch {
        batch.root = TreeHash::EMPTY;
    }
    let same_application = Body::Designation(designation(1, 1, 0));
    for (body, key) in [
        (other_batch, issuer(0)),
        (status_list(1, 0, 2), issuer(0)),
        (event(1, 0, 2), issuer(0)),
        (same_application, holder(1)),
        (outcome(1, 0, 2), outcome_key(1)),
    ] {
        let refused = attempt(&mut state, body.clone(), &key);
        assert_eq!(refused, Err(Rejection::Conflict), "{body:?}");
    }
}

#[test]
fn neg_l03_a_gap_in_a_sequence_is_refused() {
    let mut state = designated();
    for (body, key, expected) in [
        (batch(2), issuer(0), 1),
        (batch(1), issuer(1), 0),
        (status_list(1, 1, 1), issuer(0), 0),
        (event(1, 1, 1), issuer(0), 0),
        (outcome(1, 1, 2), outcome_key(1), 0),
    ] {
        let refused = attempt(&mut state, body, &key);
        assert_eq!(refused, Err(Rejection::OutOfSequence { expected }));
    }
    assert_eq!(attempt(&mut state, batch(1), &issuer(0)), Ok(2));
}

#[test]
fn a_case_goes_through_all_its_steps() {
    let mut state = State::new(genesis());
    for (sequence, code) in (0..).zip([1, 4, 2, 3, 5, 6]) {
        let index = attempt(&mut state, event(1, sequence, code), &issuer(0));
        assert_eq!(index, Ok(sequence.into()));
    }
    assert_eq!(attempt(&mut state, erasure(1, 1), &issuer(0)), Ok(6));
    let opened = state.case(&case(1)).unwrap().unwrap();
    let records = opened.records();
    assert_eq!(records, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn neg_l03_a_step_that_the_process_does_not_allow_is_refused() {
    let mut state = State::new(genesis());
    for code in [2, 5, 6, 7, 0] {
        let refused = attempt(&mut state, event(1, 0, code), &issuer(0));
        assert_eq!(
            refused,
            Err(Rejection::StepNotAllowed),
            "{code} opens a case"
        );
    }
    let mut state = opened_case();
    for (code, why) in [(1, "twice"), (5, "before its checks"), (7, "unknown")] {
        let refused = attempt(&mut state, event(1, 1, code), &issuer(0));
        assert_eq!(refused, Err(Rejection::StepNotAllowed), "{why}");
    }
    assert_eq!(attempt(&mut state, event(1, 1, 2), &issuer(0)), Ok(1));
    let refused = attempt(&mut state, event(1, 2, 2), &issuer(0));
    assert_eq!(refused, Err(Rejection::StepNotAllowed));
    let mut state = closed_case();
    let refused = attempt(&mut state, event(1, 2, 2), &issuer(0));
    assert_eq!(refused, Err(Rejection::StepNotAllowed));
}

#[test]
fn neg_l03_two_decisions_are_refused() {
    let mut state = designated();
    assert_eq!(
        attempt(&mut state, outcome(1, 0, 1), &outcome_key(1)),
        Ok(2)
    );
    assert_eq!(
        attempt(&mut state, outcome(1, 1, 2), &outcome_key(1)),
        Ok(3)
    );
    let refused = attempt(&mut state, outcome(1, 2, 2), &outcome_key(1));
    assert_eq!(refused, Err(Rejection::StepNotAllowed));
    let application = state.application(&application(1)).unwrap().unwrap();
    assert_eq!(
        (application.designation(), application.outcomes()),
        (1, [2, 3].as_slice())
    );
}

#[test]
fn neg_l03_a_decision_before_or_instead_of_the_receipt_is_refused() {
    let mut state = designated();
    for code in [0, 2, 3] {
        let refused = attempt(&mut state, outcome(1, 0, code), &outcome_key(1));
        assert_eq!(refused, Err(Rejection::StepNotAllowed));
    }
    assert_eq!(
        attempt(&mut state, outcome(1, 0, 1), &outcome_key(1)),
        Ok(2)
    );
    let refused = attempt(&mut state, outcome(1, 1, 1), &outcome_key(1));
    assert_eq!(refused, Err(Rejection::StepNotAllowed));
}

#[test]
fn events_follow_the_process_definition_that_is_active_in_their_block() {
    let (before, after) = (SECOND_DEFINITION - 1, SECOND_DEFINITION);
    let mut state = opened_case();
    let early = try_at(before, &mut state, later_event(1, 1, 2), &issuer(0));
    assert_eq!(early, Err(Rejection::InactiveDefinition { active: 1 }));
    let late = try_at(after, &mut state, event(1, 1, 2), &issuer(0));
    assert_eq!(late, Err(Rejection::InactiveDefinition { active: 2 }));

    // What was allowed under the first definition is refused under the second one, in the same case.
    let fork_before = try_at(before, &mut state.fork(), event(1, 1, 6), &issuer(0));
    assert_eq!(fork_before, Ok(1));
    let closing = try_at(after, &mut state, later_event(1, 1, 6), &issuer(0));
    assert_eq!(closing, Err(Rejection::StepNotAllowed));
    for (sequence, code) in (1..).zip([2, 3, 4, 5, 6]) {
        let index = try_at(
            after,
            &mut state,
            later_event(1, sequence, code),
            &issuer(0),
        );
        assert_eq!(index, Ok(sequence.into()));
    }
}

#[test]
fn a_designation_spends_its_anchor_once() {
    let mut state = designated();
    let again = Body::Designation(designation(2, 0, 0));
    let refused = attempt(&mut state, again.clone(), &holder(0));
    assert_eq!(refused, Err(Rejection::Conflict));
    let refused = attempt(&mut state.fork(), again, &holder(0));
    assert_eq!(refused, Err(Rejection::Conflict));
    for other in 1..HOLDERS {
        let consent = Body::Designation(designation(1 + other, other, 0));
        assert!(attempt(&mut state, consent, &holder(other)).is_ok());
    }
}

#[test]
fn a_designation_by_a_key_that_was_not_anchored_is_refused() {
    let mut state = ledger(&[(batch(0), issuer(0))]);
    let stolen = Body::Designation(designation(1, 0, 0));
    let refused = attempt(&mut state, stolen.clone(), &key(9));
    assert_eq!(refused, Err(Rejection::Anchor));
    let refused = attempt(&mut state, stolen.clone(), &holder(1));
    assert_eq!(refused, Err(Rejection::Anchor));
    assert_eq!(attempt(&mut state, stolen, &holder(0)), Ok(1));
}

#[test]
fn a_designation_with_an_anchor_that_does_not_open_is_refused() {
    let mut state = ledger(&[(event(1, 0, 1), issuer(0)), (batch(0), issuer(0))]);
    let good = designation(1, 0, 1);
    let with = |change: &dyn Fn(&mut protocol::registry::anchor::AnchorOpening)| {
        let mut changed = good.clone();
        change(&mut changed.anchor);
        Body::Designation(changed)
    };
    for body in [
        with(&|anchor| anchor.leaf = 1),
        with(&|anchor| anchor.leaf = 4),
        with(&|anchor| anchor.leaf = u32::MAX),
        with(&|anchor| anchor.nonce = [9; 32]),
        with(&|anchor| anchor.signing_input_hash = [9; 32]),
        with(&|anchor| anchor.path[0] = TreeHash::EMPTY),
        with(&|anchor| anchor.path.clear()),
        with(&|anchor| anchor.path.push(TreeHash::EMPTY)),
    ] {
        let refused = attempt(&mut state, body, &holder(0));
        assert_eq!(refused, Err(Rejection::Anchor));
    }
    for elsewhere in [0, 2, u64::MAX] {
        let refused = attempt(
            &mut state,
            with(&|anchor| anchor.batch = elsewhere),
            &holder(0),
        );
        assert_eq!(refused, Err(Rejection::Unknown));
    }
    assert_eq!(
        attempt(&mut state, Body::Designation(good.clone()), &holder(0)),
        Ok(2)
    );
}

#[test]
fn a_designation_that_has_expired_is_refused() {
    let mut state = ledger(&[(batch(0), issuer(0))]);
    let mut consent = designation(1, 0, 0);
    consent.expires = block(50).time;
    let refused = attempt(&mut state, Body::Designation(consent.clone()), &holder(0));
    assert_eq!(refused, Err(Rejection::Expired));
    consent.expires = block(51).time;
    assert_eq!(
        attempt(&mut state, Body::Designation(consent), &holder(0)),
        Ok(1)
    );
}

#[test]
fn outcomes_are_taken_until_the_designation_expires() {
    let mut state = designated();
    let last = 1_500 - 1_000;
    assert_eq!(block(last).time, Timestamp::from_unix(1_500));
    let late = try_at(last + 1, &mut state, outcome(1, 0, 1), &outcome_key(1));
    assert_eq!(late, Err(Rejection::Expired));
    let just = try_at(last, &mut state, outcome(1, 0, 1), &outcome_key(1));
    assert_eq!(just, Ok(2));
}

#[test]
fn an_outcome_by_another_key_than_the_designated_one_is_refused() {
    let mut state = designated();
    for other in [holder(0), issuer(0), outcome_key(2), key(220)] {
        let refused = attempt(&mut state, outcome(1, 0, 1), &other);
        assert_eq!(refused, Err(Rejection::NotAuthorised));
    }
    let refused = attempt(&mut state, outcome(2, 0, 1), &outcome_key(2));
    assert_eq!(refused, Err(Rejection::Unknown));
    assert_eq!(
        attempt(&mut state, outcome(1, 0, 1), &outcome_key(1)),
        Ok(2)
    );
}

#[test]
fn evidence_is_erased_after_closing_and_once() {
    let mut state = opened_case();
    let early = attempt(&mut state, erasure(1, 1), &issuer(0));
    assert_eq!(early, Err(Rejection::StepNotAllowed));
    let unknown = attempt(&mut state, erasure(2, 1), &issuer(0));
    assert_eq!(unknown, Err(Rejection::Unknown));

    let mut state = closed_case();
    assert_eq!(attempt(&mut state, erasure(1, 1), &issuer(0)), Ok(2));
    let twice = attempt(&mut state, erasure(1, 2), &issuer(0));
    assert_eq!(twice, Err(Rejection::Conflict));
}

#[test]
fn a_fork_leaves_the_state_below_as_it_is() {
    let state = designated();
    let before = content(&state);
    let mut fork = state.fork();
    assert_eq!(attempt(&mut fork, outcome(1, 0, 1), &outcome_key(1)), Ok(2));
    let mut above = fork.fork();
    assert_eq!(
        attempt(&mut above, outcome(1, 1, 2), &outcome_key(1)),
        Ok(3)
    );
    assert_eq!(above.size(), 4);
    assert_eq!(fork.size(), 3);
    assert_eq!(content(&state), before);
}

#[test]
fn neg_l04_an_issuer_has_no_more_status_lists_than_readers_read() {
    let lists = u8::try_from(STATUS_LISTS_PER_ISSUER_MAX).unwrap();
    let mut state = ledger(&[]);
    for list in 0..lists {
        assert!(attempt(&mut state, status_list(list, 0, 1), &issuer(0)).is_ok());
    }
    let refused = attempt(&mut state, status_list(lists, 0, 1), &issuer(0));
    assert_eq!(refused, Err(Rejection::NotAuthorised));
    assert!(attempt(&mut state, status_list(0, 1, 2), &issuer(0)).is_ok());
    assert!(attempt(&mut state, status_list(lists, 0, 1), &issuer(1)).is_ok());
}

#[test]
fn the_checkpoint_names_the_latest_status_lists() {
    let mut state = State::new(genesis());
    attempt(&mut state, event(1, 0, 1), &issuer(0)).unwrap();
    let first = state.checkpoint().trusted_parties;
    attempt(&mut state, event(2, 0, 1), &issuer(0)).unwrap();
    assert_eq!(state.checkpoint().trusted_parties, first);
    attempt(&mut state, status_list(7, 0, 1), &issuer(0)).unwrap();
    let second = state.checkpoint().trusted_parties;
    assert_ne!(second, first);
    let document = state.trusted_parties_document();
    let digest = protocol::registry::ContentDigest::of(document.as_bytes());
    assert_eq!(digest, second);
    assert!(document.contains(r#""list":"07070707070707070707070707070707","sequence":0"#));

    let (old, new) = (
        protocol::registry::ContentDigest::from_bytes([1; 32]),
        protocol::registry::ContentDigest::from_bytes([2; 32]),
    );
    assert!(state.is_latest_status_list(&old));
    let mut fork = state.fork();
    attempt(&mut fork, status_list(7, 1, 2), &issuer(0)).unwrap();
    assert!(!fork.is_latest_status_list(&old));
    assert!(fork.is_latest_status_list(&new));
}
