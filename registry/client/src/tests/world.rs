//! Nodes that do as they are told: a ledger made by hand, and servers that show it, honestly or not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::Timestamp;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::checkpoint::{
    Checkpoint, Committees, Handover, UnverifiedCheckpoint, write_checkpoint,
};
use protocol::registry::merkle::{self, TreeHash};
use protocol::registry::receipt::write_receipt;
use protocol::registry::record::{Body, CaseEvent, Record};
use protocol::registry::{
    BlocksDigest, CaseId, Commitment, Committee, ContentDigest, Epochs, Genesis, KeyBytes, Member,
    MemberRole, Parties, ProcessDefinition, Standing, Step, TrustedParties,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Options, Reach, RegistryClient};

pub(super) const MEMBERS: usize = 4;
/// When all checkpoints are signed.
pub(super) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[seed; 32]).unwrap()
}

pub(super) fn public(seed: u8) -> KeyBytes {
    KeyBytes::from_bytes(key(seed).public_key().to_bytes().try_into().unwrap())
}

pub(super) fn name(member: usize) -> String {
    format!("m{member}.example")
}

pub(super) fn case(n: u8) -> CaseId {
    CaseId::from_bytes([n; 16])
}

pub(super) fn genesis(urls: &[String]) -> Arc<Genesis> {
    let member = |(n, url): (usize, &String)| Member {
        name: name(n),
        role: MemberRole::Company,
        url: url.clone().try_into().unwrap(),
        peer_address: format!("127.0.0.1:{}", 1000 + n),
        consensus_key: public(100 + u8::try_from(n).unwrap()),
        cosigning_key: public(1 + u8::try_from(n).unwrap()),
        governance_key: public(150 + u8::try_from(n).unwrap()),
        validator: true,
        suspended: false,
    };
    let step = |code, after: &[u16], terminal| Step {
        code,
        name: format!("step {code}"),
        after: after.to_vec(),
        terminal,
    };
    let definition = ProcessDefinition {
        version: 1,
        activation_height: 0,
        steps: vec![step(1, &[], false), step(2, &[1], true)],
    };
    let epochs = Epochs::of_blocks(10).unwrap();
    let members = urls.iter().enumerate().map(member).collect();
    let file = Genesis::to_json(
        "Test",
        epochs,
        members,
        Vec::new(),
        Vec::new(),
        vec![definition],
    );
    Arc::new(Genesis::parse(file.as_bytes()).unwrap())
}

/// Records under checkpoints that all members signed.
#[derive(Clone)]
pub(super) struct Ledger {
    genesis: Arc<Genesis>,
    pub(super) records: Vec<Record>,
    pub(super) cosigned_at: Timestamp,
    pub(super) status_list: Option<String>,
    /// Of the last block.
    pub(super) height: u64,
    pub(super) parties: Parties,
    pub(super) scheduled: Vec<Committee>,
    /// Who signs, and with which keys.
    pub(super) committees: Committees,
    pub(super) signers: [u8; 3],
    pub(super) handovers: Vec<Handover>,
}

impl Ledger {
    /// A ledger of this many records, which are events of case 0 and case 1 in turn.
    pub(super) fn of(genesis: &Arc<Genesis>, size: u8) -> Self {
        Self {
            genesis: Arc::clone(genesis),
            records: (0..size).map(|n| record(genesis, n % 2, n)).collect(),
            cosigned_at: NOW,
            status_list: None,
            height: size.into(),
            parties: genesis.parties().clone(),
            scheduled: Vec::new(),
            committees: genesis.committees().clone(),
            signers: [1, 2, 3],
            handovers: Vec::new(),
        }
    }

    fn stored(&self) -> Vec<TreeHash> {
        let mut stored: Vec<TreeHash> = Vec::new();
        for (size, record) in (0..).zip(&self.records) {
            let new = merkle::append(size, record.leaf_hash(), |index| at(&stored, index)).unwrap();
            stored.extend(new.into_iter().map(|(_index, hash)| hash));
        }
        stored
    }

    fn size(&self) -> u64 {
        self.records.len() as u64
    }

    pub(super) fn note(&self) -> String {
        let stored = self.stored();
        let checkpoint = Checkpoint {
            network: self.genesis.network(),
            size: self.size(),
            root: merkle::root(self.size(), |index| at(&stored, index)).unwrap(),
            height: self.height,
            time: NOW,
            trusted_parties: ContentDigest::of(self.document().as_bytes()),
            blocks: BlocksDigest::START,
        };
        let cosigners = self.committees.at(self.height);
        let signatures: Vec<_> = self
            .signers
            .iter()
            .map(|seed| cosigners.cosign(&checkpoint, &key(*seed), self.cosigned_at))
            .collect::<Option<_>>()
            .unwrap();
        write_checkpoint(&checkpoint, &signatures).unwrap()
    }

    /// This ledger as an announcement of other members.
    pub(super) fn handover(&self) -> Handover {
        Handover {
            checkpoint: self.note(),
            document: self.document(),
        }
    }

    /// The memory of a client that has seen this ledger.
    pub(super) fn memory(&self) -> String {
        let contacts = self.genesis.parties().members().iter();
        let contacts: Vec<_> = contacts
            .map(|member| serde_json::json!({"name": member.name, "url": member.url}))
            .collect();
        serde_json::json!({
            "tegata": "registry-memory/1",
            "checkpoint": self.note(),
            "committees": self.genesis.committees().to_memory(),
            "contacts": [{"from": 0, "members": contacts}],
        })
        .to_string()
    }

    fn document(&self) -> String {
        let standing = Standing {
            height: self.height,
            parties: &self.parties,
            scheduled: &self.scheduled,
            status_lists: &[],
        };
        TrustedParties::document(&self.genesis, &standing)
    }

    fn receipt(&self, index: u64) -> String {
        let stored = self.stored();
        let path = merkle::prove_inclusion(index, self.size(), |index| at(&stored, index)).unwrap();
        write_receipt(index, &path, &self.note())
    }

    fn consistency(&self, from: u64, to: u64) -> Reply {
        let stored = self.stored();
        if to > self.size() {
            return Reply::status(404);
        }
        match merkle::prove_consistency(from, to, |index| at(&stored, index)) {
            Ok(hashes) => {
                let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
                Reply::json(&serde_json::json!({"from": from, "to": to, "hashes": hashes}))
            }
            Err(_) => Reply::status(400),
        }
    }

    fn case(&self, case: &str) -> Reply {
        let of_case = |record: &Record| matches!(record.body(), Body::CaseEvent(event) if event.case.to_string() == case);
        let indexes = (0_u64..).zip(&self.records);
        let indexes: Vec<u64> = indexes
            .filter(|(_, record)| of_case(record))
            .map(|(index, _)| index)
            .collect();
        match indexes.is_empty() {
            true => Reply::status(404),
            false => Reply::json(&serde_json::json!({ "records": indexes })),
        }
    }

    /// What an honest node with this ledger answers.
    pub(super) fn answer(&self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let known = |index: &str| {
            let index: u64 = index.parse().unwrap();
            (index < self.size()).then_some(index)
        };
        match parts.as_slice() {
            ["checkpoint"] => Reply::text(&self.note()),
            ["trusted-parties"] => Reply::json(
                &serde_json::json!({"checkpoint": self.note(), "document": self.document()}),
            ),
            ["handovers"] => {
                let from: u64 = query.strip_prefix("from=").unwrap().parse().unwrap();
                let from = |handover: &&Handover| height_of(handover) >= from;
                let handovers: Vec<_> = self.handovers.iter().filter(from).take(1).collect();
                Reply::json(&serde_json::json!({ "handovers": handovers }))
            }
            ["entries", index] => known(index).map_or(Reply::status(404), |index| {
                Reply::bytes(self.records[usize::try_from(index).unwrap()].as_bytes())
            }),
            ["proofs", index] => known(index).map_or(Reply::status(404), |index| {
                Reply::text(&self.receipt(index))
            }),
            ["consistency"] => {
                let number = |part: &str| part.split_once('=').unwrap().1.parse().unwrap();
                let (from, to) = query.split_once('&').unwrap();
                self.consistency(number(from), number(to))
            }
            ["cases", case] => self.case(case),
            ["status-lists", _digest] => match &self.status_list {
                Some(token) => Reply::text(token),
                None => Reply::status(404),
            },
            ["records" | "relay"] => {
                let found = self
                    .records
                    .iter()
                    .position(|record| record.as_bytes() == request.body);
                found.map_or(Reply::status(503), |index| {
                    Reply::text(&self.receipt(index as u64))
                })
            }
            _ => Reply::status(404),
        }
    }
}

fn height_of(handover: &Handover) -> u64 {
    let checkpoint = UnverifiedCheckpoint::parse(handover.checkpoint.as_bytes()).unwrap();
    checkpoint.dangerous_claim().unwrap().height
}

fn at(stored: &[TreeHash], index: u64) -> Option<TreeHash> {
    stored.get(usize::try_from(index).ok()?).copied()
}

pub(super) fn record(genesis: &Genesis, case: u8, n: u8) -> Record {
    let event = CaseEvent {
        case: self::case(case),
        sequence: u32::from(n / 2),
        code: u16::from(n),
        definition: 1,
        commitment: Commitment::from_bytes([n; 32]),
    };
    Record::sign(genesis.network(), Body::CaseEvent(event), &key(50))
}

pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) header: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            header: String::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn bytes(body: &[u8]) -> Self {
        Self {
            body: body.to_vec(),
            ..Self::status(200)
        }
    }

    pub(super) fn text(body: &str) -> Self {
        Self::bytes(body.as_bytes())
    }

    fn json(body: &serde_json::Value) -> Self {
        Self::text(&body.to_string())
    }
}

/// A client that knows the genesis file, and is not patient.
pub(super) fn client_of(genesis: &Arc<Genesis>) -> RegistryClient {
    let options = Options {
        reach: Reach::DevelopmentLoopbackHttp,
        certificates: Vec::new(),
    };
    let mut client = RegistryClient::new(Arc::clone(genesis), &options).unwrap();
    client.pauses = [Duration::ZERO; 3];
    client
}

/// What a node answers; none closes the connection.
type Behaviour = Box<dyn Fn(&Request) -> Option<Reply> + Send + Sync>;

/// Four nodes and a client of them.
pub(super) struct World {
    pub(super) genesis: Arc<Genesis>,
    pub(super) client: RegistryClient,
    listeners: Vec<Option<TcpListener>>,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl World {
    pub(super) async fn new() -> Self {
        let (mut listeners, mut urls) = (Vec::new(), Vec::new());
        for _member in 0..MEMBERS {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
                .await
                .unwrap();
            urls.push(format!("http://{}", listener.local_addr().unwrap()));
            listeners.push(Some(listener));
        }
        let genesis = genesis(&urls);
        let client = client_of(&genesis);
        Self {
            genesis,
            client,
            listeners,
            requests: Arc::new(Mutex::new(vec![Vec::new(); MEMBERS])),
        }
    }

    /// Four honest nodes with one ledger.
    pub(super) async fn honest(size: u8) -> Self {
        let mut world = Self::new().await;
        let ledger = world.ledger(size);
        world.all(|_member| {
            let ledger = ledger.clone();
            move |request| Some(ledger.answer(request))
        });
        world
    }

    pub(super) fn ledger(&self, size: u8) -> Ledger {
        Ledger::of(&self.genesis, size)
    }

    /// Lets a node answer in some way.
    pub(super) fn node(
        &mut self,
        member: usize,
        behaviour: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) {
        let listener = self.listeners[member].take().unwrap();
        let requests = Arc::clone(&self.requests);
        let behaviour: Behaviour = Box::new(behaviour);
        tokio::spawn(async move {
            loop {
                let (stream, _address) = listener.accept().await.unwrap();
                let _gone = serve(stream, &behaviour, |path| {
                    requests.lock().unwrap()[member].push(path.to_owned());
                })
                .await;
            }
        });
    }

    /// Lets each node answer in its way.
    pub(super) fn all<B>(&mut self, behaviour: impl Fn(usize) -> B)
    where
        B: Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    {
        for member in 0..MEMBERS {
            if self.listeners[member].is_some() {
                self.node(member, behaviour(member));
            }
        }
    }

    /// Lets the client recall that it has seen a ledger.
    pub(super) fn recall(&self, ledger: &Ledger) {
        self.client.recall(&ledger.memory()).unwrap();
    }

    /// The paths that a node was asked for.
    pub(super) fn asked(&self, member: usize) -> Vec<String> {
        self.requests.lock().unwrap()[member].clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: &Behaviour,
    note: impl FnOnce(&str),
) -> std::io::Result<()> {
    let mut received = Vec::new();
    let head = loop {
        let end = received.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8(received[..head].to_vec()).unwrap();
    let length = text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    while received.len() < head + length {
        stream.read_buf(&mut received).await?;
    }
    let request = Request {
        path: text.split(' ').nth(1).unwrap().to_owned(),
        body: received[head..].to_vec(),
    };
    note(&request.path);
    let Some(reply) = behaviour(&request) else {
        return Ok(());
    };
    let (status, header, length) = (reply.status, &reply.header, reply.body.len());
    let head = format!(
        "HTTP/1.1 {status} Said\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&reply.body).await?;
    stream.shutdown().await
}
