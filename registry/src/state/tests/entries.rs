//! Changes that carry a whole entry, and what was decided about it meanwhile.

use super::governance::{apply, approve, decide, proposal_of, propose, suspend};
use super::network::*;
use crate::state::{Rejection, State};
use protocol::registry::governance::Change;

/// Member 1 becomes an observer; with another cosigning key it keeps its vote.
fn updates_of_member_1() -> [Change; 2] {
    let (mut observer, mut rotated) = (member(1), member(1));
    observer.validator = false;
    rotated.cosigning_key = public(&key(91));
    [observer, rotated].map(|member| Change::UpdateMember { member })
}

#[test]
fn a_change_of_an_entry_that_was_changed_since_it_was_proposed_is_refused() {
    let [observer, rotation] = updates_of_member_1();
    for is_rotated in [false, true] {
        let mut state = State::new(genesis());
        let waiting = propose(&mut state, 1, 0, observer.clone()).unwrap();
        approve(&mut state, 1, 2, waiting).unwrap();
        if is_rotated {
            decide(&mut state, 2, rotation.clone());
        }
        let decided = approve(&mut state, 5, 3, waiting);
        assert_eq!(decided.is_ok(), !is_rotated, "{decided:?}");
        let member = &state.parties_at(20).members()[1];
        assert_eq!(member.validator, is_rotated);
        let leaked = member.cosigning_key == public(&key(221));
        assert_eq!(leaked, !is_rotated, "the old key does not come back");
    }
}

#[test]
fn a_change_that_says_only_what_becomes_of_an_entry_outlives_other_changes_of_it() {
    let [_, rotation] = updates_of_member_1();
    let mut state = State::new(genesis());
    let waiting = propose(&mut state, 1, 0, suspend(1)).unwrap();
    approve(&mut state, 1, 2, waiting).unwrap();
    decide(&mut state, 2, rotation);
    approve(&mut state, 5, 3, waiting).unwrap();
    let member = &state.parties_at(20).members()[1];
    assert!(member.suspended && member.cosigning_key == public(&key(91)));
}

#[test]
fn an_issuer_that_was_retired_since_is_not_brought_back_by_an_older_proposal() {
    let id = issuer_entry(0).id.as_str().to_owned();
    let mut state = State::new(genesis());
    let mut renamed = issuer_entry(0);
    renamed.name = "Renamed".to_owned();
    let register = Change::RegisterIssuer { issuer: renamed };
    let waiting = propose(&mut state, 1, 0, register.clone()).unwrap();
    approve(&mut state, 1, 3, waiting).unwrap();
    decide(&mut state, 2, Change::RetireIssuer { id });
    let refused = approve(&mut state, 5, 1, waiting);
    assert_eq!(refused, Err(Rejection::Unfit));
    assert!(state.parties_at(6).issuers()[0].retired);
    // Proposed anew by those who know that it is retired, it issues again.
    let again = proposal_of(register, 7);
    let (id, applied) = apply(&mut state, 6, again, &governor(0));
    applied.unwrap();
    for by in [1, 2] {
        approve(&mut state, 6, by, id).unwrap();
    }
    assert!(!state.parties_at(7).issuers()[0].retired);
}

#[test]
fn of_two_registrations_of_one_verifier_only_the_first_that_is_decided_counts() {
    let verifier = |name: &str| Change::RegisterVerifier {
        verifier: verifier_entry(name),
    };
    let mut state = State::new(genesis());
    let waiting = propose(&mut state, 1, 0, verifier("first")).unwrap();
    approve(&mut state, 1, 3, waiting).unwrap();
    decide(&mut state, 2, verifier("second"));
    let refused = approve(&mut state, 5, 1, waiting);
    assert_eq!(refused, Err(Rejection::Unfit));
    assert_eq!(state.parties_at(6).verifiers()[0].name, "second");
}
