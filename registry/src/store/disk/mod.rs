//! What the ledger asks of a disk, and the two disks there are: a directory, and memory that crashes on demand.
//!
//! Files have names and no folders; they only grow, are cut, or go. What is not yet [`Disk::sync`]ed may be lost,
//! wholly or in parts, when the power fails. An error says nothing about what was written: whoever sees one stops and
//! opens again, because a failed sync that is tried again may succeed without having written.

mod directory;
mod memory;
#[cfg(test)]
mod tests;

pub use directory::Directory;
pub use memory::MemoryDisk;

use std::{fmt, io};

/// Files that grow at their end.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Adds bytes at the end of a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the disk does; any part of the bytes may be in the file then.
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Fills the buffer from an offset on.
    ///
    /// # Errors
    ///
    /// Fails with [`io::ErrorKind::UnexpectedEof`] if the file ends before, with [`io::ErrorKind::NotFound`] if there
    /// is none, and otherwise if the disk does.
    fn read_at(&self, file: &str, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// How long a file is; none if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    fn length(&self, file: &str) -> io::Result<Option<u64>>;

    /// Cuts a file. There must be one of at least this length.
    ///
    /// # Errors
    ///
    /// Fails if there is none or the disk fails.
    fn truncate(&self, file: &str, length: u64) -> io::Result<()>;

    /// Waits until a file's content survives a loss of power. There must be one.
    ///
    /// # Errors
    ///
    /// Fails if the disk does: then what was written since the last sync is in doubt for ever.
    fn sync(&self, file: &str) -> io::Result<()>;

    /// The names of all files, in their order.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Removes a file if there is one; after a loss of power it may be there again.
    ///
    /// # Errors
    ///
    /// Fails if the disk does.
    fn remove(&self, file: &str) -> io::Result<()>;
}

/// A whole file; none if there is no such file.
///
/// # Errors
///
/// Fails if the disk does.
pub fn read_whole(disk: &dyn Disk, file: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = disk.length(file)? else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut content = vec![0; length];
    disk.read_at(file, 0, &mut content)?;
    Ok(Some(content))
}
