use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    Registry, Site,
    wallet::{Wallet, keys, request_credentials},
};

async fn notify(site: &Site, access: &str, id: &Value, event: &str) -> super::Answer {
    site.post(
        "/notification",
        Some(access),
        &json!({"notification_id": id, "event": event}),
    )
    .await
}

#[tokio::test]
async fn an_accepted_issuance_closes_the_case_and_the_same_again_is_a_success() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    let issued = request_credentials(&site, &access, &keys(2)).await;
    let id = &issued.json["notification_id"];
    for _ in 0..2 {
        let answer = notify(&site, &access, id, "credential_accepted").await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        site.closed(wallet.case).await;
    }
    let status = wallet.status(&site).await;
    assert_eq!(status["state"], "closed");
    let checks = status["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["state"] == "completed"));
    let late = request_credentials(&site, &access, &keys(1)).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn neg_i15_unknown_foreign_and_malformed_notifications_are_refused() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let (_other, other_access) = Wallet::with_access(&site).await;
    let issued = request_credentials(&site, &access, &keys(1)).await;
    let id = &issued.json["notification_id"];
    let unknown = notify(&site, &access, &json!("guess"), "credential_accepted").await;
    assert_eq!(unknown.error(), (400, "invalid_notification_id"));
    let foreign = notify(&site, &other_access, id, "credential_accepted").await;
    assert_eq!(foreign.error(), (400, "invalid_notification_id"));
    let event = notify(&site, &access, id, "accepted").await;
    assert_eq!(event.error(), (400, "invalid_notification_request"));
    let stranger = notify(&site, "guess", id, "credential_accepted").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        notify(&site, &access, id, "credential_accepted")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn what_a_wallet_could_not_keep_is_revoked_and_offered_anew() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, access) = Wallet::with_access(&site).await;
    let issued = request_credentials(&site, &access, &keys(10)).await;
    let id = &issued.json["notification_id"];
    assert_eq!(
        notify(&site, &access, id, "credential_failure")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        request_credentials(&site, &access, &keys(1)).await.status,
        StatusCode::UNAUTHORIZED
    );
    let staff = site.log_in();
    let (link, code) = site.make_offer(&staff, wallet.case).await;
    let form = super::wallet::token_form(&link, Some(&code));
    let access = site.post_form("/token", form).await.json["access_token"].clone();
    let again = request_credentials(&site, access.as_str().unwrap(), &keys(10)).await;
    assert_eq!(again.status, StatusCode::OK);
}
