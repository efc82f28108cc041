//! A disk of a few megabytes that can be filled up: a file system in a mount namespace of its own, which needs no privileges.
//!
//! A process that does nothing holds the namespace; the node enters it before it starts. From outside the files are below
//! `/proc/PID/root` of the holder, and they live as long as it does, however often the node dies.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::sandbox::Process;

const PATIENCE: Duration = Duration::from_secs(20);
const FILLER: &str = "filler";
const CHUNK_BYTES: usize = 64 * 1024;

/// A mounted disk.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    mount: PathBuf,
}

impl SmallDisk {
    /// Mounts `bytes` of memory over a folder, for the nodes that enter.
    pub async fn mount(folder: &Path, bytes: u64, log: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let script = format!(
            "mount -t tmpfs -o size={bytes},mode=700 tegata \"$1\" && echo mounted && exec sleep infinity"
        );
        let arguments = [
            "--map-root-user".into(),
            "--mount".into(),
            "sh".into(),
            "-c".into(),
            OsString::from(script),
            "sh".into(),
            folder.into(),
        ];
        let mut holder = Process::start("unshare", Path::new("unshare"), arguments, log, None)?;
        holder.wait_for_log("mounted", PATIENCE).await?;
        Ok(Self {
            holder,
            mount: folder.to_owned(),
        })
    }

    /// Program and first arguments that run the rest of a command line where the disk is mounted.
    pub fn entrance(&self) -> anyhow::Result<Vec<OsString>> {
        let target = self.pid()?.to_string();
        let words = ["nsenter", "--user", "--mount", "--preserve-credentials"];
        let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
        words.extend(["--target".into(), target.into(), "--".into()]);
        Ok(words)
    }

    /// Where a file of the disk is as seen from here.
    pub fn path(&self, below: &str) -> anyhow::Result<PathBuf> {
        let mount = self.mount.strip_prefix("/").context("an absolute folder")?;
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()?));
        Ok(root.join(mount).join(below))
    }

    /// Writes until nothing more fits, and then gives `spare` bytes back.
    pub fn fill(&self, spare: u64) -> anyhow::Result<()> {
        let path = self.path(FILLER)?;
        let mut filler = File::create(&path).context("opening the filler")?;
        let chunk = vec![0xff; CHUNK_BYTES];
        loop {
            match filler.write(&chunk) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => bail!("filling the disk: {error}"),
            }
        }
        let length = filler.metadata()?.len();
        filler.set_len(length.saturating_sub(spare))?;
        Ok(())
    }

    /// Takes away what [`SmallDisk::fill`] wrote.
    pub fn free(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.path(FILLER)?).context("removing the filler")
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder.id().context("the disk's holder has ended")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_takes_no_byte_and_takes_some_again_when_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().join("disk");
        let log = folder.path().join("log");
        let disk = SmallDisk::mount(&mount, 1 << 20, &log).await.unwrap();
        let inside = async |script: &str| {
            let mut words = disk.entrance().unwrap().into_iter();
            let mut command = tokio::process::Command::new(words.next().unwrap());
            let command = command.args(words).args(["sh", "-c", script]);
            command.current_dir("/").status().await.unwrap().success()
        };
        let write = format!("echo byte > {}/file", mount.display());
        disk.fill(0).unwrap();
        assert!(!inside(&write).await, "a full disk took a byte");
        disk.free().unwrap();
        assert!(inside(&write).await);
        assert_eq!(
            std::fs::read(disk.path("file").unwrap()).unwrap(),
            b"byte\n"
        );
        assert!(!mount.join("file").exists(), "it is a disk of its own");
    }
}
