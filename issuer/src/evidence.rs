//! Sealed applications on disk, and how they are destroyed.
//!
//! Keys: two files for each case, `CASE.sealed` (what the wallet sealed to the reviewers, sealed once more under a key of
//! the case) and `CASE.key` (that key, wrapped by the service's secret). Atomicity: each file is written under another
//! name, synced and renamed; the key comes last, so a case with a key has its evidence. Destroying unlinks the key first:
//! from then on nobody can read the evidence, with the reviewers' key neither. Restart: destroying again is harmless;
//! files without a case are removed.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use protocol::registry::CaseId;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::secret::{SealKey, ServiceSecret, Use};

const SEALED: &str = "sealed";
const KEY: &str = "key";

/// The folder of sealed applications.
pub(crate) struct EvidenceFiles {
    folder: PathBuf,
}

/// Why evidence cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvidenceError {
    /// It was destroyed, or there never was any.
    #[error("the evidence is gone")]
    Gone,
    /// The file system failed.
    #[error("the evidence files cannot be used")]
    Io(#[source] io::Error),
    /// The files are not those that were written.
    #[error("the evidence does not open")]
    Damaged,
}

impl EvidenceFiles {
    /// Opens or makes the folder, for its owner alone.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, EvidenceError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(EvidenceError::Io)?;
        Ok(Self { folder })
    }

    /// Writes the evidence of a case under a new key.
    pub(crate) fn write(
        &self,
        case: CaseId,
        evidence: &[u8],
        secret: &ServiceSecret,
        rng: &mut impl CryptoRng,
    ) -> Result<(), EvidenceError> {
        let key = SealKey::generate(rng);
        let wrapped = secret
            .key(Use::Evidence)
            .seal(case.as_bytes(), key.bytes(), rng);
        let sealed = key.seal(case.as_bytes(), evidence, rng);
        self.write_file(case, SEALED, &sealed)
            .map_err(EvidenceError::Io)?;
        self.write_file(case, KEY, &wrapped)
            .map_err(EvidenceError::Io)
    }

    /// Reads the evidence of a case.
    pub(crate) fn read(
        &self,
        case: CaseId,
        secret: &ServiceSecret,
    ) -> Result<Zeroizing<Vec<u8>>, EvidenceError> {
        let wrapped = read_file(&self.path(case, KEY))?;
        let key = secret
            .key(Use::Evidence)
            .open(case.as_bytes(), &wrapped)
            .map_err(|_| EvidenceError::Damaged)?;
        let sealed = read_file(&self.path(case, SEALED))?;
        SealKey::from_bytes(&key)
            .and_then(|key| key.open(case.as_bytes(), &sealed))
            .map_err(|_| EvidenceError::Damaged)
    }

    /// Destroys the evidence of a case, whatever is left of it.
    pub(crate) fn destroy(&self, case: CaseId) -> Result<(), EvidenceError> {
        for extension in [KEY, SEALED] {
            match fs::remove_file(self.path(case, extension)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EvidenceError::Io(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        self.sync().map_err(EvidenceError::Io)
    }

    /// Removes files that belong to no case: what a crash during an intake left.
    pub(crate) fn remove_strays(
        &self,
        is_known: impl Fn(CaseId) -> bool,
    ) -> Result<(), EvidenceError> {
        for entry in fs::read_dir(&self.folder).map_err(EvidenceError::Io)? {
            let path = entry.map_err(EvidenceError::Io)?.path();
            let case = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse().ok());
            if !case.is_some_and(&is_known) {
                fs::remove_file(&path).map_err(EvidenceError::Io)?;
            }
        }
        self.sync().map_err(EvidenceError::Io)
    }

    /// How many cases have evidence.
    pub(crate) fn count(&self) -> Result<usize, EvidenceError> {
        let entries = fs::read_dir(&self.folder).map_err(EvidenceError::Io)?;
        let is_key = |path: PathBuf| path.extension().is_some_and(|extension| extension == KEY);
        Ok(entries
            .flatten()
            .filter(|entry| is_key(entry.path()))
            .count())
    }

    fn write_file(&self, case: CaseId, extension: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(format!("{case}-{extension}.new"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(case, extension))?;
        self.sync()
    }

    fn path(&self, case: CaseId, extension: &str) -> PathBuf {
        self.folder.join(format!("{case}.{extension}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, EvidenceError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(EvidenceError::Gone),
        read => read.map_err(EvidenceError::Io),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const CASE: CaseId = CaseId::from_bytes([7; 16]);

    #[test]
    fn neg_i24_destroyed_evidence_cannot_be_read_even_from_a_copy_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = ServiceSecret::of_seed(1);
        let files = EvidenceFiles::open(folder.path().join("evidence")).unwrap();
        files
            .write(CASE, b"sealed application", &secret, &mut rng)
            .unwrap();
        assert_eq!(
            files.read(CASE, &secret).unwrap().as_slice(),
            b"sealed application"
        );

        let backup = fs::read(files.path(CASE, SEALED)).unwrap();
        files.destroy(CASE).unwrap();
        files.destroy(CASE).unwrap();
        assert!(matches!(
            files.read(CASE, &secret),
            Err(EvidenceError::Gone)
        ));
        fs::write(files.path(CASE, SEALED), backup).unwrap();
        assert!(matches!(
            files.read(CASE, &secret),
            Err(EvidenceError::Gone)
        ));
    }

    #[test]
    fn evidence_of_another_case_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = ServiceSecret::of_seed(1);
        let files = EvidenceFiles::open(folder.path().join("evidence")).unwrap();
        files
            .write(CASE, b"sealed application", &secret, &mut rng)
            .unwrap();
        let other = CaseId::from_bytes([8; 16]);
        for extension in [KEY, SEALED] {
            fs::copy(files.path(CASE, extension), files.path(other, extension)).unwrap();
        }
        assert!(matches!(
            files.read(other, &secret),
            Err(EvidenceError::Damaged)
        ));
    }

    #[test]
    fn files_of_an_intake_that_never_became_a_case_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = ServiceSecret::of_seed(1);
        let files = EvidenceFiles::open(folder.path().join("evidence")).unwrap();
        let stray = CaseId::from_bytes([8; 16]);
        files.write(CASE, b"kept", &secret, &mut rng).unwrap();
        files.write(stray, b"stray", &secret, &mut rng).unwrap();
        files.remove_strays(|case| case == CASE).unwrap();
        assert!(files.read(CASE, &secret).is_ok());
        assert!(matches!(
            files.read(stray, &secret),
            Err(EvidenceError::Gone)
        ));
    }
}
