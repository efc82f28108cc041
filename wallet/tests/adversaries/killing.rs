//! kill -9 of the real program while each of its exchanges with a service is under way: the service has done its part, the program never
//! hears of it. The wallet opens again, has lost nothing that it had reported, and the same command gets to the end.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wallet::clock::Clock;

use super::issuer::TX_CODE;
use super::world::{PASSPHRASE, World, list};

/// Runs the program; its passphrase, and the code of the letter where it is asked for, come on descriptor 0.
async fn run(world: &World, arguments: &[&str], process: &AtomicI32) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tegata"))
        .arg("--dir")
        .arg(world.directory())
        .args(["--json", "--passphrase-fd", "0"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = i32::try_from(child.id().unwrap()).unwrap();
    process.store(id, Ordering::SeqCst);
    let mut stdin = child.stdin.take().unwrap();
    let lines = format!("{PASSPHRASE}\n{TX_CODE}\n");
    stdin.write_all(lines.as_bytes()).await.unwrap();
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

/// Runs the program and kills it when this call reaches its service.
async fn killed_at(world: &World, call: &str, arguments: &[&str]) {
    let process = Arc::new(AtomicI32::new(0));
    let victim = Arc::clone(&process);
    world.wire.corrupt(call, move |reply| {
        let id = Pid::from_raw(victim.load(Ordering::SeqCst)).unwrap();
        kill_process(id, Signal::KILL).unwrap();
        reply
    });
    let output = run(world, arguments, &process).await;
    assert_eq!(output.status.code(), None, "{call}: {output:?}");
    world.wire.repent();
}

async fn succeeds(world: &World, arguments: &[&str]) -> Value {
    let output = run(world, arguments, &AtomicI32::new(0)).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_receiving_receives_in_the_end() {
    for call in [
        "GET /.well-known/openid-credential-issuer",
        "GET /.well-known/oauth-authorization-server",
        "POST /nonce",
        "POST /credential",
        "POST /notification",
        "POST /anchors",
    ] {
        let world = World::at(Clock::System.now()).await;
        drop(world.wallet());
        let offer = world.issuer.offer();
        killed_at(&world, call, &["receive", &offer, "--tx-code-fd", "0"]).await;
        let before = list(&mut world.open())["credentials"][0]["instances"].clone();
        // Nothing was begun yet where the issuer's metadata was all that was asked for.
        let again: &[&str] = if call.starts_with("GET") {
            &["receive", &offer, "--tx-code-fd", "0"]
        } else {
            &["receive", "--tx-code-fd", "0"]
        };
        let report = succeeds(&world, again).await;
        assert_eq!(report["instances"], 4, "{call}");
        assert_eq!(report["anchored"], 4, "{call}");
        assert!(before.is_null() || before == 4, "{call}");
    }
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_its_code_is_redeemed_goes_on_with_the_next_letter() {
    let now = Clock::System.now();
    let world = World::at(now).await;
    let mut session = world.wallet();
    super::journey::apply_and_be_checked(&world, &mut session, now).await;
    drop(session);
    let receive = ["receive", "--tx-code-fd", "0"];
    killed_at(&world, "POST /token", &receive).await;
    // The code works once, and the answer to it is lost.
    let output = run(&world, &receive, &AtomicI32::new(0)).await;
    assert!(!output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(said.to_string().contains("new letter"), "{said}");
    world.issuer.send_new_letter();
    let report = succeeds(&world, &receive).await;
    assert_eq!(report["instances"], 4);
    assert_eq!(report["anchored"], 4);
}

#[tokio::test]
async fn a_wallet_that_is_killed_while_presenting_presents_one_instance_in_the_end() {
    for call in ["POST /requests", "POST /records", "POST /responses"] {
        let world = World::at(Clock::System.now()).await;
        drop(world.wallet_with_credential().await);
        let link = world.company.request(None);
        killed_at(&world, call, &["present", &link, "--yes"]).await;
        let report = succeeds(&world, &["present", &link, "--yes"]).await;
        let mut session = world.open();
        assert_eq!(list(&mut session)["credentials"][0]["unspent"], 3);
        let received = world.company.received.lock().unwrap();
        let last = received.last().unwrap();
        assert_eq!(report["application"], last.application.to_string());
        let first = received.first().unwrap();
        assert_eq!(first.signing_input_hash, last.signing_input_hash);
        let history = wallet::history::history(&mut session).unwrap().json;
        assert_eq!(history["history"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_wallet_that_is_killed_after_sending_knows_of_the_account() {
    let world = World::at(Clock::System.now()).await;
    drop(world.wallet_with_credential().await);
    let link = world.company.request(None);
    killed_at(&world, "POST /responses", &["present", &link, "--yes"]).await;
    let application = {
        let received = world.company.received.lock().unwrap();
        received.last().unwrap().application.to_string()
    };
    let silent = |_| super::server::Reply::status(503);
    world.wire.corrupt("GET /applications", silent);
    let accounts = succeeds(&world, &["accounts"]).await;
    assert_eq!(accounts["accounts"][0]["application"], application);
    assert_eq!(accounts["accounts"][0]["delivery"], "sent");
    assert_eq!(accounts["accounts"][0]["state"], Value::Null);

    // The company speaks again: it has the application.
    world.wire.repent();
    let accounts = succeeds(&world, &["accounts"]).await;
    assert_eq!(accounts["accounts"][0]["delivery"], "arrived");
    assert_eq!(accounts["accounts"][0]["state"], "received");
}
