//! The sandbox that the scenarios share, and people to act in it.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot begin has failed"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use protocol::registry::Genesis;
use tests::holder::Holder;
use tests::journey;
use tests::sandbox::applicant::obtain_offer;
use tests::sandbox::http::Http;
use tests::sandbox::staff::Offer;
use tests::sandbox::{Person, Programs, Site, Wallet};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

static SHARED: OnceLock<Shared> = OnceLock::new();
static PEOPLE: AtomicU64 = AtomicU64::new(1_000);

/// A sandbox that is up as long as this test binary runs.
pub(crate) struct Shared {
    /// Addresses, folders, log-ins.
    pub(crate) site: Site,
    /// The programs.
    pub(crate) programs: Programs,
    /// When this end of the pipe closes, even by kill -9, the sandbox stops.
    _open: (Child, ChildStdin),
}

/// The shared sandbox, started by whoever asks first.
pub(crate) fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let programs = Programs::build().unwrap();
        let folder = folder("shared");
        let mut keeper = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["up", "--while-stdin-is-open", "--dir"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = keeper.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let site = serde_json::from_str(&line)
            .expect("the sandbox did not start; its own words are above");
        Shared {
            site,
            programs,
            _open: (keeper, stdin),
        }
    })
}

impl Shared {
    /// A client for loopback.
    pub(crate) fn http(&self) -> Http {
        Http::new().unwrap()
    }

    /// A wallet, not made yet, of a person whom no other scenario knows.
    pub(crate) fn new_wallet(&self) -> Wallet {
        let person = Person::from_seed(PEOPLE.fetch_add(1, Ordering::Relaxed));
        let mut wallet = self.site.wallet(&self.programs, person);
        // Two people may have one name.
        let number = PEOPLE.fetch_add(1, Ordering::Relaxed);
        wallet.folder.set_file_name(format!("wallet-{number}"));
        wallet
    }

    /// A wallet with credentials, and the case that they came from.
    pub(crate) async fn holder_of_a_wallet(&self) -> anyhow::Result<(Wallet, String)> {
        let wallet = self.new_wallet();
        let reviewer = self.site.issuer.log_in(&self.http()).await?;
        let case = journey::become_holder(&self.site, &wallet, &reviewer).await?;
        Ok((wallet, case))
    }

    /// An offer for a person whom no other scenario knows, with no wallet of ours.
    pub(crate) async fn offer(&self) -> anyhow::Result<(Person, Offer)> {
        let person = Person::from_seed(PEOPLE.fetch_add(1, Ordering::Relaxed));
        let http = self.http();
        let genesis = Genesis::parse(&std::fs::read(&self.site.genesis)?)?;
        let issuer = &self.site.issuer;
        let reviewer = issuer.log_in(&http).await?;
        let (_case, offer) = obtain_offer(&http, &issuer.url, &genesis, &reviewer, &person).await?;
        Ok((person, offer))
    }

    /// A holder without scruples, with so many anchored credentials.
    pub(crate) async fn holder(&self, anchored: usize) -> anyhow::Result<Holder> {
        let person = Person::from_seed(PEOPLE.fetch_add(1, Ordering::Relaxed));
        let reviewer = self.site.issuer.log_in(&self.http()).await?;
        Holder::obtain(&self.http(), &self.site, &reviewer, &person, 10, anchored).await
    }
}

/// Waits until something has happened.
pub(crate) async fn eventually<F>(mut happened: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<bool>>,
{
    let deadline = Instant::now() + PATIENCE;
    while !happened().await? {
        ensure!(
            Instant::now() < deadline,
            "it did not happen in {PATIENCE:?}"
        );
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Why something was refused, in words.
pub(crate) fn decline_reason<T>(result: anyhow::Result<T>) -> String {
    result.err().map_or_else(
        || "it was not refused".to_owned(),
        |error| format!("{error:#}"),
    )
}

/// An empty folder for a sandbox below `target/scenarios`. Folders of runs that have ended are removed; logs of this one stay.
pub(crate) fn folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/scenarios");
    std::fs::create_dir_all(&all).unwrap();
    for entry in std::fs::read_dir(&all).unwrap() {
        let path = entry.unwrap().path();
        let run = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if !Path::new("/proc").join(&run).exists() {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
    all.join(std::process::id().to_string()).join(name)
}
