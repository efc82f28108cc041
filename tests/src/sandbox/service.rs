//! A service of the sandbox: its folder, its address, its process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use url::Url;

use super::{Organisation, Process};

const START_PATIENCE: Duration = Duration::from_secs(30);

/// A service that runs, or ran.
#[derive(Debug)]
pub struct Service {
    /// Whose it is.
    pub organisation: Organisation,
    /// Where it answers.
    pub url: Url,
    /// Its configuration, keys and data.
    pub folder: PathBuf,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    process: Option<Process>,
    /// What `RUST_LOG` is set to; nothing is as in production.
    pub log_level: Option<&'static str>,
}

impl Service {
    /// A service that was set up and is not running yet.
    pub(super) fn new(
        organisation: Organisation,
        url: Url,
        folder: PathBuf,
        program: PathBuf,
        config: &str,
        logs: &Path,
    ) -> Self {
        let program_name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let log = logs.join(format!("{program_name}-{}.log", organisation.short));
        let config = folder.join(config);
        Self {
            organisation,
            url,
            folder,
            program,
            config,
            log,
            process: None,
            log_level: None,
        }
    }

    /// Starts it and waits until it listens.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        self.wait_until_it_listens().await
    }

    /// Starts it without waiting.
    pub(super) fn launch(&mut self) -> anyhow::Result<()> {
        let arguments = ["run".as_ref(), "--config".as_ref(), self.config.as_os_str()];
        self.process = Some(Process::start(
            &self.name(),
            &self.program,
            arguments,
            &self.log,
            self.log_level,
        )?);
        Ok(())
    }

    pub(super) async fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let process = self.process.as_mut().context("not started")?;
        process.wait_for_log("listening on", START_PATIENCE).await
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Asks it to stop and waits for it.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().await.map(drop),
            None => Ok(()),
        }
    }

    /// Fails, with the end of its log, if it should run and does not.
    pub fn fail_if_ended(&mut self) -> anyhow::Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::fail_if_ended)
    }

    /// The id of its process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    fn name(&self) -> String {
        format!(
            "{} of {}",
            self.program
                .file_name()
                .unwrap_or_default()
                .to_string_lossy(),
            self.organisation.short
        )
    }
}
