//! Members decide on the command line: every command, and every way in which it can fail.

mod refusals;

use crate::cluster::Cluster;
use protocol::{identity::SigningKey, registry::MemberRole};
use registry::setup::{Exposure, GOVERNANCE_KEY, NewMember, setup};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// So far ahead that no test waits for it.
const LATER: &str = "2000";

/// Runs a command of a member's officer.
fn officer(cluster: &Cluster, member: usize, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tegata-registry"));
    command.args(arguments);
    command.arg("--development-loopback-http");
    command
        .arg("--genesis")
        .arg(cluster.directory(0).join("genesis.json"));
    // One node for all: another one may be a moment behind.
    command.args(["--node", &cluster.url(0, "")]);
    if matches!(arguments.first(), Some(&("propose" | "approve"))) && !arguments.contains(&"--key")
    {
        command
            .arg("--key")
            .arg(cluster.directory(member).join(GOVERNANCE_KEY));
    }
    command.stdin(Stdio::null()).output().unwrap()
}

fn succeeds(cluster: &Cluster, member: usize, arguments: &[&str]) -> String {
    let output = officer(cluster, member, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// The id of the proposal that a command has made.
fn id_of(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("proposal "));
    let id = line.unwrap_or_else(|| panic!("{text}")).split(' ').next();
    id.unwrap().to_owned()
}

fn propose(cluster: &Cluster, member: usize, change: &[&str]) -> String {
    let text = succeeds(cluster, member, &[&["propose", "--yes"], change].concat());
    assert!(text.contains("waits: 1 of 3 approvals"), "{text}");
    id_of(&text)
}

/// Member 0 proposes, members 1 and 2 approve; what the last of them reads.
fn decide(cluster: &Cluster, change: &[&str]) -> String {
    let id = propose(cluster, 0, change);
    let second = succeeds(cluster, 1, &["approve", "--yes", &id]);
    assert!(
        second.contains("waits: 2 of 3 approvals") && !second.contains("DECIDES"),
        "{second}"
    );
    let third = succeeds(cluster, 2, &["approve", "--yes", &id[..12]]);
    assert!(
        third.contains("DECIDES") && third.contains("adopted at height"),
        "{third}"
    );
    third
}

fn write(folder: &Path, name: &str, value: &Value) -> String {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The entry of an organisation that is not a member yet.
fn newcomer(cluster: &mut Cluster, folder: &Path, name: &str, port: u16) -> String {
    let directory: PathBuf = folder.join(name);
    let member = NewMember {
        name: name.to_owned(),
        role: MemberRole::Company,
        url: format!("http://127.0.0.1:{port}").try_into().unwrap(),
        peer_address: format!("127.0.0.1:{}", port + 1),
        validator: true,
    };
    setup(
        &directory,
        member,
        Exposure::LoopbackForDevelopment,
        &mut cluster.rng,
    )
    .unwrap();
    directory.join("member.json").to_str().unwrap().to_owned()
}

fn verifier_of(member: &str) -> Value {
    json!({
        "id": "https://a.example", "name": "Company A", "member": member, "url": "https://verify.a.example", "trust_anchors": [],
        "purposes": [{"id": "account", "text": {"en": "Open an account"}, "claims": [["family_name"], ["birthdate"]]}],
    })
}

fn issuer_of(member: &str) -> Value {
    let key = protocol::base64url::encode(&[9; 32]);
    let record_key =
        SigningKey::from_secret(protocol::identity::Algorithm::EdDsa, &[77; 32]).unwrap();
    json!({
        "id": "https://second.example", "name": "Second issuer", "member": member, "application_key": key, "trust_anchors": [],
        "record_key": protocol::base64url::encode(&record_key.public_key().to_bytes()), "jwks": {"keys": []},
    })
}

async fn parties_show(cluster: &Cluster, words: &str) {
    cluster
        .until(words, async || {
            succeeds(cluster, 3, &["parties"]).contains(words)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_decide_every_change_on_the_command_line() {
    let mut cluster = Cluster::start(4, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let nothing = succeeds(&cluster, 0, &["proposals"]);
    assert!(nothing.contains("Nothing waits"), "{nothing}");

    decide_on_parties(&cluster, folder).await;
    decide_on_members(&mut cluster, folder);

    let listed = succeeds(&cluster, 3, &["proposals"]);
    assert_eq!(
        listed
            .matches("holds from height 2000 (epoch 100) on")
            .count(),
        8,
        "{listed}"
    );
    let all = succeeds(&cluster, 3, &["proposals", "--all"]);
    assert_eq!(all.matches("adopted at height").count(), 13, "{all}");
    let line = listed
        .lines()
        .find(|line| line.contains("remove the member"))
        .unwrap();
    let shown = succeeds(&cluster, 3, &["show", line.split(' ').next().unwrap()]);
    assert!(
        shown.contains("how it stands         adopted at height"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_follows_the_members_from_the_genesis_file_to_those_of_today() {
    let cluster = Cluster::start(4, 0).await;
    let text = decide(&cluster, &["set-observer", "member3.example"]);
    assert!(text.contains("f is 0: with 3 validators"), "{text}");
    parties_show(&cluster, "observer: checks and signs, does not vote").await;
    let all = succeeds(&cluster, 0, &["proposals", "--all"]);
    assert!(all.contains("holds since height"), "{all}");
    // Under the members of today, on the way back.
    let text = decide(&cluster, &["set-validator", "member3.example"]);
    assert!(
        text.contains("validators                            3         4"),
        "{text}"
    );
}

async fn decide_on_parties(cluster: &Cluster, folder: &Path) {
    let verifier = write(folder, "verifier.json", &verifier_of("member3.example"));
    let text = decide(cluster, &["register-verifier", &verifier]);
    assert!(
        text.contains("+ purpose account: Open an account") && text.contains(r#"["family_name"]"#),
        "{text}"
    );
    parties_show(cluster, "verifier  https://a.example").await;
    let issuer = write(folder, "issuer.json", &issuer_of("member1.example"));
    decide(cluster, &["register-issuer", &issuer]);
    parties_show(cluster, "issuer  https://second.example\n").await;
    let text = decide(cluster, &["retire-issuer", "https://second.example"]);
    assert!(
        text.contains("It still revokes credentials and erases evidence"),
        "{text}"
    );
    parties_show(cluster, "issuer  https://second.example  (RETIRED)").await;
    let text = decide(cluster, &["retire-verifier", "https://a.example"]);
    assert!(text.contains("Wallets refuse its requests"), "{text}");
    cluster
        .until("the verifier is gone", async || {
            !succeeds(cluster, 3, &["parties"]).contains("https://a.example")
        })
        .await;
    let definition = json!({"version": 2, "activation_height": 0, "steps": [
        {"code": 1, "name": "opened", "after": []},
        {"code": 3, "name": "interview", "after": [1]},
        {"code": 6, "name": "closed", "after": [3], "terminal": true},
    ]});
    let definition = write(folder, "definition.json", &definition);
    let text = decide(
        cluster,
        &["publish-definition", &definition, "--active-from", LATER],
    );
    assert!(
        text.contains("+ 3 interview: after opened") && text.contains("- 2 identity_document"),
        "{text}"
    );
    assert!(
        text.contains(&format!("active from height {LATER} on")),
        "{text}"
    );
}

fn decide_on_members(cluster: &mut Cluster, folder: &Path) {
    let newcomer = newcomer(cluster, folder, "new.example", 9_990);
    let key = folder.join("next.pem");
    let key = succeeds_alone(&["key", "new", key.to_str().unwrap()]);
    let key = key
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap();
    let later = |change: &[&str]| decide(cluster, &[change, &["--from-height", LATER]].concat());
    let text = later(&["admit-member", &newcomer]);
    assert!(
        text.contains("members in force                      4         5"),
        "{text}"
    );
    assert!(
        text.contains(
            "From height 2000 (epoch 100) on, if it is decided by height 1979 (epoch 98)"
        ),
        "{text}"
    );
    let fingerprints = succeeds_alone(&["key", "show", &newcomer]);
    for line in fingerprints
        .lines()
        .filter(|line| line.starts_with("        "))
    {
        assert!(text.contains(line.trim()), "{line} is not in {text}");
    }
    later(&["suspend-member", "member3.example"]);
    later(&["reinstate-member", "member3.example"]);
    let text = later(&["set-observer", "member3.example"]);
    assert!(
        text.contains("validator: votes on blocks\n                        -> observer"),
        "{text}"
    );
    later(&["set-validator", "member3.example"]);
    later(&["update-member", "member3.example", "--role", "notary"]);
    let text = later(&["rotate-keys", "member3.example", "--governance-key", key]);
    assert!(
        text.contains("The old governance key decides nothing any more"),
        "{text}"
    );
    let text = later(&["remove-member", "new.example"]);
    assert!(text.contains("Its keys should be destroyed"), "{text}");
}

/// Runs a command that asks no node.
fn succeeds_alone(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tegata-registry"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
