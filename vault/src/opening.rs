//! Making and opening a vault.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use rand_core::CryptoRng;

use crate::directory::{Directory, PermissionError};
use crate::engine::{Damage, Engine, EngineError, Write};
use crate::header::{HEADER_BYTES_MAX, Header, HeaderError};
use crate::keys::{Key, Subkeys, VaultId};
use crate::lock::{Lock, LockError};
use crate::manifest::{Manifest, MultisetHash};
use crate::record::{self, Place, SledKey};
use crate::store::{Entry, State, Vault};
use crate::unlock::{NewSlot, Unlock};
use crate::watermark::Watermark;

/// How long an open waits for another process to close the vault.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Why a vault was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is a vault already.
    #[error("there is a vault in this directory already")]
    Exists,
    /// Neither a passphrase nor a recovery code nor a key file, or more than eight.
    #[error("a vault is made with one to eight secrets")]
    Slots,
    /// Another process is making or using a vault there.
    #[error("another process is using the vault")]
    Busy,
    /// Others can reach the directory.
    #[error(transparent)]
    Permissions(#[from] PermissionError),
    /// The directory cannot be written.
    #[error("the directory of the vault cannot be written")]
    Io(#[from] io::Error),
    /// The store failed.
    #[error("the store failed")]
    Engine(#[from] EngineError),
}

/// Why a vault was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no vault.
    #[error("there is no vault in this directory")]
    Missing,
    /// Another process is using the vault.
    #[error("another process is using the vault")]
    Busy,
    /// The passphrase, recovery code or key file is not one of this vault.
    #[error("the secret does not open this vault")]
    WrongSecret,
    /// Others can reach the directory.
    #[error(transparent)]
    Permissions(#[from] PermissionError),
    /// The header cannot be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The records are not those that were written.
    #[error("the vault is damaged: {0}")]
    Damaged(Damage),
    /// The files cannot be read.
    #[error("the files of the vault cannot be read or written")]
    Io(#[from] io::Error),
}

impl Vault {
    /// Makes an empty vault in `directory`, which each of `slots` opens from now on.
    pub fn create(
        directory: &Path,
        slots: &[NewSlot<'_>],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CreateError> {
        if !(1..=8).contains(&slots.len()) {
            return Err(CreateError::Slots);
        }
        let directory = Directory::prepare(directory)?;
        directory.check()?;
        let lock =
            Lock::acquire(directory.lock_file()?, LOCK_WAIT).map_err(|error| match error {
                LockError::Busy => CreateError::Busy,
                LockError::Io(error) => CreateError::Io(error),
            })?;
        if directory.header().exists() {
            return Err(CreateError::Exists);
        }
        // Without a header this is what a crash during an earlier creation left: no key to it exists.
        match fs::remove_dir_all(directory.database()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let (master, sensitive) = (Key::generate(rng), Key::generate(rng));
        let header = Header::new(&master, &sensitive, slots, rng);
        let keys = Subkeys::derive(&master, header.vault);
        let engine = Engine::open(&directory.database())?;
        let manifest = Manifest {
            generation: 1,
            ..Manifest::EMPTY
        };
        let root = manifest.seal(&keys.manifest, header.vault, rng);
        engine.apply(&[Write::Insert(Manifest::sled_key(&keys.index), root)])?;
        engine.flush()?;
        let watermark = Watermark::create(directory.generation_file()?, &keys.watermark)?;
        directory.harden()?;
        directory.write_header(&header.to_bytes())?;
        Ok(Self {
            engine,
            state: RwLock::new(State {
                manifest,
                index: BTreeMap::new(),
                failed: false,
            }),
            watermark: Mutex::new(watermark),
            id: header.vault,
            header: Mutex::new(header),
            keys,
            directory,
            lock_held: lock,
        })
    }

    /// Opens the vault in `directory`, waiting a few seconds for another process to close it.
    pub fn open(directory: &Path, unlock: &Unlock<'_>) -> Result<Self, OpenError> {
        Self::open_within(directory, unlock, LOCK_WAIT)
    }

    /// Opens the vault in `directory`, waiting at most `wait` for another process to close it.
    pub fn open_within(
        directory: &Path,
        unlock: &Unlock<'_>,
        wait: Duration,
    ) -> Result<Self, OpenError> {
        let directory = Directory::existing(directory);
        if !directory.header().exists() {
            return Err(OpenError::Missing);
        }
        directory.check()?;
        let lock = Lock::acquire(directory.lock_file()?, wait).map_err(|error| match error {
            LockError::Busy => OpenError::Busy,
            LockError::Io(error) => OpenError::Io(error),
        })?;
        let header = Header::parse(&directory.read_header(HEADER_BYTES_MAX)?)?;
        let master = header.master(unlock)?.ok_or(OpenError::WrongSecret)?;
        let keys = Subkeys::derive(&master, header.vault);
        drop(master);
        directory.harden()?;
        let watermark = Watermark::read(directory.generation_file()?, &keys.watermark)?
            .ok_or(OpenError::Damaged(Damage::Rollback))?;
        if !directory.database().exists() {
            return Err(OpenError::Damaged(Damage::Engine));
        }
        let engine = Engine::open(&directory.database())?;
        let state = load(&engine, &keys, header.vault)?;
        if state.manifest.generation < watermark.reported() {
            return Err(OpenError::Damaged(Damage::Rollback));
        }
        directory.harden()?;
        Ok(Self {
            engine,
            state: RwLock::new(state),
            watermark: Mutex::new(watermark),
            id: header.vault,
            header: Mutex::new(header),
            keys,
            directory,
            lock_held: lock,
        })
    }
}

/// Reads every record once and compares the whole with the manifest.
fn load(engine: &Engine, keys: &Subkeys, vault: VaultId) -> Result<State, OpenError> {
    let root = Manifest::sled_key(&keys.index);
    let mut manifest = None;
    let mut found = Manifest::EMPTY;
    let mut index = BTreeMap::new();
    let mut strange = false;
    let mut seen = HashSet::new();
    engine.scan(|key, value| {
        let Ok(key) = SledKey::try_from(key) else {
            strange = true;
            return;
        };
        strange |= !seen.insert(key);
        if key == root {
            manifest = Manifest::open(&keys.manifest, vault, value);
            return;
        }
        match inspect(keys, vault, key, value) {
            Some((name, entry)) => {
                found.add(entry.element);
                index.insert(name, entry);
            }
            None => strange = true,
        }
    })?;
    let manifest = manifest.ok_or(OpenError::Damaged(Damage::Manifest))?;
    if manifest.count != found.count {
        return Err(OpenError::Damaged(Damage::Count {
            expected: manifest.count,
            found: found.count,
        }));
    }
    if strange || manifest.sum != found.sum {
        return Err(OpenError::Damaged(Damage::Record));
    }
    Ok(State {
        manifest,
        index,
        failed: false,
    })
}

fn inspect(
    keys: &Subkeys,
    vault: VaultId,
    key: SledKey,
    value: &[u8],
) -> Option<((String, String), Entry)> {
    let version = record::stated_version(value)?;
    let place = Place {
        vault,
        key: &key,
        version,
    };
    let meta = record::open_meta(place, &keys.meta, value)?;
    let entry = Entry {
        key,
        version,
        schema: meta.schema,
        sensitive: meta.sensitive,
        element: MultisetHash::element(&keys.manifest, &key, version, value),
    };
    (record::sled_key(&keys.index, &meta.kind, &meta.id) == key)
        .then_some(((meta.kind, meta.id), entry))
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Io(error) => Self::Io(error),
            EngineError::Damaged(damage) => Self::Damaged(damage),
        }
    }
}
