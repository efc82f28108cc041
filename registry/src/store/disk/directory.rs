//! A directory of the machine as a disk.

use super::Disk;
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Not one of the files: it is held locked while a process has the directory.
const LOCK: &str = "lock";

/// Files in one directory, which no second process may open.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    open: RwLock<BTreeMap<String, Arc<OpenFile>>>,
    _lock: File,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Its name is not yet known to be on the disk.
    new: AtomicBool,
}

impl Directory {
    /// Opens or makes the directory, and keeps others out until this is dropped.
    ///
    /// # Errors
    ///
    /// Fails with [`io::ErrorKind::ResourceBusy`] if another process has it, and otherwise if the disk does.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "another process has the directory",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self {
            path: path.to_owned(),
            open: RwLock::default(),
            _lock: lock,
        })
    }

    /// The file as it is open already, or opened now.
    fn file(&self, name: &str, missing: Missing) -> io::Result<Arc<OpenFile>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(name) {
            return Ok(file.clone());
        }
        drop(open);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).append(true).open(&path);
        let (file, new) = match (file, missing) {
            (Err(error), Missing::Make) if error.kind() == io::ErrorKind::NotFound => {
                let mut options = OpenOptions::new();
                let file = options.read(true).append(true).create(true).open(&path)?;
                (file, true)
            }
            (file, Missing::Make | Missing::Fail) => (file?, false),
        };
        let file = Arc::new(OpenFile {
            file,
            new: AtomicBool::new(new),
        });
        open.insert(name.to_owned(), file.clone());
        Ok(file)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Make,
    Fail,
}

impl Disk for Directory {
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(file, Missing::Make)?;
        io::Write::write_all(&mut &file.file, bytes)
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file(file, Missing::Fail)?
            .file
            .read_exact_at(into, offset)
    }

    fn length(&self, file: &str) -> io::Result<Option<u64>> {
        match self.file(file, Missing::Fail) {
            Ok(file) => Ok(Some(file.file.metadata()?.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        self.file(file, Missing::Fail)?.file.set_len(length)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        let file = self.file(file, Missing::Fail)?;
        file.file.sync_data()?;
        if file.new.load(Ordering::Acquire) {
            File::open(&self.path)?.sync_all()?;
            file.new.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in std::fs::read_dir(&self.path)? {
            let file = file?;
            if let Ok(name) = file.file_name().into_string()
                && name != LOCK
                && file.file_type()?.is_file()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.remove(file);
        match std::fs::remove_file(self.path.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
