//! A disk in memory that loses power, fails, fills up and rots on demand: for tests and simulation.

use super::Disk;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The least that a real disk writes or loses.
const SECTOR_BYTES: usize = 512;

/// A disk in memory. Clones are the same disk: keep one to do it harm, and to open it again afterwards.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Platter>>);

#[derive(Clone, Debug, Default)]
struct Platter {
    /// What would surely be there after a loss of power.
    durable: BTreeMap<String, Vec<u8>>,
    /// What a running process sees.
    live: BTreeMap<String, Vec<u8>>,
    changes: u64,
    off_at_change: Option<u64>,
    off: bool,
    syncs_fail: bool,
    unreadable: BTreeSet<String>,
    capacity_bytes: Option<usize>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many appends, cuts, syncs and removals were asked for.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.platter().changes
    }

    /// The power fails in the middle of the change with this number, the first being 0: it and all that follow fail
    /// until [`Self::lose_power`].
    pub fn fail_at_change(&self, number: u64) {
        self.platter().off_at_change = Some(number);
    }

    /// The power fails and comes back. Of what was not synced, any part may be there: nothing, a beginning, or a
    /// beginning with sectors missing; `seed` decides. Faults that were set are over, damage stays.
    pub fn lose_power(&self, seed: u64) {
        let mut platter = self.platter();
        let mut dice = Dice(seed);
        let names: BTreeSet<String> = platter
            .durable
            .keys()
            .chain(platter.live.keys())
            .cloned()
            .collect();
        let mut left = BTreeMap::new();
        for name in names {
            let (durable, live) = (platter.durable.get(&name), platter.live.get(&name));
            if let Some(content) = survives(durable, live, &mut dice) {
                left.insert(name, content);
            }
        }
        *platter = Platter {
            durable: left.clone(),
            live: left,
            ..Platter::default()
        };
    }

    /// From now on every sync fails, and nothing becomes durable.
    pub fn fail_syncs(&self) {
        self.platter().syncs_fail = true;
    }

    /// From now on a file cannot be read.
    pub fn fail_reads_of(&self, file: &str) {
        self.platter().unreadable.insert(file.to_owned());
    }

    /// Appends that would make all files together longer than this fail, having written what fits; none lifts the
    /// bound.
    pub fn limit_bytes(&self, capacity_bytes: Option<usize>) {
        self.platter().capacity_bytes = capacity_bytes;
    }

    /// Changes a byte of a file to something else, as bits rot; false if the file is not that long.
    pub fn rot(&self, file: &str, offset: usize) -> bool {
        self.damage(file, offset, 1, |byte| byte ^ 0x20)
    }

    /// Makes a sector's length of a file zero from an offset on; false if there is nothing.
    pub fn zero_sector(&self, file: &str, offset: usize) -> bool {
        self.damage(file, offset, SECTOR_BYTES, |_| 0)
    }

    /// Cuts a file behind the back of whoever has it open, and for ever.
    pub fn cut(&self, file: &str, length: usize) {
        let mut platter = self.platter();
        let Platter { durable, live, .. } = &mut *platter;
        let contents = [durable.get_mut(file), live.get_mut(file)];
        for content in contents.into_iter().flatten() {
            content.truncate(length);
        }
    }

    /// A copy of all that is on the disk now, as a backup would take it; it may be opened as a disk of its own.
    #[must_use]
    pub fn image(&self) -> Self {
        let live = self.platter().live.clone();
        Self(Arc::new(Mutex::new(Platter {
            durable: live.clone(),
            live,
            ..Platter::default()
        })))
    }

    /// The content of a file.
    #[must_use]
    pub fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.platter().live.get(file).cloned()
    }

    fn damage(&self, file: &str, offset: usize, length: usize, change: impl Fn(u8) -> u8) -> bool {
        let mut platter = self.platter();
        let Platter { durable, live, .. } = &mut *platter;
        let mut hit = false;
        for content in [durable.get_mut(file), live.get_mut(file)] {
            for byte in content.into_iter().flatten().skip(offset).take(length) {
                *byte = change(*byte);
                hit = true;
            }
        }
        hit
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    /// Counts a change; an error means that the power fails during it.
    fn change(&mut self) -> io::Result<()> {
        let number = self.changes;
        self.changes += 1;
        self.off |= self.off_at_change.is_some_and(|at| number >= at);
        self.power()
    }

    fn power(&self) -> io::Result<()> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        Ok(())
    }

    fn read(&self, file: &str) -> io::Result<Option<&Vec<u8>>> {
        self.power()?;
        if self.unreadable.contains(file) {
            return Err(io::Error::other("the disk cannot read"));
        }
        Ok(self.live.get(file))
    }

    fn bytes(&self) -> usize {
        self.live.values().map(Vec::len).sum()
    }
}

impl Disk for MemoryDisk {
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        let was_off = platter.off;
        let power = platter.change();
        if was_off {
            return power;
        }
        let room = platter
            .capacity_bytes
            .map_or(usize::MAX, |most| most.saturating_sub(platter.bytes()));
        let written = bytes.get(..room).unwrap_or(bytes);
        // What the power fails during is written as much as anything that was not synced.
        let content = platter.live.entry(file.to_owned()).or_default();
        content.extend_from_slice(written);
        power?;
        if written.len() < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        let content = platter.read(file)?.ok_or(io::ErrorKind::NotFound)?;
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let offset = usize::try_from(offset).map_err(|_| end())?;
        let from = content.get(offset..).ok_or_else(end)?;
        into.copy_from_slice(from.get(..into.len()).ok_or_else(end)?);
        Ok(())
    }

    fn length(&self, file: &str) -> io::Result<Option<u64>> {
        let platter = self.platter();
        Ok(platter.read(file)?.map(|content| content.len() as u64))
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        let content = platter.live.get_mut(file).ok_or(io::ErrorKind::NotFound)?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        if length > content.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        content.truncate(length);
        Ok(())
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        if platter.syncs_fail {
            return Err(io::Error::other("the disk cannot sync"));
        }
        let content = platter.live.get(file).ok_or(io::ErrorKind::NotFound)?;
        let content = content.clone();
        platter.durable.insert(file.to_owned(), content);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let platter = self.platter();
        platter.power()?;
        Ok(platter.live.keys().cloned().collect())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.change()?;
        platter.live.remove(file);
        Ok(())
    }
}

/// What is left of a file.
fn survives(durable: Option<&Vec<u8>>, live: Option<&Vec<u8>>, dice: &mut Dice) -> Option<Vec<u8>> {
    let Some(live) = live else {
        return durable.filter(|_| dice.coin()).cloned();
    };
    if durable.is_none() && dice.one_in(4) {
        return None;
    }
    let synced = match durable {
        Some(durable) if live.starts_with(durable) => durable.len(),
        // Cut and not synced since: the cut may be undone.
        Some(durable) if dice.coin() => return Some(durable.clone()),
        // What was synced and not cut is still there.
        Some(durable) => {
            let both = durable.iter().zip(live);
            both.take_while(|(durable, live)| durable == live).count()
        }
        None => 0,
    };
    if live.len() == synced || dice.one_in(4) {
        return Some(live.clone());
    }
    let kept = synced + dice.below(live.len() - synced + 1);
    let mut left = live.get(..kept)?.to_vec();
    if dice.coin() {
        for sector in left.get_mut(synced..)?.chunks_mut(SECTOR_BYTES) {
            if dice.one_in(3) {
                sector.fill(0);
            }
        }
    }
    Some(left)
}

/// Chance that repeats: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}
