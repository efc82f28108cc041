//! How long a leader waits before it proposes the records that it has.
//!
//! A block costs every node the same, whatever is in it: a dozen syncs and some twenty signatures. Clients that wait for
//! an answer send their next record when they have it. So a leader with few records lets the block before be committed, and
//! then lets those come again who were answered by it: twice as many records in a block, half the cost of each. Nobody waits
//! if nothing was on its way.

use std::time::{Duration, SystemTime};

/// While the block before is not committed here, records wait this long for others.
const GATHERING: Duration = Duration::from_millis(25);
/// When it is committed, whoever was answered is waited for so long.
const LINGERING: Duration = Duration::from_millis(12);
/// So many records are worth a block of their own.
const ENOUGH: usize = 256;

/// The wait for the records of one block.
#[derive(Debug)]
pub(crate) struct Gathering {
    /// When the first of those that wait was seen.
    first: Option<SystemTime>,
    /// When the block before was seen to be committed, and how many records are expected since.
    settled: Option<(SystemTime, usize)>,
    /// When an empty block is proposed.
    due: SystemTime,
}

impl Gathering {
    /// Begins to wait; without records until `due`.
    pub(crate) const fn until(due: SystemTime) -> Self {
        Self {
            first: None,
            settled: None,
            due,
        }
    }

    /// The block before is committed, and with it so many records are `answered`; `waiting` wait at this moment. Only the first
    /// time counts.
    pub(crate) fn settle(&mut self, waiting: usize, answered: usize, now: SystemTime) {
        self.settled
            .get_or_insert((now, waiting.saturating_add(answered)));
    }

    /// Whether to propose now, with so many records that wait and are in no block yet.
    pub(crate) fn is_over(&mut self, waiting: usize, now: SystemTime) -> bool {
        if waiting == 0 {
            self.first = None;
            return self.is_due(now);
        }
        self.first.get_or_insert(now);
        // Some clients do not come again.
        let nearly = waiting.saturating_add(waiting / 8);
        let all_are_here = |(_, expected): (SystemTime, usize)| nearly >= expected;
        waiting >= ENOUGH || self.settled.is_some_and(all_are_here) || now >= self.end()
    }

    /// Whether it is time for an empty block.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        now >= self.due
    }

    /// None of those that wait fits into a block now.
    pub(crate) fn begin_again(&mut self) {
        self.first = None;
    }

    /// When it is over if nothing happens.
    pub(crate) fn end(&self) -> SystemTime {
        let Some(first) = self.first else {
            return self.due;
        };
        let gathered = first + GATHERING;
        let lingered = self.settled.map(|(settled, _)| settled + LINGERING);
        lingered.unwrap_or(gathered).min(gathered).min(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(milliseconds: u64) -> SystemTime {
        START + Duration::from_millis(milliseconds)
    }

    #[test]
    fn without_records_an_empty_block_is_due_at_the_idle_time() {
        let mut gathering = Gathering::until(at(1000));
        assert!(!gathering.is_over(0, at(999)));
        assert_eq!(gathering.end(), at(1000));
        assert!(gathering.is_over(0, at(1000)));
    }

    #[test]
    fn a_record_alone_is_proposed_at_once_when_nothing_is_on_its_way() {
        let mut gathering = Gathering::until(at(1000));
        gathering.settle(0, 1, at(0));
        assert!(gathering.is_over(1, at(1)));
        // Whoever was answered long ago is not waited for.
        let mut gathering = Gathering::until(at(1000));
        gathering.settle(0, 64, at(0));
        assert!(gathering.is_over(1, at(13)));
    }

    #[test]
    fn records_wait_for_the_block_before_and_not_for_long() {
        let mut gathering = Gathering::until(at(1000));
        assert!(!gathering.is_over(32, at(5)));
        assert_eq!(gathering.end(), at(30));
        assert!(gathering.is_over(32, at(30)));
    }

    #[test]
    fn those_who_were_answered_are_waited_for_until_nearly_all_are_back() {
        let mut gathering = Gathering::until(at(1000));
        assert!(!gathering.is_over(32, at(0)));
        gathering.settle(32, 32, at(10));
        assert!(!gathering.is_over(32, at(10)));
        assert!(!gathering.is_over(56, at(12)));
        assert!(gathering.is_over(57, at(12)));
        assert!(gathering.is_over(33, at(22)));
    }

    #[test]
    fn many_records_wait_for_nothing() {
        let mut gathering = Gathering::until(at(1000));
        assert!(gathering.is_over(256, at(0)));
    }

    #[test]
    fn records_that_are_gone_are_not_waited_for() {
        let mut gathering = Gathering::until(at(1000));
        assert!(!gathering.is_over(1, at(0)));
        assert!(!gathering.is_over(0, at(30)));
        assert_eq!(gathering.end(), at(1000));
    }

    #[test]
    fn records_that_fit_into_no_block_do_not_make_the_leader_turn_in_circles() {
        let mut gathering = Gathering::until(at(1000));
        assert!(!gathering.is_over(1, at(0)));
        assert!(gathering.is_over(1, at(25)));
        gathering.begin_again();
        assert_eq!(gathering.end(), at(1000));
    }
}
