//! A ledger that two members cosign, kept in memory.

use std::sync::Mutex;

use protocol::Timestamp;
use protocol::identity::SigningKey;
use protocol::registry::checkpoint::{Checkpoint, write_checkpoint};
use protocol::registry::governance::Change;
use protocol::registry::merkle::{self, TreeHash};
use protocol::registry::receipt::write_receipt;
use protocol::registry::record::{Body, Record, UnverifiedRecord};
use protocol::registry::{
    ApplicationId, BlocksDigest, ContentDigest, Genesis, Parties, Standing, TrustedParties,
};
use serde_json::json;

use super::server::{Call, Reply};

pub struct Ledger {
    genesis: Genesis,
    members: Vec<SigningKey>,
    now: Timestamp,
    records: Mutex<Vec<Record>>,
    parties: Mutex<Parties>,
}

impl Ledger {
    pub fn new(genesis: Genesis, members: Vec<SigningKey>, now: Timestamp) -> Self {
        Self {
            parties: Mutex::new(genesis.parties().clone()),
            genesis,
            members,
            now,
            records: Mutex::default(),
        }
    }

    /// The members decide that an issuer issues no more.
    pub fn retire(&self, issuer: &str) {
        let id = issuer.to_owned();
        let mut parties = self.parties.lock().unwrap();
        let changed = parties.changed(&Change::RetireIssuer { id }, 1);
        *parties = changed.unwrap();
    }

    fn document(&self, height: u64) -> String {
        let standing = Standing {
            height,
            parties: &self.parties.lock().unwrap(),
            scheduled: &[],
            status_lists: &[],
        };
        TrustedParties::document(&self.genesis, &standing)
    }

    /// Puts a record on the ledger, unless it is there, and gives its index.
    pub fn append(&self, record: Record) -> u64 {
        let mut records = self.records.lock().unwrap();
        let known = records.iter().position(|known| known.id() == record.id());
        let index = known.unwrap_or_else(|| {
            records.push(record);
            records.len() - 1
        });
        index as u64
    }

    pub fn record(&self, index: u64) -> Vec<u8> {
        let records = self.records.lock().unwrap();
        records[usize::try_from(index).unwrap()].as_bytes().to_vec()
    }

    /// A receipt under a checkpoint that this many members cosigned.
    pub fn receipt(&self, index: u64, cosigners: usize) -> String {
        let (checkpoint, stored) = self.checkpoint();
        let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
        let path = merkle::prove_inclusion(index, checkpoint.size, read).unwrap();
        write_receipt(index, &path, &self.note(&checkpoint, cosigners))
    }

    fn checkpoint(&self) -> (Checkpoint, Vec<TreeHash>) {
        let records = self.records.lock().unwrap();
        let mut stored: Vec<TreeHash> = Vec::new();
        for (size, record) in (0_u64..).zip(records.iter()) {
            let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
            let new = merkle::append(size, record.leaf_hash(), read).unwrap();
            stored.extend(new.into_iter().map(|(_, hash)| hash));
        }
        let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
        let size = records.len() as u64;
        let checkpoint = Checkpoint {
            network: self.genesis.network(),
            size,
            root: merkle::root(size, read).unwrap(),
            height: size,
            time: self.now,
            trusted_parties: ContentDigest::of(self.document(size).as_bytes()),
            blocks: BlocksDigest::START,
        };
        (checkpoint, stored)
    }

    fn note(&self, checkpoint: &Checkpoint, cosigners: usize) -> String {
        let known = self.genesis.cosigners();
        let signatures: Vec<_> = self
            .members
            .iter()
            .take(cosigners)
            .map(|key| known.cosign(checkpoint, key, self.now).unwrap())
            .collect();
        write_checkpoint(checkpoint, &signatures).unwrap()
    }

    /// What a node answers.
    pub fn answer(&self, call: &Call) -> Reply {
        let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            ["records"] => {
                let record = UnverifiedRecord::decode(&call.body).unwrap();
                let record = record.verify(&self.genesis.network()).unwrap();
                let index = self.append(record);
                Reply::bytes("text/plain", self.receipt(index, 2).into_bytes())
            }
            ["checkpoint"] => {
                let (checkpoint, _) = self.checkpoint();
                Reply::bytes("text/plain", self.note(&checkpoint, 2).into_bytes())
            }
            ["trusted-parties"] => {
                let (checkpoint, _) = self.checkpoint();
                Reply::json(&json!({
                    "checkpoint": self.note(&checkpoint, 2),
                    "document": self.document(checkpoint.height),
                }))
            }
            ["consistency"] => self.consistency(&call.query),
            ["entries", index] => {
                Reply::bytes("application/cbor", self.record(index.parse().unwrap()))
            }
            ["proofs", index] => {
                let receipt = self.receipt(index.parse().unwrap(), 2);
                Reply::bytes("text/plain", receipt.into_bytes())
            }
            ["applications", id] => self.application(id.parse().unwrap()),
            _ => Reply::status(404),
        }
    }

    fn consistency(&self, query: &str) -> Reply {
        let number = |name: &str| -> u64 {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(known, _)| known == name)
                .unwrap()
                .1
                .parse()
                .unwrap()
        };
        let (from, to) = (number("from"), number("to"));
        let (_, stored) = self.checkpoint();
        let read = |at: u64| stored.get(usize::try_from(at).unwrap()).copied();
        let hashes = merkle::prove_consistency(from, to, read).unwrap();
        let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        Reply::json(&json!({"from": from, "to": to, "hashes": hashes}))
    }

    fn application(&self, id: ApplicationId) -> Reply {
        let records = self.records.lock().unwrap();
        let mut designation = None;
        let mut outcomes = Vec::new();
        for (index, record) in records.iter().enumerate() {
            match record.body() {
                Body::Designation(body) if body.application == id => designation = Some(index),
                Body::Outcome(body) if body.application == id => outcomes.push(index),
                _ => {}
            }
        }
        match designation {
            Some(designation) => {
                Reply::json(&json!({"designation": designation, "outcomes": outcomes}))
            }
            None => Reply::status(404),
        }
    }
}
