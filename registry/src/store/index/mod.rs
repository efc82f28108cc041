//! Where the records of a case, an application, or a record id stand: postings, in memory for the latest entries and in
//! sorted files that never change for all others.
//!
//! A posting says that an entry may speak of a subject of which it has 48 bits of a hash: whoever asks reads the entry and
//! looks. So nothing that is true depends on the index, and it can always be derived again from the entries.
//!
//! The latest postings become a run, a file of their own, when there are enough of them; several runs become one. A run
//! that is not whole (the node was closed) is read back into memory and replaced by the next one.

mod filter;
mod run;

use super::{StoreError, disk::Disk};
use crate::state::Subject;
use protocol::registry::{ContentDigest, record::Record};
use run::{Kind, Posting, Run, RunName};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// The longest span of entries that a run can have: places in it take two bytes.
const SPAN_MAX: u64 = 65_536;
/// Room for the entries of one block beyond those that make a run due.
const BLOCK_ENTRIES_MAX: u64 = registry_consensus::BLOCK_RECORDS_MAX as u64;

const DAMAGED_RUN: StoreError = StoreError::Damaged("a run of postings");

/// How much is in memory, and in how many files the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// Entries that make a run, and after which the store is marked.
    pub entries: u64,
    /// Postings that make one.
    pub postings: usize,
    /// Runs that become one.
    pub runs: usize,
}

impl Grain {
    /// What fits a node.
    pub const NODE: Self = Self {
        entries: 4096,
        postings: 32_768,
        runs: 14,
    };
}

/// 48 bits of a hash of a subject.
fn key(subject: &Subject) -> u64 {
    let name = match subject {
        Subject::Record(id) => [b"r".as_slice(), id.as_bytes()].concat(),
        Subject::Case(id) => [b"c".as_slice(), id.as_bytes()].concat(),
        Subject::Application(id) => [b"a".as_slice(), id.as_bytes()].concat(),
        Subject::Spent { batch, leaf } => {
            let (batch, leaf) = (batch.to_be_bytes(), leaf.to_be_bytes());
            [b"s".as_slice(), &batch, &leaf].concat()
        }
        Subject::Governance => b"g".to_vec(),
    };
    let digest = ContentDigest::of(&name);
    let [a, b, c, d, e, f, ..] = *digest.as_bytes();
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// The postings of all entries. One writes at a time; readers wait only while postings change hands in memory.
#[derive(Debug)]
pub(super) struct Index {
    disk: Arc<dyn Disk>,
    grain: Grain,
    postings: RwLock<Postings>,
}

#[derive(Debug, Default)]
struct Postings {
    /// The runs of whole spans, from the first entry on without a gap.
    runs: Vec<Arc<Run>>,
    /// The postings after them, by key and index.
    recent: BTreeSet<(u64, u64)>,
    /// The file with the same postings as `recent` had when the node was closed, if it still counts.
    partial: Option<RunName>,
    /// Files that the next mark no longer names.
    obsolete: Vec<String>,
}

impl Postings {
    /// The end of the runs of whole spans.
    fn end(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.name().end)
    }

    fn next_run(&self, kind: Kind, end: u64) -> RunName {
        let first = self.end();
        RunName { kind, first, end }
    }

    fn latest(&self) -> Result<Vec<Posting>, StoreError> {
        let first = self.end();
        let posting = |(key, index): &(u64, u64)| Posting::new(*key, index - first);
        self.recent.iter().map(posting).collect()
    }
}

impl Index {
    pub(super) fn new(disk: Arc<dyn Disk>, grain: Grain) -> Self {
        Self {
            disk,
            grain,
            postings: RwLock::default(),
        }
    }

    /// Opens the runs with these names, which must cover the entries up to `size`; none if they do not or are damaged.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        grain: Grain,
        names: &[String],
        size: u64,
    ) -> Result<Option<Self>, StoreError> {
        let mut postings = Postings::default();
        for name in names {
            let Some(name) = RunName::parse(name) else {
                return Ok(None);
            };
            if name.first != postings.end() || postings.partial.is_some() {
                return Ok(None);
            }
            let Some(run) = Run::open(&*disk, name)? else {
                return Ok(None);
            };
            if name.kind != Kind::Partial {
                postings.runs.push(Arc::new(run));
                continue;
            }
            let Some(recent) = run.postings(&*disk)? else {
                return Ok(None);
            };
            let absolute = |posting: &Posting| (posting.key, name.first + u64::from(posting.place));
            postings.recent = recent.iter().map(absolute).collect();
            postings.partial = Some(name);
        }
        let end = postings.partial.map_or(postings.end(), |name| name.end);
        let index = Self {
            disk,
            grain,
            postings: RwLock::new(postings),
        };
        Ok((end == size).then_some(index))
    }

    fn read(&self) -> RwLockReadGuard<'_, Postings> {
        self.postings.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Postings> {
        let postings = self.postings.write();
        postings.unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds entries, of which the first one has the index `first`.
    pub(super) fn add<'r>(&self, first: u64, records: impl Iterator<Item = &'r Record>) {
        let mut added = Vec::new();
        for (index, record) in (first..).zip(records) {
            let subjects = Subject::all_of(record);
            added.extend(subjects.iter().map(|subject| (key(subject), index)));
        }
        self.write().recent.extend(added);
    }

    /// The indexes of entries that may speak of a subject, in their order.
    pub(super) fn candidates(&self, subject: &Subject) -> Result<Vec<u64>, StoreError> {
        let key = key(subject);
        let postings = self.read();
        let mut found = Vec::new();
        for run in &postings.runs {
            run.find(&*self.disk, key, &mut found)?;
        }
        let recent = postings.recent.range((key, 0)..=(key, u64::MAX));
        found.extend(recent.map(|(_, index)| *index));
        Ok(found)
    }

    /// Makes a run of the latest postings, up to the entry before `size`, if there are enough; says whether it did.
    pub(super) fn roll(&self, size: u64) -> Result<bool, StoreError> {
        let (name, latest) = {
            let postings = self.read();
            let span = size.saturating_sub(postings.end());
            if span < self.grain.entries && postings.recent.len() < self.grain.postings {
                return Ok(false);
            }
            (postings.next_run(Kind::Whole, size), postings.latest()?)
        };
        let run = Arc::new(Run::write(&*self.disk, name, &latest)?);
        {
            let mut postings = self.write();
            postings.runs.push(run);
            postings.recent.clear();
            let replaced = postings.partial.take();
            let replaced = replaced.map(|name| name.to_string());
            postings.obsolete.extend(replaced);
        }
        self.merge()?;
        Ok(true)
    }

    /// Makes one run of the last ones, if there are enough that were not made of several.
    fn merge(&self) -> Result<(), StoreError> {
        let is_small = |run: &&Arc<Run>| run.name().kind == Kind::Whole;
        let runs = self.read().runs.clone();
        let small = runs.iter().rev().take_while(is_small).count();
        let from = runs.len() - small;
        let (Some(oldest), Some(newest)) = (runs.get(from), runs.last()) else {
            return Ok(());
        };
        let (first, end) = (oldest.name().first, newest.name().end);
        let next = self.grain.entries + BLOCK_ENTRIES_MAX;
        if small < self.grain.runs && end - first + next <= SPAN_MAX {
            return Ok(());
        }
        let mut merged = Vec::new();
        for run in runs.iter().skip(from) {
            let offset = run.name().first - first;
            let part = run.postings(&*self.disk)?;
            for posting in part.ok_or(DAMAGED_RUN)? {
                let place = offset + u64::from(posting.place);
                merged.push(Posting::new(posting.key, place)?);
            }
        }
        merged.sort_unstable();
        let kind = Kind::Merged;
        let merged = Run::write(&*self.disk, RunName { kind, first, end }, &merged)?;
        let mut postings = self.write();
        let replaced = postings.runs.split_off(from);
        let names = replaced.iter().map(|run| run.name().to_string());
        postings.obsolete.extend(names);
        postings.runs.push(Arc::new(merged));
        Ok(())
    }

    /// Writes what is in memory to a file that is read back when the store is opened.
    pub(super) fn write_partial(&self, size: u64) -> Result<(), StoreError> {
        let (name, latest) = {
            let postings = self.read();
            let name = postings.next_run(Kind::Partial, size);
            if size == postings.end() || postings.partial == Some(name) {
                return Ok(());
            }
            (name, postings.latest()?)
        };
        Run::write(&*self.disk, name, &latest)?;
        let mut postings = self.write();
        let replaced = postings.partial.replace(name);
        let replaced = replaced.map(|name| name.to_string());
        postings.obsolete.extend(replaced);
        Ok(())
    }

    /// Up to which entry there are runs.
    pub(super) fn end(&self) -> u64 {
        self.read().end()
    }

    /// The files that hold the postings up to the last roll or partial run, for the mark that is written next.
    pub(super) fn files(&self) -> Vec<String> {
        let postings = self.read();
        let whole = postings.runs.iter().map(|run| run.name());
        let names = whole.chain(postings.partial);
        names.map(|name| name.to_string()).collect()
    }

    /// The files that no mark names any more.
    pub(super) fn take_obsolete(&self) -> Vec<String> {
        std::mem::take(&mut self.write().obsolete)
    }

    /// Whether this is the name of such a file.
    pub(super) fn is_file(name: &str) -> bool {
        RunName::parse(name).is_some()
    }
}
