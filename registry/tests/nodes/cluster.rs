//! Real nodes on loopback: the binary, its own directories and ports, killed and restarted at will.

use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, Commitment, Epochs, Genesis, Member, MemberRole,
        receipt::{VerifiedEntry, verify_receipt},
        record::{Body, CaseEvent, Record},
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use registry::{
    genesis::{Entries, write_genesis},
    setup::{Exposure, GOVERNANCE_KEY, NewMember, setup},
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
/// Short, so that members change within a test.
const EPOCH_BLOCKS: u64 = 20;
const POLL: Duration = Duration::from_millis(25);

/// Clusters share two processors: one at a time.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub(crate) struct Cluster {
    nodes: Vec<Node>,
    pub(crate) genesis: Genesis,
    pub(crate) issuer: SigningKey,
    pub(crate) client: reqwest::Client,
    pub(crate) rng: ChaCha20Rng,
    directory: TempDir,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

struct Node {
    url: String,
    directory: PathBuf,
    process: Option<Child>,
}

impl Cluster {
    /// Sets up and starts `validators` voting nodes and `observers` others.
    pub(crate) async fn start(validators: usize, observers: usize) -> Self {
        Self::start_with(validators, observers, &[]).await
    }

    /// As [`Cluster::start`], with further process definitions.
    pub(crate) async fn start_with(
        validators: usize,
        observers: usize,
        definitions: &[Value],
    ) -> Self {
        let turn = TURN.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let issuer = SigningKey::generate(Algorithm::EdDsa, &mut rng);
        let count = validators + observers;
        let ports = free_ports(2 * count);
        let mut nodes = Vec::new();
        for (number, ports) in ports.chunks(2).enumerate() {
            let validator = number < validators;
            nodes.push(found(directory.path(), number, ports, validator, &mut rng));
        }
        let genesis = genesis_of(directory.path(), &nodes, &issuer, definitions);
        let client = reqwest::Client::builder()
            .timeout(DEADLINE)
            .no_proxy()
            .build()
            .unwrap();
        let mut cluster = Self {
            nodes,
            genesis,
            issuer,
            client,
            rng,
            directory,
            _turn: turn,
        };
        cluster.start_all().await;
        cluster
    }

    /// Sets up the node of one more organisation, which is no member yet; it does not run. Its number.
    pub(crate) fn newcomer(&mut self) -> usize {
        let (number, ports) = (self.nodes.len(), free_ports(2));
        let node = found(self.directory.path(), number, &ports, true, &mut self.rng);
        let genesis = self.directory.path().join("genesis.json");
        std::fs::copy(genesis, node.directory.join("genesis.json")).unwrap();
        self.nodes.push(node);
        number
    }

    /// What a node's organisation says of itself.
    pub(crate) fn member(&self, number: usize) -> Member {
        let entry = std::fs::read(self.directory(number).join("member.json")).unwrap();
        serde_json::from_slice(&entry).unwrap()
    }

    /// The key with which a member decides.
    pub(crate) fn governor(&self, number: usize) -> SigningKey {
        let path = self.directory(number).join(GOVERNANCE_KEY);
        SigningKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    pub(crate) async fn start_all(&mut self) {
        for number in 0..self.nodes.len() {
            self.spawn(number);
        }
        for number in 0..self.nodes.len() {
            self.until_serving(number).await;
        }
    }

    pub(crate) fn spawn(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(node.directory.join("log"))
            .unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_tegata-registry"))
            .args(["run", "--config"])
            .arg(node.directory.join("node.toml"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        node.process = Some(process);
    }

    pub(crate) async fn until_serving(&self, number: usize) {
        self.until(&format!("node {number} serves"), async || {
            self.size(number).await.is_some()
        })
        .await;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, number: usize) {
        let mut process = self.nodes[number].process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGTERM, and how the process ended.
    pub(crate) async fn terminate(&mut self, number: usize) -> ExitStatus {
        let mut process = self.nodes[number].process.take().unwrap();
        signal(&process, "TERM");
        let begun = Instant::now();
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "the node does not end");
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) fn signal(&self, number: usize, name: &str) {
        signal(self.nodes[number].process.as_ref().unwrap(), name);
    }

    /// The resident memory of a node.
    pub(crate) fn resident_mib(&self, number: usize) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid(number))).unwrap();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        let kib: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
        kib / 1024
    }

    pub(crate) fn directory(&self, number: usize) -> &Path {
        &self.nodes[number].directory
    }

    pub(crate) fn pid(&self, number: usize) -> u32 {
        self.nodes[number].process.as_ref().unwrap().id()
    }

    pub(crate) fn log(&self, number: usize) -> String {
        std::fs::read_to_string(self.nodes[number].directory.join("log")).unwrap()
    }

    pub(crate) fn url(&self, number: usize, path: &str) -> String {
        format!("{}{path}", self.nodes[number].url)
    }

    /// Polls until `condition` holds; the test fails with the nodes' last words if it never does.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !condition().await {
            if begun.elapsed() > DEADLINE {
                let logs: Vec<String> = (0..self.nodes.len())
                    .map(|number| {
                        let log = self.log(number);
                        let lines: Vec<&str> = log.lines().rev().take(8).collect();
                        format!("node {number}:\n{}", lines.join("\n"))
                    })
                    .collect();
                panic!("not within {DEADLINE:?}: {what}\n{}", logs.join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// A record that opens a new case.
    pub(crate) fn opened_case(&mut self) -> Record {
        let case = CaseId::random(&mut self.rng);
        self.case_event(case, 0, 1)
    }

    pub(crate) fn case_event(&self, case: CaseId, sequence: u32, code: u16) -> Record {
        let body = Body::CaseEvent(CaseEvent {
            case,
            sequence,
            code,
            definition: 1,
            commitment: Commitment::from_bytes([9; 32]),
        });
        Record::sign(self.genesis.network(), body, &self.issuer)
    }

    pub(crate) fn copy_of_issuer_key(&self) -> SigningKey {
        SigningKey::from_secret(Algorithm::EdDsa, &self.issuer.secret()).unwrap()
    }

    pub(crate) async fn submit(&self, number: usize, record: &[u8]) -> Response {
        let request = self.client.post(self.url(number, "/records"));
        let request = request.header("content-type", "application/cbor");
        request.body(record.to_vec()).send().await.unwrap()
    }

    /// Submits a record that must succeed, and checks the receipt offline.
    pub(crate) async fn record(&self, number: usize, record: &Record) -> VerifiedEntry {
        let answer = self.submit(number, record.as_bytes()).await;
        let status = answer.status();
        let receipt = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{receipt}");
        verify_receipt(&receipt, record.as_bytes(), self.genesis.committees()).unwrap()
    }

    /// The same for a record whose turn may not have come: a node holds it for a while, and then says so.
    pub(crate) async fn record_in_turn(&self, number: usize, record: &Record) -> VerifiedEntry {
        let begun = Instant::now();
        loop {
            let answer = self.submit(number, record.as_bytes()).await;
            let status = answer.status();
            let text = answer.text().await.unwrap();
            if status == StatusCode::OK {
                let committees = self.genesis.committees();
                return verify_receipt(&text, record.as_bytes(), committees).unwrap();
            }
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(problem["code"], "out_of_sequence", "{text}");
            assert!(begun.elapsed() < DEADLINE, "{text}");
        }
    }

    /// Submits a record that must be refused: status and code of the problem.
    pub(crate) async fn refused(&self, number: usize, record: &[u8]) -> (u16, String) {
        let answer = self.submit(number, record).await;
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
        (
            status,
            problem["code"].as_str().unwrap_or_default().to_owned(),
        )
    }

    pub(crate) async fn get(&self, number: usize, path: &str) -> Response {
        self.client
            .get(self.url(number, path))
            .send()
            .await
            .unwrap()
    }

    /// The height that a node has committed.
    pub(crate) async fn height(&self, number: usize) -> u64 {
        let health: Value = self.get(number, "/healthz").await.json().await.unwrap();
        health["height"].as_u64().unwrap()
    }

    /// The size of the ledger that a node shows to readers; none if it does not answer.
    pub(crate) async fn size(&self, number: usize) -> Option<u64> {
        let answer = self
            .client
            .get(self.url(number, "/healthz"))
            .send()
            .await
            .ok()?;
        let health: Value = answer.json().await.ok()?;
        health["cosigned"].as_u64()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        if std::thread::panicking() {
            for (number, node) in self.nodes.iter().enumerate() {
                let log = std::fs::read_to_string(node.directory.join("log")).unwrap_or_default();
                let lines: Vec<&str> = log
                    .lines()
                    .filter(|line| line.contains("ERROR") || line.contains("WARN"))
                    .collect();
                eprintln!("node {number}: {}", lines.join("\n"));
            }
        }
    }
}

fn signal(process: &Child, name: &str) {
    let told = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.id().to_string())
        .status()
        .unwrap();
    assert!(told.success());
}

fn found(
    directory: &Path,
    number: usize,
    ports: &[u16],
    validator: bool,
    rng: &mut ChaCha20Rng,
) -> Node {
    let directory = directory.join(format!("node{number}"));
    let url = format!("http://127.0.0.1:{}", ports[0]);
    let member = NewMember {
        name: format!("member{number}.example"),
        role: if number == 0 {
            MemberRole::Consortium
        } else {
            MemberRole::Company
        },
        url: url.clone().try_into().unwrap(),
        peer_address: format!("127.0.0.1:{}", ports[1]),
        validator,
    };
    std::fs::create_dir(&directory).unwrap();
    setup(&directory, member, Exposure::LoopbackForDevelopment, rng).unwrap();
    Node {
        url,
        directory,
        process: None,
    }
}

fn genesis_of(
    directory: &Path,
    nodes: &[Node],
    issuer: &SigningKey,
    definitions: &[Value],
) -> Genesis {
    let write = |name: &str, value: Value| {
        let path = directory.join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let record_key = protocol::base64url::encode(&issuer.public_key().to_bytes());
    let issuer = json!({
        "id": "https://issuer.example", "name": "Issuer", "member": "member0.example", "record_key": record_key,
        "application_key": protocol::base64url::encode(&[9; 32]), "trust_anchors": [], "jwks": {"keys": []},
    });
    let definition = json!({"version": 1, "activation_height": 0, "steps": [
        {"code": 1, "name": "opened", "after": []},
        {"code": 2, "name": "identity_document", "after": [1]},
        {"code": 6, "name": "closed", "after": [1], "terminal": true},
    ]});
    let entries = Entries {
        members: nodes
            .iter()
            .map(|node| node.directory.join("member.json"))
            .collect(),
        issuers: vec![write("issuer.json", issuer)],
        verifiers: Vec::new(),
        definitions: [definition]
            .iter()
            .chain(definitions)
            .enumerate()
            .map(|(number, definition)| {
                write(&format!("definition{number}.json"), definition.clone())
            })
            .collect(),
    };
    let path = directory.join("genesis.json");
    let epochs = Epochs::of_blocks(EPOCH_BLOCKS).unwrap();
    write_genesis("Test", epochs, &entries, &path).unwrap();
    for node in nodes {
        std::fs::copy(&path, node.directory.join("genesis.json")).unwrap();
    }
    Genesis::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
