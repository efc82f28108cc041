//! Members decide on the command line: every command, and every way in which it can fail.

use crate::cluster::Cluster;
use protocol::{
    Timestamp,
    identity::SigningKey,
    registry::{
        governance::Change,
        record::{Body, Proposal, Record},
    },
};
use registry::setup::{Exposure, GOVERNANCE_KEY, NewMember, setup};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{SystemTime, UNIX_EPOCH},
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
    // The default is the first member's node; any member's will do.
    command.args(["--node", &cluster.url(member, "")]);
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

/// What happened, and what to do: two lines and nothing more.
fn fails(cluster: &Cluster, member: usize, arguments: &[&str]) -> (String, String) {
    let output = officer(cluster, member, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let lines: Vec<&str> = text.lines().collect();
    let [error, hint] = lines[..] else {
        panic!("{arguments:?} says: {text}");
    };
    let error = error.strip_prefix("error: ").unwrap();
    (
        error.to_owned(),
        hint.strip_prefix("hint: ").unwrap().to_owned(),
    )
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
        role: protocol::registry::MemberRole::Company,
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

    let verifier = write(folder, "verifier.json", &verifier_of("member3.example"));
    let text = decide(&cluster, &["register-verifier", &verifier]);
    assert!(
        text.contains("+ purpose account: Open an account") && text.contains(r#"["family_name"]"#),
        "{text}"
    );
    parties_show(&cluster, "verifier  https://a.example").await;
    let issuer = write(folder, "issuer.json", &issuer_of("member1.example"));
    decide(&cluster, &["register-issuer", &issuer]);
    parties_show(&cluster, "issuer  https://second.example\n").await;
    let text = decide(&cluster, &["retire-issuer", "https://second.example"]);
    assert!(
        text.contains("It still revokes credentials and erases evidence"),
        "{text}"
    );
    parties_show(&cluster, "issuer  https://second.example  (RETIRED)").await;
    let text = decide(&cluster, &["retire-verifier", "https://a.example"]);
    assert!(text.contains("Wallets refuse its requests"), "{text}");
    cluster
        .until("the verifier is gone", async || {
            !succeeds(&cluster, 3, &["parties"]).contains("https://a.example")
        })
        .await;
    let definition = json!({"version": 2, "activation_height": 0, "steps": [
        {"code": 1, "name": "opened", "after": []},
        {"code": 3, "name": "interview", "after": [1]},
        {"code": 6, "name": "closed", "after": [3], "terminal": true},
    ]});
    let definition = write(folder, "definition.json", &definition);
    let text = decide(
        &cluster,
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

    let newcomer = newcomer(&mut cluster, folder, "new.example", 9_990);
    let key = folder.join("next.pem");
    let key = succeeds_alone(&["key", "new", key.to_str().unwrap()]);
    let key = key
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap();
    let later = |change: &[&str]| decide(&cluster, &[change, &["--from-height", LATER]].concat());
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

fn error_contains((error, hint): &(String, String), what: &str, advice: &str) {
    assert!(
        error.contains(what) && hint.contains(advice),
        "{error}\n{hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_made_says_why_and_what_to_do() {
    let mut cluster = Cluster::start(4, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let suspend = [
        "propose",
        "--yes",
        "suspend-member",
        "member3.example",
        "--from-height",
        LATER,
    ];
    let with_key = |member: usize, key: &Path| {
        fails(
            &cluster,
            member,
            &[&suspend[..], &["--key", key.to_str().unwrap()]].concat(),
        )
    };
    // Wrong keys.
    let cosigning = with_key(0, &cluster.directory(0).join("keys/cosigning.pem"));
    error_contains(
        &cosigning,
        "it is the cosigning key of member0.example",
        "--key",
    );
    let stranger = folder.join("stranger.pem");
    succeeds_alone(&["key", "new", stranger.to_str().unwrap()]);
    error_contains(
        &with_key(0, &stranger),
        "no member has it (fingerprint",
        "--key",
    );
    error_contains(
        &with_key(0, &folder.join("none.pem")),
        "is not a private key",
        "check the path",
    );
    // Nobody to ask, nobody there, somebody else.
    let silent = ["propose", "suspend-member", "member3.example"];
    error_contains(
        &fails(&cluster, 0, &silent),
        "there is no terminal",
        "--dry-run",
    );
    error_contains(
        &fails(
            &cluster,
            0,
            &["propose", "--yes", "suspend-member", "nobody.example"],
        ),
        "no member \"nobody.example\"",
        "parties",
    );
    error_contains(
        &fails(&cluster, 0, &["approve", "--yes", "0123456789"]),
        "no proposal \"0123456789\"",
        "--all",
    );
    // Too few approvals decide nothing; the same change, and the same approval, count once.
    let id = propose(&cluster, 0, &suspend[2..]);
    error_contains(
        &fails(&cluster, 1, &suspend),
        "the same change waits already",
        "approve",
    );
    error_contains(
        &fails(&cluster, 0, &["approve", "--yes", &id]),
        "member0.example has approved",
        "show",
    );
    succeeds(&cluster, 1, &["approve", "--yes", &id]);
    let shown = succeeds(&cluster, 3, &["show", &id]);
    assert!(
        shown.contains("2 of 3 needed: member0.example, member1.example"),
        "{shown}"
    );
    assert!(
        shown.contains("have not approved     member2.example, member3.example"),
        "{shown}"
    );
    // Nothing is sent in a dry run.
    let dry = succeeds(&cluster, 2, &["approve", "--dry-run", &id]);
    assert!(
        dry.contains("DECIDES") && dry.contains("nothing was sent"),
        "{dry}"
    );
    assert!(succeeds(&cluster, 3, &["show", &id]).contains("2 of 3 needed"));
    // What does not fit, now and any more.
    let own = ["propose", "--yes", "remove-member", "member0.example"];
    error_contains(
        &fails(&cluster, 0, &own),
        "an issuer or a verifier would belong to a member that is not there",
        "retire",
    );
    let (one, two) = (
        newcomer(&mut cluster, folder, "one.example", 9_980),
        newcomer(&mut cluster, folder, "two.example", 9_980),
    );
    let one = propose(&cluster, 1, &["admit-member", &one, "--from-height", LATER]);
    let two = propose(&cluster, 2, &["admit-member", &two, "--from-height", LATER]);
    for member in [0, 2] {
        succeeds(&cluster, member, &["approve", "--yes", &one]);
    }
    succeeds(&cluster, 0, &["approve", "--yes", &two]);
    error_contains(
        &fails(&cluster, 1, &["approve", "--yes", &two]),
        "peer addresses would not differ",
        "each key and address once",
    );
    error_contains(
        &fails(&cluster, 3, &["approve", "--yes", &one]),
        "is adopted already",
        "show",
    );
    // What expired.
    let expired = lapsed_proposal(&cluster).await;
    cluster
        .until("the proposal lapses", async || {
            succeeds(&cluster, 3, &["show", &expired]).contains("expired at")
        })
        .await;
    error_contains(
        &fails(&cluster, 1, &["approve", "--yes", &expired]),
        "with 1 of 3 approvals",
        "propose the change again",
    );
    // What the ledger alone can refuse.
    for days in 2..10 {
        propose(
            &cluster,
            3,
            &[
                "suspend-member",
                &format!("member{}.example", days % 3),
                "--days",
                &days.to_string(),
                "--from-height",
                &format!("{days}000"),
            ],
        );
    }
    let ninth = [
        "propose",
        "--yes",
        "suspend-member",
        "member2.example",
        "--from-height",
        "90000",
    ];
    error_contains(
        &fails(&cluster, 3, &ninth),
        "too many proposals or decided changes wait",
        "8 proposals",
    );
    // A node that does not run.
    cluster.kill(3);
    error_contains(
        &fails(&cluster, 3, &["proposals"]),
        "does not answer",
        "--node",
    );
}

/// A proposal that nobody approves in the two seconds that it has.
async fn lapsed_proposal(cluster: &Cluster) -> String {
    let pem = std::fs::read_to_string(cluster.directory(0).join(GOVERNANCE_KEY)).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let body = Body::Proposal(Box::new(Proposal {
        activation_height: 0,
        expires: Timestamp::from_unix(now + 2),
        change: Change::SuspendMember {
            name: "member1.example".to_owned(),
        },
    }));
    let record = Record::sign(cluster.genesis.network(), body, &key);
    cluster.record(0, &record).await;
    record.id().to_string()
}
