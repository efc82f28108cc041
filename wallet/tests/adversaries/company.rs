//! A securities company: honest by itself, hostile where a test says so.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use protocol::Timestamp;
use protocol::application::{
    ApplicationAccess, ApplicationState, ApplicationStatus, ConsentExpectation, Country,
    CrsDeclaration, DesignationOffer, OutcomeOpening, ResponseAnswer, ResponseExtension,
    StartAnswer, StartRequest, VerifiedConsent,
};
use protocol::credential::{
    IssuerVerification, KeyBindingExpectation, UnverifiedPresentedCredential,
    VerifiedPresentedCredential,
};
use protocol::envelope::jwe::{DecryptionKey, KeyKind};
use protocol::identity::jws::{self, HeaderExtras};
use protocol::identity::{Purpose, SigningKey};
use protocol::presentation::dcql::Query;
use protocol::presentation::{
    AuthorizationResponse, ClientId, ClientMetadata, Nonce, REQUEST_MEDIA_TYPE, RequestParameters,
    RequestUriPost, ResponseExpectation, State, UnverifiedResponse,
};
use protocol::registry::{ApplicationId, ApplicationResult, Genesis};
use serde_json::{Value, json};
use url::Url;

use super::registry::Ledger;
use super::server::{Call, Reply};
use super::world::{COMPANY, Certificates, key, rng};

/// How a request object is spoilt before it is signed.
type Spoil = Box<dyn Fn(&mut Value) + Send + Sync>;

pub struct Company {
    url: String,
    now: Timestamp,
    certificates: Certificates,
    genesis: Genesis,
    ledger: Arc<Ledger>,
    requests: Mutex<Vec<Asked>>,
    spoil: Mutex<Option<Spoil>>,
    /// Claims that the next requests ask for.
    pub query: Mutex<Value>,
    pub purpose: Mutex<String>,
    /// The same encryption key in every request.
    pub same_key: Mutex<bool>,
    pub received: Mutex<Vec<Received>>,
    openings: Mutex<Vec<OutcomeOpening>>,
    pub redirect_uri: Mutex<Option<String>>,
    /// The errors that wallets reported.
    pub errors: Mutex<Vec<String>>,
}

struct Asked {
    parameters: RequestParameters,
    key: DecryptionKey,
    outcome_key: SigningKey,
    purpose: String,
}

/// A presentation that was verified in full.
pub struct Received {
    pub application: ApplicationId,
    pub claims: Value,
    pub documents: Vec<Vec<u8>>,
    pub signing_input_hash: [u8; 32],
    outcome_key: SigningKey,
}

impl Company {
    pub fn new(
        (url, now): (&str, Timestamp),
        certificates: Certificates,
        genesis: Genesis,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            url: url.to_owned(),
            now,
            certificates,
            genesis,
            ledger,
            requests: Mutex::default(),
            spoil: Mutex::default(),
            query: Mutex::new(query(&[
                json!(["verified_claims", "claims", "family_name"]),
                json!(["verified_claims", "claims", "address"]),
            ])),
            purpose: Mutex::new("account_opening".to_owned()),
            same_key: Mutex::default(),
            received: Mutex::default(),
            openings: Mutex::default(),
            redirect_uri: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    pub fn url(&self) -> Url {
        self.url.parse().unwrap()
    }

    pub fn spoil(&self, spoil: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.spoil.lock().unwrap() = Some(Box::new(spoil));
    }

    pub fn client_id(&self) -> ClientId {
        ClientId::of_certificate(&self.certificates.leaf)
    }

    /// Makes a request and gives its link.
    pub fn request(&self, declaration: Option<&CrsDeclaration>) -> String {
        let mut requests = self.requests.lock().unwrap();
        let number = requests.len();
        let mut rng = rng(100 + number as u64);
        let key_seed = if *self.same_key.lock().unwrap() {
            1
        } else {
            200 + number as u64
        };
        let key_pair = DecryptionKey::generate(KeyKind::P256, &mut super::world::rng(key_seed));
        let outcome_key = key(u8::try_from(50 + number).unwrap());
        let purpose = self.purpose.lock().unwrap().clone();
        let offer = DesignationOffer {
            network: self.genesis.network(),
            verifier: COMPANY.to_owned(),
            purpose: purpose.clone(),
            outcome_key: outcome_key.public_key().to_bytes().try_into().unwrap(),
        };
        let declared = declaration.map(|declaration| declaration.to_transaction_data("kyc"));
        let parameters = RequestParameters {
            client_id: self.client_id(),
            response_uri: format!("{}/responses/{number}", self.url).parse().unwrap(),
            nonce: Nonce::random(&mut rng),
            state: Some(State::random(&mut rng)),
            query: Query::parse(&self.query.lock().unwrap()).unwrap(),
            client_metadata: ClientMetadata::for_key(&key_pair, "k"),
            transaction_data: declared.into_iter().collect(),
            verifier_info: vec![offer.to_verifier_info()],
            wallet_nonce: None,
            issued_at: Some(self.now),
            expires_at: Some(self.now.plus_seconds(300)),
        };
        requests.push(Asked {
            parameters,
            key: key_pair,
            outcome_key,
            purpose,
        });
        self.link(number)
    }

    pub fn link(&self, number: usize) -> String {
        let client_id = self.client_id().to_string();
        let uri = format!("{}/requests/{number}", self.url);
        url::form_urlencoded::Serializer::new("openid4vp://?".to_owned())
            .append_pair("client_id", &client_id)
            .append_pair("request_uri", &uri)
            .append_pair("request_uri_method", "post")
            .finish()
    }

    pub fn answer(&self, call: &Call) -> Reply {
        let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            ["applications"] => {
                let start: StartRequest = serde_json::from_slice(&call.body).unwrap();
                let declaration =
                    CrsDeclaration::new(start.account_type, start.tax_residences).unwrap();
                let answer = StartAnswer {
                    request: self.request(Some(&declaration)),
                    result_url: self.url.parse().unwrap(),
                };
                Reply::json(&json!(answer))
            }
            ["requests", number] => self.request_object(number.parse().unwrap(), &call.body),
            ["responses", number] => self.take(number.parse().unwrap(), &call.body),
            ["applications", _] => Reply::json(&json!(ApplicationStatus {
                state: self.state(),
                openings: self.openings.lock().unwrap().clone(),
            })),
            _ => Reply::status(404),
        }
    }

    fn request_object(&self, number: usize, form: &[u8]) -> Reply {
        let requests = self.requests.lock().unwrap();
        let mut parameters = requests[number].parameters.clone();
        parameters.wallet_nonce = RequestUriPost::parse(form).unwrap().wallet_nonce;
        let mut payload = parameters.to_value();
        if let Some(spoil) = self.spoil.lock().unwrap().as_ref() {
            spoil(&mut payload);
        }
        let extras = HeaderExtras {
            x5c: vec![base64::prelude::BASE64_STANDARD.encode(&self.certificates.leaf)],
            ..HeaderExtras::default()
        };
        let compact = jws::sign(
            &self.certificates.key,
            Purpose::RequestObject,
            &extras,
            &payload,
        );
        Reply::bytes(REQUEST_MEDIA_TYPE, compact.into_bytes())
    }

    fn take(&self, number: usize, body: &[u8]) -> Reply {
        let requests = self.requests.lock().unwrap();
        let asked = &requests[number];
        let response = match UnverifiedResponse::parse(body).unwrap() {
            UnverifiedResponse::Encrypted(response) => response,
            UnverifiedResponse::Error(error) => {
                self.errors
                    .lock()
                    .unwrap()
                    .push(error.code.as_str().to_owned());
                return Reply::json(&json!({}));
            }
        };
        let opened = response
            .open(&ResponseExpectation {
                key: &asked.key,
                kid: "k",
                state: asked.parameters.state.as_ref().unwrap(),
                query: &asked.parameters.query,
            })
            .unwrap();
        let extension = ResponseExtension::find(&opened.extensions)
            .unwrap()
            .unwrap();
        let (presented, consent) = self.verify(asked, &opened, &extension);
        let secret = asked.outcome_key.secret();
        let received = Received {
            application: consent.application(),
            claims: presented.credential().claims().clone(),
            documents: extension
                .documents
                .into_iter()
                .map(|document| document.data)
                .collect(),
            signing_input_hash: presented.credential().signing_input_hash(),
            outcome_key: SigningKey::from_secret(asked.outcome_key.algorithm(), &secret).unwrap(),
        };
        self.received.lock().unwrap().push(received);
        self.record(ApplicationResult::Received);
        let answer = ResponseAnswer {
            redirect_uri: self.redirect_uri.lock().unwrap().clone(),
            tegata: Some(ApplicationAccess {
                application: consent.application(),
                status_url: format!("{}/applications/{}", self.url, consent.application())
                    .parse()
                    .unwrap(),
                token: "status-token".to_owned(),
            }),
        };
        Reply::json(&json!(answer))
    }

    /// The presentation and the consent, checked as a company must.
    fn verify(
        &self,
        asked: &Asked,
        opened: &AuthorizationResponse,
        extension: &ResponseExtension,
    ) -> (VerifiedPresentedCredential, VerifiedConsent) {
        let [presented] = opened.vp_token.presentations("kyc") else {
            panic!("one presentation was asked for");
        };
        let issuer = &self.genesis.parties().issuers()[0];
        let client_id = asked.parameters.client_id.to_string();
        let declared: Vec<String> = asked
            .parameters
            .transaction_data
            .iter()
            .map(|data| data.encoded().to_owned())
            .collect();
        let binding = KeyBindingExpectation::new(&client_id, asked.parameters.nonce.as_str())
            .with_transaction_data(&declared);
        let presented = UnverifiedPresentedCredential::parse(presented)
            .unwrap()
            .verify(
                &IssuerVerification::registered(issuer).unwrap(),
                &binding,
                self.now,
            )
            .unwrap();
        let expected = ConsentExpectation {
            committees: self.genesis.committees(),
            issuer,
            verifier: COMPANY,
            purpose: &asked.purpose,
            outcome_key: &asked
                .outcome_key
                .public_key()
                .to_bytes()
                .try_into()
                .unwrap(),
            presented: &presented,
        };
        let consent = extension.consent.verify(&expected, self.now).unwrap();
        (presented, consent)
    }

    /// Records an outcome of the last application.
    pub fn record(&self, result: ApplicationResult) {
        let opening = self.say(result);
        let received = self.received.lock().unwrap();
        let last = received.last().unwrap();
        let record = opening.sign(self.genesis.network(), last.application, &last.outcome_key);
        self.ledger.append(record);
    }

    /// Says an outcome to the holder without recording it.
    pub fn say(&self, result: ApplicationResult) -> OutcomeOpening {
        let mut openings = self.openings.lock().unwrap();
        let opening = OutcomeOpening::new(result, self.now, &mut rng(openings.len() as u64));
        openings.push(opening.clone());
        opening
    }

    fn state(&self) -> ApplicationState {
        let openings = self.openings.lock().unwrap();
        match openings.last().unwrap().result {
            ApplicationResult::Received => ApplicationState::Received,
            ApplicationResult::Opened => ApplicationState::Opened,
            ApplicationResult::Declined => ApplicationState::Declined,
        }
    }
}

/// A query for one KYC credential with these claims.
pub fn query(paths: &[Value]) -> Value {
    let claims: Vec<Value> = paths.iter().map(|path| json!({"path": path})).collect();
    json!({"credentials": [{
        "id": "kyc", "format": "dc+sd-jwt",
        "meta": {"vct_values": ["https://tegata.example/kyc/jp/1"]}, "claims": claims,
    }]})
}

pub fn japan() -> Vec<Country> {
    vec![Country::JAPAN]
}
