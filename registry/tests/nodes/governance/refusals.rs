//! Every way in which a decision cannot be made: two lines, what happened and what to do.

use super::{LATER, newcomer, officer, propose, succeeds, succeeds_alone};
use crate::cluster::Cluster;
use protocol::{
    identity::SigningKey,
    registry::{
        governance::Change,
        record::{Body, Proposal, Record},
    },
};
use registry::setup::GOVERNANCE_KEY;
use std::path::Path;

/// Runs a command that must fail, and looks for words in the line that says what happened and in the line that says what to do.
fn refused(cluster: &Cluster, member: usize, command: &str, what: &str, advice: &str) {
    let arguments: Vec<&str> = command.split(' ').collect();
    let output = officer(cluster, member, &arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{command}: {text}");
    let lines: Vec<&str> = text.lines().collect();
    let [error, hint] = lines[..] else {
        panic!("{command} says: {text}");
    };
    let error = error.strip_prefix("error: ").unwrap();
    assert!(error.contains(what), "{command} says: {text}");
    let hint = hint.strip_prefix("hint: ").unwrap();
    assert!(hint.contains(advice), "{command} says: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_made_says_why_and_what_to_do() {
    let mut cluster = Cluster::start(4, 0).await;
    let folder = tempfile::tempdir().unwrap();
    neg_wrong_keys_decide_nothing(&cluster, folder.path());
    nobody_can_be_asked_or_is_there(&cluster);
    too_few_approvals_and_double_ones_decide_nothing(&cluster);
    what_does_not_fit_is_not_decided(&mut cluster, folder.path());
    what_expired_is_not_approved(&cluster).await;
    the_ledger_has_the_last_word(&cluster);
    cluster.kill(0);
    refused(&cluster, 3, "proposals", "does not answer", "--node");
}

fn neg_wrong_keys_decide_nothing(cluster: &Cluster, folder: &Path) {
    let with_key = |key: &Path| {
        format!(
            "propose --yes suspend-member member3.example --key {}",
            key.display()
        )
    };
    let cosigning = with_key(&cluster.directory(0).join("keys/cosigning.pem"));
    refused(
        cluster,
        0,
        &cosigning,
        "it is the cosigning key of member0.example",
        "--key",
    );
    let stranger = folder.join("stranger.pem");
    succeeds_alone(&["key", "new", stranger.to_str().unwrap()]);
    refused(
        cluster,
        0,
        &with_key(&stranger),
        "no member has it (fingerprint",
        "--key",
    );
    refused(
        cluster,
        0,
        &with_key(&folder.join("none.pem")),
        "is not a private key",
        "check the path",
    );
}

fn nobody_can_be_asked_or_is_there(cluster: &Cluster) {
    for (command, what, advice) in [
        (
            "propose suspend-member member3.example",
            "there is no terminal",
            "--dry-run",
        ),
        (
            "propose --yes suspend-member nobody.example",
            "no member \"nobody.example\"",
            "parties",
        ),
        (
            "propose --yes retire-issuer https://nobody.example",
            "no issuer \"https://nobody.example\"",
            "parties",
        ),
        (
            "propose --yes rotate-keys member3.example",
            "not complete without",
            "--help",
        ),
        (
            "approve --yes 0123456789",
            "no proposal \"0123456789\"",
            "--all",
        ),
        ("show 01", "at least 8 characters", "--help"),
    ] {
        refused(cluster, 0, command, what, advice);
    }
}

fn too_few_approvals_and_double_ones_decide_nothing(cluster: &Cluster) {
    let change = ["suspend-member", "member3.example", "--from-height", LATER];
    let id = propose(cluster, 0, &change);
    let again = format!("propose --yes {}", change.join(" "));
    refused(
        cluster,
        1,
        &again,
        "the same change waits already",
        "approve",
    );
    let approve = format!("approve --yes {id}");
    refused(cluster, 0, &approve, "member0.example has approved", "show");
    succeeds(cluster, 1, &["approve", "--yes", &id]);
    let shown = succeeds(cluster, 3, &["show", &id]);
    assert!(
        shown.contains("2 of 3 needed: member0.example, member1.example"),
        "{shown}"
    );
    assert!(
        shown.contains("have not approved     member2.example, member3.example"),
        "{shown}"
    );
    refused(cluster, 1, &approve, "member1.example has approved", "show");
    // Nothing is sent in a dry run.
    let dry = succeeds(cluster, 2, &["approve", "--dry-run", &id]);
    assert!(
        dry.contains("DECIDES") && dry.contains("nothing was sent"),
        "{dry}"
    );
    assert!(succeeds(cluster, 3, &["show", &id]).contains("2 of 3 needed"));
}

fn what_does_not_fit_is_not_decided(cluster: &mut Cluster, folder: &Path) {
    // It has an issuer.
    let own = "propose --yes remove-member member0.example";
    refused(
        cluster,
        0,
        own,
        "an issuer or a verifier would belong to a member that is not there",
        "retire",
    );
    // Two newcomers with one address: only one of them can come.
    let mut admit = |name: &str| newcomer(cluster, folder, name, 9_980);
    let (one, two) = (admit("one.example"), admit("two.example"));
    let one = propose(cluster, 1, &["admit-member", &one, "--from-height", LATER]);
    let two = propose(cluster, 2, &["admit-member", &two, "--from-height", LATER]);
    succeeds(cluster, 0, &["approve", "--yes", &two]);
    for member in [0, 2] {
        succeeds(cluster, member, &["approve", "--yes", &one]);
    }
    let second = format!("approve --yes {two}");
    refused(
        cluster,
        1,
        &second,
        "peer addresses would not differ",
        "each key and address once",
    );
    refused(
        cluster,
        3,
        &format!("approve --yes {one}"),
        "is adopted already",
        "show",
    );
}

async fn what_expired_is_not_approved(cluster: &Cluster) {
    let pem = std::fs::read_to_string(cluster.directory(0).join(GOVERNANCE_KEY)).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let body = Body::Proposal(Box::new(Proposal {
        activation_height: 0,
        expires: service::clock::now().plus_seconds(2),
        change: Change::SuspendMember {
            name: "member1.example".to_owned(),
        },
    }));
    let record = Record::sign(cluster.genesis.network(), body, &key);
    cluster.record(0, &record).await;
    let id = record.id().to_string();
    let has_lapsed = async || succeeds(cluster, 3, &["show", &id]).contains("expired at");
    cluster.until("the proposal lapses", has_lapsed).await;
    let approve = format!("approve --yes {id}");
    refused(
        cluster,
        1,
        &approve,
        "with 1 of 3 approvals",
        "propose the change again",
    );
}

/// What no reader can foresee alone: how many proposals of a member may wait.
fn the_ledger_has_the_last_word(cluster: &Cluster) {
    let moved = |port: u16| {
        format!("update-member member3.example --from-height {LATER} --url http://127.0.0.1:{port}")
    };
    for port in 9_001..9_009 {
        let change = moved(port);
        let change: Vec<&str> = change.split(' ').collect();
        propose(cluster, 3, &change);
    }
    let ninth = format!("propose --yes {}", moved(9_009));
    refused(
        cluster,
        3,
        &ninth,
        "too many proposals or decided changes wait",
        "8 proposals",
    );
}
