//! What the tests of the vault share: a cheap key file, a seeded generator, small stores.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(unreachable_pub, reason = "a module of test binaries")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vault::{KeyFile, Kind, NewSlot, Unlock, Vault};

pub const NOTE: Kind = Kind::ordinary("note");

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub struct Fixture {
    pub parent: tempfile::TempDir,
    pub key: KeyFile,
}

impl Fixture {
    pub fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let key = KeyFile::create(&parent.path().join("key"), &mut rng(1)).unwrap();
        Self { parent, key }
    }

    pub fn directory(&self) -> PathBuf {
        self.parent.path().join("vault")
    }

    pub fn create(&self) -> Vault {
        Vault::create(
            &self.directory(),
            &[NewSlot::KeyFile(&self.key)],
            &mut rng(2),
        )
        .unwrap()
    }

    pub fn open(&self) -> Result<Vault, vault::OpenError> {
        self.open_at(&self.directory())
    }

    pub fn open_at(&self, directory: &Path) -> Result<Vault, vault::OpenError> {
        Vault::open(directory, &Unlock::KeyFile(&self.key))
    }
}

/// Copies a directory with its modes.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a directory, sorted.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
