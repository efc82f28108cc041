//! A member's disk: what is not synced may be lost, in whole or in part, when the power fails.
//!
//! Every file has two contents: what programs see, and what the platter holds. A change is seen at once and held
//! after a sync. When the power fails, each file keeps of its changes since then nothing, a beginning that ends
//! in the middle of one, or any of them, in which case of each one any part. Names are created and removed durably.

use rand_core::Rng;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// There is no room: what makes a file longer fails.
    Full,
    /// Reads fail.
    Reads,
    /// Writes fail, and leave a part behind.
    Writes,
    /// Syncs fail, and nothing that was to be synced is held.
    Syncs,
    /// The power fails in the middle of whatever is done: nothing works any more.
    Power,
}

/// Why a disk did not do what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// ENOSPC.
    #[error("no space left on device")]
    Full,
    /// EIO.
    #[error("input/output error")]
    Failed,
    /// There is no such file.
    #[error("no such file")]
    Missing,
    /// Beyond the end of the file.
    #[error("read beyond the end of the file")]
    End,
    /// The machine was switched off since the file was opened.
    #[error("the machine was switched off")]
    Off,
}

/// A disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Contents>>);

/// A copy of all that a disk holds.
#[derive(Clone, Default)]
pub struct Image(BTreeMap<String, Vec<u8>>);

/// An open file: it works until the machine is switched off.
#[derive(Clone)]
pub struct OpenFile {
    disk: Disk,
    name: Arc<str>,
    boot: u64,
}

#[derive(Default)]
struct Contents {
    files: BTreeMap<String, File>,
    boot: u64,
    trouble: Option<(Trouble, u32)>,
    troubled: u64,
    torn: u64,
}

#[derive(Default)]
struct File {
    held: Vec<u8>,
    seen: Vec<u8>,
    changes: Vec<Change>,
}

enum Change {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    /// Opens a file, which is created if there is none.
    #[must_use]
    pub fn open(&self, name: &str) -> OpenFile {
        let mut contents = self.lock();
        contents.files.entry(name.to_owned()).or_default();
        OpenFile {
            disk: self.clone(),
            name: name.into(),
            boot: contents.boot,
        }
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.lock().files.contains_key(name)
    }

    /// The names of all files that begin with `prefix`, in order.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let contents = self.lock();
        let names = contents.files.keys();
        names
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file.
    pub fn remove(&self, name: &str) -> Result<(), DiskError> {
        let removed = self.lock().files.remove(name);
        removed.map(drop).ok_or(DiskError::Missing)
    }

    /// Gives a file another name, in place of what had it.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut contents = self.lock();
        let file = contents.files.remove(from).ok_or(DiskError::Missing)?;
        contents.files.insert(to.to_owned(), file);
        Ok(())
    }

    /// From now on, after `operations` more that could meet it, the disk is in trouble.
    pub fn trouble(&self, trouble: Trouble, operations: u32) {
        self.lock().trouble = Some((trouble, operations));
    }

    /// Ends all trouble.
    pub fn repair(&self) {
        self.lock().trouble = None;
    }

    /// How many operations met trouble.
    #[must_use]
    pub fn troubled(&self) -> u64 {
        self.lock().troubled
    }

    /// How many files kept a part of what was not synced when the power failed.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.lock().torn
    }

    /// The program ends; what it wrote stays.
    pub fn end_process(&self) {
        self.lock().boot += 1;
    }

    /// The power fails, and comes back.
    pub fn lose_power(&self, rng: &mut impl Rng) {
        let mut contents = self.lock();
        contents.boot += 1;
        contents.trouble = None;
        let mut torn = 0;
        for file in contents.files.values_mut() {
            torn += u64::from(file.lose_power(rng));
        }
        contents.torn += torn;
    }

    /// What the disk would hold if the power failed now and nothing unsynced was kept.
    #[must_use]
    pub fn image(&self) -> Image {
        let contents = self.lock();
        let files = contents.files.iter();
        Image(
            files
                .map(|(name, file)| (name.clone(), file.held.clone()))
                .collect(),
        )
    }

    /// Puts a copy back in place of everything.
    pub fn restore(&self, image: &Image) {
        let mut contents = self.lock();
        contents.boot += 1;
        let files = image.0.iter().map(|(name, held)| {
            let file = File {
                held: held.clone(),
                seen: held.clone(),
                changes: Vec::new(),
            };
            (name.clone(), file)
        });
        contents.files = files.collect();
    }

    /// Changes one bit of a file whose name begins with `prefix`; `false` if there is none with content.
    pub fn rot(&self, prefix: &str, rng: &mut impl Rng) -> bool {
        let mut contents = self.lock();
        let mut files: Vec<&mut File> = contents
            .files
            .iter_mut()
            .filter(|(name, file)| name.starts_with(prefix) && !file.held.is_empty())
            .map(|(_, file)| file)
            .collect();
        if files.is_empty() {
            return false;
        }
        let file = below(rng, files.len());
        let Some(file) = files.get_mut(file) else {
            return false;
        };
        let place = below(rng, file.held.len());
        let bit = 1 << below(rng, 8);
        for bytes in [&mut file.held, &mut file.seen] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= bit;
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenFile {
    /// The file's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long the file is.
    ///
    /// # Errors
    ///
    /// Fails if the file is gone.
    pub fn len(&self) -> Result<usize, DiskError> {
        self.with(|_, file| Ok(file.seen.len()))
    }

    /// Whether the file has no content.
    ///
    /// # Errors
    ///
    /// Fails if the file is gone.
    pub fn is_empty(&self) -> Result<bool, DiskError> {
        Ok(self.len()? == 0)
    }

    /// Reads `length` bytes.
    ///
    /// # Errors
    ///
    /// Fails if there are not as many, or reads fail.
    pub fn read(&self, offset: usize, length: usize) -> Result<Vec<u8>, DiskError> {
        self.with(|contents, file| {
            contents.meet(Trouble::Reads)?;
            let end = offset.checked_add(length).ok_or(DiskError::End)?;
            let bytes = file.seen.get(offset..end).ok_or(DiskError::End)?;
            Ok(bytes.to_vec())
        })
    }

    /// Writes bytes; they make the file longer where they reach beyond its end.
    ///
    /// # Errors
    ///
    /// Fails if writes fail or there is no room.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<(), DiskError> {
        self.with(|contents, file| {
            if offset + bytes.len() > file.seen.len() {
                contents.meet(Trouble::Full)?;
            }
            if let Err(error) = contents.meet(Trouble::Writes) {
                let part = bytes.get(..bytes.len() / 2).unwrap_or_default();
                file.change(Change::Bytes(offset, part.to_vec()));
                return Err(error);
            }
            file.change(Change::Bytes(offset, bytes.to_vec()));
            Ok(())
        })
    }

    /// Cuts the file, or makes it longer with zeros.
    ///
    /// # Errors
    ///
    /// Fails if writes fail or there is no room.
    pub fn resize(&self, length: usize) -> Result<(), DiskError> {
        self.with(|contents, file| {
            if length > file.seen.len() {
                contents.meet(Trouble::Full)?;
            }
            contents.meet(Trouble::Writes)?;
            file.change(Change::Length(length));
            Ok(())
        })
    }

    /// Makes all changes of the file durable.
    ///
    /// # Errors
    ///
    /// Fails if syncs fail; what was to be synced is then no longer seen as changed by any later sync.
    pub fn sync(&self) -> Result<(), DiskError> {
        self.with(|contents, file| {
            if let Err(error) = contents.meet(Trouble::Syncs) {
                file.changes.clear();
                return Err(error);
            }
            for change in std::mem::take(&mut file.changes) {
                change.apply(&mut file.held);
            }
            Ok(())
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Contents, &mut File) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let mut contents = self.disk.lock();
        if contents.boot != self.boot || contents.meet(Trouble::Power).is_err() {
            return Err(DiskError::Off);
        }
        let mut file = contents
            .files
            .remove(self.name.as_ref())
            .ok_or(DiskError::Missing)?;
        let done = work(&mut contents, &mut file);
        contents.files.insert(self.name.to_string(), file);
        done
    }
}

impl Contents {
    fn meet(&mut self, kind: Trouble) -> Result<(), DiskError> {
        match &mut self.trouble {
            Some((trouble, after)) if *trouble == kind => {
                if *after > 0 {
                    *after -= 1;
                    return Ok(());
                }
                self.troubled += 1;
                Err(match kind {
                    Trouble::Full => DiskError::Full,
                    Trouble::Power => DiskError::Off,
                    Trouble::Reads | Trouble::Writes | Trouble::Syncs => DiskError::Failed,
                })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl File {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.changes.push(change);
    }

    /// Whether a part of the changes was kept.
    fn lose_power(&mut self, rng: &mut impl Rng) -> bool {
        let mut changes = std::mem::take(&mut self.changes);
        let kept = match below(rng, 4) {
            0 | 1 => Vec::new(),
            2 => {
                let whole = below(rng, changes.len() + 1);
                let mut kept: Vec<Change> = changes.drain(..whole).collect();
                kept.extend(changes.into_iter().next().map(|torn| torn.tear(rng)));
                kept
            }
            _ => {
                changes.retain(|_| below(rng, 2) == 0);
                changes.into_iter().map(|change| change.tear(rng)).collect()
            }
        };
        let torn = !kept.is_empty();
        for change in kept {
            change.apply(&mut self.held);
        }
        self.seen.clone_from(&self.held);
        torn
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Bytes(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }

    /// The beginning of a write; a length changes at once or not at all.
    fn tear(mut self, rng: &mut impl Rng) -> Self {
        if let Self::Bytes(_, bytes) = &mut self {
            bytes.truncate(below(rng, bytes.len() + 1));
        }
        self
    }
}

/// A number below `bound`, which is not zero.
fn below(rng: &mut impl Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
    usize::try_from(rng.next_u64() % bound).unwrap_or(0)
}

#[cfg(test)]
mod tests;
