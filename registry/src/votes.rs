//! In which epochs this node may vote.
//!
//! A validator that forgot a vote could cast another one that contradicts it. The engine keeps the votes of an epoch in
//! `data/consensus`; should that be lost or replaced by an older copy while the key remains, the node must not
//! vote with that key again in that epoch. Votes of other epochs cannot contradict it, since every vote names its
//! epoch. So the epoch is noted before its engine starts, with the height that the node has reached now and then: in
//! `data/ballots`, and then beside the key. Nothing noted in `data`, something lower than beside the key, or none of the
//! engine's files: votes of the noted epoch may be lost. Then the node follows and cosigns, and votes again in the
//! next epoch whose engine has never started here (`specs/decisions/010-votes-and-epochs.md`).
//!
//! A copy that is less than [`NOTED_EVERY`] blocks older is not recognised, nor is one that replaces the notes beside the keys as
//! well: a note from a backup, or none, says nothing of the votes since. Then the operator says from which epoch on the node
//! may vote ([`Votes::from_epoch`]).

use protocol::planted::{Bug, planted};
use registry_consensus::{Ballot, PeerKey, Vote};
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The height is noted again after this many blocks.
pub const NOTED_EVERY: u64 = 16;

/// The notes on the votes of a node's keys.
#[derive(Debug)]
pub struct Votes {
    /// Each key with the directory that it lies in.
    keys: Vec<(PeerKey, PathBuf)>,
    data: PathBuf,
    engine: PathBuf,
    from_epoch: u64,
    admitted: Mutex<Option<(PeerKey, u64)>>,
}

/// What is noted: how far a key may have voted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Noted {
    epoch: u64,
    height: u64,
}

impl Votes {
    /// The votes of keys, each with the directory of its file, for an engine with this directory below `data`.
    #[must_use]
    pub fn new(keys: Vec<(PeerKey, PathBuf)>, data: &Path, engine: PathBuf) -> Self {
        Self {
            keys,
            data: data.join("ballots"),
            engine,
            from_epoch: 0,
            admitted: Mutex::default(),
        }
    }

    /// Lets the keys vote in no epoch before this one.
    #[must_use]
    pub fn from_epoch(mut self, epoch: u64) -> Self {
        self.from_epoch = epoch;
        self
    }

    /// Notes the height that the node has reached, if it votes.
    ///
    /// # Errors
    ///
    /// Fails if a note cannot be written.
    pub fn note(&self, height: u64) -> io::Result<()> {
        // Held meanwhile, so that an epoch that begins is not overwritten by the one before.
        let admitted = self.admitted();
        match *admitted {
            Some((key, epoch)) => self.write(&key, Noted { epoch, height }),
            None => Ok(()),
        }
    }

    /// Writes in `data` first, so that a crash in between looks like progress.
    fn write(&self, key: &PeerKey, noted: Noted) -> io::Result<()> {
        let text = format!("{} {}\n", noted.epoch, noted.height);
        write(&self.in_data(key), &text)?;
        write(&self.beside_key(key)?, &text)
    }

    fn in_data(&self, key: &PeerKey) -> PathBuf {
        self.data.join(key.to_string())
    }

    fn beside_key(&self, key: &PeerKey) -> io::Result<PathBuf> {
        let known = self.keys.iter().find(|(known, _)| known == key);
        let (_, directory) = known.ok_or_else(|| io::Error::other("a key of another node"))?;
        Ok(directory.join(format!("{key}.voted")))
    }

    fn engine_has_files(&self) -> io::Result<bool> {
        match std::fs::read_dir(&self.engine) {
            Ok(mut files) => Ok(files.next().is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn admitted(&self) -> MutexGuard<'_, Option<(PeerKey, u64)>> {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ballot for Votes {
    fn admit(&self, key: &PeerKey, epoch: u64) -> io::Result<Vote> {
        let mut admitted = self.admitted();
        *admitted = None;
        if epoch < self.from_epoch {
            return Ok(Vote::Observer);
        }
        let beside_key = read(&self.beside_key(key)?)?;
        let in_data = read(&self.in_data(key))?;
        let height = match beside_key {
            None => in_data.map_or(0, |noted| noted.height),
            Some(noted) if epoch > noted.epoch => noted.height,
            Some(noted) => {
                let started = noted
                    > Noted {
                        epoch: 0,
                        height: 0,
                    };
                let whole = epoch == noted.epoch
                    && in_data.is_some_and(|in_data| in_data >= noted)
                    && (!started || self.engine_has_files()?);
                if !whole && !planted(Bug::ForgetfulBallot) {
                    return Ok(Vote::Observer);
                }
                noted.height
            }
        };
        self.write(key, Noted { epoch, height })?;
        *admitted = Some((*key, epoch));
        Ok(Vote::Validator)
    }
}

/// A note; an error if it is damaged, because then nothing is known.
fn read(path: &Path) -> io::Result<Option<Noted>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let numbers = text
        .strip_suffix('\n')
        .and_then(|line| line.split_once(' '));
    let noted = numbers.and_then(|(epoch, height)| {
        Some(Noted {
            epoch: epoch.parse().ok()?,
            height: height.parse().ok()?,
        })
    });
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a damaged note on votes");
    noted.map(Some).ok_or_else(damaged)
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
    use registry_consensus::ConsensusKey;
    use tempfile::TempDir;

    struct Machine {
        directory: TempDir,
        key: PeerKey,
    }

    impl Machine {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().unwrap(),
                key: ConsensusKey::from_secret(&[1; 32]).unwrap().public_key(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// The node as after a start.
        fn votes(&self) -> Votes {
            let keys = vec![(self.key, self.path("keys"))];
            Votes::new(keys, &self.path("data"), self.path("data/consensus"))
        }

        fn starts_in(&self, epoch: u64) -> Vote {
            self.votes().admit(&self.key, epoch).unwrap()
        }

        /// The node votes in `epoch` until `height`.
        fn works_in(&self, epoch: u64, height: u64) {
            let votes = self.votes();
            assert_eq!(votes.admit(&self.key, epoch).unwrap(), Vote::Validator);
            std::fs::create_dir_all(self.path("data/consensus/votes")).unwrap();
            votes.note(height).unwrap();
        }

        fn lose(&self, name: &str) {
            std::fs::remove_dir_all(self.path(name)).unwrap();
        }
    }

    #[test]
    fn a_node_that_keeps_its_directory_keeps_its_vote() {
        let machine = Machine::new();
        machine.works_in(0, 16);
        assert_eq!(machine.starts_in(0), Vote::Validator);
        machine.works_in(1, 48);
        assert_eq!(machine.starts_in(1), Vote::Validator);
        assert_eq!(machine.starts_in(2), Vote::Validator);
    }

    #[test]
    fn a_node_killed_before_it_ever_worked_keeps_its_vote() {
        let machine = Machine::new();
        assert_eq!(machine.starts_in(0), Vote::Validator);
        assert_eq!(machine.starts_in(0), Vote::Validator);
    }

    #[test]
    fn n9_a_node_without_its_data_votes_in_no_epoch_in_which_it_may_have_voted() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        machine.lose("data");
        assert_eq!(machine.starts_in(2), Vote::Observer);
        assert_eq!(machine.starts_in(3), Vote::Observer);
        assert_eq!(machine.starts_in(4), Vote::Validator);
        assert_eq!(machine.starts_in(3), Vote::Observer);
    }

    #[test]
    fn n9_what_a_node_notes_while_it_only_follows_does_not_give_its_vote_back() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        machine.lose("data");
        let votes = machine.votes();
        assert_eq!(votes.admit(&machine.key, 3).unwrap(), Vote::Observer);
        std::fs::create_dir_all(machine.path("data/consensus/votes")).unwrap();
        votes.note(80).unwrap();
        assert_eq!(machine.starts_in(3), Vote::Observer);
    }

    #[test]
    fn n9_an_older_copy_of_the_data_does_not_vote_in_the_same_epoch() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        let note = machine.votes().in_data(&machine.key);
        let copy = std::fs::read(&note).unwrap();
        machine.works_in(3, 80);
        assert_eq!(machine.starts_in(3), Vote::Validator);
        std::fs::write(&note, copy).unwrap();
        assert_eq!(machine.starts_in(3), Vote::Observer);
        assert_eq!(machine.starts_in(4), Vote::Validator);
    }

    #[test]
    fn n9_an_older_copy_from_an_earlier_epoch_does_not_vote_in_a_later_one_that_began_here() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        let note = machine.votes().in_data(&machine.key);
        let copy = std::fs::read(&note).unwrap();
        machine.works_in(4, 96);
        std::fs::write(&note, copy).unwrap();
        assert_eq!(machine.starts_in(3), Vote::Observer);
        assert_eq!(machine.starts_in(4), Vote::Observer);
        assert_eq!(machine.starts_in(5), Vote::Validator);
    }

    #[test]
    fn a_node_killed_between_the_two_notes_keeps_its_vote() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        write(&machine.votes().in_data(&machine.key), "3 1000\n").unwrap();
        assert_eq!(machine.starts_in(3), Vote::Validator);
        write(&machine.votes().in_data(&machine.key), "4 1000\n").unwrap();
        assert_eq!(machine.starts_in(4), Vote::Validator);
    }

    #[test]
    fn a_node_without_its_engines_files_does_not_vote_in_the_same_epoch() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        machine.lose("data/consensus");
        assert_eq!(machine.starts_in(3), Vote::Observer);
    }

    #[test]
    fn n9_a_node_whose_notes_come_from_a_backup_votes_from_the_epoch_that_its_operator_names() {
        for backup in [Some("3 1600\n"), None] {
            let machine = Machine::new();
            machine.works_in(7, 3500);
            machine.lose("data");
            let beside_key = machine.votes().beside_key(&machine.key).unwrap();
            match backup {
                Some(note) => std::fs::write(beside_key, note).unwrap(),
                None => std::fs::remove_file(beside_key).unwrap(),
            }
            let starts_in = |epoch| {
                let votes = machine.votes().from_epoch(9);
                votes.admit(&machine.key, epoch).unwrap()
            };
            for epoch in 0..9 {
                assert_eq!(starts_in(epoch), Vote::Observer, "{epoch} after {backup:?}");
            }
            assert_eq!(starts_in(9), Vote::Validator);
        }
    }

    #[test]
    fn a_damaged_note_is_an_error() {
        let machine = Machine::new();
        machine.works_in(3, 64);
        let beside_key = machine.votes().beside_key(&machine.key).unwrap();
        std::fs::write(beside_key, "3\n").unwrap();
        assert!(machine.votes().admit(&machine.key, 4).is_err());
    }
}
