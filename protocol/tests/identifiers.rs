//! Identifiers are compared byte for byte: what looks like one, or what a URL parser would make of it, is another.

#![expect(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use protocol::Timestamp;
use protocol::credential::{
    CredentialTemplate, Decoys, IssuerVerification, KeyBindingExpectation, UnverifiedCredential,
    UnverifiedPresentedCredential, VCT_KYC, issue,
};
use protocol::identity::jws::HeaderExtras;
use protocol::identity::{Algorithm, SigningKey};
use protocol::issuance::{KeyProof, KeyProofExpectation, UnverifiedKeyProof};
use protocol::status::StatusReference;
use serde_json::{Map, json};

const ISSUER: &str = "https://consortium.example";
const CLIENT: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";

/// Other bytes that a person or a lenient program could take for the same identifier.
fn look_alikes(identifier: &str) -> Vec<String> {
    vec![
        format!("{identifier}/"),
        format!("{identifier}."),
        format!("{identifier} "),
        format!(" {identifier}"),
        format!("{identifier}\u{200b}"),
        format!("{identifier}#"),
        format!("{identifier}?"),
        identifier.to_uppercase(),
        identifier.replacen('o', "\u{3bf}", 1),
        identifier.replacen('e', "\u{435}", 1),
        identifier.replacen('i', "\u{69}\u{307}", 1),
        identifier.replace("https://", "https://user@"),
        identifier.replace("https://", "http://"),
        identifier.replace(".example", ".example:443"),
        identifier.replace(".example", "%2Eexample"),
        identifier.replace("x509_hash:", ""),
        identifier.replace("x509_hash:", "X509_HASH:"),
    ]
    .into_iter()
    .filter(|other| other != identifier)
    .collect()
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(Algorithm::EdDsa, &[seed; 32]).unwrap()
}

fn credential(iss: &str, vct: &str) -> String {
    let template = CredentialTemplate {
        iss: iss.to_owned(),
        vct: vct.to_owned(),
        issued_at: now(),
        expires: now().plus_seconds(30 * 86_400),
        status: StatusReference::new("https://consortium.example/status/1", 1).unwrap(),
        claims: Map::new(),
        disclosable: vec![],
        decoys: Decoys::None,
    };
    let extras = HeaderExtras {
        kid: Some("k".to_owned()),
        ..HeaderExtras::default()
    };
    let mut rng =
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    issue(&template, key(2).public_key(), &key(1), &extras, &mut rng)
        .unwrap()
        .compact
}

fn trusted() -> IssuerVerification {
    let mut jwk = key(1).public_key().to_jwk();
    jwk.as_object_mut()
        .unwrap()
        .insert("kid".to_owned(), "k".into());
    IssuerVerification::by_jwks(ISSUER, &json!({"keys": [jwk]})).unwrap()
}

fn is_accepted(iss: &str, vct: &str) -> bool {
    UnverifiedCredential::parse(&credential(iss, vct))
        .and_then(|credential| credential.verify(&trusted(), now()))
        .is_ok()
}

#[test]
fn neg_p23_an_issuer_or_type_that_looks_like_the_trusted_one_is_refused() {
    assert!(is_accepted(ISSUER, VCT_KYC));
    for other in look_alikes(ISSUER) {
        assert!(!is_accepted(&other, VCT_KYC), "{other:?}");
    }
    for other in look_alikes(VCT_KYC) {
        assert!(!is_accepted(ISSUER, &other), "{other:?}");
    }
}

#[test]
fn neg_p23_a_presentation_to_a_client_that_looks_like_the_verifier_is_refused() {
    let held = UnverifiedCredential::parse(&credential(ISSUER, VCT_KYC))
        .unwrap()
        .verify(&trusted(), now())
        .unwrap();
    let is_accepted = |audience: &str| {
        let presented = held
            .present(&[], audience, "n", &[], &key(2), now())
            .unwrap();
        UnverifiedPresentedCredential::parse(&presented)
            .unwrap()
            .verify(&trusted(), &KeyBindingExpectation::new(CLIENT, "n"), now())
            .is_ok()
    };
    assert!(is_accepted(CLIENT));
    for other in look_alikes(CLIENT) {
        assert!(!is_accepted(&other), "{other:?}");
    }
}

#[test]
fn neg_p23_a_key_proof_for_an_issuer_that_looks_like_this_one_is_refused() {
    let is_accepted = |audience: &str| {
        let proof = KeyProof {
            audience,
            nonce: "n",
            now: now(),
        };
        let expected = KeyProofExpectation {
            audience: ISSUER,
            now: now(),
        };
        UnverifiedKeyProof::parse(&proof.sign_with_jwk(&key(2)))
            .unwrap()
            .verify(key(2).public_key(), &expected)
            .is_ok()
    };
    assert!(is_accepted(ISSUER));
    for other in look_alikes(ISSUER) {
        assert!(!is_accepted(&other), "{other:?}");
    }
}
