//! What a node must hold for any bytes at all that peers and clients send. A broken rule panics, which is what a fuzzer
//! looks for; `registry/tests/corpus.rs` runs the same functions over the corpus with the ordinary tests.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use protocol::Timestamp;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::Genesis;
use protocol::registry::record::UnverifiedRecord;
use registry::replica::Replica;
use registry::store::Store;
use registry_consensus::{Application as _, OrderedBlock, PeerKey, Verdict};
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// A name and what must hold for any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets by name: one folder of the corpus and one binary each.
pub const TARGETS: [Target; 5] = [
    ("gossip", gossip),
    ("frame", frame),
    ("block", block),
    ("proposal", proposal),
    ("http", http),
];

/// Blocks of the ledger that the node under test holds.
const BLOCKS: usize = 6;
/// A record that is taken waits for its block, and there is none.
const PATIENCE: Duration = Duration::from_millis(20);

/// A node that stands alone, with the beginning of the ledger of `specs/vectors/registry/receipts-v1`.
struct Node {
    replica: Arc<Replica>,
    router: Router,
    runtime: Runtime,
    _directory: TempDir,
}

static NODE: LazyLock<Node> = LazyLock::new(Node::start);

impl Node {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let genesis = include_bytes!("../../../specs/vectors/registry/receipts-v1/genesis.json");
        let genesis = Arc::new(Genesis::parse(genesis).expect("the genesis of the corpus"));
        let store = Store::open(directory.path(), genesis.network()).expect("an empty store");
        let key = SigningKey::from_secret(Algorithm::EdDsa, &[1; 32]).expect("any seed");
        let now = Timestamp::from_unix(1_795_392_000);
        let replica = Replica::open(genesis, store, vec![key], now).expect("an empty ledger");
        for (number, (records, note)) in ledger().into_iter().enumerate() {
            let number = u64::try_from(number).expect("few blocks");
            let block = OrderedBlock {
                height: 3 * number + 1,
                time_ms: (1_795_000_000 + number) * 1000,
                records,
            };
            replica.commit(&block).expect("a block of the ledger");
            replica.on_gossip(peer(), [&[2], note.as_bytes()].concat().into());
        }
        assert!(replica.latest().is_some(), "a quorum signed the checkpoint");
        let replica = Arc::new(replica);
        Self {
            router: service::serve::shell(registry::api::router(replica.clone())),
            replica,
            runtime: Runtime::new().expect("a runtime"),
            _directory: directory,
        }
    }

    /// What nobody but a quorum of validators can change.
    fn standing(&self) -> (u64, u64) {
        let latest = self.replica.latest().expect("it was there at the start");
        let signed = latest.checkpoint.size();
        (self.replica.committed_height(), signed)
    }
}

/// The first blocks: their records, and the note of the checkpoint after them.
fn ledger() -> Vec<(Vec<Bytes>, String)> {
    let lines = |file: &'static str| {
        let lines = file.lines();
        lines.map(|line| serde_json::from_str::<Value>(line).expect("a line of the corpus"))
    };
    let text = |value: &Value, name: &str| value[name].as_str().expect("a text").to_owned();
    let checkpoints = include_str!("../../../specs/vectors/registry/receipts-v1/checkpoints.jsonl");
    let receipts = include_str!("../../../specs/vectors/registry/receipts-v1/receipts.jsonl");
    let notes = lines(checkpoints).take(BLOCKS);
    let mut blocks: Vec<_> = notes
        .map(|line| (Vec::new(), text(&line, "note")))
        .collect();
    for receipt in lines(receipts) {
        let number = receipt["checkpoint"]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        let block = number.and_then(|number| blocks.get_mut(number));
        let Some((records, _note)) = block else { break };
        let record = BASE64_STANDARD.decode(text(&receipt, "record"));
        records.push(record.expect("base64").into());
    }
    blocks
}

fn peer() -> PeerKey {
    PeerKey::from_bytes([7; 32])
}

/// No message of one peer changes what is final or what a quorum signed.
pub fn gossip(data: &[u8]) {
    let before = NODE.standing();
    NODE.replica.on_gossip(peer(), Bytes::copy_from_slice(data));
    assert_eq!(NODE.standing(), before);
}

/// A frame of gossip, as it comes from the wire.
pub fn frame(data: &[u8]) {
    let _read = registry_consensus::fuzzing::frame(data);
}

/// A block, as it comes from the wire.
pub fn block(data: &[u8]) {
    let _read = registry_consensus::fuzzing::block(data);
}

/// A block that another member proposes.
pub fn proposal(data: &[u8]) {
    let _verdict = judged(data);
}

/// What a validator says of a block of these records. A valid block holds signed records only; records stand after each other as length (u16, big endian) and bytes.
pub fn judged(data: &[u8]) -> Verdict {
    let mut records = Vec::new();
    let mut rest = data;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (record, behind) = behind.split_at(length);
        records.push(Bytes::copy_from_slice(record));
        rest = behind;
    }
    let before = NODE.standing();
    let block = OrderedBlock {
        height: 1_000,
        time_ms: 1_795_392_000_000,
        records,
    };
    let verdict = NODE.replica.validate(&[], &block);
    if verdict == Verdict::Valid {
        let network = NODE.replica.genesis().network();
        for record in &block.records {
            let record = UnverifiedRecord::decode(record).expect("a valid block holds records");
            record
                .verify(&network)
                .expect("a valid block holds signed records");
        }
    }
    assert_eq!(NODE.standing(), before);
    verdict
}

/// A request of a client.
pub fn http(data: &[u8]) {
    let _status = asked(data);
}

/// The answer to a request, unless it takes longer: method and path, content type, and then the body: whatever is asked, the answer is no failure of the node, and a refusal
/// is a problem in the words of RFC 9457.
pub fn asked(data: &[u8]) -> Option<StatusCode> {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (first, content_type) = (parts.next()?, parts.next()?);
    let body = parts.next().unwrap_or_default();
    let mut first = first.splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(first.next()?).ok()?;
    let uri = Uri::try_from(first.next()?).ok()?;
    let request = Request::builder().method(method.clone()).uri(uri);
    let request = request.header(header::CONTENT_TYPE, content_type);
    let request = request.body(Body::from(body.to_vec())).ok()?;
    let before = NODE.standing();
    let answer = NODE.router.clone().oneshot(request);
    let answer = NODE
        .runtime
        .block_on(async { tokio::time::timeout(PATIENCE, answer).await });
    let answer = answer
        .ok()
        .map(|answer| answer.expect("the router never fails"));
    let status = answer.as_ref().map(axum::response::Response::status);
    if let (Some(answer), Some(status)) = (answer, status) {
        assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE);
        if status.is_client_error() && method != Method::HEAD {
            assert_eq!(
                answer.headers()[header::CONTENT_TYPE],
                "application/problem+json"
            );
        }
    }
    assert_eq!(NODE.standing(), before);
    status
}
