//! Programs that run to their end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// Exit status; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Its standard output as one JSON value.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(self.stdout.trim())
            .with_context(|| format!("not one JSON value: {}", self.stdout))
    }
}

/// Runs a program to its end, whatever its exit status.
pub async fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<Said> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let Ok(output) = tokio::time::timeout(PATIENCE, child.wait_with_output()).await else {
        bail!("{} did not end in {PATIENCE:?}", program.display());
    };
    let output = output?;
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a program that has to succeed.
pub async fn succeed<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<Said> {
    let said = run(program, arguments).await?;
    ensure!(
        said.code == Some(0),
        "{} failed:\n{}{}",
        program.display(),
        said.stdout,
        said.stderr
    );
    Ok(said)
}
