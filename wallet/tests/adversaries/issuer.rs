//! The consortium's issuer: honest by itself, hostile where a test says so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use protocol::Timestamp;
use protocol::credential::{CredentialTemplate, Decoys, VCT_KYC, disclosable_in_kyc, issue};
use protocol::envelope::hpke::RecipientKey;
use protocol::identity::jws::{self, HeaderExtras};
use protocol::identity::{PublicKey, Purpose};
use protocol::issuance::{
    AnchorProof, AnchorsResponse, CredentialOffer, CredentialRequest, IssuedAnchor,
    KeyProofExpectation, KeyReference, PreAuthorizedCode, PreAuthorizedGrant, TokenRequest,
    TransactionCodeInput, TransactionCodeRequirement, UnverifiedKeyProof,
};
use protocol::kyc::{Submission, open_application, seal_offer};
use protocol::registry::anchor::{Anchor, AnchorTree};
use protocol::registry::record::{Body, CredentialBatch, Record};
use protocol::registry::{CaseId, NetworkId};
use protocol::status::StatusReference;
use serde_json::{Value, json};

use super::registry::Ledger;
use super::server::{Call, Reply};
use super::world::{key, rng};

pub const TX_CODE: &str = "493712";
pub const CASE: CaseId = CaseId::from_bytes([0xca; 16]);

pub fn application_key() -> RecipientKey {
    RecipientKey::from_secret(&[21; 32])
}

/// How an instance is spoilt before it is signed.
type Spoil = Box<dyn Fn(usize, &mut CredentialTemplate, &mut PublicKey) + Send + Sync>;

/// A signed instance: text, hash of its signing input, thumbprint of its key.
type Signed = (String, [u8; 32], [u8; 32]);

pub struct Issuer {
    url: String,
    network: NetworkId,
    ledger: Arc<Ledger>,
    now: Timestamp,
    spoil: Mutex<Option<Spoil>>,
    /// Claims as plain as this, signed as they are.
    pub raw: Mutex<Option<fn(&mut Value)>>,
    /// The same salts for every instance.
    pub same_salts: Mutex<bool>,
    /// One credential more than asked for.
    pub one_more: Mutex<bool>,
    /// No anchors yet.
    pub slow: Mutex<bool>,
    pub claims: Mutex<Value>,
    issued: Mutex<Vec<Signed>>,
    batch: Mutex<Option<(u64, AnchorTree)>>,
    pub submission: Mutex<Option<(Submission, Vec<u8>)>>,
    serial: Mutex<u64>,
    /// The letters sent: the code of each offer names the last one.
    letters: Mutex<u64>,
    /// Codes that were exchanged; each works once.
    used: Mutex<BTreeSet<String>>,
}

impl Issuer {
    pub fn new(url: &str, network: NetworkId, ledger: Arc<Ledger>, now: Timestamp) -> Self {
        Self {
            url: url.to_owned(),
            network,
            ledger,
            now,
            spoil: Mutex::default(),
            raw: Mutex::default(),
            same_salts: Mutex::default(),
            one_more: Mutex::default(),
            slow: Mutex::default(),
            claims: Mutex::new(claims()),
            issued: Mutex::default(),
            batch: Mutex::default(),
            submission: Mutex::default(),
            serial: Mutex::default(),
            letters: Mutex::default(),
            used: Mutex::default(),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn spoil(
        &self,
        spoil: impl Fn(usize, &mut CredentialTemplate, &mut PublicKey) + Send + Sync + 'static,
    ) {
        *self.spoil.lock().unwrap() = Some(Box::new(spoil));
    }

    pub fn offer(&self) -> String {
        self.credential_offer().to_link()
    }

    pub fn credential_offer(&self) -> CredentialOffer {
        CredentialOffer {
            credential_issuer: self.url.clone(),
            credential_configuration_ids: vec!["jp_kyc".to_owned()],
            pre_authorized: Some(PreAuthorizedGrant {
                code: PreAuthorizedCode::new(self.code()).unwrap(),
                transaction_code: Some(TransactionCodeRequirement {
                    input: TransactionCodeInput::Numeric,
                    length: Some(6),
                    description: Some("In the letter\n\u{1b}[2J".to_owned()),
                }),
                authorization_server: None,
            }),
        }
    }

    /// A new letter: an offer with a code of its own takes the place of the last one.
    pub fn send_new_letter(&self) {
        *self.letters.lock().unwrap() += 1;
    }

    fn code(&self) -> String {
        format!("pre-authorized-code-{}", self.letters.lock().unwrap())
    }

    fn token(&self, body: &[u8]) -> Reply {
        let request = TokenRequest::parse(body).unwrap();
        let code = request.code.reveal().to_owned();
        let transaction_code = request.transaction_code.unwrap();
        let right = transaction_code.reveal() == TX_CODE && code == self.code();
        if right && self.used.lock().unwrap().insert(code) {
            return Reply::json(
                &json!({"access_token": "access-token", "token_type": "Bearer", "expires_in": 300}),
            );
        }
        Reply {
            status: 400,
            ..Reply::json(&json!({"error": "invalid_grant"}))
        }
    }

    pub fn answer(&self, call: &Call) -> Reply {
        let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            [".well-known", "openid-credential-issuer"] => Reply::json(&self.metadata()),
            [".well-known", "oauth-authorization-server"] => Reply::json(&json!({
                "issuer": self.url, "token_endpoint": format!("{}/token", self.url),
                "grant_types_supported": ["urn:ietf:params:oauth:grant-type:pre-authorized_code"],
                "pre-authorized_grant_anonymous_access_supported": true,
            })),
            ["offer"] => Reply::json(&self.credential_offer().to_json()),
            ["token"] => self.token(&call.body),
            ["nonce"] => Reply::json(&json!({"c_nonce": "c-nonce"})),
            ["credential"] => self.credentials(&call.body),
            ["notification"] => Reply {
                status: 204,
                ..Reply::json(&Value::Null)
            },
            ["anchors"] => Reply::json(&self.anchors().to_json()),
            ["applications"] => self.application(&call.body),
            ["applications", _] => self.case(),
            _ => Reply::status(404),
        }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.url);
        json!({
            "credential_issuer": self.url, "credential_endpoint": at("credential"), "nonce_endpoint": at("nonce"),
            "notification_endpoint": at("notification"), "batch_credential_issuance": {"batch_size": 4},
            "credential_configurations_supported": {"jp_kyc": {
                "format": "dc+sd-jwt", "vct": VCT_KYC, "cryptographic_binding_methods_supported": ["jwk"],
                "credential_signing_alg_values_supported": ["EdDSA"],
                "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256", "EdDSA"]}},
                "credential_metadata": {"display": [], "claims": []},
            }},
        })
    }

    fn credentials(&self, body: &[u8]) -> Reply {
        let request = CredentialRequest::parse(body, 20).unwrap();
        let mut holders: Vec<PublicKey> = request
            .proofs
            .iter()
            .map(|proof| {
                let proof = UnverifiedKeyProof::parse(proof).unwrap();
                let KeyReference::Jwk(key) = proof.key().clone() else {
                    panic!("the wallet proves keys with jwk");
                };
                let expected = KeyProofExpectation {
                    audience: &self.url,
                    now: self.now,
                };
                let verified = proof.verify(&key, &expected).unwrap();
                assert_eq!(verified.nonce(), "c-nonce");
                key
            })
            .collect();
        if *self.one_more.lock().unwrap() {
            holders.push(key(77).public_key().clone());
        }
        let mut issued = Vec::new();
        for (index, holder) in holders.iter().enumerate() {
            issued.push(self.issue(index, holder));
        }
        let credentials: Vec<Value> = issued
            .iter()
            .map(|(compact, _, _)| json!({"credential": compact}))
            .collect();
        *self.issued.lock().unwrap() = issued;
        Reply::json(&json!({"credentials": credentials, "notification_id": "notification-id"}))
    }

    fn issue(&self, index: usize, holder: &PublicKey) -> Signed {
        let mut serial = self.serial.lock().unwrap();
        *serial += 1;
        let claims = json!({"verified_claims": *self.claims.lock().unwrap()});
        let mut holder = holder.clone();
        let mut template = CredentialTemplate {
            iss: self.url.clone(),
            vct: VCT_KYC.to_owned(),
            issued_at: self.now,
            expires: self.now.plus_seconds(300 * 86_400),
            status: StatusReference::new(&format!("{}/status/1", self.url), *serial).unwrap(),
            disclosable: disclosable_in_kyc(&claims),
            claims: claims.as_object().unwrap().clone(),
            decoys: Decoys::None,
        };
        if let Some(spoil) = self.spoil.lock().unwrap().as_ref() {
            spoil(index, &mut template, &mut holder);
        }
        let extras = HeaderExtras {
            kid: Some("1".to_owned()),
            ..HeaderExtras::default()
        };
        let thumbprint = holder.thumbprint();
        if let Some(change) = *self.raw.lock().unwrap() {
            let mut payload = json!({
                "iss": template.iss, "vct": template.vct, "iat": self.now.start_of_day(), "nbf": self.now.start_of_day(),
                "exp": template.expires.start_of_day(), "cnf": {"jwk": holder.to_jwk()}, "status": template.status.to_claim(),
                "verified_claims": template.claims["verified_claims"],
            });
            change(&mut payload);
            let compact = jws::sign(&key(11), Purpose::Credential, &extras, &payload);
            return (format!("{compact}~"), [0; 32], thumbprint);
        }
        let seed = if *self.same_salts.lock().unwrap() {
            1
        } else {
            *serial
        };
        let issued = issue(&template, &holder, &key(11), &extras, &mut rng(seed)).unwrap();
        (issued.compact, issued.signing_input_hash, thumbprint)
    }

    /// One batch over everything that was issued last; the same when asked again.
    fn anchors(&self) -> AnchorsResponse {
        let issued = self.issued.lock().unwrap();
        let anchor = |(_, hash, thumbprint): &Signed| Anchor {
            nonce: [9; 32],
            signing_input_hash: *hash,
            thumbprint: *thumbprint,
        };
        let mut batch = self.batch.lock().unwrap();
        let (index, tree) = batch.get_or_insert_with(|| {
            let leaves = issued.iter().map(|signed| anchor(signed).leaf()).collect();
            let tree = AnchorTree::build(leaves, 8, &mut rng(5)).unwrap();
            let body = CredentialBatch {
                sequence: 0,
                root: tree.root(),
                depth: tree.depth(),
            };
            let record = Record::sign(self.network, Body::CredentialBatch(body), &key(11));
            (self.ledger.append(record), tree)
        });
        let slow = *self.slow.lock().unwrap();
        let anchors = (0_u32..)
            .zip(issued.iter())
            .map(|(leaf, signed)| IssuedAnchor {
                signing_input_hash: signed.1,
                proof: (!slow).then(|| AnchorProof {
                    nonce: [9; 32],
                    batch: *index,
                    leaf,
                    path: tree.path(leaf).unwrap(),
                    receipt: self.ledger.receipt(*index, 2),
                    record: self.ledger.record(*index),
                }),
            })
            .collect();
        AnchorsResponse { anchors }
    }

    fn application(&self, body: &[u8]) -> Reply {
        let submission: Submission = serde_json::from_slice(body).unwrap();
        let plaintext =
            open_application(&submission.sealed, &application_key(), &self.url).unwrap();
        *self.submission.lock().unwrap() = Some((submission, plaintext.to_vec()));
        Reply {
            status: 201,
            ..Reply::json(&json!({"case": CASE, "token": "case-token"}))
        }
    }

    fn case(&self) -> Reply {
        let submission = self.submission.lock().unwrap();
        let (submission, _) = submission.as_ref().unwrap();
        let offer = seal_offer(&self.offer(), &submission.reply_key, CASE, &mut rng(3)).unwrap();
        Reply::json(&json!({"state": "offer_ready", "checks": [], "offer": offer}))
    }
}

pub fn claims() -> Value {
    json!({
        "verification": {"trust_framework": "jp_aml", "evidence": []},
        "claims": {
            "family_name": "山田", "given_name": "太郎", "birthdate": "1990-04-01",
            "address": {"country": "JP", "region": "東京都"}, "occupation": "会社員",
        },
    })
}
