//! What each reader of the protocol must hold for any bytes at all. A broken rule panics, which is what a fuzzer looks for;
//! `protocol/tests/corpus.rs` runs the same functions over the corpus with the ordinary tests.

use protocol::Timestamp;
use protocol::credential::sd_jwt::{Disclosure, UnverifiedSdJwt, UnverifiedSdJwtKb, process};
use protocol::credential::{
    IssuerVerification, KeyBindingExpectation, UnverifiedCredential, UnverifiedPresentedCredential,
};
use protocol::envelope::jwe::{DecryptionKey, KeyKind, UnverifiedJwe};
use protocol::identity::jws::{JwsLimits, UnverifiedJws};
use protocol::identity::{Algorithm, Purpose, SigningKey};
use protocol::json;
use protocol::presentation::dcql::Query;
use protocol::registry::checkpoint::{
    Committees, Handover, UnverifiedCheckpoint, UnverifiedEvidence,
};
use protocol::registry::governance::Change;
use protocol::registry::merkle::{TreeHash, verify_consistency, verify_inclusion};
use protocol::registry::note::UnverifiedNote;
use protocol::registry::receipt::UnverifiedReceipt;
use protocol::registry::record::UnverifiedRecord;
use protocol::registry::{Genesis, NetworkId};
use protocol::status::{StatusListExpectation, UnverifiedStatusListToken};
use serde_json::Value;

/// A name and what must hold for any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets by name: one folder of the corpus and one binary each.
pub const TARGETS: [Target; 16] = [
    ("json", json),
    ("jws", jws),
    ("sd_jwt", sd_jwt),
    ("key_binding", key_binding),
    ("disclosures", disclosures),
    ("status_list_token", status_list_token),
    ("jwe", jwe),
    ("dcql", dcql),
    ("record", record),
    ("note", note),
    ("checkpoint", checkpoint),
    ("proof", proof),
    ("receipt", receipt),
    ("evidence", evidence),
    ("handover", handover),
    ("change", change),
];

/// When the vectors were made.
const NOW: Timestamp = Timestamp::from_unix(1_795_392_000);
const ISS: &str = "https://issuer.example";

/// The key that signed the corpus, so that the rules behind a signature are reached too.
fn issuer_key() -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[1; 32]).expect("any 32 bytes are an Ed25519 seed")
}

fn issuer() -> IssuerVerification {
    let mut jwk = issuer_key().public_key().to_jwk();
    let members = jwk.as_object_mut().expect("a JWK is an object");
    members.insert("kid".to_owned(), "k1".into());
    let jwks = serde_json::json!({"keys": [jwk]});
    IssuerVerification::by_jwks(ISS, &jwks).expect("a good key set")
}

/// What the strict reader takes, `serde_json` takes too, and reads the same.
pub fn json(data: &[u8]) {
    if let Ok(strict) = json::parse(data, &json::Limits::DEFAULT) {
        let usual: Value = serde_json::from_slice(data).expect("strict JSON is JSON");
        assert_eq!(strict, usual);
    }
}

/// A token is of one type at most.
pub fn jws(data: &[u8]) {
    let Some(unverified) =
        text(data).and_then(|text| UnverifiedJws::parse(text, &JwsLimits::DEFAULT).ok())
    else {
        return;
    };
    let key = issuer_key();
    let verified = Purpose::ALL.map(|purpose| unverified.clone().verify(purpose, key.public_key()));
    assert!(verified.iter().flatten().count() <= 1);
    assert!(
        verified
            .iter()
            .flatten()
            .all(|verified| verified.payload().is_object())
    );
}

/// A credential is no presentation, and nothing of the digests is left in its claims.
pub fn sd_jwt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(unverified) = UnverifiedSdJwt::parse(text) {
        assert!(UnverifiedSdJwtKb::parse(text).is_err());
        let key = issuer_key();
        if let Ok(verified) = unverified.verify("example+sd-jwt", key.public_key(), NOW) {
            assert_no_digests(verified.claims());
            assert_eq!(verified.as_str(), text);
        }
    }
    if let Ok(unverified) = UnverifiedCredential::parse(text) {
        drop(unverified.verify(&issuer(), NOW));
    }
}

/// A presentation is no credential.
pub fn key_binding(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let expected = KeyBindingExpectation::new("x509_hash:abc", "n-0S6_WzA2Mj");
    if let Ok(unverified) = UnverifiedSdJwtKb::parse(text) {
        assert!(UnverifiedSdJwt::parse(text).is_err());
        let key = issuer_key();
        if let Ok(verified) = unverified.verify("example+sd-jwt", key.public_key(), &expected, NOW)
        {
            assert_no_digests(verified.sd_jwt().claims());
        }
    }
    if let Ok(unverified) = UnverifiedPresentedCredential::parse(text) {
        drop(unverified.verify(&issuer(), &expected, NOW));
    }
}

/// The first line is a payload, each further one the JSON of a disclosure.
pub fn disclosures(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut lines = text.lines();
    let payload = lines
        .next()
        .and_then(|line| json::parse(line.as_bytes(), &json::Limits::DEFAULT).ok());
    let encoded = lines.map(|line| protocol::base64url::encode(line.as_bytes()));
    let disclosures: Vec<Disclosure> = encoded
        .filter_map(|line| Disclosure::parse(&line).ok())
        .collect();
    let Some(payload) = payload else { return };
    if let Ok(processed) = process(&payload, &disclosures) {
        assert_no_digests(processed.claims());
        assert_eq!(processed.paths().count(), disclosures.len());
        assert!(
            processed
                .paths()
                .all(|path| path.values(processed.claims()).is_ok())
        );
    }
}

/// A list says nothing about what lies behind its end.
pub fn status_list_token(data: &[u8]) {
    let Some(unverified) = text(data).and_then(|text| UnverifiedStatusListToken::parse(text).ok())
    else {
        return;
    };
    let expected = StatusListExpectation::new("https://issuer.example/status/1");
    if let Ok(verified) = unverified.verify(&issuer(), &expected, NOW) {
        assert!(verified.status(0).is_ok());
        assert!(verified.status(u64::MAX).is_err());
    }
}

/// One message to two keys opens with one of them at most.
pub fn jwe(data: &[u8]) {
    let Some(unverified) = text(data).and_then(|text| UnverifiedJwe::parse(text, 512 * 1024).ok())
    else {
        return;
    };
    let opened = [KeyKind::P256, KeyKind::X25519].map(|kind| {
        let key = DecryptionKey::from_secret(kind, &[3; 32]).expect("a secret in range");
        unverified.decrypt(&key)
    });
    assert!(opened.iter().flatten().count() <= 1);
}

/// A query that is read reads the same after it was written.
pub fn dcql(data: &[u8]) {
    let Ok(value) = json::parse(data, &json::Limits::DEFAULT) else {
        return;
    };
    if let Ok(query) = Query::parse(&value) {
        let again = Query::parse(&query.to_value()).expect("what is written is read");
        assert_eq!(again.to_value(), query.to_value());
    }
}

/// A record has one encoding.
pub fn record(data: &[u8]) {
    let Ok(unverified) = UnverifiedRecord::decode(data) else {
        return;
    };
    if let Ok(record) = unverified.verify(&network()) {
        assert_eq!(record.as_bytes(), data);
    }
}

/// A note is text in which nothing is unprintable, and a signature names a key in one way.
pub fn note(data: &[u8]) {
    if UnverifiedNote::parse(data).is_ok() {
        let text = text(data).expect("a note is UTF-8");
        assert!(text.ends_with('\n') && text.contains("\n\n"));
        assert!(!text.chars().any(|c| c < ' ' && c != '\n'));
    }
}

/// A checkpoint is a note.
pub fn checkpoint(data: &[u8]) {
    let note = UnverifiedNote::parse(data);
    if let Ok(checkpoint) = UnverifiedCheckpoint::parse(data) {
        assert!(note.is_ok());
        drop(checkpoint.verify(genesis().committees()));
    }
}

/// Two numbers and hashes: a proof shows one leaf at one index, and one tree as the beginning of another.
pub fn proof(data: &[u8]) {
    let Some((first, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let Some((second, rest)) = rest.split_first_chunk::<8>() else {
        return;
    };
    let (first, second) = (u64::from_be_bytes(*first), u64::from_be_bytes(*second));
    let (hashes, _rest) = rest.as_chunks::<32>();
    let hashes: Vec<TreeHash> = hashes
        .iter()
        .map(|hash| TreeHash::from_bytes(*hash))
        .collect();
    let [one, other, path @ ..] = &hashes[..] else {
        return;
    };
    let (one, other) = (*one, *other);
    if verify_inclusion(path, first, one, second, other).is_ok() {
        assert!(first < second);
        assert!(verify_inclusion(path, first, bent(one), second, other).is_err());
        assert!(verify_inclusion(path, first ^ 1, one, second, other).is_err());
    }
    if verify_consistency(path, first, one, second, other).is_ok() {
        assert!(first <= second);
        assert!(verify_consistency(path, first, bent(one), second, other).is_err());
        assert!(
            first == second
                || first == 0
                || verify_consistency(path, first, one, second, bent(other)).is_err()
        );
    }
}

fn bent(hash: TreeHash) -> TreeHash {
    let mut bytes = *hash.as_bytes();
    bytes[31] ^= 1;
    TreeHash::from_bytes(bytes)
}

/// A receipt shows one record.
pub fn receipt(data: &[u8]) {
    if let Some(receipt) = text(data).and_then(|text| UnverifiedReceipt::parse(text).ok()) {
        let genesis = genesis();
        assert!(receipt.verify(b"", genesis.committees()).is_err());
    }
}

/// The committees of a ledger whose members never change, known for all heights.
pub fn founders_for_ever(genesis: &Genesis) -> Committees {
    genesis.committees().clone().dangerous_complete()
}

/// Evidence names somebody, survives being written, and is evidence only against who is named.
pub fn evidence(data: &[u8]) {
    let Ok(evidence) = UnverifiedEvidence::parse(data) else {
        return;
    };
    let again = UnverifiedEvidence::parse(evidence.to_json().as_bytes());
    assert_eq!(again.as_ref(), Ok(&evidence));
    if let Ok(shown) = evidence.verify(&founders_for_ever(&genesis())) {
        assert!(!shown.members.is_empty());
        assert_ne!(shown.first, shown.second);
    }
}

/// A handover is the committee's own word, teaches nothing that is forgotten on the way to the disk, and can be shown twice.
pub fn handover(data: &[u8]) {
    let Some((checkpoint, document)) = text(data).and_then(|text| text.split_once('\0')) else {
        return;
    };
    let handover = Handover {
        checkpoint: checkpoint.to_owned(),
        document: document.to_owned(),
    };
    let genesis = genesis();
    let mut committees = genesis.committees().clone();
    if committees.follow(&handover).is_err() {
        assert_eq!(&committees, genesis.committees());
        return;
    }
    let followed = committees.clone();
    assert!(committees.follow(&handover).is_ok());
    assert_eq!(committees, followed);
    let recalled = genesis.committees().recall(&committees.to_memory());
    assert_eq!(recalled, Ok(committees));
}

/// A change has one spelling, and what it makes of the parties fits together.
pub fn change(data: &[u8]) {
    let Ok(change) = Change::parse(data) else {
        return;
    };
    assert_eq!(change.to_json().as_bytes(), data);
    let genesis = genesis();
    if let Ok(parties) = genesis.parties().changed(&change, 100) {
        assert_ne!(&parties, genesis.parties());
        assert!(parties.quorum() <= parties.members_in_force().count());
    }
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

fn genesis() -> Genesis {
    let file = include_bytes!("../../../specs/vectors/registry/genesis.json");
    Genesis::parse(file).expect("the genesis of the vectors")
}

fn network() -> NetworkId {
    genesis().network()
}

fn assert_no_digests(claims: &Value) {
    match claims {
        Value::Object(members) => {
            assert!(
                !["_sd", "_sd_alg", "..."]
                    .iter()
                    .any(|name| members.contains_key(*name))
            );
            members.values().for_each(assert_no_digests);
        }
        Value::Array(elements) => elements.iter().for_each(assert_no_digests),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
