//! What a wallet does: one application, its keys, its requests.

use axum::http::StatusCode;
use protocol::{
    base64url,
    envelope::hpke::RecipientKey,
    identity::{Algorithm, SigningKey},
    issuance::{CredentialRequest, KeyProof, OfferLink, TokenRequest, TransactionCode},
    kyc::{Submission, SubmissionReceipt, UnverifiedApplication, seal_application},
    registry::CaseId,
};
use serde_json::{Value, json};

use super::{Answer, ID, Site};

/// An applicant's wallet.
pub(super) struct Wallet {
    pub(super) case: CaseId,
    pub(super) token: String,
    pub(super) reply_key: RecipientKey,
}

/// The form of the specification's vectors, with an image.
pub(super) fn application() -> Value {
    let form: Value =
        serde_json::from_str(include_str!("../../../specs/vectors/kyc/form.json")).unwrap();
    let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    image.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    json!({
        "form": form,
        "documents": [{"kind": "driving_permit", "media_type": "image/png", "data": base64url::encode(&image)}]
    })
}

/// An application, sealed to the reviewers.
pub(super) fn submission(site: &Site, application: &Value, reply_key: &RecipientKey) -> Submission {
    let application: UnverifiedApplication = serde_json::from_value(application.clone()).unwrap();
    let reviewers = site.issuer.reviewers.public_key();
    let sealed =
        seal_application(&application, &reviewers, ID, &mut service::random::os()).unwrap();
    Submission {
        sealed,
        reply_key: reply_key.public_key(),
    }
}

impl Wallet {
    /// Applies with any application.
    pub(super) async fn apply_with(site: &Site, application: &Value) -> Self {
        let reply_key = RecipientKey::generate(&mut service::random::os());
        let submission = serde_json::to_value(submission(site, application, &reply_key)).unwrap();
        let answer = site.post("/applications", None, &submission).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let receipt: SubmissionReceipt = serde_json::from_value(answer.json).unwrap();
        Self {
            case: receipt.case,
            token: receipt.token,
            reply_key,
        }
    }

    /// Applies with the application of the vectors.
    pub(super) async fn apply(site: &Site) -> Self {
        Self::apply_with(site, &application()).await
    }

    /// Applies, is checked, and gets an offer: its link and transaction code.
    pub(super) async fn with_offer(site: &Site) -> (Self, String, String) {
        let wallet = Self::apply(site).await;
        let staff = site.log_in();
        site.pass_checks(&staff, wallet.case).await;
        let (link, code) = site.make_offer(&staff, wallet.case).await;
        (wallet, link, code)
    }

    /// Applies, is checked, and redeems the offer: the access token.
    pub(super) async fn with_access(site: &Site) -> (Self, String) {
        let (wallet, link, code) = Self::with_offer(site).await;
        let answer = site
            .post_form("/token", token_form(&link, Some(&code)))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        (
            wallet,
            answer.json["access_token"].as_str().unwrap().to_owned(),
        )
    }

    /// The state of the case.
    pub(super) async fn status(&self, site: &Site) -> Value {
        let answer = site
            .get(&format!("/applications/{}", self.case), Some(&self.token))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json
    }
}

/// The token request for an offer.
pub(super) fn token_form(link: &str, code: Option<&str>) -> String {
    let OfferLink::Value(offer) = OfferLink::parse(link).unwrap() else {
        panic!("offers come by value");
    };
    TokenRequest {
        code: offer.pre_authorized.unwrap().code,
        transaction_code: code.map(|code| TransactionCode::new(code).unwrap()),
    }
    .to_form()
}

/// New holder keys.
pub(super) fn keys(count: usize) -> Vec<SigningKey> {
    (0..count)
        .map(|_| SigningKey::generate(Algorithm::Es256, &mut service::random::os()))
        .collect()
}

/// A nonce.
pub(super) async fn nonce(site: &Site) -> String {
    let answer = site.post("/nonce", None, &Value::Null).await;
    answer.json["c_nonce"].as_str().unwrap().to_owned()
}

/// A credential request with a proof for each key.
pub(super) fn credential_request(configuration: &str, keys: &[SigningKey], nonce: &str) -> Value {
    let proof = KeyProof {
        audience: ID,
        nonce,
        now: service::clock::now(),
    };
    CredentialRequest {
        credential_configuration_id: configuration.to_owned(),
        proofs: keys.iter().map(|key| proof.sign_with_jwk(key)).collect(),
    }
    .to_json()
}

/// Requests credentials for keys over a fresh nonce.
pub(super) async fn request_credentials(site: &Site, access: &str, keys: &[SigningKey]) -> Answer {
    let request = credential_request("jp_kyc", keys, &nonce(site).await);
    site.post("/credential", Some(access), &request).await
}
