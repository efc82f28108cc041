//! An examination of a store that is not open: all that it says is derived from the entries again and compared.

use super::{
    CosignedNote, StoreError, Tip,
    disk::Disk,
    frame::FILE_HEAD_BYTES,
    hashes::{HASHES, Hashes},
    index::{Grain, Index},
    log::{Block, ENTRIES, Log, OFFSETS},
    marker::{self, Marker},
    mirror::Mirror,
    notes::Notes,
    unchecked::Flag,
};
use crate::{
    cosigning::Cosigned,
    state::{BlockContext, State, Subject},
};
use protocol::registry::{
    Genesis,
    checkpoint::UnverifiedCheckpoint,
    merkle::{self, Frontier, TreeHash},
    record::{Record, UnverifiedRecord},
};
use rand_core::CryptoRng;
use std::{fmt, sync::Arc};

/// Further findings of the same kind say nothing new.
const FINDINGS_MAX: usize = 100;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub what: &'static str,
    /// With which entry, if with one.
    pub index: Option<u64>,
    /// What is to be done.
    pub remedy: Remedy,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing need be done: the next start deals with it.
    Start,
    /// The derived files are made again.
    Derive,
    /// The entries from here on are cut off, and the node fetches them from its peers.
    Cut {
        /// Where the last frame that is right ends.
        end: u64,
    },
    /// The store is emptied, and the node fetches all from its peers.
    Empty,
    /// The file is removed, and its issuer brings it again.
    Remove,
    /// The configuration names another network's genesis file or directory.
    Configure,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "nothing need be done: the next start cuts it off, and the block is delivered again",
            Self::Derive => "--repair makes the derived files again",
            Self::Cut { .. } => "--repair cuts off the entries from here on; then start the node, which fetches them from its peers",
            Self::Empty => "--repair empties the store; then start the node, which fetches all entries from its peers",
            Self::Remove => "--repair removes the file; its issuer brings it again",
            Self::Configure => "check which genesis file and which data directory the configuration names",
        })
    }
}

/// What an examination found.
#[derive(Clone, Debug)]
pub struct Examination {
    /// Where the part of the ledger ends that is right.
    pub tip: Tip,
    /// What is wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
}

/// Derives everything from the entries again, with every sum, signature and rule, and compares it with what is on the disk.
///
/// # Errors
///
/// Fails if the disk does.
pub fn examine(
    disk: &Arc<dyn Disk>,
    genesis: &Arc<Genesis>,
    rng: &mut impl CryptoRng,
) -> Result<Examination, StoreError> {
    let log = Log::new(disk.clone());
    let begun = disk.length(ENTRIES)?.is_some();
    let finding = match log.network()? {
        Some(found) if found == genesis.network() => None,
        Some(_other) => Some(("the entries are of another network", Remedy::Configure)),
        None if begun => Some(("the head of the entries cannot be read", Remedy::Empty)),
        None => Some(("there are no entries", Remedy::Configure)),
    };
    if let Some((what, remedy)) = finding {
        let index = None;
        let findings = vec![Finding {
            what,
            index,
            remedy,
        }];
        let tip = Tip::EMPTY;
        return Ok(Examination { tip, findings });
    }
    let mut walk = Walk::new(disk, genesis, log)?;
    walk.entries(rng)?;
    walk.tokens()?;
    Ok(Examination {
        tip: walk.tip(),
        findings: walk.findings,
    })
}

/// Does what the findings ask for. The derived files are made again when the store is opened.
///
/// # Errors
///
/// Fails if the disk does.
pub fn repair(disk: &dyn Disk, examination: &Examination) -> Result<(), StoreError> {
    let findings = &examination.findings;
    if findings
        .iter()
        .any(|found| found.remedy == Remedy::Configure)
    {
        return Ok(());
    }
    let empties = findings.iter().any(|found| found.remedy == Remedy::Empty);
    let mut derives = empties || findings.iter().any(|found| found.remedy == Remedy::Derive);
    let latest = Marker::latest(disk)?.map_or(0, |(number, _)| number);
    let raised = Flag::raised(disk, latest)?;
    for finding in findings {
        if let Remedy::Cut { end } = finding.remedy
            && !empties
        {
            derives = true;
            disk.truncate(ENTRIES, end)?;
            disk.sync(ENTRIES)?;
        }
    }
    if derives {
        // Without marks nobody could tell which flag counts.
        if let Some(flag) = raised {
            flag.cut(disk)?;
        }
        Flag::lower_all(disk)?;
    }
    for name in disk.list()? {
        let derived = Index::is_file(&name) || name == OFFSETS || name == HASHES;
        if (derives && derived) || (empties && name == ENTRIES) || Mirror::is_wrong(disk, &name)? {
            disk.remove(&name)?;
        }
    }
    if derives {
        marker::remove_but(disk, None)?;
    }
    Ok(())
}

/// The way along the entries.
struct Walk {
    disk: Arc<dyn Disk>,
    genesis: Arc<Genesis>,
    log: Log,
    hashes: Hashes,
    marker: Option<Marker>,
    index: Option<Index>,
    signed: Option<CosignedNote>,
    /// What is behind this is not to be believed, and cut off at the next start.
    unchecked: Option<u64>,
    state: State<'static>,
    frontier: Frontier,
    at: u64,
    height: u64,
    findings: Vec<Finding>,
}

impl Walk {
    fn new(disk: &Arc<dyn Disk>, genesis: &Arc<Genesis>, log: Log) -> Result<Self, StoreError> {
        let latest = Marker::latest(&**disk)?;
        let number = latest.as_ref().map_or(0, |(number, _)| *number);
        let unchecked = Flag::raised(&**disk, number)?.map(Flag::entries);
        let marker = latest.map(|(_, marker)| marker);
        let mut findings = Vec::new();
        let index = match &marker {
            Some(marker) => Index::open(disk.clone(), Grain::NODE, &marker.runs, marker.size)?,
            None => None,
        };
        if marker.is_some() && index.is_none() {
            findings.push(Finding {
                what: "the files of postings are not whole",
                index: None,
                remedy: Remedy::Derive,
            });
        }
        let signed = Notes::open(disk.clone())?.cosigned()?;
        Ok(Self {
            disk: disk.clone(),
            genesis: genesis.clone(),
            log,
            hashes: Hashes::new(disk.clone()),
            marker,
            index,
            signed,
            unchecked,
            state: State::new(genesis.clone()),
            frontier: Frontier::default(),
            at: FILE_HEAD_BYTES as u64,
            height: 0,
            findings,
        })
    }

    fn tip(&self) -> Tip {
        Tip {
            height: self.height,
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    fn find(&mut self, what: &'static str, index: impl Into<Option<u64>>, remedy: Remedy) {
        let same = self.findings.iter().filter(|found| found.what == what);
        if same.count() < FINDINGS_MAX {
            let index = index.into();
            self.findings.push(Finding {
                what,
                index,
                remedy,
            });
        }
    }

    fn entries(&mut self, rng: &mut impl CryptoRng) -> Result<(), StoreError> {
        loop {
            let size = self.frontier.size();
            if self.unchecked.is_some_and(|end| end <= self.at) {
                let what = "what follows was told by a peer and not checked to its end";
                self.find(what, size, Remedy::Start);
                return Ok(());
            }
            let Some(block) = self.log.block(self.at, size, self.height)? else {
                return self.end();
            };
            if block.head.count > 0 && !self.block(&block, rng)? {
                return Ok(());
            }
            (self.at, self.height) = (block.end, block.head.height);
            self.compare_with_signed();
            self.compare_with_mark();
        }
    }

    /// What is behind the last frame that is whole.
    fn end(&mut self) -> Result<(), StoreError> {
        let (size, cut) = (self.frontier.size(), Remedy::Cut { end: self.at });
        let marked = self.marker.as_ref().map_or(0, |marker| marker.entries);
        if self.at < marked {
            self.find(
                "an entry that was on the disk was changed or is gone",
                size,
                cut,
            );
        } else if self.at < self.log.length()? {
            if self.log.next_block(self.at, size)?.is_some() {
                self.find("an entry was changed by the disk", size, cut);
            } else {
                self.find("the last block was not wholly written", size, Remedy::Start);
            }
        }
        Ok(())
    }

    /// Executes a block and compares what is derived from it; false if its records cannot stand there.
    fn block(&mut self, block: &Block, rng: &mut impl CryptoRng) -> Result<bool, StoreError> {
        let first = self.frontier.size();
        let cut = Remedy::Cut { end: self.at };
        let decoded = block
            .entries
            .iter()
            .map(|(_, entry)| UnverifiedRecord::decode(&entry.record));
        let records = match decoded.collect::<Result<Vec<_>, _>>() {
            Ok(records) => records,
            Err(_malformed) => {
                self.find("an entry in this block is no record", first, cut);
                return Ok(false);
            }
        };
        let verified = UnverifiedRecord::verify_all(records, &self.genesis.network(), rng);
        let records = match verified {
            Ok(records) => records,
            Err(refused) => {
                let index = first + refused.position as u64;
                self.find("the entry is not signed by its author", index, cut);
                return Ok(false);
            }
        };
        let context = BlockContext {
            height: block.head.height,
            time: block.head.time,
        };
        for (index, record) in (first..).zip(&records) {
            if self.state.apply(record, &context).is_err() {
                self.find("the entry breaks the rules", index, cut);
                return Ok(false);
            }
        }
        for ((index, record), (start, _)) in (first..).zip(&records).zip(&block.entries) {
            self.compare_derived(index, record, (self.at + u64::from(*start), self.at))?;
        }
        Ok(true)
    }

    /// Compares what the mark says is derived from an entry, and adds the entry to the tree.
    fn compare_derived(
        &mut self,
        index: u64,
        record: &Record,
        at: (u64, u64),
    ) -> Result<(), StoreError> {
        let mut added = Vec::new();
        let leaf = TreeHash::of_leaf(record.as_bytes());
        self.frontier.append(leaf, |hash| added.push(hash));
        if self
            .marker
            .as_ref()
            .is_none_or(|marker| marker.size <= index)
        {
            return Ok(());
        }
        let stored = (merkle::stored_hashes(index)..).zip(&added);
        let wrong = stored.filter(|(at, hash)| self.hashes.read(*at) != Some(**hash));
        if wrong.count() > 0 {
            self.find("a hash of the tree is wrong", index, Remedy::Derive);
        }
        if self.log.offset(index)? != Some(at) {
            self.find("the offset of the entry is wrong", index, Remedy::Derive);
        }
        let Some(postings) = &self.index else {
            return Ok(());
        };
        let mut missing = false;
        for subject in Subject::all_of(record) {
            missing |= !postings
                .candidates(&subject)
                .is_ok_and(|found| found.contains(&index));
        }
        if missing {
            self.find(
                "the entry is missing among the postings",
                index,
                Remedy::Derive,
            );
        }
        Ok(())
    }

    fn compare_with_mark(&mut self) {
        let Some(marker) = self
            .marker
            .as_ref()
            .filter(|marker| marker.entries == self.at)
        else {
            return;
        };
        let same_tree =
            marker.size == self.frontier.size() && marker.root() == Some(self.frontier.root());
        let mut state = self.state.clone();
        state.end_block(marker.height);
        let snapshot = serde_json::to_value(state.snapshot()).unwrap_or_default();
        let same_state = marker.snapshot.is_null() || marker.snapshot == snapshot;
        if !same_tree {
            self.find("the mark names another tree", None, Remedy::Derive);
        }
        if !same_state {
            self.find("the mark has another state", None, Remedy::Derive);
        }
    }

    fn compare_with_signed(&mut self) {
        let size = self.frontier.size();
        let claims_this_size = |note: &CosignedNote| {
            let parsed = UnverifiedCheckpoint::parse(note.checkpoint.as_bytes()).ok();
            let claim = parsed.and_then(|parsed| parsed.dangerous_claim());
            claim.is_some_and(|claim| claim.size == size)
        };
        let Some(note) = self.signed.take_if(|note| claims_this_size(note)) else {
            return;
        };
        // What the disk made of a note proves nothing against the entries: the signatures must hold.
        let Some(signed) = Cosigned::reopen(&self.state.committees(), note) else {
            return;
        };
        let signed = *signed.checkpoint.checkpoint();
        let mut state = self.state.clone();
        state.end_block(signed.height);
        let own = state.checkpoint();
        if own.height == signed.height && own != signed {
            let what = "the members signed another ledger of this size";
            self.find(what, size.checked_sub(1), Remedy::Empty);
        }
    }

    fn tokens(&mut self) -> Result<(), StoreError> {
        for name in self.disk.list()? {
            if Mirror::is_wrong(&*self.disk, &name)? {
                self.find(
                    "a status list token is not what it was",
                    None,
                    Remedy::Remove,
                );
            }
        }
        Ok(())
    }
}
