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

use tests::sandbox::http::Http;
use tests::sandbox::{Person, Programs, Site, Wallet};

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
