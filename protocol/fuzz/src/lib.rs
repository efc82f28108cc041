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
use protocol::registry::checkpoint::{UnverifiedCheckpoint, UnverifiedEvidence};
use protocol::registry::note::UnverifiedNote;
use protocol::registry::receipt::UnverifiedReceipt;
use protocol::registry::record::UnverifiedRecord;
use protocol::registry::{Genesis, NetworkId};
use protocol::status::{StatusListExpectation, UnverifiedStatusListToken};
use serde_json::Value;

/// A name and what must hold for any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets by name: one folder of the corpus and one binary each.
pub const TARGETS: [Target; 12] = [
    ("json", json),
    ("jws", jws),
    ("sd_jwt", sd_jwt),
    ("key_binding", key_binding),
    ("disclosures", disclosures),
    ("status_list_token", status_list_token),
    ("jwe", jwe),
    ("dcql", dcql),
    ("record", record),
    ("checkpoint", checkpoint),
    ("receipt", receipt),
    ("evidence", evidence),
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

/// A checkpoint is a note.
pub fn checkpoint(data: &[u8]) {
    let note = UnverifiedNote::parse(data);
    if let Ok(checkpoint) = UnverifiedCheckpoint::parse(data) {
        assert!(note.is_ok());
        drop(checkpoint.verify(genesis().committees()));
    }
}

/// A receipt shows one record.
pub fn receipt(data: &[u8]) {
    if let Some(receipt) = text(data).and_then(|text| UnverifiedReceipt::parse(text).ok()) {
        let genesis = genesis();
        assert!(receipt.verify(b"", genesis.committees()).is_err());
    }
}

/// Evidence names somebody, survives being written, and is evidence only against who is named.
pub fn evidence(data: &[u8]) {
    let Ok(evidence) = UnverifiedEvidence::parse(data) else {
        return;
    };
    let again = UnverifiedEvidence::parse(evidence.to_json().as_bytes());
    assert_eq!(again.as_ref(), Ok(&evidence));
    if let Ok(shown) = evidence.verify(genesis().committees()) {
        assert!(!shown.members.is_empty());
        assert_ne!(shown.first, shown.second);
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
