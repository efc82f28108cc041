//! PostgreSQL: a primary and one synchronous standby. `pgbench` inserts rows, and a commit is answered when both have it on disk.
//!
//! The server refuses to run as root: then it runs as the user that Debian's package makes for it.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio::time::sleep;

use super::{Figures, load_average, quantile};
use crate::cluster::usage;
use crate::sandbox::{Ports, Process};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const USER: &str = "postgres";
const CONNECTIONS_MAX: &str = "--max_connections=600";
const TABLE: &str = "CREATE TABLE records (place bigserial PRIMARY KEY, value text NOT NULL)";
const STANDBYS: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";

/// A primary and its synchronous standby on this machine.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    primary: Process,
    standby: Process,
}

impl Postgres {
    /// Sets both up in a folder, and waits until the standby is synchronous. `programs` has `initdb`, `postgres` and the clients.
    pub async fn start(programs: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut ports = Ports::default();
        let (port, standby_port) = (ports.take()?, ports.take()?);
        hand_over(folder)?;
        let data = folder.join("primary");
        let words = ["--auth=trust", "--username=postgres", "--pgdata"];
        run(as_user(&programs.join("initdb")), words, Some(&data)).await?;
        let primary = server(
            programs,
            folder,
            "primary",
            port,
            &["--synchronous_standby_names=*"],
        )?;
        // Until the standby is there, nothing is committed that waits for it.
        let begun = Instant::now();
        while psql(programs, port, "SET synchronous_commit = local; SELECT 1")
            .await
            .is_err()
        {
            ensure!(begun.elapsed() < PATIENCE, "the primary takes no statement");
            sleep(POLL).await;
        }
        let port_word = port.to_string();
        let words = [
            "--host=127.0.0.1",
            "--username=postgres",
            "--write-recovery-conf",
            "--port",
            &port_word,
            "--pgdata",
        ];
        let copy = folder.join("standby");
        run(as_user(&programs.join("pg_basebackup")), words, Some(&copy)).await?;
        let standby = server(
            programs,
            folder,
            "standby",
            standby_port,
            &["--synchronous_standby_names="],
        )?;
        let begun = Instant::now();
        while psql(programs, port, STANDBYS).await?.trim() != "1" {
            ensure!(begun.elapsed() < PATIENCE, "the standby does not follow");
            sleep(POLL).await;
        }
        psql(programs, port, TABLE).await?;
        Ok(Self {
            programs: programs.to_owned(),
            folder: folder.to_owned(),
            port,
            primary,
            standby,
        })
    }

    /// Lets clients of the primary write for a while, after a short warm-up.
    pub async fn load(
        &self,
        clients: usize,
        bytes: usize,
        seconds: Duration,
    ) -> anyhow::Result<Figures> {
        let load_before = load_average()?;
        self.pgbench(clients, bytes, super::WARM_UP, None).await?;
        let prefix = self.folder.join(format!("latencies-{clients}"));
        let (before, begun) = (self.cpu()?, Instant::now());
        let client_before = usage::of_ended_children()?;
        self.pgbench(clients, bytes, seconds, Some(&prefix)).await?;
        // Connecting is not part of the time that pgbench counts; it is part of this one, and short.
        let took = begun.elapsed();
        let client = usage::of_ended_children()?.saturating_sub(client_before);
        let mut latencies = latencies(&self.folder, &prefix)?;
        latencies.sort_unstable();
        let records = latencies.len();
        let per_record = |cpu: Duration| super::micros(cpu) / (records.max(1) as f64);
        let used = self.cpu()?.into_iter().zip(before);
        let each: Vec<f64> = used
            .map(|(after, before)| per_record(after.saturating_sub(before)))
            .collect();
        Ok(Figures {
            system: "PostgreSQL, synchronous standby".to_owned(),
            clients,
            seconds: took.as_secs_f64(),
            records,
            failed: 0,
            per_second: records as f64 / took.as_secs_f64(),
            p50_ms: quantile(&latencies, 50),
            p99_ms: quantile(&latencies, 99),
            cpu_us: each.iter().sum(),
            cpu_us_each: each,
            client_cpu_us: per_record(client),
            load_before,
        })
    }

    async fn pgbench(
        &self,
        clients: usize,
        bytes: usize,
        time: Duration,
        log: Option<&Path>,
    ) -> anyhow::Result<()> {
        let script = self.folder.join("insert.sql");
        std::fs::write(&script, "INSERT INTO records (value) VALUES (:value);\n")?;
        let mut words: Vec<OsString> = [
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--host=127.0.0.1",
            "--username=postgres",
        ]
        .map(OsString::from)
        .to_vec();
        words.push(format!("--port={}", self.port).into());
        words.push(format!("--client={clients}").into());
        words.push(format!("--time={}", time.as_secs().max(1)).into());
        words.push(format!("--define=value={}", "x".repeat(bytes)).into());
        words.extend(["--file".into(), script.into()]);
        if let Some(prefix) = log {
            words.push("--log".into());
            let mut word = OsString::from("--log-prefix=");
            word.push(prefix);
            words.push(word);
        }
        words.push(USER.into());
        let none: Option<&Path> = None;
        run(Command::new(self.programs.join("pgbench")), words, none).await
    }

    /// The primary's processor time and the standby's.
    fn cpu(&self) -> anyhow::Result<Vec<Duration>> {
        let both = [&self.primary, &self.standby].map(|process| {
            let id = process.id().context("a server of PostgreSQL has ended")?;
            usage::of_tree(id)
        });
        both.into_iter().collect()
    }
}

/// Every transaction's third number, in microseconds, in all files of one run.
fn latencies(folder: &Path, prefix: &Path) -> anyhow::Result<Vec<Duration>> {
    let name = prefix
        .file_name()
        .context("a prefix has a name")?
        .to_string_lossy()
        .into_owned();
    let mut latencies = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        if !file.file_name().to_string_lossy().starts_with(&name) {
            continue;
        }
        for line in std::fs::read_to_string(file.path())?.lines() {
            let micros = line
                .split_whitespace()
                .nth(2)
                .context("a line of pgbench's log is short")?;
            latencies.push(Duration::from_micros(micros.parse()?));
        }
        std::fs::remove_file(file.path())?;
    }
    Ok(latencies)
}

fn server(
    programs: &Path,
    folder: &Path,
    name: &str,
    port: u16,
    settings: &[&str],
) -> anyhow::Result<Process> {
    let command = as_user(&programs.join("postgres"));
    let command = command.as_std();
    let mut words: Vec<OsString> = command.get_args().map(OsString::from).collect();
    words.extend([
        "-D".into(),
        folder.join(name).into(),
        "-p".into(),
        port.to_string().into(),
    ]);
    words.extend(["-h".into(), "127.0.0.1".into(), "-k".into(), folder.into()]);
    words.push(CONNECTIONS_MAX.into());
    words.extend(settings.iter().map(OsString::from));
    let program = PathBuf::from(command.get_program());
    Process::start(
        name,
        &program,
        words,
        &folder.join(format!("{name}.log")),
        None,
    )
}

async fn psql(programs: &Path, port: u16, statement: &str) -> anyhow::Result<String> {
    let mut command = Command::new(programs.join("psql"));
    command.args([
        "--host=127.0.0.1",
        "--username=postgres",
        "--tuples-only",
        "--no-align",
        "--quiet",
    ]);
    command
        .arg(format!("--port={port}"))
        .args(["--command", statement, USER]);
    let output = command.output().await.context("starting psql")?;
    ensure!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

async fn run<W: Into<OsString>>(
    mut command: Command,
    words: impl IntoIterator<Item = W>,
    last: Option<&Path>,
) -> anyhow::Result<()> {
    command.args(words.into_iter().map(Into::into)).args(last);
    let output = command
        .output()
        .await
        .context("starting a program of PostgreSQL")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A command line that is root's no more.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"])
        .arg(program);
    command
}

/// Gives the folder to the server's user, if that is another.
fn hand_over(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    if rustix::process::geteuid().is_root() {
        let owned = std::fs::metadata("/var/lib/postgresql")
            .context("Debian's package makes a user and its folder")?;
        chown(folder, Some(owned.uid()), Some(owned.gid()))?;
        if let Some(parent) = folder.parent() {
            std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_from_every_file_of_a_run() {
        let folder = tempfile::tempdir().unwrap();
        for (name, line) in [
            ("l.1", "0 7 1500 0 1700000000 1\n"),
            ("l.1.1", "1 3 2500 0 1700000000 2\n"),
            ("x", "0 0 9 0 0 0\n"),
        ] {
            std::fs::write(folder.path().join(name), line).unwrap();
        }
        let mut found = latencies(folder.path(), &folder.path().join("l")).unwrap();
        found.sort_unstable();
        assert_eq!(found, [1_500, 2_500].map(Duration::from_micros));
    }
}
