//! sled, kept at arm's length: the only file that knows it.
//!
//! sled panics on damaged files, also while reading, and its panic messages can print stored bytes. Every call runs under
//! `catch_unwind` with the panic hook silenced; after a panic the database is not touched again, not even to close it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sled::transaction::{ConflictableTransactionError, TransactionError};

use crate::record::SledKey;

/// How long sled's own lock may outlive the vault that held it.
const ENGINE_LOCK_WAIT: Duration = Duration::from_secs(5);
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Why the store engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The system refused to read or write.
    #[error("the files of the store cannot be read or written")]
    Io(#[source] std::io::Error),
    /// The files of the store make no sense.
    #[error("the files of the store are damaged")]
    Damaged(Damage),
}

/// What is wrong with a store. Restore it from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The engine could not make sense of its files.
    #[error("the store's files cannot be read")]
    Engine,
    /// The record of the whole state is missing or forged.
    #[error("the record of the store's state is missing or was altered")]
    Manifest,
    /// Records are missing or were added.
    #[error("the store has {found} records where {expected} were written")]
    Count {
        /// How many were written.
        expected: u64,
        /// How many are there.
        found: u64,
    },
    /// A record was altered, exchanged, or brought back from an earlier state.
    #[error("a record was altered, exchanged or brought back")]
    Record,
    /// The store is an earlier state of itself.
    #[error("the store has lost its last changes")]
    Rollback,
}

/// A change of one value.
pub(crate) enum Write {
    Insert(SledKey, Vec<u8>),
    Remove(SledKey),
}

pub(crate) struct Engine {
    database: Option<sled::Db>,
    panicked: AtomicBool,
}

impl Engine {
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let deadline = Instant::now() + ENGINE_LOCK_WAIT;
        loop {
            let opened = guarded(|| {
                sled::Config::new()
                    .path(path)
                    .mode(sled::Mode::LowSpace)
                    .cache_capacity(CACHE_BYTES)
                    .flush_every_ms(None)
                    .open()
            });
            match opened {
                Outcome::Done(database) => {
                    return Ok(Self {
                        database: Some(database),
                        panicked: AtomicBool::new(false),
                    });
                }
                // Our own lock is held, so sled's is only waiting for threads of a vault that was just closed.
                Outcome::Failed(sled::Error::Io(error))
                    if error.to_string().contains("could not acquire lock")
                        && Instant::now() < deadline =>
                {
                    std::thread::yield_now();
                }
                Outcome::Failed(error) => return Err(engine_error(error)),
                Outcome::Panicked => return Err(EngineError::Damaged(Damage::Engine)),
            }
        }
    }

    pub(crate) fn read(&self, key: &SledKey) -> Result<Option<Vec<u8>>, EngineError> {
        let value = self.run(|database| database.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Calls `visit` with each key and value.
    pub(crate) fn scan(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), EngineError> {
        self.run(|database| {
            for entry in database.iter() {
                let (key, value) = entry?;
                visit(&key, &value);
            }
            Ok(())
        })
    }

    /// Applies all of `writes` or none. Durable only after [`Self::flush`].
    pub(crate) fn apply(&self, writes: &[Write]) -> Result<(), EngineError> {
        self.run(|database| {
            let outcome = database.transaction(|tree| {
                for write in writes {
                    match write {
                        Write::Insert(key, value) => tree.insert(key, value.as_slice())?,
                        Write::Remove(key) => tree.remove(key)?,
                    };
                }
                Ok::<(), ConflictableTransactionError<()>>(())
            });
            match outcome {
                Ok(()) => Ok(()),
                Err(TransactionError::Storage(error)) => Err(error),
                Err(TransactionError::Abort(())) => {
                    Err(sled::Error::Unsupported("never aborted".into()))
                }
            }
        })
    }

    pub(crate) fn flush(&self) -> Result<(), EngineError> {
        self.run(|database| database.flush().map(drop))
    }

    fn run<T>(
        &self,
        operation: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, EngineError> {
        let damaged = EngineError::Damaged(Damage::Engine);
        let Some(database) = &self.database else {
            return Err(damaged);
        };
        if self.panicked.load(Ordering::Acquire) {
            return Err(damaged);
        }
        match guarded(|| operation(database)) {
            Outcome::Done(value) => Ok(value),
            Outcome::Failed(error) => Err(engine_error(error)),
            Outcome::Panicked => {
                self.panicked.store(true, Ordering::Release);
                Err(damaged)
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let database = self.database.take();
        if self.panicked.load(Ordering::Acquire) {
            // Closing would write from a state that made no sense.
            std::mem::forget(database);
            return;
        }
        match guarded(|| {
            drop(database);
            Ok(())
        }) {
            Outcome::Done(()) | Outcome::Failed(_) | Outcome::Panicked => {}
        }
    }
}

enum Outcome<T> {
    Done(T),
    Failed(sled::Error),
    Panicked,
}

fn guarded<T>(operation: impl FnOnce() -> sled::Result<T>) -> Outcome<T> {
    SILENCE.call_once(silence_engine_panics);
    let before = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(operation));
    INSIDE.set(before);
    match outcome {
        Ok(Ok(value)) => Outcome::Done(value),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_) => Outcome::Panicked,
    }
}

static SILENCE: Once = Once::new();

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn silence_engine_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let engine_thread = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("sled"));
        if !INSIDE.get() && !engine_thread {
            previous(panic);
        }
    }));
}

fn engine_error(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(error) => EngineError::Io(error),
        sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_) => EngineError::Damaged(Damage::Engine),
    }
}
