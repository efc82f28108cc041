//! Whether this node still has the votes that it may have cast.
//!
//! A validator that forgot a vote could cast another one that contradicts it. The engine keeps votes in
//! `data/consensus`; should that be lost or replaced by an older copy while the key remains, the node must not
//! vote with that key again. So the height that the node has reached is noted now and then in `data/votes`, and then
//! beside the key. No note in `data`, a lower one than beside the key, or none of the engine's files: votes may
//! be lost. That is final: the node follows and cosigns, and votes again only with a new key.
//!
//! A copy that is less than [`NOTED_EVERY`] blocks older is not recognised, nor is one that replaces the keys as well.

use crate::config::NodeConfig;
use registry_consensus::Memory;
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The height is noted again after this many blocks.
pub const NOTED_EVERY: u64 = 16;

const LOST: &str = "votes lost\n";

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
            self.note(0)?;
            return Ok(Memory::Whole);
        };
        let (noted, in_data) = (
            height(&beside_key),
            read(&self.in_data)?.as_deref().and_then(height),
        );
        let whole = match (noted, in_data) {
            (Some(noted), Some(in_data)) => {
                in_data >= noted && (in_data == 0 || self.engine_has_files()?)
            }
            (None, _) | (_, None) => false,
        };
        if whole {
            return Ok(Memory::Whole);
        }
        write(&self.beside_key, LOST)?;
        Ok(Memory::Lost)
    }

    /// Notes the height that the node has reached; first in `data`, so that a crash in between looks like progress.
    ///
    /// # Errors
    ///
    /// Fails if a note cannot be written.
    pub fn note(&self, height: u64) -> io::Result<()> {
        write(&self.in_data, &format!("{height}\n"))?;
        if read(&self.beside_key)?.as_deref() == Some(LOST) {
            return Ok(());
        }
        write(&self.beside_key, &format!("{height}\n"))
    }

    fn engine_has_files(&self) -> io::Result<bool> {
        match std::fs::read_dir(&self.engine) {
            Ok(mut files) => Ok(files.next().is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn height(note: &str) -> Option<u64> {
    note.strip_suffix('\n')?.parse().ok()
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
        let before = read(&votes.in_data).unwrap();
        let before = before.as_deref().and_then(height).unwrap_or_default();
        votes.note(before + NOTED_EVERY).unwrap();
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
    fn a_node_with_an_older_copy_of_its_data_has_lost_its_vote() {
        let (votes, _directory) = votes();
        votes.recall().unwrap();
        engine_works(&votes);
        let copy = read(&votes.in_data).unwrap().unwrap();
        engine_works(&votes);
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
        write(&votes.in_data, &copy).unwrap();
        assert_eq!(votes.recall().unwrap(), Memory::Lost);
    }

    #[test]
    fn a_node_killed_between_the_two_notes_keeps_its_vote() {
        let (votes, _directory) = votes();
        votes.recall().unwrap();
        engine_works(&votes);
        write(&votes.in_data, "1000\n").unwrap();
        assert_eq!(votes.recall().unwrap(), Memory::Whole);
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
