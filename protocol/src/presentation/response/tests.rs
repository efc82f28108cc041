use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;

use super::*;
use crate::Timestamp;
use crate::envelope::jwe::{ContentEncryption, KeyKind};
use crate::presentation::client_id::ClientId;
use crate::presentation::client_metadata::ClientMetadata;
use crate::presentation::nonce::Nonce;
use crate::presentation::vp_token::MissingOrExtra;

struct Session {
    key: DecryptionKey,
    request: RequestParameters,
    rng: ChaCha20Rng,
}

impl Session {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = DecryptionKey::generate(KeyKind::P256, &mut rng);
        let query = json!({"credentials": [{"id": "kyc", "format": "dc+sd-jwt", "meta": {}}]});
        let request = RequestParameters {
            client_id: ClientId::X509Hash([1; 32]),
            response_uri: "https://a.example/responses/1".parse().unwrap(),
            nonce: Nonce::random(&mut rng),
            state: Some(State::random(&mut rng)),
            query: Query::parse(&query).unwrap(),
            client_metadata: ClientMetadata::for_key(&key, "k1"),
            transaction_data: Vec::new(),
            verifier_info: Vec::new(),
            wallet_nonce: None,
            issued_at: Some(Timestamp::from_unix(1)),
            expires_at: None,
        };
        Self { key, request, rng }
    }

    fn response(&self) -> AuthorizationResponse {
        AuthorizationResponse {
            vp_token: VpToken::single("kyc", "a~b~".to_owned()),
            state: self.request.state.clone(),
            extensions: Map::from_iter([("tegata".to_owned(), json!({"x": 1}))]),
        }
    }

    /// Encrypts any payload to the session's key.
    fn encrypt(&mut self, kid: &str, payload: &Value) -> String {
        let metadata = ClientMetadata::for_key(&self.key, kid);
        let enc = ContentEncryption::A128Gcm;
        let jwe = jwe::encrypt(
            metadata.key(),
            enc,
            &[],
            &[],
            payload.to_string().as_bytes(),
            &mut self.rng,
        );
        form::encode(&[("response", &jwe)])
    }

    fn open(&self, body: &str) -> Result<AuthorizationResponse, ResponseError> {
        match UnverifiedResponse::parse(body.as_bytes())? {
            UnverifiedResponse::Encrypted(response) => response.open(&ResponseExpectation {
                key: &self.key,
                kid: "k1",
                state: self.request.state.as_ref().unwrap(),
                query: &self.request.query,
            }),
            UnverifiedResponse::Error(error) => panic!("{error:?}"),
        }
    }

    fn state(&self) -> &str {
        self.request.state.as_ref().unwrap().as_str()
    }
}

#[test]
fn what_the_wallet_encrypts_the_verifier_opens() {
    let mut session = Session::new(1);
    let response = session.response();
    let body = response.encrypt(&session.request, &mut session.rng);
    assert_eq!(session.open(&body).unwrap(), response);
}

#[test]
fn neg_r02_a_response_for_another_request_is_refused() {
    let mut session = Session::new(1);
    for state in [json!("other"), json!(1), Value::Null] {
        let body = session.encrypt("k1", &json!({"vp_token": {"kyc": ["a~"]}, "state": state}));
        assert_eq!(session.open(&body), Err(ResponseError::State));
    }
    let body = session.encrypt("k1", &json!({"vp_token": {"kyc": ["a~"]}}));
    assert_eq!(session.open(&body), Err(ResponseError::State));
}

#[test]
fn neg_r03_a_response_in_clear_or_to_another_key_is_refused() {
    let mut session = Session::new(1);
    assert_eq!(
        session.open("vp_token=%7B%7D&state=x"),
        Err(ResponseError::NotEncrypted)
    );
    let mut other = Session::new(2);
    other.request.state.clone_from(&session.request.state);
    let body = other.response().encrypt(&other.request, &mut other.rng);
    assert_eq!(session.open(&body), Err(ResponseError::Decryption));
    let payload = json!({"vp_token": {"kyc": ["a~"]}, "state": session.state()});
    let old = session.encrypt("k0", &payload);
    assert_eq!(session.open(&old), Err(ResponseError::Decryption));
    let mut altered = session
        .response()
        .encrypt(&session.request.clone(), &mut session.rng);
    altered.pop();
    altered.push('~');
    assert_eq!(session.open(&altered), Err(ResponseError::Decryption));
    for bad in [
        "response=a.b.c",
        "response=",
        "response=a&response=b",
        "",
        "response=a&error=access_denied",
    ] {
        assert!(UnverifiedResponse::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn neg_r03_claims_of_a_token_inside_the_payload_are_ignored() {
    let mut session = Session::new(1);
    let payload = json!({"vp_token": {"kyc": ["a~"]}, "state": session.state(), "iss": "x", "exp": 1, "aud": "y"});
    let body = session.encrypt("k1", &payload);
    assert!(session.open(&body).is_ok());
}

#[test]
fn neg_r04_a_response_without_an_acceptable_vp_token_is_refused() {
    let mut session = Session::new(1);
    for (vp_token, error) in [
        (json!("a~"), VpTokenError::Malformed),
        (json!({"kyc": ["a~", "b~"]}), VpTokenError::Multiple),
        (json!({}), VpTokenError::Answer(MissingOrExtra::Missing)),
    ] {
        let payload = json!({"vp_token": vp_token, "state": session.state()});
        let body = session.encrypt("k1", &payload);
        assert_eq!(session.open(&body), Err(ResponseError::VpToken(error)));
    }
}

#[test]
fn neg_p01_a_payload_with_a_duplicate_member_is_refused() {
    let mut session = Session::new(1);
    let text = format!(
        r#"{{"vp_token":{{"kyc":["a~"]}},"state":"{0}","st\u0061te":"{0}"}}"#,
        session.state()
    );
    let key = session.request.client_metadata.key().clone();
    let jwe = jwe::encrypt(
        &key,
        ContentEncryption::A128Gcm,
        &[],
        &[],
        text.as_bytes(),
        &mut session.rng,
    );
    assert_eq!(
        session.open(&form::encode(&[("response", &jwe)])),
        Err(ResponseError::Payload)
    );
}

#[test]
fn an_error_response_is_read_in_clear() {
    match UnverifiedResponse::parse(b"error=access_denied&error_description=x&state=s").unwrap() {
        UnverifiedResponse::Error(error) => assert_eq!(error.state.as_deref(), Some("s")),
        UnverifiedResponse::Encrypted(_) => panic!("not encrypted"),
    }
}

#[test]
fn a_response_never_prints_its_presentations() {
    let session = Session::new(1);
    assert!(!format!("{:?}", session.response()).contains("a~b~"));
}
