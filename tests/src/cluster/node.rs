//! One node: its folder, its disk, its clock, and the process that can be killed, paused and exchanged for another build.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::process::Signal;
use url::Url;

use super::disk::SmallDisk;
use super::usage::{self, Usage};
use crate::sandbox::Process;

/// A node that runs, or ran.
#[derive(Debug)]
pub struct Node {
    name: String,
    /// Where it answers readers.
    pub url: Url,
    /// Its configuration, keys and data.
    pub folder: PathBuf,
    /// The build that the next start runs.
    pub program: PathBuf,
    /// The variables that the next start sets.
    pub environment: BTreeMap<String, OsString>,
    /// The disk of its data, if that is one of its own.
    pub disk: Option<SmallDisk>,
    process: Option<Process>,
}

impl Node {
    pub(super) fn new(name: String, url: Url, folder: PathBuf, program: PathBuf) -> Self {
        Self {
            name,
            url,
            folder,
            program,
            environment: BTreeMap::new(),
            disk: None,
            process: None,
        }
    }

    /// Starts it without waiting.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        let mut words: Vec<OsString> = match &self.disk {
            Some(disk) => disk.entrance()?,
            None => Vec::new(),
        };
        if !self.environment.is_empty() {
            words.push("env".into());
            let variables = self.environment.iter();
            words.extend(variables.map(|(name, value)| {
                let mut word = OsString::from(format!("{name}="));
                word.push(value);
                word
            }));
        }
        words.push(self.program.clone().into());
        words.extend(["run".into(), "--config".into()]);
        words.push(self.folder.join("node.toml").into());
        let mut words = words.into_iter();
        let program = PathBuf::from(words.next().context("a command line has a program")?);
        let log = self.log_path();
        self.process = Some(Process::start(&self.name, &program, words, &log, None)?);
        Ok(())
    }

    /// Ends it as a power cut would. Whether it ran.
    pub async fn kill(&mut self) -> anyhow::Result<bool> {
        let Some(mut process) = self.process.take() else {
            return Ok(false);
        };
        if process.fail_if_ended().is_err() {
            return Ok(false);
        }
        process.kill().await?;
        Ok(true)
    }

    /// Asks it to stop and waits for it.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let status = process.stop().await?;
        anyhow::ensure!(status.success(), "{} stopped with {status}", self.name);
        Ok(())
    }

    /// SIGSTOP: it stands still where it is.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on as if nothing had been.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::CONT)
    }

    /// Whether the system says that it stands still.
    pub fn stands_still(&self) -> anyhow::Result<bool> {
        usage::is_stopped(self.id()?)
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        let running = self.process.as_mut().map(Process::fail_if_ended);
        running.is_some_and(|running| running.is_ok())
    }

    /// The id of its process.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.running()?.id().context("the node has ended")
    }

    /// What its process uses.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        usage::of_process(self.id()?)
    }

    /// Everything that it said.
    pub fn log(&self) -> String {
        self.log_after(0)
    }

    /// What it said after its first so many bytes.
    pub fn log_after(&self, bytes: usize) -> String {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let said = log.get(bytes..).unwrap_or_default();
        String::from_utf8_lossy(said).into_owned()
    }

    /// The folder of its data, as seen from here.
    pub fn data(&self) -> anyhow::Result<PathBuf> {
        match &self.disk {
            Some(disk) => disk.path(""),
            None => Ok(self.folder.join("data")),
        }
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn running(&self) -> anyhow::Result<&Process> {
        let running = self.process.as_ref();
        running.with_context(|| format!("{} does not run", self.name))
    }
}

/// Where a node listens for its peers, in its `node.toml`; and how many clients it lets in from one address.
pub(super) fn configure(folder: &Path, peer_port: u16, clients: usize) -> anyhow::Result<()> {
    let path = folder.join("node.toml");
    let mut config: toml::Table = std::fs::read_to_string(&path)?.parse()?;
    config.insert(
        "peer_listen".into(),
        format!("127.0.0.1:{peer_port}").into(),
    );
    let service = config
        .get_mut("service")
        .and_then(toml::Value::as_table_mut);
    let service = service.context("node.toml has a [service]")?;
    let clients = i64::try_from(clients)?;
    service.insert("connections_per_address_max".into(), clients.into());
    std::fs::write(path, toml::to_string(&config)?)?;
    Ok(())
}
