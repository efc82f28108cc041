use axum::http::StatusCode;
use protocol::{
    credential::{IssuerVerification, UnverifiedCredential},
    issuance::CredentialResponse,
    status::{Status, StatusListExpectation, UnverifiedStatusListToken, VerifiedStatusList},
};
use serde_json::json;

use super::{
    ID, Registry, Site,
    wallet::{Wallet, keys, request_credentials},
};
use crate::status::refresh;

async fn list(site: &Site, uri: &str) -> VerifiedStatusList {
    let answer = site.get(uri.strip_prefix(ID).unwrap(), None).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/statuslist+jwt");
    let issuer = IssuerVerification::by_jwks(ID, &site.issuer.credential_keys.jwks()).unwrap();
    let token =
        UnverifiedStatusListToken::parse(std::str::from_utf8(&answer.body).unwrap()).unwrap();
    token
        .verify(
            &issuer,
            &StatusListExpectation::new(uri),
            service::clock::now(),
        )
        .unwrap()
}

#[tokio::test]
async fn a_list_is_served_once_its_version_stands_on_the_registry() {
    let site = Site::new(&Registry::Silent);
    refresh(&site.issuer, service::clock::now()).unwrap();
    assert_eq!(
        site.get("/status/0", None).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    site.confirm_all();
    assert_eq!(
        list(&site, &format!("{ID}/status/0"))
            .await
            .status(0)
            .unwrap(),
        Status::Valid
    );
    for path in ["/status/2", "/status/-1", "/status/x", "/status/70000"] {
        assert_eq!(
            site.get(path, None).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_list_is_refreshed_at_half_its_life_and_not_before() {
    let site = Site::new(&Registry::Silent);
    let now = service::clock::now();
    for (after, versions) in [(0, 2), (60, 2), (43_200, 4)] {
        refresh(&site.issuer, now.plus_seconds(after)).unwrap();
        let queued = site.issuer.vault.list(vault::Kind::ordinary("outbox"));
        assert_eq!(
            queued.iter().filter(|id| id.starts_with("status/")).count(),
            versions
        );
    }
}

#[tokio::test]
async fn revoking_a_case_revokes_all_its_instances_and_no_other() {
    let site = Site::new(&Registry::Confirms);
    refresh(&site.issuer, service::clock::now()).unwrap();
    site.issuer.outbox.announce();
    let (wallet, access) = Wallet::with_access(&site).await;
    let issued = request_credentials(&site, &access, &keys(5)).await;
    let staff = site.log_in();
    let path = format!("/staff/cases/{}/revoke", wallet.case);
    assert_eq!(
        site.post(&path, Some(&staff), &json!({})).await.status,
        StatusCode::NO_CONTENT
    );

    let late = request_credentials(&site, &access, &keys(1)).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    let issuer = IssuerVerification::by_jwks(ID, &site.issuer.credential_keys.jwks()).unwrap();
    for compact in CredentialResponse::parse(&issued.body).unwrap().credentials {
        let credential = UnverifiedCredential::parse(&compact).unwrap();
        let credential = credential.verify(&issuer, service::clock::now()).unwrap();
        let reference = credential.status();
        let list = list(&site, reference.uri()).await;
        assert_eq!(list.status(reference.idx()).unwrap(), Status::Invalid);
        let neighbour = (reference.idx() + 1) % (1 << 17);
        assert_eq!(list.status(neighbour).unwrap(), Status::Valid);
    }
    let unknown = "/staff/cases/00000000000000000000000000000000/revoke";
    assert_eq!(
        site.post(unknown, Some(&staff), &json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}
