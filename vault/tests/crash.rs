//! kill -9 during writes: what was acknowledged is there afterwards, and the vault opens.
//!
//! The test starts itself as a child that writes and says so after each commit, and kills it at different moments.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Fixture, NOTE, rng};
use vault::{Changes, KeyFile, OpenError, Unlock, Vault};

const CHILD_DIRECTORY: &str = "TEGATA_TEST_CRASH_CHILD";
const ROUNDS: u64 = 20;

/// Not a test of its own: the body of the child process.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(parent) = std::env::var_os(CHILD_DIRECTORY) else {
        return;
    };
    let parent = std::path::PathBuf::from(parent);
    let key = KeyFile::load(&parent.join("key")).unwrap();
    let vault = Vault::open(&parent.join("vault"), &Unlock::KeyFile(&key)).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "open").unwrap();
    let first = vault.list(NOTE).len() / 2;
    for number in first.. {
        let changes = Changes::new()
            .put(NOTE, &format!("{number}-left"), 1, b"together")
            .put(NOTE, &format!("{number}-right"), 1, &vec![9; 700]);
        vault.commit(&changes, &mut rng(number as u64)).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

fn child(fixture: &Fixture) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_that_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD_DIRECTORY, fixture.parent.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let fixture = Fixture::new();
    drop(fixture.create());
    let mut expected = 0;
    for round in 0..ROUNDS {
        let mut process = child(&fixture);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut wanted = 1 + round % 5;
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                expected = number.parse::<usize>().unwrap() + 1;
                wanted -= 1;
            }
            if wanted == 0 {
                break;
            }
        }
        process.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                expected = number.parse::<usize>().unwrap() + 1;
            }
        }
        process.wait().unwrap();

        let vault = fixture.open().unwrap();
        let records = vault.records(NOTE).unwrap();
        assert_eq!(records.len() % 2, 0, "a transaction came apart");
        assert!(
            records.len() >= expected * 2,
            "an acknowledged record is lost"
        );
        for number in 0..expected {
            for side in ["left", "right"] {
                let id = format!("{number}-{side}");
                assert!(vault.get(NOTE, &id).unwrap().is_some(), "{id} is lost");
            }
        }
    }
}

#[test]
fn two_processes_exclude_each_other() {
    let fixture = Fixture::new();
    drop(fixture.create());
    let mut process = child(&fixture);
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.starts_with("acknowledged"))
    );
    let unlock = Unlock::KeyFile(&fixture.key);
    let refused = Vault::open_within(&fixture.directory(), &unlock, Duration::from_millis(20));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(matches!(refused, Err(OpenError::Busy)));
    assert!(fixture.open().is_ok());
}
