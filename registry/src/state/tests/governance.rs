//! Rules of governance: one test per rule and per way to break it.

use super::network::*;
use crate::state::{BlockContext, Rejection, State};
use protocol::Timestamp;
use protocol::identity::SigningKey;
use protocol::registry::governance::Change;
use protocol::registry::record::{Approval, Body, CaseEvent, CaseEventGroup, Proposal, Record};
use protocol::registry::{Member, RecordId};

const DAY: u64 = 24 * 60 * 60;

pub(super) fn apply(
    state: &mut State<'_>,
    height: u64,
    body: Body,
    key: &SigningKey,
) -> (RecordId, Result<u64, Rejection>) {
    let before = content(state);
    let record = sign(body, key);
    let applied = state.apply(&record, &block(height));
    if applied.is_err() {
        assert_eq!(content(state), before, "a rejection changes nothing");
    }
    (record.id(), applied.map(|accepted| accepted.index))
}

pub(super) fn proposal_of(change: Change, activation_height: u64) -> Body {
    Body::Proposal(Box::new(Proposal {
        activation_height,
        expires: block(1_000).time,
        change,
    }))
}

pub(super) fn propose(
    state: &mut State<'_>,
    height: u64,
    by: u8,
    change: Change,
) -> Result<RecordId, Rejection> {
    let (id, applied) = apply(state, height, proposal_of(change, 0), &governor(by));
    applied.map(|_index| id)
}

pub(super) fn approve(
    state: &mut State<'_>,
    height: u64,
    by: u8,
    proposal: RecordId,
) -> Result<u64, Rejection> {
    let body = Body::Approval(Approval { proposal });
    apply(state, height, body, &governor(by)).1
}

/// Members 0, 1 and 2 decide a change in the block of a height.
pub(super) fn decide(state: &mut State<'_>, height: u64, change: Change) {
    let proposal = propose(state, height, 0, change).unwrap();
    for by in [1, 2] {
        approve(state, height, by, proposal).unwrap();
    }
}

pub(super) fn suspend(n: u8) -> Change {
    Change::SuspendMember {
        name: member(n).name,
    }
}

fn admit(n: u8) -> Change {
    Change::AdmitMember { member: member(n) }
}

fn names(members: &[Member]) -> Vec<&str> {
    let in_force = members.iter().filter(|member| !member.suspended);
    in_force.map(|member| member.name.as_str()).collect()
}

fn members_at(state: &State<'_>, height: u64) -> usize {
    state.parties_at(height).members_in_force().count()
}

#[test]
fn a_change_of_members_needs_a_quorum_and_takes_effect_an_epoch_after_the_next() {
    let mut state = State::new(genesis());
    let proposal = propose(&mut state, 5, 0, admit(4)).unwrap();
    approve(&mut state, 6, 1, proposal).unwrap();
    assert_eq!(state.adopted().count(), 0, "two of four are no quorum");
    assert_eq!(members_at(&state, 1_000), 4);
    approve(&mut state, 7, 2, proposal).unwrap();
    let adopted = state.adopted().next().unwrap();
    assert_eq!((adopted.adopted_at(), adopted.effect()), (7, 20));
    assert_eq!((members_at(&state, 19), members_at(&state, 20)), (4, 5));
    assert_eq!(state.proposals().count(), 0);
    assert_eq!(state.next_change_of_committee(7), Some(20));
    assert_eq!(state.next_change_of_committee(20), None);
}

#[test]
fn an_approval_counts_once_and_only_by_a_member_in_force() {
    let mut state = State::new(genesis());
    let proposal = propose(&mut state, 1, 0, admit(4)).unwrap();
    let again = approve(&mut state, 1, 0, proposal);
    assert_eq!(
        again,
        Err(Rejection::Conflict),
        "the proposer agrees already"
    );
    approve(&mut state, 1, 1, proposal).unwrap();
    let again = approve(&mut state, 2, 1, proposal);
    assert!(matches!(again, Err(Rejection::Duplicate { .. })));
    let body = Body::Approval(Approval { proposal });
    for stranger in [governor(4), issuer(0), key(220), key(200), holder(1)] {
        let refused = apply(&mut state, 2, body.clone(), &stranger).1;
        assert_eq!(refused, Err(Rejection::NotAuthorised));
        let refused = apply(&mut state, 2, proposal_of(suspend(1), 0), &stranger).1;
        assert_eq!(refused, Err(Rejection::NotAuthorised));
    }
    assert_eq!(state.adopted().count(), 0);
}

#[test]
fn an_approval_of_what_does_not_wait_is_refused() {
    let mut state = State::new(genesis());
    let unknown = approve(&mut state, 1, 1, RecordId::from_bytes([7; 32]));
    assert_eq!(unknown, Err(Rejection::Unknown));
    let proposal = propose(&mut state, 1, 0, admit(4)).unwrap();
    for by in [1, 2] {
        approve(&mut state, 1, by, proposal).unwrap();
    }
    let late = approve(&mut state, 2, 3, proposal);
    assert_eq!(late, Err(Rejection::Conflict), "it is adopted");
}

#[test]
fn a_proposal_lapses_and_cannot_wait_for_ever() {
    let mut state = State::new(genesis());
    let proposal = propose(&mut state, 1, 0, admit(4)).unwrap();
    approve(&mut state, 1_000, 1, proposal).unwrap();
    let late = approve(&mut state, 1_001, 2, proposal);
    assert_eq!(late, Err(Rejection::Expired));
    let with_term = |expires: Timestamp, activation_height| {
        Body::Proposal(Box::new(Proposal {
            activation_height,
            expires,
            change: admit(5),
        }))
    };
    let now = block(1_001).time;
    for (body, refusal) in [
        (with_term(now, 0), Rejection::Expired),
        (
            with_term(now.plus_seconds(90 * DAY + 1), 0),
            Rejection::Unfit,
        ),
        (with_term(now.plus_seconds(DAY), u64::MAX), Rejection::Unfit),
    ] {
        let refused = apply(&mut state, 1_001, body, &governor(0)).1;
        assert_eq!(refused, Err(refusal));
    }
    let good = with_term(now.plus_seconds(90 * DAY), 1_000_000);
    assert!(apply(&mut state, 1_001, good, &governor(0)).1.is_ok());
}

#[test]
fn a_suspended_member_decides_nothing_until_it_is_reinstated() {
    let mut state = State::new(genesis());
    decide(&mut state, 1, suspend(3));
    let waiting = propose(&mut state, 15, 3, admit(4)).unwrap();
    assert_eq!(members_at(&state, 20), 3);
    let refused = propose(&mut state, 20, 3, admit(5));
    assert_eq!(refused, Err(Rejection::NotAuthorised));
    // Its own agreement no longer counts: three of the three others are needed.
    approve(&mut state, 21, 0, waiting).unwrap();
    approve(&mut state, 21, 1, waiting).unwrap();
    assert_eq!(state.adopted().count(), 1);
    approve(&mut state, 21, 2, waiting).unwrap();
    assert_eq!(state.adopted().count(), 2);
    let reinstate = Change::ReinstateMember {
        name: member(3).name,
    };
    decide(&mut state, 22, reinstate);
    assert!(propose(&mut state, 39, 3, admit(5)).is_err());
    assert!(propose(&mut state, 40, 3, admit(5)).is_ok());
}

#[test]
fn a_replaced_governance_key_decides_nothing_and_takes_its_approvals_with_it() {
    let mut state = State::new(genesis());
    let mut renewed = member(1);
    renewed.governance_key = public(&key(90));
    let waiting = propose(&mut state, 1, 1, admit(4)).unwrap();
    decide(&mut state, 1, Change::UpdateMember { member: renewed });
    let refused = approve(&mut state, 20, 1, waiting);
    assert_eq!(refused, Err(Rejection::NotAuthorised));
    approve(&mut state, 20, 0, waiting).unwrap();
    approve(&mut state, 20, 2, waiting).unwrap();
    assert_eq!(state.adopted().count(), 1, "the stolen key's word is gone");
    let body = Body::Approval(Approval { proposal: waiting });
    apply(&mut state, 20, body, &key(90)).1.unwrap();
    assert_eq!(state.adopted().count(), 2);
}

#[test]
fn a_change_that_does_not_fit_is_refused_when_proposed_and_when_adopted() {
    let mut state = State::new(genesis());
    for change in [
        Change::RemoveMember {
            name: member(0).name,
        },
        Change::RemoveMember {
            name: member(9).name,
        },
        admit(1),
        Change::RetireVerifier { id: "x".to_owned() },
    ] {
        let refused = propose(&mut state, 1, 0, change);
        assert_eq!(refused, Err(Rejection::Unfit));
    }
    let one = propose(&mut state, 1, 0, admit(4)).unwrap();
    let mut other = member(5);
    other.cosigning_key = member(4).cosigning_key;
    let two = propose(&mut state, 1, 1, Change::AdmitMember { member: other }).unwrap();
    for by in [1, 2] {
        approve(&mut state, 2, by, one).unwrap();
    }
    approve(&mut state, 2, 0, two).unwrap();
    let refused = approve(&mut state, 2, 2, two);
    assert_eq!(refused, Err(Rejection::Unfit), "the key is another's now");
}

#[test]
fn concurrent_decisions_take_effect_together() {
    let mut state = State::new(genesis());
    decide(&mut state, 1, suspend(3));
    decide(&mut state, 2, admit(4));
    let committee = state.committee_of_epoch(2, 9).unwrap();
    let expected = [
        "member0.example",
        "member1.example",
        "member2.example",
        "member4.example",
    ];
    assert_eq!(names(&committee), expected);

    // What is decided for later keeps what is decided sooner, and the other way round.
    let body = proposal_of(admit(5), 95);
    let (id, applied) = apply(&mut state, 3, body, &governor(0));
    applied.unwrap();
    for by in [1, 2] {
        approve(&mut state, 3, by, id).unwrap();
    }
    decide(&mut state, 4, admit(6));
    assert_eq!(
        [19, 20, 99, 100].map(|height| members_at(&state, height)),
        [4, 5, 5, 6]
    );
}

#[test]
fn the_committee_of_an_epoch_is_known_when_nothing_can_change_it_any_more() {
    let mut state = State::new(genesis());
    decide(&mut state, 9, admit(4));
    assert!(state.committee_of_epoch(2, 8).is_none());
    assert_eq!(state.committee_of_epoch(2, 9).unwrap().len(), 5);
    assert_eq!(state.committee_of_epoch(1, 0).unwrap().len(), 4);
    assert!(state.committee_of_epoch(3, 18).is_none());
    // Five members decide by four.
    let proposal = propose(&mut state, 25, 0, admit(5)).unwrap();
    for by in [1, 2, 3] {
        approve(&mut state, 25, by, proposal).unwrap();
    }
    assert_eq!(state.committee_of_epoch(3, 25).unwrap().len(), 5);
    assert_eq!(state.committee_of_epoch(4, 29).unwrap().len(), 6);
    assert_eq!(
        state.committee_of_epoch(0, 29).unwrap().len(),
        4,
        "the past stays"
    );
}

#[test]
fn proposals_and_committees_that_wait_are_bounded() {
    let mut state = State::new(genesis());
    for n in 4..12 {
        propose(&mut state, 1, 0, admit(n)).unwrap();
    }
    let refused = propose(&mut state, 1, 0, admit(12));
    assert_eq!(refused, Err(Rejection::TooMany));
    assert!(propose(&mut state, 1, 1, admit(12)).is_ok());
    // Those that have lapsed make room.
    assert!(state.proposals().count() == 9);
    let later = Body::Proposal(Box::new(Proposal {
        activation_height: 0,
        expires: block(2_000).time,
        change: admit(13),
    }));
    assert!(apply(&mut state, 1_001, later, &governor(0)).1.is_ok());
    assert_eq!(state.proposals().count(), 1);

    let mut state = State::new(genesis());
    for n in 0..4 {
        let body = proposal_of(admit(4 + n), 100 * u64::from(n + 1));
        let (id, applied) = apply(&mut state, 1, body, &governor(0));
        applied.unwrap();
        for by in [1, 2] {
            approve(&mut state, 1, by, id).unwrap();
        }
    }
    let fifth = apply(&mut state, 1, proposal_of(admit(8), 900), &governor(0)).1;
    assert_eq!(fifth, Err(Rejection::TooMany));
}

#[test]
fn issuers_are_registered_from_the_next_block_on() {
    let mut state = State::new(genesis());
    let mut entry = issuer_entry(0);
    entry.id = "https://issuer7.example".to_owned().try_into().unwrap();
    entry.record_key = public(&key(77));
    decide(&mut state, 5, Change::RegisterIssuer { issuer: entry });
    let early = apply(&mut state, 5, batch(0), &key(77)).1;
    assert_eq!(early, Err(Rejection::NotAuthorised));
    assert_eq!(apply(&mut state, 6, batch(0), &key(77)).1, Ok(3));
}

#[test]
fn an_issuers_new_record_key_goes_on_where_the_old_one_ended() {
    let mut state = ledger(&[
        (batch(0), issuer(0)),
        (status_list(1, 0, 1), issuer(0)),
        (event(1, 0, 1), issuer(0)),
    ]);
    let mut entry = issuer_entry(0);
    entry.record_key = public(&key(77));
    decide(&mut state, 5, Change::RegisterIssuer { issuer: entry });
    for body in [batch(1), status_list(1, 1, 2), event(1, 1, 2)] {
        let stolen = apply(&mut state, 6, body.clone(), &issuer(0)).1;
        assert_eq!(stolen, Err(Rejection::NotAuthorised));
        assert!(apply(&mut state, 6, body, &key(77)).1.is_ok());
    }
}

#[test]
fn a_retired_issuer_issues_nothing_but_revokes_and_erases() {
    let mut state = ledger(&[
        (event(1, 0, 1), issuer(0)),
        (event(1, 1, 6), issuer(0)),
        (event(2, 0, 1), issuer(0)),
        (status_list(1, 0, 1), issuer(0)),
    ]);
    let id = issuer_entry(0).id.as_str().to_owned();
    decide(&mut state, 5, Change::RetireIssuer { id });
    for body in [batch(0), event(3, 0, 1), event(2, 1, 2)] {
        let refused = apply(&mut state, 6, body, &issuer(0)).1;
        assert_eq!(refused, Err(Rejection::NotAuthorised));
    }
    assert!(
        apply(&mut state, 6, status_list(1, 1, 2), &issuer(0))
            .1
            .is_ok()
    );
    assert!(apply(&mut state, 6, erasure(1, 1), &issuer(0)).1.is_ok());
}

#[test]
fn neg_l04_nobody_takes_the_name_of_another_issuers_status_list() {
    let mut state = State::new(genesis());
    assert!(
        apply(&mut state, 1, status_list(1, 0, 9), &issuer(1))
            .1
            .is_ok()
    );
    assert!(
        apply(&mut state, 1, status_list(1, 0, 1), &issuer(0))
            .1
            .is_ok()
    );
    assert!(
        apply(&mut state, 1, status_list(1, 1, 2), &issuer(0))
            .1
            .is_ok()
    );
    let document = state.trusted_parties_document();
    let latest = r#""issuer":"https://issuer0.example","list":"01010101010101010101010101010101","sequence":1"#;
    assert!(document.contains(latest), "{document}");
}

#[test]
fn a_published_definition_is_listed_at_once_and_active_at_its_height() {
    let mut state = State::new(genesis());
    let definition = definition(3, 150, &[2]);
    decide(&mut state, 5, Change::PublishDefinition { definition });
    let parties = state.parties_at(6);
    assert_eq!(parties.process_definitions().len(), 3);
    assert_eq!(parties.process_definition_at(149).version, 2);
    assert_eq!(parties.process_definition_at(150).version, 3);
}

#[test]
fn a_definition_cannot_be_published_for_a_height_that_never_comes() {
    for (active_from, refusal) in [
        (u64::MAX, Some(Rejection::Unfit)),
        (10_000_006, Some(Rejection::Unfit)),
        (10_000_005, None),
    ] {
        let mut state = State::new(genesis());
        let definition = definition(3, active_from, &[2]);
        let proposed = propose(&mut state, 5, 0, Change::PublishDefinition { definition });
        assert_eq!(proposed.err(), refusal, "{active_from}");
    }
}

#[test]
fn a_group_takes_effect_like_its_events_all_or_none() {
    let group = |events: &[(u8, u32, u16)]| {
        let event = |&(case, sequence, code): &(u8, u32, u16)| CaseEvent {
            case: self::case(case),
            sequence,
            code,
            definition: 1,
            commitment: commitment(1),
        };
        let events = events.iter().map(event).collect();
        Body::CaseEventGroup(CaseEventGroup::of(events).unwrap())
    };
    let mut state = ledger(&[(event(1, 0, 1), issuer(0)), (event(9, 0, 1), issuer(1))]);
    for (events, refusal) in [
        (vec![(2, 0, 1), (1, 1, 5)], Rejection::StepNotAllowed),
        (vec![(1, 1, 2), (1, 1, 3)], Rejection::Conflict),
        (vec![(1, 2, 2)], Rejection::OutOfSequence { expected: 1 }),
        (vec![(1, 1, 2), (9, 1, 2)], Rejection::NotAuthorised),
    ] {
        let refused = apply(&mut state, 5, group(&events), &issuer(0)).1;
        assert_eq!(refused, Err(refusal));
    }
    let good = group(&[(1, 1, 2), (2, 0, 1), (1, 2, 3)]);
    assert_eq!(apply(&mut state, 5, good, &issuer(0)).1, Ok(2));
    assert_eq!(state.case(&case(1)).unwrap().unwrap().records(), [0, 2]);
    assert_eq!(state.case(&case(2)).unwrap().unwrap().records(), [2]);
    let taken = apply(&mut state, 5, event(1, 2, 4), &issuer(0)).1;
    assert_eq!(taken, Err(Rejection::Conflict));
}

#[test]
fn a_block_without_records_has_a_checkpoint_when_other_parties_begin() {
    let mut state = State::new(genesis());
    decide(&mut state, 1, admit(4));
    assert!(state.end_block(1));
    let announced = state.checkpoint();
    assert!(
        state
            .trusted_parties_document()
            .contains(r#""scheduled":[{"height":20"#)
    );
    for height in 2..20 {
        assert!(!state.end_block(height), "{height}");
        assert_eq!(state.checkpoint(), announced);
    }
    assert!(state.end_block(20));
    let begun = state.checkpoint();
    assert_eq!((begun.height, begun.size), (20, announced.size));
    assert_eq!(
        (begun.root, begun.blocks),
        (announced.root, announced.blocks)
    );
    assert_ne!(begun.trusted_parties, announced.trusted_parties);
    assert!(
        state
            .trusted_parties_document()
            .contains(r#""scheduled":[]"#)
    );
    assert!(!state.end_block(21));

    // Whoever replays the records and ends the last block alone comes to the same.
    let mut late = State::new(genesis());
    decide(&mut late, 1, admit(4));
    late.end_block(25);
    assert_eq!(late.checkpoint(), begun);
    assert_eq!(late.committees().at(19).count(), 4);
    assert_eq!(late.committees().at(20).count(), 5);
}

#[test]
fn the_document_of_a_new_epoch_says_so() {
    let mut state = ledger(&[(event(1, 0, 1), issuer(0))]);
    let next: Record = sign(event(1, 1, 2), &issuer(0));
    let context: BlockContext = block(10);
    state.apply(&next, &context).unwrap();
    assert!(state.end_block(10));
    assert!(state.trusted_parties_document().contains(r#""epoch":1"#));
}
