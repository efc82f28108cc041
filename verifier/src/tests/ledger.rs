//! A registry in one process: records, the tree over them, and the HTTP answers that the client checks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use protocol::Timestamp;
use protocol::identity::SigningKey;
use protocol::registry::checkpoint::{Checkpoint, write_checkpoint};
use protocol::registry::governance::Change;
use protocol::registry::merkle::{self, TreeHash};
use protocol::registry::receipt::{VerifiedEntry, verify_receipt, write_receipt};
use protocol::registry::record::{Body, Record, UnverifiedRecord};
use protocol::registry::{
    BlocksDigest, ContentDigest, Genesis, Parties, Standing, StatusListEntry, TrustedParties,
};
use serde::Deserialize;
use serde_json::{Value, json};
use service::clock;

/// The ledger and the keys of all members.
pub(super) struct Ledger {
    genesis: Genesis,
    parties: Parties,
    members: Vec<SigningKey>,
    pub(super) records: Vec<Record>,
    stored: Vec<TreeHash>,
    status_lists: Vec<StatusListEntry>,
    tokens: BTreeMap<String, String>,
    /// What the node answers to the next outcomes that are handed in, instead of recording them.
    pub(super) relay_answers: VecDeque<StatusCode>,
}

/// A ledger that a server and a test share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Option<Ledger>>>);

impl Shared {
    /// Nothing is served before [`Shared::begin`].
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    pub(super) fn begin(&self, genesis: Genesis, members: Vec<SigningKey>) {
        *self.lock() = Some(Ledger {
            parties: genesis.parties().clone(),
            genesis,
            members,
            records: Vec::new(),
            stored: Vec::new(),
            status_lists: Vec::new(),
            tokens: BTreeMap::new(),
            relay_answers: VecDeque::new(),
        });
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(self.lock().as_mut().unwrap())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ledger>> {
        self.0.lock().unwrap()
    }
}

impl Ledger {
    fn read(&self) -> impl Fn(u64) -> Option<TreeHash> + '_ {
        |at| self.stored.get(usize::try_from(at).unwrap()).copied()
    }

    fn size(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap()
    }

    /// Puts a record on the ledger, once, and gives its index.
    pub(super) fn append(&mut self, record: Record) -> u64 {
        if let Some(index) = self
            .records
            .iter()
            .position(|known| known.id() == record.id())
        {
            return u64::try_from(index).unwrap();
        }
        let new = merkle::append(self.size(), record.leaf_hash(), self.read()).unwrap();
        self.stored.extend(new.into_iter().map(|(_, hash)| hash));
        self.records.push(record);
        self.size() - 1
    }

    /// Publishes a status list token under its digest.
    pub(super) fn publish(&mut self, entry: StatusListEntry, token: &str) {
        self.tokens
            .insert(entry.digest.to_string(), token.to_owned());
        self.status_lists.retain(|known| known.list != entry.list);
        self.status_lists.push(entry);
    }

    /// The members decide that an issuer issues no more.
    pub(super) fn retire(&mut self, issuer: &str) {
        let id = issuer.to_owned();
        let changed = self.parties.changed(&Change::RetireIssuer { id }, 1);
        self.parties = changed.unwrap();
    }

    fn document(&self) -> String {
        let standing = Standing {
            height: self.size(),
            parties: &self.parties,
            scheduled: &[],
            status_lists: &self.status_lists,
        };
        TrustedParties::document(&self.genesis, &standing)
    }

    fn checkpoint(&self) -> String {
        let now = clock::now();
        let checkpoint = Checkpoint {
            network: self.genesis.network(),
            size: self.size(),
            root: merkle::root(self.size(), self.read()).unwrap(),
            height: self.size(),
            // One ledger of one size has one checkpoint, whenever it is cosigned.
            time: Timestamp::from_unix(1_700_000_000 + self.size()),
            trusted_parties: ContentDigest::of(self.document().as_bytes()),
            blocks: BlocksDigest::START,
        };
        let cosigners = self.genesis.cosigners();
        let signatures: Vec<_> = self
            .members
            .iter()
            .map(|key| cosigners.cosign(&checkpoint, key, now).unwrap())
            .collect();
        write_checkpoint(&checkpoint, &signatures).unwrap()
    }

    pub(super) fn receipt(&self, index: u64) -> String {
        let path = merkle::prove_inclusion(index, self.size(), self.read()).unwrap();
        write_receipt(index, &path, &self.checkpoint())
    }

    /// The newest record, with its proof checked.
    pub(super) fn last_entry(&self) -> VerifiedEntry {
        let index = self.size() - 1;
        let record = self.records.last().unwrap();
        verify_receipt(
            &self.receipt(index),
            record.as_bytes(),
            self.genesis.committees(),
        )
        .unwrap()
    }

    fn indexes(&self, of: impl Fn(&Body) -> bool) -> Vec<u64> {
        (0..)
            .zip(&self.records)
            .filter(|(_, record)| of(record.body()))
            .map(|(index, _)| index)
            .collect()
    }
}

#[derive(Deserialize)]
struct Range {
    from: u64,
    to: u64,
}

/// The HTTP interface of a node, as far as a verifier uses it.
pub(super) fn router(ledger: Shared) -> Router {
    Router::new()
        .route("/trusted-parties", get(trusted_parties))
        .route("/entries/{index}", get(entry))
        .route("/proofs/{index}", get(proof))
        .route("/consistency", get(consistency))
        .route("/cases/{case}", get(case))
        .route("/status-lists/{digest}", get(status_list))
        .route("/relay", post(relay))
        .with_state(ledger)
}

async fn trusted_parties(State(ledger): State<Shared>) -> axum::Json<Value> {
    ledger.with(|ledger| {
        axum::Json(json!({"checkpoint": ledger.checkpoint(), "document": ledger.document()}))
    })
}

async fn entry(State(ledger): State<Shared>, Path(index): Path<usize>) -> Vec<u8> {
    ledger.with(|ledger| ledger.records[index].as_bytes().to_vec())
}

async fn proof(State(ledger): State<Shared>, Path(index): Path<u64>) -> String {
    ledger.with(|ledger| ledger.receipt(index))
}

async fn consistency(
    State(ledger): State<Shared>,
    Query(range): Query<Range>,
) -> axum::Json<Value> {
    ledger.with(|ledger| {
        let hashes = merkle::prove_consistency(range.from, range.to, ledger.read()).unwrap();
        let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        axum::Json(json!({"from": range.from, "to": range.to, "hashes": hashes, "checkpoint": ledger.checkpoint()}))
    })
}

async fn case(
    State(ledger): State<Shared>,
    Path(case): Path<String>,
) -> Result<axum::Json<Value>, StatusCode> {
    let of_case =
        |body: &Body| matches!(body, Body::CaseEvent(event) if event.case.to_string() == case);
    let records = ledger.with(|ledger| ledger.indexes(of_case));
    if records.is_empty() {
        Err(StatusCode::NOT_FOUND)
    } else {
        Ok(axum::Json(json!({"records": records})))
    }
}

async fn status_list(
    State(ledger): State<Shared>,
    Path(digest): Path<String>,
) -> Result<String, StatusCode> {
    ledger
        .with(|ledger| ledger.tokens.get(&digest).cloned())
        .ok_or(StatusCode::NOT_FOUND)
}

async fn relay(State(ledger): State<Shared>, body: Bytes) -> Result<String, StatusCode> {
    ledger.with(|ledger| {
        if let Some(answer) = ledger.relay_answers.pop_front() {
            return Err(answer);
        }
        let record = UnverifiedRecord::decode(&body)
            .and_then(|record| record.verify(&ledger.genesis.network()));
        let index = ledger.append(record.map_err(|_| StatusCode::BAD_REQUEST)?);
        Ok(ledger.receipt(index))
    })
}
