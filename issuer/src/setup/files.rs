//! Writing new files: secrets for their owner alone, nothing over anything.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use service::config::SecretPath;

/// Makes a folder for its owner alone, if it is not there.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Writes a new secret.
pub(super) fn write_secret(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    SecretPath::new(path)
        .create(content)
        .with_context(|| format!("writing {}", path.display()))
}

/// Writes a new file that others may read.
pub(super) fn write_public(path: &Path, content: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("writing {}", path.display()))
}
