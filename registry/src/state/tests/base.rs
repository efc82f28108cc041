//! A state that looks old records up, beside one that keeps them all.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use protocol::registry::merkle::Frontier;

use super::network::*;
use super::sequences::{moves, play};
use crate::state::{Base, Placed, Rejection, State, Subject, Unreadable};

/// Records in memory, which cannot be read while they are broken.
#[derive(Debug, Default)]
struct Records(Mutex<(Vec<Placed>, bool)>);

impl Records {
    fn push(&self, placed: Placed) {
        self.0.lock().unwrap().0.push(placed);
    }

    fn break_or_mend(&self, broken: bool) {
        self.0.lock().unwrap().1 = broken;
    }

    fn tree(&self) -> Frontier {
        let mut tree = Frontier::default();
        for placed in &self.0.lock().unwrap().0 {
            tree.push(placed.record.leaf_hash());
        }
        tree
    }
}

impl Base for Records {
    fn placed(&self, index: u64) -> Result<Option<Placed>, Unreadable> {
        let records = self.0.lock().unwrap();
        if records.1 {
            return Err(Unreadable);
        }
        Ok(records.0.get(usize::try_from(index).unwrap()).cloned())
    }

    fn of_subject(&self, subject: &Subject, below: u64) -> Result<Vec<Placed>, Unreadable> {
        let records = self.0.lock().unwrap();
        if records.1 {
            return Err(Unreadable);
        }
        let of = |placed: &&Placed| {
            placed.index < below && Subject::all_of(&placed.record).contains(subject)
        };
        Ok(records.0.iter().filter(of).cloned().collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_state_over_a_base_says_the_same_as_one_that_keeps_everything(
        moves in moves(), kept in 0..6_usize, restored_every in 1..40_usize,
    ) {
        let records = Arc::new(Records::default());
        let mut own = State::new(genesis()).over(records.clone());
        let mut made = 0;
        play(&moves, |state, record, block, applied| {
            made += 1;
            assert_eq!(own.fork().apply(record, block), applied);
            if let Ok(accepted) = applied {
                // As a node does: the record is stored first.
                records.push(Placed { index: accepted.index, block: *block, record: record.clone() });
                assert_eq!(own.apply(record, block), applied);
                own.settle(kept);
                assert!(own.recent.records.len() + own.older.records.len() <= 2 * kept.max(1));
            }
            if made % restored_every == 0 {
                let snapshot = serde_json::to_value(own.snapshot()).unwrap();
                let snapshot = serde_json::from_value(snapshot).unwrap();
                own = State::restore(genesis(), records.clone(), records.tree(), &snapshot).unwrap().0;
            }
            assert_eq!(own.checkpoint(), state.checkpoint());
            assert_eq!(own.trusted_parties_document(), state.trusted_parties_document());
            assert_eq!(own.index_of(&record.id()), state.index_of(&record.id()));
        });
        for about in 0..3 {
            // What is looked up is what was kept, to the last field.
            let (case, application) = (case(about), application(about));
            let whole = replayed(&records);
            own.settle(0);
            own.settle(0);
            prop_assert_eq!(own.case(&case), whole.case(&case));
            prop_assert_eq!(own.application(&application), whole.application(&application));
        }
    }
}

fn replayed(records: &Records) -> State<'static> {
    let mut state = State::new(genesis());
    for placed in &records.0.lock().unwrap().0 {
        state.apply(&placed.record, &placed.block).unwrap();
    }
    state
}

#[test]
fn a_base_that_cannot_be_read_refuses_no_record_and_changes_nothing() {
    let records = Arc::new(Records::default());
    let mut state = State::new(genesis()).over(records.clone());
    let opened = sign(event(1, 0, 1), &issuer(0));
    let accepted = state.apply(&opened, &block(1)).unwrap();
    records.push(Placed {
        index: accepted.index,
        block: block(1),
        record: opened,
    });
    state.settle(0);
    state.settle(0);
    let before = content(&state);
    records.break_or_mend(true);
    let next = sign(event(1, 1, 2), &issuer(0));
    let refused = state.apply(&next, &block(2));
    assert_eq!(refused, Err(Rejection::Unreadable(Unreadable)));
    records.break_or_mend(false);
    assert_eq!(content(&state), before);
    state.apply(&next, &block(2)).unwrap();
}
