//! Whether this node still has the votes that it may have cast.
//!
//! A validator that forgot a vote could cast another one that contradicts it. The engine keeps votes in
//! `data/consensus`; should that be lost while the key remains, the node must not vote with that key again.
//! So a note beside the key says that the node has started, and a note in `data` that its votes began there:
//! the first without the second, or without the engine's files, means that votes may be lost. That is
//! final: the node follows and cosigns, and votes again only with a new key.
//!
//! An old copy of the whole of `data` is not recognised.

use crate::config::NodeConfig;
use registry_consensus::Memory;
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

const STARTED: &str = "started\n";
const LOST: &str = "votes lost\n";
const NEW: &str = "new\n";
const USED: &str = "used\n";

/// The two notes and what they speak of.
#[derive(Clone, Debug)]
pub struct Votes {
    beside_key: PathBuf,
    in_data: PathBuf,
    engine: PathBuf,
}

impl Votes {
    /// The votes of a node.
    #[must_use]
    pub fn of(config: &NodeConfig) -> Self {
        Self {
            beside_key: config.consensus_key.path().with_extension("started"),
            in_data: config.data.join("votes"),
            engine: config.consensus_directory(),
        }
    }

    /// Called before the engine starts.
    ///
    /// # Errors
    ///
    /// Fails if a note can neither be read nor written: without it the node must not vote.
    pub fn recall(&self) -> io::Result<Memory> {
        let Some(beside_key) = read(&self.beside_key)? else {
            write(&self.in_data, NEW)?;
            write(&self.beside_key, STARTED)?;
            return Ok(Memory::Whole);
        };
        let in_data = read(&self.in_data)?;
        let engine_has_files = match std::fs::read_dir(&self.engine) {
            Ok(mut files) => files.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let never_used = in_data.as_deref() == Some(NEW);
        if beside_key == STARTED && (never_used || (in_data.is_some() && engine_has_files)) {
            return Ok(Memory::Whole);
        }
        write(&self.beside_key, LOST)?;
        Ok(Memory::Lost)
    }

    /// Called once the engine has worked: from now on its files must be there.
    ///
    /// # Errors
    ///
    /// Fails if the note cannot be written.
    pub fn cast(&self) -> io::Result<()> {
        write(&self.in_data, USED)
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a note; it is on disk, in its directory, when this returns.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(directory)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn votes() -> (Votes, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let votes = Votes {
            beside_key: directory.path().join("keys/consensus.started"),
            in_data: directory.path().join("data/votes"),
            engine: directory.path().join("data/consensus"),
        };
        (votes, directory)
    }

    fn engine_works(votes: &Votes) {
        std::fs::create_dir_all(votes.engine.join("votes")).unwrap();
        votes.cast().unwrap();
    }

    #[test]
    fn a_node_that_keeps_its_directory_keeps_its_vote() {
        let (votes, _directory) = votes();
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
        engine_works(&votes);
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
    }

    #[test]
    fn a_node_killed_before_it_ever_worked_keeps_its_vote() {
        let (votes, _directory) = votes();
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
    }

    #[test]
    fn a_node_without_its_data_has_lost_its_vote_for_good() {
        let (votes, directory) = votes();
        votes.recall().unwrap();
        engine_works(&votes);
        std::fs::remove_dir_all(directory.path().join("data")).unwrap();
        assert_eq!(votes.recall().unwrap(), Memory::Lost);
        engine_works(&votes);
        assert_eq!(votes.recall().unwrap(), Memory::Lost);
    }

    #[test]
    fn a_node_without_its_engines_files_has_lost_its_vote() {
        let (votes, _directory) = votes();
        votes.recall().unwrap();
        engine_works(&votes);
        std::fs::remove_dir_all(&votes.engine).unwrap();
        assert_eq!(votes.recall().unwrap(), Memory::Lost);
    }
}
