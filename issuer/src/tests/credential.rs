use std::collections::BTreeSet;

use axum::http::StatusCode;
use protocol::{
    credential::{IssuerVerification, UnverifiedCredential, VerifiedCredential, check_unlinkable},
    identity::{Algorithm, SigningKey},
    issuance::{CredentialRequest, CredentialResponse, IssuerMetadata, KeyProof},
    kyc::claims::{disclosed_checks, disclosed_document_digests},
};
use serde_json::{Value, json};

use super::{
    Answer, ID, Registry, Site, json_request,
    wallet::{Wallet, credential_request, keys, nonce, request_credentials},
};

/// The credentials of an answer, verified with the keys that the issuer publishes.
async fn verified(site: &Site, answer: &Answer) -> Vec<VerifiedCredential> {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.json);
    let jwks = site.get("/.well-known/jwt-vc-issuer", None).await.json["jwks"].clone();
    let response = CredentialResponse::parse(&answer.body).unwrap();
    response
        .credentials
        .iter()
        .map(|compact| {
            let issuer = IssuerVerification::by_jwks(ID, &jwks).unwrap();
            UnverifiedCredential::parse(compact)
                .unwrap()
                .verify(&issuer, service::clock::now())
                .unwrap()
        })
        .collect()
}

/// How many status list entries were ever given out.
fn entries_taken(site: &Site) -> usize {
    site.issuer
        .vault
        .list(vault::Kind::ordinary("status-entry"))
        .len()
}

#[tokio::test]
async fn a_batch_is_issued_to_ten_keys_and_cannot_be_linked() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    let keys = keys(10);
    let answer = request_credentials(&site, &access, &keys).await;
    let credentials = verified(&site, &answer).await;
    assert_eq!(credentials.len(), 10);
    check_unlinkable(&credentials).unwrap();
    for (credential, key) in credentials.iter().zip(&keys) {
        assert_eq!(credential.holder_key(), key.public_key());
        let claims = credential.claims();
        assert_eq!(claims["verified_claims"]["claims"]["family_name"], "山田");
        assert_eq!(disclosed_document_digests(claims).unwrap().len(), 1);
        let checks = disclosed_checks(claims).unwrap();
        assert_eq!(checks.len(), 4);
        assert!(checks.iter().all(|check| check.case == wallet.case));
    }
    assert_eq!(entries_taken(&site), 10);
    assert_eq!(wallet.status(&site).await["state"], "issued");
}

#[tokio::test]
async fn neg_t15_the_entries_of_a_batch_differ_and_are_in_no_order() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let answer = request_credentials(&site, &access, &keys(10)).await;
    let mut seen = BTreeSet::new();
    let mut indices = Vec::new();
    for credential in verified(&site, &answer).await {
        let status = credential.status();
        assert!(seen.insert((status.uri().to_owned(), status.idx())));
        indices.push(status.idx());
    }
    let steps: BTreeSet<i64> = indices
        .windows(2)
        .map(|pair| i64::try_from(pair[1]).unwrap() - i64::try_from(pair[0]).unwrap())
        .collect();
    assert!(steps.len() > 1, "an arithmetic sequence");
}

#[tokio::test]
async fn a_single_credential_is_issued_for_an_ed25519_key_named_by_a_did() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let key = SigningKey::generate(Algorithm::EdDsa, &mut service::random::os());
    let c_nonce = nonce(&site).await;
    let proof = KeyProof {
        audience: ID,
        nonce: &c_nonce,
        now: service::clock::now(),
    };
    let request = CredentialRequest {
        credential_configuration_id: "jp_kyc_ed25519".to_owned(),
        proofs: vec![proof.sign_with_did(&key, did::DidUrl::of_key(key.public_key()).as_str())],
    };
    let answer = site
        .post("/credential", Some(&access), &request.to_json())
        .await;
    let credentials = verified(&site, &answer).await;
    assert_eq!(credentials[0].holder_key(), key.public_key());
}

#[tokio::test]
async fn metadata_names_what_the_endpoints_do() {
    let site = Site::new(&Registry::Confirms);
    let document = site
        .get("/.well-known/openid-credential-issuer", None)
        .await;
    assert_eq!(document.headers["content-type"], "application/json");
    let metadata = IssuerMetadata::parse(&document.body, ID).unwrap();
    assert_eq!(metadata.batch_size, Some(10));
    assert_eq!(metadata.configurations.len(), 2);
    let server = site
        .get("/.well-known/oauth-authorization-server", None)
        .await;
    assert_eq!(server.json["token_endpoint"], format!("{ID}/token"));
}

#[tokio::test]
async fn neg_i17_a_host_header_changes_nothing_in_the_metadata() {
    let site = Site::new(&Registry::Confirms);
    let path = "/.well-known/openid-credential-issuer";
    let request = super::request("GET", path, None).header("host", "evil.example");
    let answer = site
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(answer.json["credential_issuer"], ID);
}

#[tokio::test]
async fn neg_i01_without_a_live_token_nothing_is_issued() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    for token in [None, Some("guess"), Some(wallet.token.as_str())] {
        let request = credential_request("jp_kyc", &keys(1), &nonce(&site).await);
        let answer = site.post("/credential", token, &request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge = match token {
            None => "Bearer",
            Some(_) => "Bearer error=\"invalid_token\"",
        };
        assert_eq!(answer.headers["www-authenticate"], challenge);
    }
    assert_eq!(
        request_credentials(&site, &access, &keys(1)).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_i02_a_token_in_the_query_is_refused_and_ended() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let request = credential_request("jp_kyc", &keys(1), &nonce(&site).await);
    let path = format!("/credential?access_token={access}");
    assert_eq!(
        site.post(&path, None, &request).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        site.post("/credential", Some(&access), &request)
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn neg_i03_unknown_configurations_and_identifiers_are_refused() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let c_nonce = nonce(&site).await;
    let unknown = credential_request("org.iso.18013.5.1.mDL", &keys(1), &c_nonce);
    let answer = site.post("/credential", Some(&access), &unknown).await;
    assert_eq!(answer.error(), (400, "unknown_credential_configuration"));
    let mut identified = credential_request("jp_kyc", &keys(1), &c_nonce);
    identified
        .as_object_mut()
        .unwrap()
        .remove("credential_configuration_id");
    identified["credential_identifier"] = "jp_kyc".into();
    let answer = site.post("/credential", Some(&access), &identified).await;
    assert_eq!(answer.error(), (400, "unknown_credential_identifier"));
    assert_eq!(entries_taken(&site), 0);
    let known = credential_request("jp_kyc", &keys(1), &c_nonce);
    assert_eq!(
        site.post("/credential", Some(&access), &known).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_i05_requests_without_proofs_or_with_too_many_are_refused() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let bare = json!({"credential_configuration_id": "jp_kyc"});
    let answer = site.post("/credential", Some(&access), &bare).await;
    assert_eq!(answer.error(), (400, "invalid_proof"));
    let many = request_credentials(&site, &access, &keys(11)).await;
    assert_eq!(many.error(), (400, "invalid_credential_request"));
    assert_eq!(
        request_credentials(&site, &access, &keys(1)).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_i06_and_i08_one_bad_proof_spoils_the_batch_and_consumes_nothing() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let keys = keys(10);
    let c_nonce = nonce(&site).await;
    let good = credential_request("jp_kyc", &keys, &c_nonce);
    let now = service::clock::now();
    let other_issuer = KeyProof {
        audience: "https://other.example",
        nonce: &c_nonce,
        now,
    };
    let stale = KeyProof {
        audience: ID,
        nonce: &c_nonce,
        now: now.minus_seconds(3_600),
    };
    let forged = good["proofs"]["jwt"][9].as_str().unwrap().replace('A', "B");
    for bad in [
        other_issuer.sign_with_jwk(&keys[9]),
        stale.sign_with_jwk(&keys[9]),
        forged,
        "a.b.c".to_owned(),
    ] {
        let mut request = good.clone();
        request["proofs"]["jwt"][9] = bad.into();
        let answer = site.post("/credential", Some(&access), &request).await;
        assert_eq!(answer.error(), (400, "invalid_proof"));
    }
    assert_eq!(entries_taken(&site), 0);
    assert_eq!(
        site.post("/credential", Some(&access), &good).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_i07_a_nonce_that_is_foreign_or_used_is_refused() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let foreign = credential_request("jp_kyc", &keys(1), "LarRGSbmUPYtRYO6BQ4yn8");
    let answer = site.post("/credential", Some(&access), &foreign).await;
    assert_eq!(answer.error(), (400, "invalid_nonce"));

    let c_nonce = nonce(&site).await;
    let first = credential_request("jp_kyc", &keys(1), &c_nonce);
    assert_eq!(
        site.post("/credential", Some(&access), &first).await.status,
        StatusCode::OK
    );
    let second = credential_request("jp_kyc", &keys(1), &c_nonce);
    let answer = site.post("/credential", Some(&access), &second).await;
    assert_eq!(answer.error(), (400, "invalid_nonce"));
    assert_eq!(
        request_credentials(&site, &access, &keys(1)).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_i09_a_key_is_bound_once() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let mine = keys(1);
    let c_nonce = nonce(&site).await;
    let mut twice = credential_request("jp_kyc", &mine, &c_nonce);
    let proof = twice["proofs"]["jwt"][0].clone();
    twice["proofs"]["jwt"] = json!([proof, proof]);
    let answer = site.post("/credential", Some(&access), &twice).await;
    assert_eq!(answer.error(), (400, "invalid_proof"));
    assert_eq!(
        request_credentials(&site, &access, &mine).await.status,
        StatusCode::OK
    );
    let again = request_credentials(&site, &access, &mine).await;
    assert_eq!(again.error(), (400, "invalid_proof"));
}

#[tokio::test]
async fn neg_i12_of_parallel_requests_with_one_nonce_one_succeeds() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let c_nonce = nonce(&site).await;
    let requests = (0..20).map(|_| {
        json_request(
            "/credential",
            Some(&access),
            &credential_request("jp_kyc", &keys(1), &c_nonce),
        )
    });
    let answers = site.send_all(requests.collect()).await;
    let issued = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .count();
    assert_eq!(issued, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == StatusCode::OK
                || answer.error() == (400, "invalid_nonce"))
    );
    assert_eq!(entries_taken(&site), 1);
}

#[tokio::test]
async fn neg_i12_no_more_instances_than_offered_are_issued_in_parallel() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let mut requests = Vec::new();
    for _ in 0..8 {
        let request = credential_request("jp_kyc", &keys(3), &nonce(&site).await);
        requests.push(json_request("/credential", Some(&access), &request));
    }
    let answers = site.send_all(requests).await;
    let issued = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .count();
    assert_eq!(issued, 3);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status != StatusCode::OK)
            .all(|answer| answer.error() == (400, "credential_request_denied"))
    );
    assert_eq!(entries_taken(&site), 9);
}

#[tokio::test]
async fn neg_i16_nonces_are_posted_uncacheable_and_differ() {
    let site = Site::new(&Registry::Confirms);
    assert_eq!(
        site.get("/nonce", None).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let answer = site.post("/nonce", None, &Value::Null).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(seen.insert(answer.json["c_nonce"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn nothing_is_signed_before_the_residence_is_on_the_registry() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, link, code) = Wallet::with_offer(&site).await;
    let site = site.restart(&Registry::Silent).await;
    let redeemed = site
        .post_form("/token", super::wallet::token_form(&link, Some(&code)))
        .await;
    let access = redeemed.json["access_token"].as_str().unwrap().to_owned();
    let keys = keys(1);
    let early = request_credentials(&site, &access, &keys).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(entries_taken(&site), 0);
    site.confirm_all();
    assert_eq!(
        request_credentials(&site, &access, &keys).await.status,
        StatusCode::OK
    );
}
