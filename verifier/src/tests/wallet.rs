//! What a wallet does at the company, step by step, so that a test can do one of them wrong.

use axum::body::Body as HttpBody;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use protocol::application::{
    AccountType, Country, DesignationOffer, DesignationOpening, DisclosedDocument, ResponseAnswer,
    ResponseExtension, StartAnswer, StartRequest, TRANSACTION_DATA_TYPES, UnverifiedConsent,
};
use protocol::credential::ClaimPath;
use protocol::identity::x5c::TrustAnchors;
use protocol::kyc::MediaType;
use protocol::presentation::dcql::{Candidate, FORMAT_SD_JWT_VC, HolderBinding};
use protocol::presentation::{
    AuthorizationResponse, LoopbackHttp, RegisteredClient, RequestExpectation, RequestLink,
    RequestTrust, RequestUriPost, TransactionData, UnverifiedRequest, VerifiedRequest, VpToken,
    WalletNonce,
};
use protocol::registry::record::{Body, Designation, Record};
use protocol::registry::{ApplicationId, Salt};
use serde_json::{Map, Value, json};
use service::clock;
use tower::ServiceExt as _;

use super::world::{IMAGE, Instance, World};

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// An answer of the company.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The answer to a response that was accepted.
pub(super) fn accepted(answered: &Answered) -> ResponseAnswer {
    assert_eq!(
        answered.status,
        StatusCode::OK,
        "{}",
        String::from_utf8_lossy(&answered.body)
    );
    ResponseAnswer::parse(&answered.body).unwrap()
}

/// One answer for every reason.
pub(super) fn refused(answered: &Answered) {
    assert_eq!(answered.status, StatusCode::BAD_REQUEST);
    assert_eq!(answered.json(), json!({"error": "invalid_request"}));
}

/// A started application as the wallet and the page know it.
pub(super) struct Started {
    pub(super) link: RequestLink,
    pub(super) result_path: String,
}

impl Started {
    pub(super) fn request_path(&self) -> String {
        self.link.request_uri.path().to_owned()
    }

    pub(super) fn response_path(&self) -> String {
        self.request_path().replace("/requests/", "/responses/")
    }
}

/// What a response is made of; tests change parts.
pub(super) struct Parts {
    pub(super) claims: Vec<ClaimPath>,
    pub(super) audience: String,
    pub(super) nonce: String,
    pub(super) transaction_data: Vec<String>,
    pub(super) extension: Option<ResponseExtension>,
}

impl World {
    pub(super) async fn call(&self, request: Request<HttpBody>) -> Answered {
        let response = service::serve::shell(self.router.clone())
            .oneshot(request)
            .await
            .unwrap();
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec();
        Answered { status, body }
    }

    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Answered {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.call(request.body(HttpBody::empty()).unwrap()).await
    }

    pub(super) async fn post_json(
        &self,
        path: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Answered {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.call(request.body(HttpBody::from(body.to_string())).unwrap())
            .await
    }

    pub(super) async fn post_form(&self, path: &str, body: impl Into<HttpBody>) -> Answered {
        self.call(
            Request::post(path)
                .header(CONTENT_TYPE, FORM)
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    pub(super) async fn start_for(&self, purpose: &str) -> Started {
        let request = StartRequest {
            account_type: AccountType::Specific,
            tax_residences: vec![Country::JAPAN],
            purpose: purpose.to_owned(),
        };
        let answered = self
            .post_json(
                "/applications",
                &serde_json::to_value(&request).unwrap(),
                None,
            )
            .await;
        assert_eq!(answered.status, StatusCode::CREATED);
        let answer = StartAnswer::parse(&answered.body).unwrap();
        Started {
            link: RequestLink::parse(&answer.request, LoopbackHttp::Allowed).unwrap(),
            result_path: answer.result_url.path().to_owned(),
        }
    }

    pub(super) async fn start(&self) -> Started {
        self.start_for("account_opening").await
    }

    /// Fetches and verifies the request, as a wallet that can sign declarations.
    pub(super) async fn fetch(&self, started: &Started) -> VerifiedRequest {
        let types = TRANSACTION_DATA_TYPES
            .iter()
            .map(|kind| kind.name.to_owned())
            .collect();
        self.fetch_as(started, types).await
    }

    pub(super) async fn fetch_as(
        &self,
        started: &Started,
        transaction_data_types: Vec<String>,
    ) -> VerifiedRequest {
        let nonce = WalletNonce::new("wallet-nonce").unwrap();
        let post = RequestUriPost {
            wallet_nonce: Some(nonce.clone()),
            transaction_data_types,
        };
        let answered = self
            .post_form(&started.request_path(), post.to_form())
            .await;
        assert_eq!(answered.status, StatusCode::OK);
        let compact = String::from_utf8(answered.body).unwrap();
        let anchors = self
            .registration
            .trust_anchors
            .iter()
            .map(|anchor| anchor.as_der());
        let anchors = TrustAnchors::from_der(anchors).unwrap();
        let client = RegisteredClient {
            id: self.registration.id.as_str(),
            url: self.registration.url.url(),
            anchors: &anchors,
        };
        let expected = RequestExpectation {
            client_id: &started.link.client_id,
            wallet_nonce: Some(&nonce),
            trust: RequestTrust::Registered(&[client]),
            transaction_data_types: &TRANSACTION_DATA_TYPES,
            loopback_http: LoopbackHttp::Allowed,
        };
        UnverifiedRequest::parse(&compact)
            .unwrap()
            .verify(&expected, clock::now())
            .unwrap()
    }

    /// An honest response of a wallet of ours: selection, designation, images.
    pub(super) fn parts(&self, request: &VerifiedRequest, instance: &Instance) -> Parts {
        let parts = self.parts_without_consent(request, instance);
        let consent = self.designate(request, instance, &parts.claims);
        let documents = vec![DisclosedDocument {
            media_type: MediaType::Png,
            data: IMAGE.to_vec(),
        }];
        Parts {
            extension: Some(ResponseExtension {
                consent,
                documents,
                status_token: None,
            }),
            ..parts
        }
    }

    /// A response of somebody else's wallet.
    pub(super) fn parts_without_consent(
        &self,
        request: &VerifiedRequest,
        instance: &Instance,
    ) -> Parts {
        let parameters = request.parameters();
        let candidate = Candidate {
            format: FORMAT_SD_JWT_VC,
            vct: instance.credential.vct(),
            claims: instance.credential.claims(),
            binding: HolderBinding::Bound,
            authority_key_ids: &[],
        };
        let data = parameters
            .transaction_data
            .iter()
            .map(TransactionData::encoded);
        Parts {
            claims: parameters.query.credentials()[0]
                .select(&candidate)
                .unwrap()
                .paths,
            audience: parameters.client_id.to_string(),
            nonce: parameters.nonce.to_string(),
            transaction_data: data.map(str::to_owned).collect(),
            extension: None,
        }
    }

    /// Records a designation of this company for these claims.
    pub(super) fn designate(
        &self,
        request: &VerifiedRequest,
        instance: &Instance,
        claims: &[ClaimPath],
    ) -> UnverifiedConsent {
        let offer = DesignationOffer::find(request, self.verifier.network())
            .unwrap()
            .unwrap();
        let opening = DesignationOpening {
            salt: Salt::from_bytes([6; 32]),
            claims: claims.to_vec(),
        };
        let hash = instance.credential.signing_input_hash();
        let designation = Designation {
            application: ApplicationId::random(&mut service::random::os()),
            anchor: instance.anchor.opening(hash),
            commitment: opening.commit(&offer.verifier, &offer.purpose),
            outcome_key: offer.outcome_key,
            expires: clock::now().plus_seconds(30 * 86_400),
        };
        let record = Record::sign(
            self.verifier.network(),
            Body::Designation(designation),
            &instance.holder,
        );
        let designation_record = record.as_bytes().to_vec();
        let designation_receipt = self.ledger.with(|ledger| {
            let index = ledger.append(record);
            ledger.receipt(index)
        });
        UnverifiedConsent {
            anchor: instance.anchor.clone(),
            designation_record,
            designation_receipt,
            opening,
        }
    }

    /// Presents and encrypts.
    pub(super) fn body(
        &mut self,
        request: &VerifiedRequest,
        instance: &Instance,
        parts: &Parts,
    ) -> String {
        let presentation = instance
            .credential
            .present(
                &parts.claims,
                &parts.audience,
                &parts.nonce,
                &parts.transaction_data,
                &instance.holder,
                clock::now(),
            )
            .unwrap();
        self.body_with(request, presentation, parts.extension.as_ref())
    }

    pub(super) fn body_with(
        &mut self,
        request: &VerifiedRequest,
        presentation: String,
        extension: Option<&ResponseExtension>,
    ) -> String {
        let response = AuthorizationResponse {
            vp_token: VpToken::single("kyc", presentation),
            state: request.parameters().state.clone(),
            extensions: extension.map_or_else(Map::new, ResponseExtension::to_extensions),
        };
        response.encrypt(request.parameters(), &mut self.rng)
    }

    /// The whole honest journey up to the accepted response: the answer to the wallet.
    pub(super) async fn apply(&mut self, instance: &Instance) -> Answered {
        let started = self.start().await;
        let request = self.fetch(&started).await;
        let parts = self.parts(&request, instance);
        let body = self.body(&request, instance, &parts);
        self.post_form(&started.response_path(), body).await
    }

    /// Logs a member of staff in.
    pub(super) async fn staff(&self) -> String {
        let credentials = json!({"name": "aoki", "passphrase": super::world::PASSPHRASE});
        let answered = self.post_json("/staff/sessions", &credentials, None).await;
        assert_eq!(answered.status, StatusCode::CREATED);
        answered.json()["token"].as_str().unwrap().to_owned()
    }
}
