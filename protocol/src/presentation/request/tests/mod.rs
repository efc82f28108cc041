mod party;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::credential::transaction_data_hash;
use crate::identity::jws::JwsError;
use crate::identity::x5c::{Role, X5cError};
use crate::identity::{Algorithm, PublicKey};
use crate::presentation::client_metadata::ClientMetadataError;
use crate::presentation::dcql::QueryError;
use crate::presentation::endpoint::LoopbackHttp;
use crate::presentation::error_response::ErrorCode;
use crate::presentation::transaction_data::{TransactionDataError, TransactionDataType};
use party::Party;

const VERIFIER: &str = "https://a.securities.example";
const OTHER: &str = "https://b.securities.example";
const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const KNOWN: [TransactionDataType; 1] = [TransactionDataType {
    name: "declaration",
    accepts: |_| true,
}];

fn verify_at(
    party: &Party,
    compact: &str,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<VerifiedRequest, RequestError> {
    let clients = [party.client()];
    let nonce = WalletNonce::new("wallet-nonce").unwrap();
    let expected = RequestExpectation {
        client_id,
        wallet_nonce: Some(&nonce),
        trust: RequestTrust::Registered(&clients),
        transaction_data_types: &KNOWN,
        loopback_http: LoopbackHttp::Refused,
    };
    UnverifiedRequest::parse(compact)?.verify(&expected, now)
}

fn verify(party: &Party, compact: &str) -> Result<VerifiedRequest, RequestError> {
    verify_at(party, compact, &party.client_id(), NOW)
}

/// The request of the verifier with some members replaced, `Null` for removed.
fn changed(party: &Party, changes: &[(&str, Value)]) -> String {
    let mut payload = party.request().to_value();
    for (name, value) in changes {
        if value.is_null() {
            payload.as_object_mut().unwrap().remove(*name);
        } else {
            payload[*name] = value.clone();
        }
    }
    party.sign(&payload)
}

fn not_authentic(result: Result<VerifiedRequest, RequestError>) -> AuthenticationError {
    match result {
        Err(RequestError::NotAuthentic(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn refused(party: &Party, changes: &[(&str, Value)]) -> RefusalReason {
    match verify(party, &changed(party, changes)) {
        Err(RequestError::Refused(refusal)) => {
            assert_eq!(refusal.reply.response_uri, party.request().response_uri);
            refusal.reason
        }
        other => panic!("{changes:?}: {other:?}"),
    }
}

#[test]
fn a_signed_request_of_a_registered_verifier_is_read() {
    let party = Party::verifier();
    let request = party.request();
    let verified = verify(&party, &request.sign(&party.key, &party.x5c)).unwrap();
    assert_eq!(verified.verifier(), VERIFIER);
    assert_eq!(verified.certificate_name(), Some("A Securities"));
    assert_eq!(verified.parameters().to_value(), request.to_value());
    assert_eq!(
        verified
            .reply_to()
            .error(ErrorCode::AccessDenied)
            .state
            .as_deref(),
        request.state.as_ref().map(State::as_str)
    );
}

#[test]
fn a_dns_name_of_the_certificate_authenticates_too() {
    let party = Party::verifier();
    let client_id = ClientId::X509SanDns("a.securities.example".to_owned());
    let request = RequestParameters {
        client_id: client_id.clone(),
        ..party.request()
    };
    let compact = request.sign(&party.key, &party.x5c);
    assert!(verify_at(&party, &compact, &client_id, NOW).is_ok());
    let other = ClientId::X509SanDns("b.securities.example".to_owned());
    let request = RequestParameters {
        client_id: other.clone(),
        ..party.request()
    };
    let compact = request.sign(&party.key, &party.x5c);
    assert_eq!(
        not_authentic(verify_at(&party, &compact, &other, NOW)),
        AuthenticationError::Binding
    );
}

#[test]
fn a_request_signed_with_a_key_of_a_did_is_read() {
    let party = Party::verifier();
    let did = "did:web:a.securities.example";
    let client_id = ClientId::DecentralizedIdentifier(did.to_owned());
    let request = RequestParameters {
        client_id: client_id.clone(),
        wallet_nonce: None,
        ..party.request()
    };
    let sign = |kid: &str| {
        let extras = HeaderExtras {
            kid: Some(kid.to_owned()),
            ..HeaderExtras::default()
        };
        jws::sign(
            &party.key,
            Purpose::RequestObject,
            &extras,
            &request.to_value(),
        )
    };
    let verify = |compact: &str, key: &PublicKey| {
        let expected = RequestExpectation {
            client_id: &client_id,
            wallet_nonce: None,
            trust: RequestTrust::Did {
                key,
                client: RegisteredClient {
                    id: did,
                    ..party.client()
                },
            },
            transaction_data_types: &KNOWN,
            loopback_http: LoopbackHttp::Refused,
        };
        UnverifiedRequest::parse(compact)?.verify(&expected, NOW)
    };
    assert_eq!(
        verify(&sign(&format!("{did}#1")), party.key.public_key())
            .unwrap()
            .verifier(),
        did
    );
    let other_did = sign("did:web:evil.example#1");
    assert_eq!(
        not_authentic(verify(&other_did, party.key.public_key())),
        AuthenticationError::Binding
    );
    let other_key = SigningKey::generate(Algorithm::Es256, &mut ChaCha20Rng::seed_from_u64(5));
    assert!(matches!(
        not_authentic(verify(&sign(&format!("{did}#1")), other_key.public_key())),
        AuthenticationError::RequestObject(JwsError::Signature)
    ));
}

#[test]
fn neg_h01_a_bad_signature_or_type_is_refused() {
    let party = Party::verifier();
    let good = party.request().sign(&party.key, &party.x5c);
    assert!(verify(&party, &good).is_ok());
    let other = SigningKey::generate(Algorithm::Es256, &mut ChaCha20Rng::seed_from_u64(7));
    let forged = party.request().sign(&other, &party.x5c);
    assert!(matches!(
        not_authentic(verify(&party, &forged)),
        AuthenticationError::RequestObject(JwsError::Signature)
    ));
    let extras = HeaderExtras {
        x5c: party.x5c.clone(),
        ..HeaderExtras::default()
    };
    let mistyped = jws::sign(
        &party.key,
        Purpose::KeyBinding,
        &extras,
        &party.request().to_value(),
    );
    assert!(matches!(
        not_authentic(verify(&party, &mistyped)),
        AuthenticationError::RequestObject(JwsError::Type)
    ));
    let none = format!(
        "{}..",
        crate::base64url::encode(br#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#)
    );
    assert!(matches!(
        UnverifiedRequest::parse(&none),
        Err(AuthenticationError::RequestObject(_))
    ));
}

#[test]
fn neg_h02_another_client_inside_than_outside_is_refused() {
    let party = Party::verifier();
    let compact = changed(
        &party,
        &[("client_id", json!("x509_san_dns:a.securities.example"))],
    );
    assert_eq!(
        not_authentic(verify(&party, &compact)),
        AuthenticationError::ClientId
    );
    assert_eq!(
        not_authentic(verify(
            &party,
            &changed(&party, &[("client_id", Value::Null)])
        )),
        AuthenticationError::ClientId
    );
}

#[test]
fn neg_h04_a_certificate_that_is_not_the_clients_is_refused() {
    let party = Party::verifier();
    let good = party.request().sign(&party.key, &party.x5c);
    let other_hash = ClientId::X509Hash([7; 32]);
    let request = RequestParameters {
        client_id: other_hash.clone(),
        ..party.request()
    };
    let compact = request.sign(&party.key, &party.x5c);
    assert_eq!(
        not_authentic(verify_at(&party, &compact, &other_hash, NOW)),
        AuthenticationError::Binding
    );

    let without = jws::sign(
        &party.key,
        Purpose::RequestObject,
        &HeaderExtras::default(),
        &party.request().to_value(),
    );
    assert_eq!(
        not_authentic(verify(&party, &without)),
        AuthenticationError::Certificates(X5cError::Empty)
    );

    let unregistered = Party::new(OTHER, Role::PresentationVerifier, 2);
    assert_eq!(
        not_authentic(verify(&unregistered, &good)),
        AuthenticationError::NotRegistered
    );

    let impostor = Party::new(VERIFIER, Role::PresentationVerifier, 3);
    let compact = impostor.request().sign(&impostor.key, &impostor.x5c);
    assert_eq!(
        not_authentic(verify_at(&party, &compact, &impostor.client_id(), NOW)),
        AuthenticationError::Certificates(X5cError::Path)
    );

    let issuer = Party::new(VERIFIER, Role::CredentialIssuer, 4);
    let compact = issuer.request().sign(&issuer.key, &issuer.x5c);
    assert_eq!(
        not_authentic(verify(&issuer, &compact)),
        AuthenticationError::Certificates(X5cError::Usage)
    );
}

#[test]
fn neg_h05_a_response_uri_that_is_not_the_verifiers_is_refused() {
    let party = Party::verifier();
    for target in [
        "https://evil.example/responses/1",
        "https://a.securities.example:8443/responses/1",
        "https://a.securities.example.evil.example/",
        "http://a.securities.example/responses/1",
        "https://user@a.securities.example/responses/1",
        "javascript:alert(1)",
    ] {
        let compact = changed(&party, &[("response_uri", json!(target))]);
        assert_eq!(
            not_authentic(verify(&party, &compact)),
            AuthenticationError::ResponseUri,
            "{target}"
        );
    }
    let missing = changed(&party, &[("response_uri", Value::Null)]);
    assert_eq!(
        not_authentic(verify(&party, &missing)),
        AuthenticationError::ResponseUri
    );
}

#[test]
fn neg_h06_a_redirect_uri_beside_the_response_uri_is_refused() {
    let reason = refused(
        &Party::verifier(),
        &[("redirect_uri", json!("https://a.securities.example/cb"))],
    );
    assert_eq!(
        (reason.code(), reason),
        (ErrorCode::InvalidRequest, RefusalReason::RedirectUri)
    );
}

#[test]
fn neg_h07_a_missing_short_or_unsafe_nonce_is_refused() {
    let party = Party::verifier();
    for nonce in [Value::Null, json!("short"), json!(" ".repeat(40)), json!(7)] {
        assert_eq!(refused(&party, &[("nonce", nonce)]), RefusalReason::Nonce);
    }
    assert_eq!(
        refused(&party, &[("state", json!("a b"))]),
        RefusalReason::Nonce
    );
}

#[test]
fn neg_h08_an_old_expired_or_misaddressed_request_is_refused() {
    let party = Party::verifier();
    let good = party.request().sign(&party.key, &party.x5c);
    let id = party.client_id();
    assert!(verify_at(&party, &good, &id, NOW.plus_seconds(359)).is_ok());
    for now in [NOW.plus_seconds(361), NOW.minus_seconds(61)] {
        match verify_at(&party, &good, &id, now) {
            Err(RequestError::Refused(refusal)) => assert_eq!(refusal.reason, RefusalReason::Time),
            other => panic!("{other:?}"),
        }
    }
    for (name, value) in [
        ("exp", json!("soon")),
        ("iat", json!(-1)),
        ("nbf", json!(NOW.plus_seconds(61).as_unix())),
    ] {
        assert_eq!(refused(&party, &[(name, value)]), RefusalReason::Time);
    }
    for audience in [
        Value::Null,
        json!("https://wallet.example"),
        json!(["https://self-issued.me/v2"]),
    ] {
        assert_eq!(
            refused(&party, &[("aud", audience)]),
            RefusalReason::Audience
        );
    }
    for nonce in [Value::Null, json!("another-nonce")] {
        let compact = changed(&party, &[("wallet_nonce", nonce)]);
        assert_eq!(
            not_authentic(verify(&party, &compact)),
            AuthenticationError::WalletNonce
        );
    }
    assert!(
        verify(
            &party,
            &changed(&party, &[("iat", Value::Null), ("exp", Value::Null)])
        )
        .is_ok()
    );
}

#[test]
fn neg_h10_a_missing_doubled_or_malformed_query_is_refused() {
    let party = Party::verifier();
    assert_eq!(
        refused(&party, &[("dcql_query", Value::Null)]),
        RefusalReason::Scope
    );
    assert_eq!(
        refused(&party, &[("scope", json!("kyc"))]),
        RefusalReason::Scope
    );
    assert_eq!(
        refused(
            &party,
            &[("dcql_query", Value::Null), ("scope", json!("kyc"))]
        ),
        RefusalReason::Scope
    );
    let reason = refused(&party, &[("dcql_query", json!({"credentials": []}))]);
    assert_eq!(
        reason,
        RefusalReason::Query(QueryError::Empty("credentials"))
    );
    assert_eq!(reason.code(), ErrorCode::InvalidRequest);
}

#[test]
fn neg_h13_unknown_transaction_data_are_refused() {
    let unknown = TransactionData::new("payment", &["kyc"], Map::new());
    let reason = refused(
        &Party::verifier(),
        &[("transaction_data", json!([unknown.encoded()]))],
    );
    assert_eq!(
        reason,
        RefusalReason::TransactionData(TransactionDataError::UnknownType)
    );
    assert_eq!(reason.code(), ErrorCode::InvalidTransactionData);
    assert_eq!(unknown.hash(), transaction_data_hash(unknown.encoded()));
}

#[test]
fn neg_h16_a_request_for_a_plain_response_is_refused() {
    let party = Party::verifier();
    assert_eq!(
        refused(&party, &[("response_mode", json!("direct_post"))]),
        RefusalReason::Response
    );
    assert_eq!(
        refused(&party, &[("response_type", json!("code"))]),
        RefusalReason::Response
    );
    assert_eq!(
        refused(&party, &[("client_metadata", Value::Null)]),
        RefusalReason::ClientMetadata(ClientMetadataError::Malformed)
    );
}

#[test]
fn another_iss_is_ignored() {
    let party = Party::verifier();
    assert!(
        verify(
            &party,
            &changed(&party, &[("iss", json!("https://evil.example"))])
        )
        .is_ok()
    );
}

#[test]
fn neg_h01_every_flipped_character_of_a_request_is_refused() {
    let party = Party::verifier();
    let good = party.request().sign(&party.key, &party.x5c);
    for position in (0..good.len()).step_by(23) {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).unwrap();
        assert!(verify(&party, &flipped).is_err(), "{position}");
    }
}
