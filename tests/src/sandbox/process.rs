//! Programs that run beside us. Each ends with its owner, and only what was started here is ever ended.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(20);
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of a log that are shown when something went wrong.
const LOG_TAIL: usize = 12;

/// A running program whose output goes to a log file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where in the log this run begins.
    log_begins: u64,
}

impl Process {
    /// Starts a program. Its output is appended to `log`; `log_level` becomes its `RUST_LOG`.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
        log_level: Option<&str>,
    ) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context("opening a log")?;
        let log_begins = output.metadata()?.len();
        let mut command = Command::new(program);
        if let Some(log_level) = log_level {
            command.env("RUST_LOG", log_level);
        }
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            log_begins,
        })
    }

    /// Waits until a line with `text` is in the log of this run.
    pub async fn wait_for_log(&mut self, text: &str, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if self.read_log()?.lines().any(|line| line.contains(text)) {
                return Ok(());
            }
            self.fail_if_ended()?;
            if Instant::now() > deadline {
                bail!(
                    "{} did not say \"{text}\" in {patience:?}\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Fails, with the end of its log, if the program is not running any more.
    pub fn fail_if_ended(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended: {status}\n{}", self.name, self.log_tail());
        }
        Ok(())
    }

    /// Ends the program as a power cut would: SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .with_context(|| format!("killing {}", self.name))
    }

    /// Asks the program to stop and waits for it.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?))
        {
            kill_process(pid, Signal::TERM).with_context(|| format!("stopping {}", self.name))?;
        }
        match tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_elapsed) => {
                self.kill().await?;
                bail!(
                    "{} did not stop in {STOP_PATIENCE:?}\n{}",
                    self.name,
                    self.log_tail()
                )
            }
        }
    }

    /// Sends a signal to the program, which must not have ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self
            .child
            .id()
            .with_context(|| format!("{} has ended", self.name))?;
        let pid = Pid::from_raw(id.try_into()?).context("a process has a positive id")?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// The id of its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    fn read_log(&self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.log).context("reading a log")?;
        let begins = usize::try_from(self.log_begins)?;
        Ok(String::from_utf8_lossy(bytes.get(begins..).unwrap_or_default()).into_owned())
    }

    fn log_tail(&self) -> String {
        let log = self.read_log().unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(LOG_TAIL)..)
            .unwrap_or_default();
        format!("the end of {}:\n{}", self.log.display(), tail.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn shell(script: &str, folder: &Path) -> Process {
        Process::start(
            "sh",
            Path::new("/bin/sh"),
            ["-c", script],
            &folder.join("log"),
            None,
        )
        .unwrap()
    }

    #[tokio::test]
    async fn a_log_line_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("echo ready; exec sleep 60", folder.path());
        process.wait_for_log("ready", PATIENCE).await.unwrap();
        process.kill().await.unwrap();
    }

    #[tokio::test]
    async fn the_log_of_an_earlier_run_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        shell("echo ready; exec sleep 60", folder.path())
            .wait_for_log("ready", PATIENCE)
            .await
            .unwrap();
        let mut second = shell("exit 3", folder.path());
        let error = second.wait_for_log("ready", PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("ended"), "{error}");
    }

    #[tokio::test]
    async fn a_stop_is_a_request_that_the_program_may_answer() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell(
            "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
            folder.path(),
        );
        process.wait_for_log("ready", PATIENCE).await.unwrap();
        assert_eq!(process.stop().await.unwrap().code(), Some(7));
    }
}
