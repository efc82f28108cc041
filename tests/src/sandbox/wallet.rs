//! A person's wallet: the real program, with its own folder and passphrase.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::command::{Said, run};
use super::{Person, Process, Programs, Secret, Site};

const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// The wallet of a person of the sandbox.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// Whose it is.
    pub person: Person,
    /// Its folder.
    pub folder: PathBuf,
    /// Its passphrase.
    pub passphrase: String,
    program: PathBuf,
}

impl Wallet {
    /// A wallet that does not exist yet: `init` makes it.
    pub fn new(programs: &Programs, folder: PathBuf, person: Person, passphrase: &str) -> Self {
        Self {
            person,
            folder,
            passphrase: passphrase.to_owned(),
            program: programs.wallet(),
        }
    }

    /// A wallet for another person, with the same program.
    pub fn of_another(&self, site: &Site, person: Person) -> Self {
        let folder = site.wallet_folder(&person);
        Self {
            person,
            folder,
            passphrase: self.passphrase.clone(),
            program: self.program.clone(),
        }
    }

    /// Runs a command of the wallet that has to succeed, and reads its JSON.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let said = self.try_run(arguments).await?;
        said_yes(arguments, &said)
    }

    /// As [`Wallet::run`], with a transaction code that only the letter has.
    pub async fn receive(&self, offer: Option<&str>, tx_code: &str) -> anyhow::Result<Value> {
        let code = Secret::new(tx_code)?;
        let fd = code.fd().to_string();
        let mut arguments = vec!["receive"];
        arguments.extend(offer);
        arguments.extend(["--tx-code-fd", &fd]);
        let said = self.try_run(&arguments).await?;
        said_yes(&arguments, &said)
    }

    /// Runs a command of the wallet, whatever comes of it.
    pub async fn try_run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let passphrase = Secret::new(&self.passphrase)?;
        run(&self.program, self.arguments(arguments, &passphrase)).await
    }

    /// Starts a command and kills it after `delay`, or lets it end before.
    pub async fn kill_during(
        &self,
        arguments: &[&str],
        delay: Duration,
        log: &Path,
    ) -> anyhow::Result<()> {
        let passphrase = Secret::new(&self.passphrase)?;
        let mut process = Process::start(
            "wallet",
            &self.program,
            self.arguments(arguments, &passphrase),
            log,
            None,
        )?;
        ensure!(
            delay < KILL_PATIENCE,
            "a wallet command is not watched for so long"
        );
        tokio::time::sleep(delay).await;
        process.kill().await
    }

    /// As [`Wallet::kill_during`], while the code of the letter is redeemed.
    pub async fn kill_while_receiving(
        &self,
        tx_code: &str,
        delay: Duration,
        log: &Path,
    ) -> anyhow::Result<()> {
        let code = Secret::new(tx_code)?;
        self.kill_during(
            &["receive", "--tx-code-fd", &code.fd().to_string()],
            delay,
            log,
        )
        .await
    }

    /// Writes the form and the picture of the licence, as the person would, and gives their paths.
    pub fn write_papers(&self, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        std::fs::create_dir_all(folder)?;
        let (form, licence) = (folder.join("form.json"), folder.join("licence.png"));
        std::fs::write(&form, serde_json::to_vec_pretty(&self.person.form())?)?;
        std::fs::write(&licence, self.person.licence_png()?)?;
        Ok((form, licence))
    }

    fn arguments(&self, arguments: &[&str], passphrase: &Secret) -> Vec<OsString> {
        let mut all: Vec<OsString> =
            vec!["--dir".into(), self.folder.clone().into(), "--json".into()];
        all.extend(["--passphrase-fd".into(), passphrase.fd().to_string().into()]);
        all.extend(arguments.iter().map(OsString::from));
        all
    }
}

/// What the wallet says of a failure names no personal data; what it shows a person on the way does, and is left out.
fn said_yes(arguments: &[&str], said: &Said) -> anyhow::Result<Value> {
    let command = arguments.first().copied().unwrap_or_default();
    if said.code == Some(0) {
        return said.json().with_context(|| format!("tegata {command}"));
    }
    match said
        .json()
        .ok()
        .as_ref()
        .and_then(|json| json.get("error")?.as_str())
    {
        Some(error) => bail!("tegata {command}: {error}"),
        None => bail!(
            "tegata {command} failed ({:?}):\n{}{}",
            said.code,
            said.stdout,
            said.stderr
        ),
    }
}
