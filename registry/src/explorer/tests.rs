use crate::{
    cosigning::Pace,
    fixture::{Network, block, governor, peer},
    operations::NodeOperations,
    replica::Replica,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use protocol::registry::{
    Genesis, MemberRole,
    governance::Change,
    record::{Body as Says, Proposal, Record},
};
use registry_consensus::Application as _;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tower::ServiceExt as _;

const HOSTILE: &str = "<script>alert(1)</script>\\\"'><img src=x onerror=alert(2)>";

struct Node {
    network: Network,
    replica: Arc<Replica>,
    router: Router,
    _directory: TempDir,
}

impl Node {
    fn of(network: Network) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let replica = Arc::new(network.replica(0, directory.path()));
        let operations = NodeOperations::of(replica.clone(), directory.path().to_owned());
        let pages = super::router(&replica, &operations, "member0.example");
        let router = service::serve::shell(crate::api::router(replica.clone()).merge(pages));
        Self {
            network,
            replica,
            router,
            _directory: directory,
        }
    }

    /// A network of one member, whose own signature is a quorum.
    fn alone() -> Self {
        Self::of(Network::of(1))
    }

    fn commit(&self, height: u64, records: &[&Record]) {
        self.replica.commit(&block(height, records)).unwrap();
    }

    async fn ask(&self, method: &str, path: &str, language: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::ACCEPT_LANGUAGE, language);
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap());
        let answer = answer.await.unwrap();
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, 4 * 1024 * 1024).await.unwrap();
        let header = |name: &str| {
            let value = head.headers.get(name).map(|value| value.to_str().unwrap());
            value.unwrap_or_default().to_owned()
        };
        Answer {
            status: head.status,
            location: header("location"),
            content_type: header("content-type"),
            policy: header("content-security-policy"),
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.ask("GET", path, "ja").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.text
    }
}

struct Answer {
    status: StatusCode,
    location: String,
    content_type: String,
    policy: String,
    text: String,
}

const PAGES: [&str; 7] = [
    "",
    "?span=day",
    "/members",
    "/records",
    "/checkpoints",
    "/decisions",
    "/check",
];

#[tokio::test]
async fn a_visitor_is_sent_to_the_pages_in_their_language() {
    let node = Node::alone();
    for (wish, page) in [("en-GB", "/explorer/en"), ("fr", "/explorer/ja")] {
        let answer = node.ask("GET", "/explorer", wish).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.location, page);
    }
}

#[tokio::test]
async fn every_page_is_whole_on_an_empty_ledger_and_before_the_first_signature() {
    for node in [Node::alone(), Node::of(Network::of(4))] {
        for language in ["ja", "en"] {
            for page in PAGES {
                let path = format!("/explorer/{language}{page}");
                let answer = node.ask("GET", &path, "ja").await;
                assert_eq!(answer.status, StatusCode::OK, "{path}");
                assert_eq!(answer.content_type, "text/html; charset=utf-8");
                assert!(answer.text.contains(&format!("<html lang=\"{language}\">")));
                assert!(answer.text.ends_with("</html>"), "{path}");
                assert!(!answer.text.contains(" style="), "the policy forbids it");
                let other = if language == "ja" { "en" } else { "ja" };
                let switch = format!("href=\"/explorer/{other}{page}\" lang=\"{other}\"");
                assert!(answer.text.contains(&switch), "{path}: {switch}");
                let scripts = answer.text.matches("<script").count();
                assert_eq!(scripts, usize::from(page == "/check"), "{path}");
                assert_eq!(
                    answer.policy.contains("script-src 'self'"),
                    page == "/check"
                );
                assert!(answer.policy.starts_with("default-src 'none'"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_case_and_an_application_are_told_in_their_order() {
    let node = Node::alone();
    let application = node.network.application();
    let records: Vec<&Record> = application.iter().collect();
    node.commit(1, &records);
    node.commit(
        2,
        &[&node.network.event(9, 0, 1), &node.network.event(8, 0, 1)],
    );
    node.commit(3, &[&node.network.event(9, 1, 2)]);
    node.commit(4, &[&node.network.event(9, 2, 6)]);

    let case = "09".repeat(16);
    let page = node.page(&format!("/explorer/en/cases/{case}")).await;
    let steps = ["Case opened", "Identity document checked", "Case closed"];
    let places = steps.map(|step| page.find(step).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(page.matches("class=\"when\"").count(), 3);
    assert!(page.contains("badge well\">closed"), "{page}");
    let page = node
        .page(&format!("/explorer/ja/cases/{}", "08".repeat(16)))
        .await;
    assert!(page.contains("進行中"));

    let page = node
        .page(&format!("/explorer/en/applications/{}", "07".repeat(16)))
        .await;
    let told = [
        "A person agreed",
        "received the application",
        "The company decided",
    ];
    let places = told.map(|told| page.find(told).unwrap());
    assert!(places.is_sorted(), "{places:?}");

    for (wanted, page) in [
        (case.as_str(), format!("/explorer/en/cases/{case}")),
        (
            "07070707%2007070707,07070707 07070707",
            format!("/explorer/en/applications/{}", "07".repeat(16)),
        ),
        (
            "1,0".trim_end_matches(",0"),
            "/explorer/en/records/1".to_owned(),
        ),
    ] {
        let path = format!("/explorer/en/find?q={}", wanted.replace(' ', "+"));
        let answer = node.ask("GET", &path, "en").await;
        assert_eq!(
            (answer.status, answer.location),
            (StatusCode::SEE_OTHER, page)
        );
    }
    let id = node.network.event(9, 1, 2).id();
    let answer = node
        .ask("GET", &format!("/explorer/ja/find?q={id}"), "ja")
        .await;
    assert_eq!(answer.location, "/explorer/ja/records/6");
}

#[tokio::test]
async fn pages_of_records_have_fifty_and_lead_to_one_another() {
    let node = Node::alone();
    let records: Vec<Record> = (1..=120)
        .map(|case| node.network.event(case, 0, 1))
        .collect();
    node.commit(1, &records.iter().collect::<Vec<_>>());
    let newest = node.page("/explorer/en/records").await;
    assert_eq!(newest.matches("<tr><th scope=\"row\"").count(), 50);
    assert!(newest.contains(">119<") && newest.contains(">70<") && !newest.contains(">69<"));
    assert!(newest.contains("records?before=70") && !newest.contains("Newer"));
    let oldest = node.page("/explorer/en/records?before=20").await;
    assert!(
        oldest.contains(">0<") && oldest.contains("records?before=70") && !oldest.contains("Older")
    );
    let first = node.page("/explorer/en/records/0").await;
    assert!(first.contains("/proofs/0") && first.contains("/entries/0"));
    let check = node.page("/explorer/en/check?record=3").await;
    assert!(
        check.contains("c2sp.org/tlog-proof@v1\nindex 3\n"),
        "the receipt is filled in"
    );
}

#[tokio::test]
async fn neg_l10_places_that_do_not_exist_have_pages_that_say_so() {
    let node = Node::alone();
    node.commit(1, &[&node.network.event(1, 0, 1)]);
    let too_far = "18446744073709551616";
    for (status, paths) in [
        (
            StatusCode::BAD_REQUEST,
            vec![
                "/records?before=-1".to_owned(),
                format!("/records?before={too_far}"),
                "/records?before=01".to_owned(),
                "/records?before=1&before=1".to_owned(),
                "/records?after=1".to_owned(),
                "/records/-1".to_owned(),
                format!("/records/{too_far}"),
                "/records/..%2f..%2fetc%2fpasswd".to_owned(),
                "/cases/xyz".to_owned(),
                format!("/cases/{}", "0A".repeat(16)),
                "/applications/00".to_owned(),
                "/check?record=x".to_owned(),
                "?span=year".to_owned(),
                "/find".to_owned(),
                "/find?q=".to_owned(),
                "/find?q=%3Cscript%3E".to_owned(),
                format!("/find?q={}", "0".repeat(200)),
                "/records/%ff".to_owned(),
            ],
        ),
        (
            StatusCode::NOT_FOUND,
            vec![
                "/records?before=2".to_owned(),
                "/records?before=0".to_owned(),
                "/records/1".to_owned(),
                "/records/18446744073709551615".to_owned(),
                "/check?record=1".to_owned(),
                format!("/cases/{}", "00".repeat(16)),
                "/find?q=4096".to_owned(),
                "/nothing".to_owned(),
                "/records/0/more".to_owned(),
            ],
        ),
    ] {
        for path in paths {
            for language in ["ja", "en"] {
                let path = format!("/explorer/{language}{path}");
                let answer = node.ask("GET", &path, "en").await;
                assert_eq!(answer.status, status, "{path}");
                let shell = format!("<html lang=\"{language}\">");
                assert!(answer.text.contains(&shell), "{path}: {}", answer.text);
                assert!(answer.text.contains("<nav"), "{path}");
            }
        }
    }
    for path in ["/explorer/fr", "/explorer/ja2/records"] {
        let answer = node.ask("GET", path, "en").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("<html lang=\"en\">"), "{path}");
    }
    for (method, path) in [("POST", "/explorer/en/records"), ("DELETE", "/explorer/ja")] {
        let answer = node.ask(method, path, "en").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(answer.text.contains("<html"), "{path}");
    }
    let answer = node
        .ask("GET", "/explorer/assets/..%2f..%2fnode.toml", "en")
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_members_wrote_is_shown_and_never_run() {
    let file = Network::genesis_file(1);
    let file = file.replace("\"name\": \"Issuer\"", &format!("\"name\": \"{HOSTILE}\""));
    let file = file.replace("\"name\": \"Test\"", &format!("\"name\": \"{HOSTILE}\""));
    let file = file.replace("\"identity_document\"", "\"<b onclick=alert(3)>\"");
    let genesis = Arc::new(Genesis::parse(file.as_bytes()).unwrap());
    let node = Node::of(Network { genesis });
    node.commit(1, &[&node.network.event(1, 0, 1)]);
    node.commit(2, &[&node.network.event(1, 1, 2)]);
    for page in [
        "".to_owned(),
        "/members".to_owned(),
        "/records".to_owned(),
        "/records/1".to_owned(),
        format!("/cases/{}", "01".repeat(16)),
        "/decisions".to_owned(),
        "/check?record=1".to_owned(),
    ] {
        let page = node.page(&format!("/explorer/en{page}")).await;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        for live in ["<script>", "<img", "<b onclick", "\"'>"] {
            assert!(!page.contains(live), "{live}: {page}");
        }
    }
    let case = node
        .page(&format!("/explorer/en/cases/{}", "01".repeat(16)))
        .await;
    assert!(
        case.contains("<bdi>&lt;b onclick=alert(3)&gt;</bdi>"),
        "{case}"
    );
}

#[tokio::test]
async fn proposals_and_decisions_are_told_with_who_agreed() {
    let propose = |network: &Network, change: Change| {
        let proposal = Says::Proposal(Box::new(Proposal {
            activation_height: 0,
            expires: service::clock::now().plus_seconds(3_600),
            change,
        }));
        Record::sign(network.genesis.network(), proposal, &governor(0))
    };
    let leave = Change::SuspendMember {
        name: "member1.example".to_owned(),
    };
    // Alone, a member decides.
    let node = Node::alone();
    let mut member = node.network.genesis.parties().members()[0].clone();
    member.role = MemberRole::Notary;
    let proposal = propose(&node.network, Change::UpdateMember { member });
    // Proposals have a term from the time of their block, which is that of the machine here.
    let mut today = block(1, &[&proposal]);
    today.time_ms = service::clock::now().as_unix() * 1_000;
    node.replica.commit(&today).unwrap();
    let page = node.page("/explorer/en/decisions").await;
    assert!(
        page.contains("Change keys, role or addresses of the member <bdi>member0.example</bdi>")
    );
    assert!(
        page.contains("from block 2,000 on") && page.contains("There are none."),
        "{page}"
    );
    let page = node.page("/explorer/en/members").await;
    assert!(page.contains("Members from block 2,000 on"), "{page}");

    // Of four, three are needed; two others sign the checkpoint, and agree to nothing.
    let node = Node::of(Network::of(4));
    let proposal = propose(&node.network, leave);
    let mut today = block(1, &[&proposal]);
    today.time_ms = service::clock::now().as_unix() * 1_000;
    node.replica.commit(&today).unwrap();
    let (checkpoint, document) = node.replica.read_state(|state, _| state.signed());
    for member in [1, 2] {
        let directory = tempfile::tempdir().unwrap();
        let other = node.network.cosigning(member, directory.path());
        let now = service::clock::now();
        let note = other.committed(&checkpoint, document.clone(), Pace::Live, now);
        let later = Instant::now() + Duration::from_secs(u64::from(member) * 3);
        node.replica
            .cosigning()
            .receive(peer(member), &note.unwrap(), later);
    }
    let page = node.page("/explorer/ja/decisions").await;
    assert!(
        page.contains("<bdi>member1.example</bdi> の参加を停止する"),
        "{page}"
    );
    assert!(page.contains("賛成 1 / 3"), "{page}");
    let page = node.page("/explorer/en/members").await;
    assert_eq!(page.matches("badge well\">signing").count(), 3, "{page}");
    assert_eq!(page.matches("badge ill\">silent").count(), 1, "{page}");
    let page = node.page("/explorer/en/checkpoints").await;
    assert!(
        page.contains("no signature here of: <bdi>member3.example</bdi>"),
        "{page}"
    );
    let page = node.page("/explorer/en").await;
    assert!(page.contains("3 / 4"), "{page}");
}

#[tokio::test]
async fn the_founding_document_is_served_as_it_was_read() {
    let node = Node::alone();
    let answer = node.ask("GET", "/genesis", "en").await;
    assert_eq!(answer.content_type, "application/json");
    assert_eq!(answer.text.as_bytes(), Network::genesis_file(1).as_bytes());
    let genesis = Genesis::parse(answer.text.as_bytes()).unwrap();
    assert_eq!(genesis.network(), node.network.genesis.network());
    let page = node.page("/explorer/en").await;
    let digits = genesis.network().to_string();
    for group in digits.as_bytes().chunks(8) {
        let group = str::from_utf8(group).unwrap();
        assert!(page.contains(&format!("<span>{group}</span>")));
    }
}
