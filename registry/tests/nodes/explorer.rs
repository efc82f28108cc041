//! The explorer of real nodes, as people meet it: a new visitor learns who runs the registry, whether it is well, and whether a
//! receipt is genuine. Pictures of the pages are kept under `target/tmp/explorer`.

use crate::{browser::Browser, cluster::Cluster};
use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{
        ApplicationId, CaseId, Commitment, RecordId, Verifier,
        anchor::{Anchor, AnchorOpening, AnchorTree},
        governance::Change,
        record::{
            Approval, Author, Body, CaseEvent, CaseEventGroup, CredentialBatch, Designation,
            Erasure, Outcome, Proposal, Record,
        },
    },
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Names that members may decide on, and that must stay names.
const HOSTILE: &str =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u{202e}gnp.exe";
const LONG: &str =
    "三菱富士住友野村大和みずほ日本橋兜町総合証券ホールディングスインターナショナル株式会社";
const SIZES: [(&str, u32, u32); 2] = [("desktop", 1280, 900), ("phone", 390, 844)];
const LANGUAGES: [&str; 2] = ["ja", "en"];

/// What makes a page hard to use, found in the page itself.
const HARDSHIPS: &str = include_str!("hardships.js");

fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explorer");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A network with something of everything on its ledger.
struct Town {
    cluster: Cluster,
    case: CaseId,
    application: ApplicationId,
    /// A receipt and its index from before the members changed.
    early: (u64, String),
    hostile: u64,
}

impl Town {
    async fn build(cluster: Cluster) -> Self {
        let mut town = Self {
            case: CaseId::from_bytes([0xc5; 16]),
            application: ApplicationId::from_bytes([0xa9; 16]),
            early: (0, String::new()),
            hostile: 0,
            cluster,
        };
        for (sequence, code) in (0..).zip([1, 2, 6]) {
            let event = town.cluster.case_event(town.case, sequence, code);
            town.cluster.record(0, &event).await;
        }
        let erasure = Body::Erasure(Erasure {
            case: town.case,
            commitment: Commitment::from_bytes([1; 32]),
        });
        town.record(erasure).await;
        town.group().await;
        town.apply().await;
        let early = town.cluster.get(0, "/proofs/1").await.text().await.unwrap();
        town.early = (1, early);
        town.decide().await;
        town
    }

    async fn record(&self, body: Body) -> u64 {
        let record = Record::sign(self.cluster.genesis.network(), body, &self.cluster.issuer);
        self.cluster.record(0, &record).await.index()
    }

    async fn group(&mut self) {
        let events = (0..5).map(|_| CaseEvent {
            case: CaseId::random(&mut self.cluster.rng),
            sequence: 0,
            code: 1,
            definition: 1,
            commitment: Commitment::from_bytes([9; 32]),
        });
        let group = CaseEventGroup::of(events.collect()).unwrap();
        self.record(Body::CaseEventGroup(group)).await;
    }

    async fn apply(&mut self) {
        let holder = SigningKey::generate(Algorithm::Es256, &mut self.cluster.rng);
        let company = SigningKey::generate(Algorithm::EdDsa, &mut self.cluster.rng);
        let anchor = Anchor {
            nonce: [1; 32],
            signing_input_hash: [2; 32],
            thumbprint: Author::of(holder.public_key()).thumbprint(),
        };
        let tree = AnchorTree::build(vec![anchor.leaf()], 8, &mut self.cluster.rng).unwrap();
        let batch = CredentialBatch {
            sequence: 0,
            root: tree.root(),
            depth: tree.depth(),
        };
        let batch = self.record(Body::CredentialBatch(batch)).await;
        let sign = |body, key: &SigningKey| Record::sign(self.cluster.genesis.network(), body, key);
        let designation = Body::Designation(Designation {
            application: self.application,
            anchor: AnchorOpening {
                nonce: anchor.nonce,
                signing_input_hash: anchor.signing_input_hash,
                batch,
                leaf: 0,
                path: tree.path(0).unwrap(),
            },
            commitment: Commitment::from_bytes([3; 32]),
            outcome_key: company.public_key().to_bytes().try_into().unwrap(),
            expires: service::clock::now().plus_seconds(3600),
        });
        self.cluster.record(0, &sign(designation, &holder)).await;
        for (sequence, code) in [(0, 1), (1, 2)] {
            let outcome = Body::Outcome(Outcome {
                application: self.application,
                sequence,
                code,
                commitment: Commitment::from_bytes([4; 32]),
            });
            self.cluster.record(0, &sign(outcome, &company)).await;
        }
    }

    /// Two companies are registered, one waits for approval, and the fifth member leaves.
    async fn decide(&mut self) {
        let (long, _) = self
            .propose(registration("https://long.example", LONG))
            .await;
        self.approve(long, 3).await;
        let (hostile, index) = self
            .propose(registration("https://x.example", HOSTILE))
            .await;
        self.hostile = index;
        self.approve(hostile, 3).await;
        let leaves = Change::RemoveMember {
            name: "member4.example".to_owned(),
        };
        let (leaves, _) = self.propose(leaves).await;
        self.approve(leaves, 3).await;
        self.propose(registration(
            "https://later.example",
            "来年度から参加する証券株式会社",
        ))
        .await;
        let cluster = &self.cluster;
        cluster
            .until("four members are left", async || {
                let document = cluster
                    .get(0, "/trusted-parties")
                    .await
                    .text()
                    .await
                    .unwrap();
                let answer: Value = serde_json::from_str(&document).unwrap();
                let parties: Value =
                    serde_json::from_str(answer["document"].as_str().unwrap()).unwrap();
                parties["members"].as_array().unwrap().len() == 4
            })
            .await;
    }

    async fn propose(&self, change: Change) -> (RecordId, u64) {
        let body = Body::Proposal(Box::new(Proposal {
            activation_height: 0,
            expires: service::clock::now().plus_seconds(86_400),
            change,
        }));
        let record = Record::sign(
            self.cluster.genesis.network(),
            body,
            &self.cluster.governor(0),
        );
        let index = self.cluster.record(0, &record).await.index();
        (record.id(), index)
    }

    /// So many members besides the proposer agree.
    async fn approve(&self, proposal: RecordId, members: usize) {
        for member in 1..=members {
            let body = Body::Approval(Approval { proposal });
            let key = self.cluster.governor(member);
            let record = Record::sign(self.cluster.genesis.network(), body, &key);
            self.cluster.record(0, &record).await;
        }
    }

    fn paths(&self) -> Vec<(&'static str, String)> {
        vec![
            ("overview", String::new()),
            ("overview-month", "?span=month".to_owned()),
            ("members", "/members".to_owned()),
            ("records", "/records".to_owned()),
            ("record", "/records/1".to_owned()),
            ("record-hostile", format!("/records/{}", self.hostile)),
            ("case", format!("/cases/{}", self.case)),
            ("application", format!("/applications/{}", self.application)),
            ("checkpoints", "/checkpoints".to_owned()),
            ("decisions", "/decisions".to_owned()),
            ("check", "/check?record=2".to_owned()),
            ("not-found", "/records/999999999".to_owned()),
        ]
    }
}

fn registration(id: &str, name: &str) -> Change {
    let url: String = id.to_owned();
    Change::RegisterVerifier {
        verifier: Verifier {
            id: url.clone().try_into().unwrap(),
            name: name.to_owned(),
            member: "member1.example".to_owned(),
            url: url.try_into().unwrap(),
            trust_anchors: Vec::new(),
            purposes: Vec::new(),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_reads_the_registry_in_both_languages_and_checks_receipts() {
    let cluster = Cluster::start(4, 1).await;
    let mut browser = Browser::start();
    let nothing_yet = ["", "/records", "/decisions", "/checkpoints"];
    for path in nothing_yet {
        let page = page(&cluster, &format!("/explorer/ja{path}")).await;
        assert!(page.contains("<html lang=\"ja\">"), "{path}");
    }
    if let Some(browser) = &mut browser {
        for (at, path) in nothing_yet.into_iter().enumerate() {
            let name = format!("empty-{at}");
            look(browser, &cluster, &name, &format!("/explorer/ja{path}"));
        }
    }

    let mut town = Town::build(cluster).await;
    // A member dies, and this node starts again: it has not heard of it since.
    town.cluster.kill(3);
    town.cluster.terminate(0).await;
    town.cluster.spawn(0);
    town.cluster.until_serving(0).await;
    let event = town.cluster.opened_case();
    let answer = town.cluster.submit(0, event.as_bytes()).await;
    assert_eq!(answer.status(), 200, "a quorum is left");

    for language in LANGUAGES {
        for (name, path) in town.paths() {
            let page = page(&town.cluster, &format!("/explorer/{language}{path}")).await;
            assert!(!page.contains("<script>alert"), "{name}");
            assert!(!page.contains("<img"), "{name}");
            assert!(page.contains("member0.example"), "{name}: whose node it is");
        }
    }
    let members = page(&town.cluster, "/explorer/en/members").await;
    assert!(members.contains(LONG) && members.contains("silent"));
    assert!(!members.contains("member4.example"), "it left");

    if let Some(browser) = &mut browser {
        for language in LANGUAGES {
            for (name, path) in town.paths() {
                let path = format!("/explorer/{language}{path}");
                look(browser, &town.cluster, &format!("{name}-{language}"), &path);
            }
        }
        find_with_the_keyboard(browser, &town);
        without_scripts(browser, &town.cluster);
        check_receipts(browser, &town).await;
    }
}

/// A page by HTTP: HTML under a policy that lets nothing in from elsewhere.
async fn page(cluster: &Cluster, path: &str) -> String {
    let answer = cluster.get(0, path).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8", "{path}");
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.unwrap();
    let scripts = page.matches("<script").count();
    assert_eq!(
        scripts,
        usize::from(path.split('?').next().unwrap().ends_with("/check")),
        "{path}"
    );
    page
}

/// Opens a page in all sizes, keeps pictures, and complains of what is hard to use.
fn look(browser: &mut Browser, cluster: &Cluster, name: &str, path: &str) {
    for (size, width, height) in SIZES {
        browser.resize(width, height);
        browser.open(&cluster.url(0, path));
        let hardships = browser.evaluate(HARDSHIPS);
        browser.picture(&pictures().join(format!("{name}-{size}.png")));
        assert_eq!(hardships, json!([]), "{name} {size}");
        assert_well(browser, cluster, name);
    }
}

/// Nothing was refused or missing, no script of a name ran, and nobody else was asked.
fn assert_well(browser: &mut Browser, cluster: &Cluster, name: &str) {
    let complaints: Vec<String> = browser.complaints();
    let expected = |complaint: &String| name.starts_with("not-found") && complaint.contains("404");
    assert!(complaints.iter().all(expected), "{name}: {complaints:?}");
    let own = cluster.url(0, "/");
    for request in browser.requests() {
        assert!(request.starts_with(&own), "{name} asked {request}");
    }
}

/// From the first page to a case, without a mouse.
fn find_with_the_keyboard(browser: &mut Browser, town: &Town) {
    browser.open(&town.cluster.url(0, "/explorer/ja"));
    browser.press("Tab");
    let first = browser.evaluate("document.activeElement.className");
    assert_eq!(first, "skip", "the first stop leads past the navigation");
    let visible = browser.evaluate("document.activeElement.getBoundingClientRect().height > 10");
    assert_eq!(visible, true);
    let case = town.case.to_string().to_uppercase();
    let (first, second) = case.split_at(16);
    browser.evaluate(&format!(
        "document.getElementById('q').value = ' {first} {second}'"
    ));
    browser.evaluate("document.querySelector('form.search').requestSubmit()");
    browser.until("document.querySelectorAll('.timeline li').length === 4");
}

/// All but the check is there without scripts, and the check says that it needs them.
fn without_scripts(browser: &mut Browser, cluster: &Cluster) {
    browser.scripts(false);
    look(
        browser,
        cluster,
        "check-without-scripts",
        "/explorer/ja/check",
    );
    let said = browser.evaluate("document.querySelector('noscript').checkVisibility()");
    assert_eq!(said, true);
    let form = browser.evaluate("document.getElementById('check').checkVisibility()");
    assert_eq!(form, false);
    browser.scripts(true);
}

/// What the page says of a receipt: `passed`, `failed` or `unknown`, and the texts of the result.
fn verdict(
    browser: &mut Browser,
    cluster: &Cluster,
    name: &str,
    language: &str,
    receipt: &str,
    fingerprint: &str,
) -> (String, String) {
    browser.resize(1280, 900);
    browser.open(&cluster.url(0, &format!("/explorer/{language}/check")));
    let fill =
        |id: &str, text: &str| format!("document.getElementById('{id}').value = {}", json!(text));
    browser.evaluate(&fill("receipt", receipt));
    browser.evaluate(&fill("fingerprint-known", fingerprint));
    browser.evaluate("document.querySelector('#check [type=submit]').click()");
    browser.until("['passed', 'failed', 'unknown'].includes(document.getElementById('verdict').dataset.state)");
    for (size, width, height) in SIZES {
        browser.resize(width, height);
        let picture = format!("verdict-{name}-{language}-{size}.png");
        browser.picture(&pictures().join(picture));
        assert_eq!(browser.evaluate(HARDSHIPS), json!([]), "{name} {size}");
    }
    let state = browser.evaluate("document.getElementById('verdict').dataset.state");
    let text = browser.evaluate("document.getElementById('result').innerText");
    let as_text = |value: Value| value.as_str().unwrap().to_owned();
    (as_text(state), as_text(text))
}

async fn check_receipts(browser: &mut Browser, town: &Town) {
    let cluster = &town.cluster;
    let newest = cluster.size(0).await.unwrap() - 1;
    let proof = cluster.get(0, &format!("/proofs/{newest}")).await;
    let good = proof.text().await.unwrap();
    let fingerprint = cluster.genesis.network().to_string();
    let (_, early) = &town.early;
    let quorum = "members have to sign";

    for (name, receipt, fingerprint) in [
        ("new", &good, ""),
        ("new-with-fingerprint", &good, fingerprint.as_str()),
        ("before-the-change", early, ""),
    ] {
        let (state, text) = verdict(browser, cluster, name, "en", receipt, fingerprint);
        assert_eq!(state, "passed", "{name}: {text}");
        assert!(
            text.contains("The receipt is genuine") && text.contains(quorum),
            "{text}"
        );
        assert_well(browser, cluster, name);
    }
    let (_, text) = verdict(browser, cluster, "before-the-change", "ja", early, "");
    assert!(text.contains("5 組織のうち 4 組織の署名が必要"), "{text}");
    let (_, text) = verdict(browser, cluster, "new", "ja", &good, "");
    assert!(text.contains("4 組織のうち 3 組織の署名が必要"), "{text}");

    refuse_others(browser, cluster, &good, newest);
}

/// What is not quite this genuine receipt.
fn refuse_others(browser: &mut Browser, cluster: &Cluster, good: &str, newest: u64) {
    let lines: Vec<&str> = good.lines().collect();
    let index = format!("index {newest}");
    let other_index = good.replacen(&index, "index 0", 1);
    let altered_root = good.replacen("height ", "height 1", 1);
    let few_signatures = format!("{}\n", lines[..lines.len() - 2].join("\n"));
    let cut = &good[..good.len() / 3];
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../specs/vectors/registry/handovers.json"
    );
    let vectors: Value = serde_json::from_slice(&std::fs::read(vectors).unwrap()).unwrap();
    let foreign = vectors["receipt"].as_str().unwrap();
    let elsewhere = "00".repeat(32);
    for (name, receipt, fingerprint, reason) in [
        (
            "other-place",
            other_index.as_str(),
            "",
            "does not stand where the receipt says",
        ),
        (
            "altered",
            altered_root.as_str(),
            "",
            "does not fit what was signed",
        ),
        (
            "few-signatures",
            few_signatures.as_str(),
            "",
            "Too few signatures",
        ),
        ("cut", cut, "", "cut short or altered"),
        ("foreign", foreign, "", "a receipt of another registry"),
        (
            "other-fingerprint",
            good,
            elsewhere.as_str(),
            "not the one of your fingerprint",
        ),
        (
            "no-receipt-at-all",
            "こんにちは",
            "",
            "cannot be read as a receipt",
        ),
    ] {
        let (state, text) = verdict(browser, cluster, name, "en", receipt, fingerprint);
        assert_eq!(state, "failed", "{name}: {text}");
        assert!(text.contains(reason), "{name}: {text}");
        assert!(!text.contains("genuine\n"), "{name}: {text}");
        assert_well(browser, cluster, name);
    }
    let (state, text) = verdict(browser, cluster, "altered", "ja", &altered_root, "");
    assert_eq!(state, "failed", "{text}");
    let (state, _) = verdict(browser, cluster, "nothing", "ja", "", "");
    assert_eq!(state, "unknown");
}

/// The check's own tests: the whole corpus of receipts, each seventh byte changed, and handovers.
#[test]
fn the_check_in_the_page_agrees_with_the_corpora() {
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explorer/assets");
    let node = std::process::Command::new("node")
        .arg("--test")
        .arg(scripts)
        .output();
    match node {
        Ok(ran) => assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stdout)
        ),
        Err(error) => eprintln!(
            "no Node.js on this machine ({error}): the browser's test alone checks the check"
        ),
    }
}
