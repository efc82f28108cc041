//! The folder of a sandbox: emptied if it held one, refused if it holds anything else.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::Site;

/// In every folder that is ours to empty.
const MARK: &str = ".tegata-sandbox";

/// Where a sandbox that stays up is, unless another folder is named: `target/sandbox`.
pub fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sandbox")
}

/// Gives an empty folder, and its absolute path.
pub fn prepare(folder: &Path) -> anyhow::Result<PathBuf> {
    if let Ok(site) = Site::read(folder) {
        ensure!(
            !site.is_up(),
            "a sandbox is up in {}; stop it first (Ctrl-C)",
            folder.display()
        );
    }
    if folder.join(MARK).is_file() {
        std::fs::remove_dir_all(folder).context("emptying the folder")?;
    }
    std::fs::create_dir_all(folder).context("making the folder")?;
    let mut entries = std::fs::read_dir(folder).context("reading the folder")?;
    ensure!(
        entries.next().is_none(),
        "{} holds something that is no sandbox",
        folder.display()
    );
    std::fs::write(folder.join(MARK), "").context("writing into the folder")?;
    folder.canonicalize().context("finding the folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_held_a_sandbox_is_emptied() {
        let parent = tempfile::tempdir().unwrap();
        let folder = prepare(&parent.path().join("sandbox")).unwrap();
        std::fs::write(folder.join("old"), "").unwrap();
        assert_eq!(prepare(&folder).unwrap(), folder);
        assert!(!folder.join("old").exists());
    }

    #[test]
    fn a_folder_with_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("letter"), "").unwrap();
        assert!(prepare(folder.path()).is_err());
        assert!(folder.path().join("letter").exists());
    }
}
