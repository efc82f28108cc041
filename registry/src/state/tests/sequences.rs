//! Random moves, right and wrong ones, with the invariants of the ledger after each.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use protocol::registry::record::{Author, Body, Record, UnverifiedRecord};
use protocol::registry::{CaseId, ListId, RecordId};

use super::network::*;
use crate::state::{Accepted, BlockContext, Rejection, State};

/// What somebody does: mostly what the ledger waits for, sometimes something near it.
#[derive(Clone, Debug)]
pub(super) struct Move {
    deed: Deed,
    /// The case, list or application.
    about: u8,
    /// Which step, holder or content.
    choice: u8,
    /// 0: as it should be. Otherwise: what is wrong with it.
    fault: u8,
    /// Blocks since the move before.
    blocks: u64,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Batch,
    StatusList,
    CaseEvent,
    Erasure,
    Designation,
    Outcome,
    Repeat,
}

pub(super) fn moves() -> impl Strategy<Value = Vec<Move>> {
    let deed = prop_oneof![
        2 => Just(Deed::Batch),
        2 => Just(Deed::StatusList),
        12 => Just(Deed::CaseEvent),
        2 => Just(Deed::Erasure),
        3 => Just(Deed::Designation),
        4 => Just(Deed::Outcome),
        1 => Just(Deed::Repeat),
    ];
    let fault = prop_oneof![4 => Just(0_u8), 1 => 1..6_u8];
    let one = (deed, 0..3_u8, 0..8_u8, fault, 0..4_u64);
    let one = one.prop_map(|(deed, about, choice, fault, blocks)| Move {
        deed,
        about,
        choice,
        fault,
        blocks,
    });
    prop::collection::vec(one, 1..150)
}

impl Move {
    /// The record that makes this move, given what stands on the ledger.
    fn record(&self, log: &Log, height: u64) -> Record {
        let standing = |body: &dyn Fn(&Body) -> bool| {
            log.iter().filter(|(record, _)| body(record.body())).count()
        };
        // Faults 1 and 2 are a sequence number that was used and one that leaves a gap.
        let next = |count: usize| match self.fault {
            1 => (count as u64).saturating_sub(1),
            2 => count as u64 + 1,
            _ => count as u64,
        };
        let issuer = if self.fault == 3 {
            key(9)
        } else {
            issuer(self.about % 2)
        };
        let body = match self.deed {
            Deed::Batch => {
                let of_issuer = log.iter().filter(|(record, _)| {
                    let author = *record.author() == Author::of(issuer.public_key());
                    author && matches!(record.body(), Body::CredentialBatch(_))
                });
                batch(next(of_issuer.count()))
            }
            Deed::StatusList => {
                let list = ListId::from_bytes([self.about; 16]);
                let count = standing(
                    &|body| matches!(body, Body::StatusListVersion(version) if version.list == list),
                );
                status_list(self.about, next(count), self.choice)
            }
            Deed::CaseEvent => {
                let case = case(self.about);
                let count =
                    standing(&|body| matches!(body, Body::CaseEvent(event) if event.case == case));
                let sequence = u32::try_from(next(count)).unwrap();
                let code = if count == 0 && self.fault != 4 {
                    1
                } else {
                    self.choice.into()
                };
                match (height < SECOND_DEFINITION) != (self.fault == 5) {
                    true => event(self.about, sequence, code),
                    false => later_event(self.about, sequence, code),
                }
            }
            Deed::Erasure => erasure(self.about, self.choice),
            Deed::Designation => return self.designation(log),
            Deed::Outcome => {
                let application = application(self.about);
                let count = standing(
                    &|body| matches!(body, Body::Outcome(outcome) if outcome.application == application),
                );
                let code = u8::try_from(count).unwrap() + 1 + u8::from(self.fault == 4);
                let signer = if self.fault == 3 { 9 } else { self.about };
                let sequence = u32::try_from(next(count)).unwrap();
                return sign(outcome(self.about, sequence, code), &outcome_key(signer));
            }
            Deed::Repeat => {
                let at = usize::from(self.choice) * 7 % log.len().max(1);
                return log
                    .get(at)
                    .map_or_else(|| sign(batch(0), &key(9)), |(record, _)| record.clone());
            }
        };
        sign(body, &issuer)
    }

    fn designation(&self, log: &Log) -> Record {
        let batches: Vec<u64> = (0..)
            .zip(log)
            .filter(|(_, (record, _))| matches!(record.body(), Body::CredentialBatch(_)))
            .map(|(index, _)| index)
            .collect();
        let batch = match self.fault {
            1 => log.len() as u64,
            _ => batches.last().copied().unwrap_or(0),
        };
        let anchored = self.choice % HOLDERS;
        let signer = if self.fault == 3 {
            (anchored + 1) % HOLDERS
        } else {
            anchored
        };
        let mut consent = designation(self.about, anchored, batch);
        if self.fault == 4 {
            consent.expires = block(1).time;
        }
        sign(Body::Designation(consent), &holder(signer))
    }
}

/// Makes the moves on a new ledger, and tells of each what became of it.
pub(super) fn play(
    moves: &[Move],
    mut seen: impl FnMut(&State<'_>, &Record, &BlockContext, Result<Accepted, Rejection>),
) -> Log {
    let mut state = State::new(genesis());
    let mut log = Log::new();
    let mut height = 1;
    for made in moves {
        height += made.blocks;
        let (record, block) = (made.record(&log, height), block(height));
        let tried = state.fork().apply(&record, &block);
        let applied = state.apply(&record, &block);
        assert_eq!(tried, applied);
        seen(&state, &record, &block, applied);
        if applied.is_ok() {
            log.push((record, block));
        }
    }
    log
}

/// What the ledger took, with the block of each record.
pub(super) type Log = Vec<(Record, BlockContext)>;

/// Reads a log from its beginning and checks the order of every case, with no code of the state.
fn order_of_cases_holds(log: &Log) {
    let mut cases: BTreeMap<CaseId, (Author, Vec<u16>, bool)> = BTreeMap::new();
    for (record, block) in log {
        match record.body() {
            Body::CaseEvent(event) => {
                let (author, codes, erased) =
                    cases
                        .entry(event.case)
                        .or_insert((*record.author(), Vec::new(), false));
                assert_eq!(author, record.author());
                assert_eq!(usize::try_from(event.sequence), Ok(codes.len()));
                assert!(!codes.contains(&event.code) && !codes.contains(&6) && !*erased);
                let second = block.height >= SECOND_DEFINITION;
                assert_eq!(event.definition, if second { 2 } else { 1 });
                let before: &[u16] = match event.code {
                    1 => &[],
                    2..=4 => &[1],
                    5 => &[2, 3, 4],
                    6 if second => &[5],
                    6 => &[1],
                    other => panic!("step {other}"),
                };
                assert!(before.iter().all(|code| codes.contains(code)));
                codes.push(event.code);
            }
            Body::Erasure(erasure) => {
                let (author, codes, erased) = cases.get_mut(&erasure.case).unwrap();
                assert_eq!(author, record.author());
                assert!(codes.contains(&6) && !*erased);
                *erased = true;
            }
            Body::CredentialBatch(_)
            | Body::StatusListVersion(_)
            | Body::Designation(_)
            | Body::Outcome(_)
            | Body::Proposal(_)
            | Body::Approval(_)
            | Body::CaseEventGroup(_) => {}
        }
    }
}

/// Reads a log from its beginning and checks consents and outcomes, with no code of the state.
fn consent_holds(log: &Log) {
    let mut spent = BTreeSet::new();
    let mut applications = BTreeMap::new();
    for (record, block) in log {
        if let Body::Designation(designation) = record.body() {
            let anchor = &designation.anchor;
            let (batch, _block) = &log[usize::try_from(anchor.batch).unwrap()];
            assert!(matches!(batch.body(), Body::CredentialBatch(_)));
            assert!(spent.insert((anchor.batch, anchor.leaf)));
            assert_eq!(
                *record.author(),
                Author::of(holder(anchor.nonce[0]).public_key())
            );
            assert!(designation.expires > block.time);
            let opened = applications.insert(designation.application, (designation.clone(), 0));
            assert_eq!(opened, None);
        }
        if let Body::Outcome(outcome) = record.body() {
            let (designation, outcomes) = applications.get_mut(&outcome.application).unwrap();
            assert_eq!(*record.author(), Author::Ed25519(designation.outcome_key));
            assert_eq!(outcome.sequence, *outcomes);
            assert_eq!(u32::from(outcome.code), *outcomes + 1);
            assert!(block.time <= designation.expires);
            *outcomes += 1;
            assert!(*outcomes <= 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_sequence_of_moves_keeps_the_invariants(moves in moves()) {
        let mut places: BTreeMap<RecordId, u64> = BTreeMap::new();
        let (mut size, mut root) = (0, State::new(genesis()).checkpoint().root);
        let log = play(&moves, |state, record, block, applied| {
            let checkpoint = state.checkpoint();
            match applied {
                Ok(accepted) => {
                    // N4: one record, one index, the next one.
                    assert_eq!(accepted.index, size);
                    assert_eq!(accepted.leaf, record.leaf_hash());
                    assert_eq!(places.insert(record.id(), accepted.index), None);
                    assert_eq!((checkpoint.height, checkpoint.time), (block.height, block.time));
                    (size, root) = (size + 1, checkpoint.root);
                }
                Err(rejection) => {
                    let standing = places.get(&record.id()).map(|&index| Rejection::Duplicate { index });
                    let duplicate = matches!(rejection, Rejection::Duplicate { .. }).then_some(rejection);
                    assert_eq!(standing, duplicate);
                }
            }
            assert_eq!((checkpoint.size, checkpoint.root), (size, root));
            assert_eq!(state.index_of(&record.id()), Ok(places.get(&record.id()).copied()));
        });
        // N5, and the rules of consent, by an independent reader of the log.
        order_of_cases_holds(&log);
        consent_holds(&log);
    }

    #[test]
    fn the_same_records_give_the_same_state(moves in moves()) {
        let mut last = String::new();
        let log = play(&moves, |state, _record, _block, _applied| {
            last = format!("{:?} {}", state.checkpoint(), state.trusted_parties_document());
        });
        let mut replayed = State::new(genesis());
        for (record, block) in &log {
            let network = genesis().network();
            let record = UnverifiedRecord::decode(record.as_bytes()).unwrap().verify(&network).unwrap();
            prop_assert!(replayed.apply(&record, block).is_ok());
        }
        prop_assert_eq!(format!("{:?} {}", replayed.checkpoint(), replayed.trusted_parties_document()), last);
    }

    #[test]
    fn a_tower_of_forks_says_the_same_as_one_state(moves in moves()) {
        let mut attempts = Vec::new();
        let mut whole = None;
        play(&moves, |state, record, block, applied| {
            attempts.push((record.clone(), *block, applied));
            whole = Some((state.checkpoint(), state.trusted_parties_document()));
        });
        let third = attempts.len() / 3;
        let run = |state: &mut State<'_>, part: &[(Record, BlockContext, Result<Accepted, Rejection>)]| {
            for (record, block, expected) in part {
                assert_eq!(&state.apply(record, block), expected);
            }
        };
        let mut ground = State::new(genesis());
        run(&mut ground, &attempts[..third]);
        let mut middle = ground.fork();
        run(&mut middle, &attempts[third..2 * third]);
        let mut top = middle.fork();
        run(&mut top, &attempts[2 * third..]);
        prop_assert_eq!(Some((top.checkpoint(), top.trusted_parties_document())), whole);

        let latest = top.into_changes();
        prop_assert!(middle.take(latest).is_ok());
        let taken = middle.into_changes();
        prop_assert!(ground.take(taken).is_ok());
        let mut applied = State::new(genesis());
        run(&mut applied, &attempts);
        prop_assert_eq!(format!("{:?}", ground), format!("{:?}", applied));
    }
}

/// Random moves prove something only if they reach every rule.
#[test]
fn the_random_moves_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let (mut kinds, mut rejections) = (BTreeMap::new(), BTreeMap::new());
    for _run in 0..100 {
        let moves = moves().new_tree(&mut runner).unwrap().current();
        play(&moves, |_state, record, _block, applied| match applied {
            Ok(_accepted) => *kinds.entry(record.body().kind()).or_insert(0) += 1,
            Err(rejection) => {
                let word = format!("{rejection:?}");
                let word = word.split(' ').next().unwrap().to_owned();
                *rejections.entry(word).or_insert(0) += 1;
            }
        });
    }
    let often = |(kind, times): (&u8, &i32)| (*times >= 20).then_some(*kind);
    let reached: Vec<u8> = kinds.iter().filter_map(often).collect();
    assert_eq!(reached, [1, 2, 3, 4, 5, 6], "{kinds:?}");
    let reached: Vec<&str> = rejections.keys().map(String::as_str).collect();
    let expected = [
        "Anchor",
        "Conflict",
        "Duplicate",
        "Expired",
        "InactiveDefinition",
        "NotAuthorised",
        "OutOfSequence",
        "StepNotAllowed",
        "Unknown",
    ];
    assert_eq!(reached, expected, "{rejections:?}");
}
