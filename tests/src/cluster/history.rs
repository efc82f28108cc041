//! What clients were told while nodes failed, and whether it is the history of one ledger.
//!
//! An attempt that got no answer, or "later", may have happened or not; an acknowledged one happened, at its index. The model
//! is a list that only grows: a record has one place, a record submitted after another was acknowledged stands behind
//! it, and every checkpoint that anyone ever saw is the root of a prefix of the log in the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::registry::checkpoint::VerifiedCheckpoint;
use protocol::registry::merkle::TreeHash;
use tokio::sync::watch;

use super::Log;

/// Violations that are told; the rest are as many.
const TOLD_MAX: usize = 20;

/// One submission as its client saw it. Begin and end are ticks of a clock that all clients share.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    record: usize,
    begun: u64,
    /// When it was acknowledged, and at which index; none if nobody knows.
    acknowledged: Option<(u64, u64)>,
}

/// An acknowledged record, in real time.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement {
    /// When it was submitted for the first time.
    pub begun: Instant,
    /// When its receipt came.
    pub ended: Instant,
}

/// Collects what clients see.
#[derive(Debug)]
pub struct Recorder {
    clock: AtomicU64,
    seen: Mutex<Seen>,
    latest: watch::Sender<Latest>,
}

/// How many records are acknowledged, and by whom the last one was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latest {
    /// Records.
    pub count: usize,
    /// The node that acknowledged the last.
    pub node: usize,
}

#[derive(Debug, Default)]
struct Seen {
    records: Vec<TreeHash>,
    attempts: Vec<Attempt>,
    acknowledgements: Vec<Acknowledgement>,
    checkpoints: Vec<(u64, TreeHash)>,
    refusals: Vec<String>,
    unavailable: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            clock: AtomicU64::new(0),
            seen: Mutex::default(),
            latest: watch::Sender::new(Latest::default()),
        }
    }
}

impl Recorder {
    /// A new record; its number.
    pub fn record(&self, leaf: TreeHash) -> usize {
        let mut seen = self.seen();
        seen.records.push(leaf);
        seen.records.len() - 1
    }

    /// The tick at which an attempt begins.
    pub fn begin(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Nobody knows what became of an attempt.
    pub fn unknown(&self, record: usize, begun: u64) {
        let mut seen = self.seen();
        seen.unavailable += 1;
        seen.attempts.push(Attempt {
            record,
            begun,
            acknowledged: None,
        });
    }

    /// A node acknowledged a record.
    pub fn acknowledged(
        &self,
        (record, begun): (usize, u64),
        (node, index): (usize, u64),
        real: Acknowledgement,
        under: &VerifiedCheckpoint,
    ) {
        let ended = self.clock.fetch_add(1, Ordering::SeqCst);
        let count = {
            let mut seen = self.seen();
            seen.attempts.push(Attempt {
                record,
                begun,
                acknowledged: Some((ended, index)),
            });
            seen.acknowledgements.push(real);
            seen.checkpoints.push((under.size(), under.root()));
            seen.acknowledgements.len()
        };
        self.latest.send_replace(Latest { count, node });
    }

    /// A client saw a checkpoint.
    pub fn saw(&self, checkpoint: &VerifiedCheckpoint) {
        let seen = (checkpoint.size(), checkpoint.root());
        self.seen().checkpoints.push(seen);
    }

    /// A node refused what it had to take, or answered what it must not.
    pub fn refused(&self, what: String) {
        self.seen().refusals.push(what);
    }

    /// Follows acknowledgements as they come.
    pub fn subscribe(&self) -> watch::Receiver<Latest> {
        self.latest.subscribe()
    }

    /// How many acknowledgements came.
    pub fn count(&self) -> usize {
        self.latest.borrow().count
    }

    /// Ends the collection.
    pub fn take(&self) -> History {
        History(std::mem::take(&mut *self.seen()))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What clients saw.
#[derive(Debug)]
pub struct History(Seen);

impl History {
    /// How many different records were acknowledged.
    pub fn acknowledged_records(&self) -> usize {
        self.index_of_each().len()
    }

    /// Attempts without a definite answer.
    pub const fn unavailable(&self) -> u64 {
        self.0.unavailable
    }

    /// The times of all acknowledgements.
    pub fn acknowledgements(&self) -> &[Acknowledgement] {
        &self.0.acknowledgements
    }

    /// The longest time without any acknowledgement.
    pub fn longest_silence(&self) -> Duration {
        let mut ends: Vec<Instant> = self.0.acknowledgements.iter().map(|a| a.ended).collect();
        ends.sort();
        let gaps = ends.iter().zip(ends.iter().skip(1));
        gaps.map(|(before, after)| after.duration_since(*before))
            .max()
            .unwrap_or_default()
    }

    /// Everything that contradicts the log in the end.
    pub fn violations(&self, log: &Log) -> Vec<String> {
        let mut found: Vec<String> = self.0.refusals.clone();
        self.check_indexes(&mut found);
        self.check_order(&mut found);
        self.check_log(log, &mut found);
        self.check_checkpoints(log, &mut found);
        let more = found.len().saturating_sub(TOLD_MAX);
        if more > 0 {
            found.truncate(TOLD_MAX);
            found.push(format!("and {more} more"));
        }
        found
    }

    fn index_of_each(&self) -> BTreeMap<usize, u64> {
        let told = self.0.attempts.iter();
        told.filter_map(|attempt| Some((attempt.record, attempt.acknowledged?.1)))
            .collect()
    }

    /// N4: however often it was submitted, a record has one index, and an index has one record.
    fn check_indexes(&self, found: &mut Vec<String>) {
        let (mut indexes, mut records) = (HashMap::new(), HashMap::new());
        for attempt in &self.0.attempts {
            let Some((_, index)) = attempt.acknowledged else {
                continue;
            };
            let known = *indexes.entry(attempt.record).or_insert(index);
            if known != index {
                found.push(format!("N4: a record has the indexes {known} and {index}"));
            }
            if *records.entry(index).or_insert(attempt.record) != attempt.record {
                found.push(format!("N4: index {index} was given to two records"));
            }
        }
    }

    /// A record that was submitted for the first time after another was acknowledged stands behind it.
    fn check_order(&self, found: &mut Vec<String>) {
        let mut first_begun: HashMap<usize, u64> = HashMap::new();
        for attempt in &self.0.attempts {
            let begun = first_begun.entry(attempt.record).or_insert(attempt.begun);
            *begun = attempt.begun.min(*begun);
        }
        let mut ends: Vec<(u64, u64)> = Vec::new();
        let mut begins: Vec<(u64, u64)> = Vec::new();
        for attempt in &self.0.attempts {
            if let Some((end, index)) = attempt.acknowledged {
                ends.push((end, index));
                if let Some(begun) = first_begun.get(&attempt.record) {
                    begins.push((*begun, index));
                }
            }
        }
        ends.sort_unstable();
        begins.sort_unstable();
        let mut ends = ends.into_iter().peekable();
        let mut greatest = None;
        for (begun, index) in begins {
            while let Some((_, ended)) = ends.next_if(|(end, _)| *end < begun) {
                greatest = greatest.max(Some(ended));
            }
            if greatest.is_some_and(|greatest| greatest >= index) {
                found.push(format!(
                    "order: index {index} was given to a record that came after {greatest:?}"
                ));
            }
        }
    }

    /// N3: what was acknowledged stands where the receipt said, and once.
    fn check_log(&self, log: &Log, found: &mut Vec<String>) {
        let mut times: HashMap<TreeHash, u64> = HashMap::new();
        for index in 0..log.size() {
            *times
                .entry(log.leaf(index).unwrap_or(TreeHash::EMPTY))
                .or_default() += 1;
        }
        for (record, index) in self.index_of_each() {
            let Some(leaf) = self.0.records.get(record) else {
                continue;
            };
            if log.leaf(index) != Some(*leaf) {
                found.push(format!(
                    "N3: the record acknowledged at {index} is not there"
                ));
            }
        }
        for leaf in &self.0.records {
            if times.get(leaf).is_some_and(|times| *times > 1) {
                found.push("N4: a record stands in the log twice".to_owned());
            }
        }
    }

    /// N7 and N1: every checkpoint that was seen is a prefix of the log.
    fn check_checkpoints(&self, log: &Log, found: &mut Vec<String>) {
        let roots = log.roots();
        for (size, root) in &self.0.checkpoints {
            let place = usize::try_from(*size).unwrap_or(usize::MAX);
            if roots.get(place) != Some(root) {
                found.push(format!(
                    "N7: a checkpoint of size {size} was seen that is no prefix of the log of {}",
                    log.size()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u8) -> TreeHash {
        TreeHash::of_leaf(&[number])
    }

    fn attempt(record: usize, begun: u64, acknowledged: Option<(u64, u64)>) -> Attempt {
        Attempt {
            record,
            begun,
            acknowledged,
        }
    }

    fn history(attempts: Vec<Attempt>) -> History {
        History(Seen {
            records: (0..3).map(leaf).collect(),
            attempts,
            ..Seen::default()
        })
    }

    fn log(leaves: &[u8]) -> Log {
        Log::of(leaves.iter().map(|number| leaf(*number)).collect())
    }

    #[test]
    fn a_history_of_one_ledger_has_no_violation() {
        let mut history = history(vec![
            attempt(0, 0, None),
            attempt(0, 1, Some((3, 0))),
            attempt(1, 2, Some((4, 1))),
            attempt(0, 5, Some((6, 0))),
            attempt(2, 7, None),
        ]);
        let log = log(&[0, 1, 2]);
        history.0.checkpoints = vec![(0, log.roots()[0]), (2, log.roots()[2])];
        assert_eq!(history.violations(&log), [""; 0]);
        assert_eq!(history.acknowledged_records(), 2);
    }

    #[test]
    fn n3_a_lost_record_is_seen() {
        let history = history(vec![attempt(0, 0, Some((1, 0)))]);
        assert!(history.violations(&log(&[])).concat().contains("N3"));
        assert!(history.violations(&log(&[1])).concat().contains("N3"));
    }

    #[test]
    fn n4_a_record_with_two_places_is_seen() {
        let twice = history(vec![
            attempt(0, 0, Some((1, 0))),
            attempt(0, 2, Some((3, 1))),
        ]);
        assert!(twice.violations(&log(&[0, 0])).concat().contains("N4"));
        let shared = history(vec![
            attempt(0, 0, Some((1, 0))),
            attempt(1, 0, Some((3, 0))),
        ]);
        assert!(shared.violations(&log(&[0, 1])).concat().contains("N4"));
        let unknown = history(vec![attempt(0, 0, None)]);
        assert!(unknown.violations(&log(&[0, 0])).concat().contains("N4"));
    }

    #[test]
    fn a_record_that_stands_before_an_earlier_one_is_seen() {
        let history = history(vec![
            attempt(0, 0, Some((1, 1))),
            attempt(1, 2, Some((3, 0))),
        ]);
        assert!(history.violations(&log(&[1, 0])).concat().contains("order"));
    }

    #[test]
    fn n7_a_checkpoint_of_another_ledger_is_seen() {
        let mut history = history(Vec::new());
        history.0.checkpoints = vec![(1, leaf(9))];
        assert!(history.violations(&log(&[0])).concat().contains("N7"));
        history.0.checkpoints = vec![(2, leaf(0))];
        assert!(history.violations(&log(&[0])).concat().contains("N7"));
    }

    #[test]
    fn a_refusal_is_a_violation() {
        let mut history = history(Vec::new());
        history.0.refusals.push("refused".into());
        assert_eq!(history.violations(&log(&[])), ["refused"]);
    }
}
