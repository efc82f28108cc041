//! The directory of a vault: `header`, `generation`, `lock`, `db/`; readable by nobody but its owner.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// A file or directory that others can reach.
#[derive(Debug, thiserror::Error)]
#[error("{} belongs to another user, is reachable by others, or is a symbolic link", path.display())]
pub struct PermissionError {
    path: PathBuf,
}

/// Where the parts of a vault lie.
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory at `root`, made if it is missing. From here on this process makes files for its owner only.
    pub(crate) fn prepare(root: &Path) -> io::Result<Self> {
        forbid_others();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map(|()| Self { root: root.into() })
    }

    /// The directory at `root`, which must exist.
    pub(crate) fn existing(root: &Path) -> Self {
        forbid_others();
        Self { root: root.into() }
    }

    pub(crate) fn header(&self) -> PathBuf {
        self.root.join("header")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    /// Refuses a directory that is not the owner's own. What lies inside is made private, should a copy have lost its modes.
    pub(crate) fn check(&self) -> Result<(), PermissionError> {
        let refusal = || PermissionError {
            path: self.root.clone(),
        };
        let metadata = fs::symlink_metadata(&self.root).map_err(|_| refusal())?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if metadata.is_dir() && own && metadata.mode() & 0o077 == 0 {
            return Ok(());
        }
        Err(refusal())
    }

    /// Takes group and others out of the modes of everything below the directory.
    pub(crate) fn harden(&self) -> io::Result<()> {
        let mut pending = vec![self.root.clone()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() {
                    pending.push(entry.path());
                }
                let mode = metadata.mode() & 0o777;
                if !metadata.is_symlink() && mode & 0o077 != 0 {
                    fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode & 0o700))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn lock_file(&self) -> io::Result<File> {
        private(
            OpenOptions::new().create(true).truncate(false),
            "lock",
            self,
        )
    }

    pub(crate) fn generation_file(&self) -> io::Result<File> {
        private(
            OpenOptions::new().create(true).truncate(false),
            "generation",
            self,
        )
    }

    /// At most `limit` bytes of the header.
    pub(crate) fn read_header(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        File::open(self.header())?
            .take(limit)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Replaces the header so that after a crash it is the old one or the new one.
    pub(crate) fn write_header(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = private(
            OpenOptions::new().create(true).truncate(true),
            "header.tmp",
            self,
        )?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(self.root.join("header.tmp"), self.header())?;
        self.sync()
    }

    /// Makes the entries of the directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }
}

fn private(options: &mut OpenOptions, name: &str, directory: &Directory) -> io::Result<File> {
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .open(directory.root.join(name))
}

/// sled gives its files the modes that the process's umask leaves.
fn forbid_others() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
