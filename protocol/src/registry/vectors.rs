//! The vectors in specs/vectors/registry, which were made without this code.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::merkle::TreeHash;
use super::record::{Record, UnverifiedRecord};
use super::{Genesis, NetworkId};
use crate::identity::{Algorithm, SigningKey};

pub(crate) fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/registry");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

pub(crate) fn read(name: &str) -> Value {
    serde_json::from_str(&file(&format!("{name}.json"))).unwrap()
}

pub(crate) fn genesis() -> Genesis {
    Genesis::parse(file("genesis.json").as_bytes()).unwrap()
}

pub(crate) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap()
}

pub(crate) fn number(value: &Value, member: &str) -> u64 {
    value[member].as_u64().unwrap()
}

pub(crate) fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value[member].as_array().unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn hex_array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

pub(crate) fn hashes(values: &Value) -> Vec<TreeHash> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|hash| TreeHash::from_base64(hash.as_str().unwrap()).unwrap())
        .collect()
}

pub(crate) fn signing_key(algorithm: u64, seed: &[u8]) -> SigningKey {
    let algorithm = [Algorithm::EdDsa, Algorithm::Es256][usize::try_from(algorithm).unwrap()];
    SigningKey::from_secret(algorithm, seed.try_into().unwrap()).unwrap()
}

/// All records of the vectors, in the order in which they stand on the ledger.
pub(crate) fn records() -> (NetworkId, Vec<Record>) {
    let vectors = read("records");
    let network: NetworkId = text(&vectors, "network").parse().unwrap();
    let records = list(&vectors, "records").iter().map(|vector| {
        let record = UnverifiedRecord::decode(&hex(text(vector, "record"))).unwrap();
        record.verify(&network).unwrap()
    });
    (network, records.collect())
}

/// Every text that differs from this one in one byte, by three patterns, and is still a text.
pub(crate) fn flipped_texts(text: &str) -> impl Iterator<Item = (usize, String)> {
    flipped(text.as_bytes()).filter_map(|(at, bytes)| Some((at, String::from_utf8(bytes).ok()?)))
}

/// All byte strings that differ from this one in one byte, by three patterns.
pub(crate) fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).flat_map(move |at| {
        [0x01, 0x20, 0x80].into_iter().map(move |pattern| {
            let mut changed = bytes.to_vec();
            changed[at] ^= pattern;
            (at, changed)
        })
    })
}
