//! The ledger's files on a simulated machine's disk, beside the engine's: they lose what was not synced like any others.

use crate::lock;
use registry::store::disk::Disk;
use registry_consensus::simulation::{self as machine, DiskError, OpenFile};
use std::{collections::BTreeMap, fmt, io, sync::Mutex};

const FOLDER: &str = "ledger/";

/// One process' view of its machine's disk: it ends when the machine is switched off.
pub(crate) struct LedgerDisk {
    disk: machine::Disk,
    open: Mutex<BTreeMap<String, OpenFile>>,
}

impl LedgerDisk {
    pub(crate) fn new(disk: machine::Disk) -> Self {
        Self {
            disk,
            open: Mutex::default(),
        }
    }

    /// A file that is there.
    fn existing(&self, file: &str) -> io::Result<OpenFile> {
        if self.disk.has(&path(file)) {
            Ok(self.opened(file))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn opened(&self, file: &str) -> OpenFile {
        let mut open = lock(&self.open);
        let opened = open.entry(file.to_owned());
        opened
            .or_insert_with(|| self.disk.open(&path(file)))
            .clone()
    }
}

impl Disk for LedgerDisk {
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.opened(file);
        let end = file.len().map_err(failed)?;
        file.write(end, bytes).map_err(failed)
    }

    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.existing(file)?.read(offset, into.len());
        into.copy_from_slice(&bytes.map_err(failed)?);
        Ok(())
    }

    fn length(&self, file: &str) -> io::Result<Option<u64>> {
        if !self.disk.has(&path(file)) {
            return Ok(None);
        }
        let length = self.opened(file).len().map_err(failed)?;
        Ok(u64::try_from(length).ok())
    }

    fn truncate(&self, file: &str, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.existing(file)?.resize(length).map_err(failed)
    }

    fn sync(&self, file: &str) -> io::Result<()> {
        self.existing(file)?.sync().map_err(failed)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.disk.names(FOLDER);
        let names = names.iter().filter_map(|name| name.strip_prefix(FOLDER));
        Ok(names.map(str::to_owned).collect())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        lock(&self.open).remove(file);
        match self.disk.remove(&path(file)) {
            Ok(()) | Err(DiskError::Missing) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl fmt::Debug for LedgerDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LedgerDisk")
    }
}

fn path(file: &str) -> String {
    format!("{FOLDER}{file}")
}

fn failed(error: DiskError) -> io::Error {
    match error {
        DiskError::Full => io::ErrorKind::StorageFull.into(),
        DiskError::Missing => io::ErrorKind::NotFound.into(),
        DiskError::End => io::ErrorKind::UnexpectedEof.into(),
        DiskError::Failed | DiskError::Off => io::Error::other(error),
    }
}
