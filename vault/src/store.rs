//! The vault once it is open: reading, writing.
//!
//! Keys: one sled tree; a record lies under HMAC(index key, kind, id), the manifest under a key of its own.
//! Atomicity: a commit changes its records and the manifest in one sled transaction, flushes, raises the watermark, then returns.
//! Restart: an open reads every record once, checks its meta part and its share of the manifest, and compares the manifest's
//! generation with the watermark. Between transaction and watermark a crash leaves a state that is newer than reported, never older.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError, RwLock};

use rand_core::CryptoRng;

use crate::changes::{Action, Change, Changes, CommitError};
use crate::directory::Directory;
use crate::engine::{Damage, Engine, EngineError, Write};
use crate::header::Header;
use crate::kdf::KdfCost;
use crate::keys::{Key, Subkeys, VaultId};
use crate::lock::Lock;
use crate::manifest::{Manifest, MultisetHash};
use crate::opening::OpenError;
use crate::record::{self, Kind, Meta, Place, Record, SledKey};
use crate::sensitive::Sensitive;
use crate::unlock::{NewSlot, Passphrase, Unlock};
use crate::watermark::Watermark;

/// An open vault. Dropping it closes it.
pub struct Vault {
    // Dropped in this order: the engine's files are closed before the lock is released.
    pub(crate) engine: Engine,
    pub(crate) state: RwLock<State>,
    pub(crate) watermark: Mutex<Watermark>,
    pub(crate) header: Mutex<Header>,
    pub(crate) keys: Subkeys,
    pub(crate) id: VaultId,
    pub(crate) directory: Directory,
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) lock_held: Lock,
}

pub(crate) struct State {
    pub(crate) manifest: Manifest,
    pub(crate) index: BTreeMap<(String, String), Entry>,
    pub(crate) failed: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key: SledKey,
    pub(crate) version: u64,
    pub(crate) schema: u32,
    pub(crate) sensitive: bool,
    pub(crate) element: MultisetHash,
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The kind is sensitive: its key must be unlocked by [`Vault::sensitive`].
    #[error("the kind of the record is sensitive and its key was not unlocked")]
    Sensitive,
    /// The record is not the one that was written.
    #[error("the vault is damaged: {0}")]
    Damaged(Damage),
    /// The content is not JSON of the expected form.
    #[error("the record does not have the expected form")]
    Form(#[from] serde_json::Error),
    /// The files cannot be read.
    #[error("the files of the vault cannot be read")]
    Io(#[source] io::Error),
}

impl Vault {
    /// Reads a record.
    pub fn get(&self, kind: Kind, id: &str) -> Result<Option<Record>, ReadError> {
        self.read(kind, id, None)
    }

    /// Reads a record as JSON.
    pub fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        kind: Kind,
        id: &str,
    ) -> Result<Option<T>, ReadError> {
        let Some(record) = self.get(kind, id)? else {
            return Ok(None);
        };
        Ok(Some(record.json()?))
    }

    /// The ids of all records of a kind, sorted.
    #[must_use]
    pub fn list(&self, kind: Kind) -> Vec<String> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let first = (kind.name.to_owned(), String::new());
        state
            .index
            .range(first..)
            .take_while(|((name, _), _)| name == kind.name)
            .map(|((_, id), _)| id.clone())
            .collect()
    }

    /// All records of a kind with their ids, sorted by id.
    pub fn records(&self, kind: Kind) -> Result<Vec<(String, Record)>, ReadError> {
        let mut records = Vec::new();
        for id in self.list(kind) {
            if let Some(record) = self.get(kind, &id)? {
                records.push((id, record));
            }
        }
        Ok(records)
    }

    /// Makes the changes; they are durable when this returns. The number is the store's generation, and the version of each record
    /// that was put.
    pub fn commit(&self, changes: &Changes, rng: &mut impl CryptoRng) -> Result<u64, CommitError> {
        self.write(changes, None, rng)
    }

    /// Writes one record.
    pub fn put(
        &self,
        kind: Kind,
        id: &str,
        schema: u32,
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<u64, CommitError> {
        self.commit(&Changes::new().put(kind, id, schema, body), rng)
    }

    /// Removes one record.
    pub fn delete(
        &self,
        kind: Kind,
        id: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<u64, CommitError> {
        self.commit(&Changes::new().delete(kind, id), rng)
    }

    /// Replaces `record`, which was read under this kind and id, unless somebody else changed it since.
    pub fn compare_and_swap(
        &self,
        kind: Kind,
        id: &str,
        record: &Record,
        body: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<u64, CommitError> {
        let changes = Changes::new()
            .only_if_version(kind, id, record.version)
            .put(kind, id, record.schema, body);
        self.commit(&changes, rng)
    }

    /// Unlocks the sensitive kinds. The secret is asked for again: an open vault is not enough.
    pub fn sensitive(&self, unlock: &Unlock<'_>) -> Result<Sensitive<'_>, OpenError> {
        let header = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        let key = header.sensitive(unlock).ok_or(OpenError::WrongSecret)?;
        Ok(Sensitive { vault: self, key })
    }

    /// Replaces the passphrase. No record is touched: whoever has an old copy of the directory can still open that copy with the old
    /// passphrase.
    pub fn change_passphrase(
        &self,
        current: &Unlock<'_>,
        new: &Passphrase,
        cost: KdfCost,
        rng: &mut impl CryptoRng,
    ) -> Result<(), OpenError> {
        let mut header = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        let master = header.master(current)?.ok_or(OpenError::WrongSecret)?;
        let sensitive = header.sensitive(current).ok_or(OpenError::WrongSecret)?;
        let slot = NewSlot::Passphrase(new, cost);
        let changed = header.with_passphrase(&slot, &master, &sensitive, rng);
        self.directory.write_header(&changed.to_bytes())?;
        *header = changed;
        Ok(())
    }

    /// Grows with every commit. A copy of it kept elsewhere shows that a vault was put back to an earlier state.
    #[must_use]
    pub fn generation(&self) -> u64 {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.manifest.generation
    }

    pub(crate) fn read(
        &self,
        kind: Kind,
        id: &str,
        sensitive: Option<&Key>,
    ) -> Result<Option<Record>, ReadError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.index.get(&(kind.name.to_owned(), id.to_owned())) else {
            return Ok(None);
        };
        if entry.sensitive != kind.sensitive {
            return Err(ReadError::Sensitive);
        }
        let key = self.body_key(kind, sensitive).ok_or(ReadError::Sensitive)?;
        let damaged = ReadError::Damaged(Damage::Record);
        let value = self.engine.read(&entry.key).map_err(|error| match error {
            EngineError::Io(error) => ReadError::Io(error),
            EngineError::Damaged(damage) => ReadError::Damaged(damage),
        })?;
        let Some(value) = value else {
            return Err(damaged);
        };
        let place = self.place(&entry.key, entry.version);
        let current = record::stated_version(&value) == Some(entry.version);
        match record::open_body(place, key, entry.schema, &value) {
            Some(body) if current => Ok(Some(Record {
                schema: entry.schema,
                version: entry.version,
                body,
            })),
            Some(_) | None => Err(damaged),
        }
    }

    pub(crate) fn write(
        &self,
        changes: &Changes,
        sensitive: Option<&Key>,
        rng: &mut impl CryptoRng,
    ) -> Result<u64, CommitError> {
        changes.check_limits()?;
        let generation = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            if state.failed {
                return Err(EngineError::Damaged(Damage::Engine).into());
            }
            state.check_conditions(changes)?;
            let generation = state.manifest.generation + 1;
            let mut next = state.manifest;
            next.generation = generation;
            let mut writes = Vec::with_capacity(changes.changes.len() + 1);
            let mut entries = Vec::with_capacity(changes.changes.len());
            for change in &changes.changes {
                let (write, entry) = self.prepare(&state, change, generation, sensitive, rng)?;
                let name = (change.kind.name.to_owned(), change.id.clone());
                if let Some(old) = state.index.get(&name) {
                    next.remove(old.element);
                }
                if let Some(new) = &entry {
                    next.add(new.element);
                }
                writes.push(write);
                entries.push((name, entry));
            }
            let root = next.seal(&self.keys.manifest, self.id, rng);
            writes.push(Write::Insert(Manifest::sled_key(&self.keys.index), root));
            if let Err(error) = self.engine.apply(&writes) {
                state.failed = true;
                return Err(error.into());
            }
            state.accept(next, entries);
            generation
        };
        // Outside the lock, so that transactions that come meanwhile share a flush.
        if let Err(error) = self.make_durable(generation) {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.failed = true;
            return Err(error.into());
        }
        Ok(generation)
    }

    fn make_durable(&self, generation: u64) -> Result<(), EngineError> {
        self.engine.flush()?;
        let mut watermark = self
            .watermark
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        watermark
            .raise(&self.keys.watermark, generation)
            .map_err(EngineError::Io)
    }

    fn prepare(
        &self,
        state: &State,
        change: &Change,
        version: u64,
        sensitive: Option<&Key>,
        rng: &mut impl CryptoRng,
    ) -> Result<(Write, Option<Entry>), CommitError> {
        let key = record::sled_key(&self.keys.index, change.kind.name, &change.id);
        let (schema, body) = match &change.action {
            Action::Delete => return Ok((Write::Remove(key), None)),
            Action::Put { schema, body } => (*schema, body),
        };
        let known = state
            .index
            .get(&(change.kind.name.to_owned(), change.id.clone()));
        if known.is_some_and(|known| known.sensitive != change.kind.sensitive) {
            return Err(CommitError::Sensitive);
        }
        let body_key = self
            .body_key(change.kind, sensitive)
            .ok_or(CommitError::Sensitive)?;
        let meta = Meta {
            kind: change.kind.name.to_owned(),
            id: change.id.clone(),
            sensitive: change.kind.sensitive,
            schema,
        };
        let place = self.place(&key, version);
        let value = record::seal(place, &self.keys.meta, body_key, &meta, body, rng);
        let element = MultisetHash::element(&self.keys.manifest, &key, version, &value);
        let entry = Entry {
            key,
            version,
            schema,
            sensitive: change.kind.sensitive,
            element,
        };
        Ok((Write::Insert(key, value), Some(entry)))
    }

    fn body_key<'a>(&'a self, kind: Kind, sensitive: Option<&'a Key>) -> Option<&'a Key> {
        if kind.sensitive {
            sensitive
        } else {
            Some(&self.keys.record)
        }
    }

    fn place<'a>(&self, key: &'a SledKey, version: u64) -> Place<'a> {
        Place {
            vault: self.id,
            key,
            version,
        }
    }
}

impl State {
    fn check_conditions(&self, changes: &Changes) -> Result<(), CommitError> {
        let hold = changes.conditions.iter().all(|condition| {
            let name = (condition.kind.name.to_owned(), condition.id.clone());
            self.index.get(&name).map(|entry| entry.version) == condition.expected
        });
        if hold {
            Ok(())
        } else {
            Err(CommitError::Conflict)
        }
    }

    fn accept(&mut self, manifest: Manifest, entries: Vec<((String, String), Option<Entry>)>) {
        self.manifest = manifest;
        for (name, entry) in entries {
            match entry {
                Some(entry) => self.index.insert(name, entry),
                None => self.index.remove(&name),
            };
        }
    }
}
