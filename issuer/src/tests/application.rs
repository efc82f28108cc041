use axum::http::StatusCode;
use protocol::kyc::open_offer;
use serde_json::{Value, json};

use super::{
    Registry, Site,
    wallet::{Wallet, application, submission},
};

#[tokio::test]
async fn an_application_is_received_and_its_applicant_alone_sees_where_it_stands() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let status = wallet.status(&site).await;
    assert_eq!(status["state"], "received");
    assert_eq!(status["offer"], Value::Null);
    let path = format!("/applications/{}", wallet.case);
    assert_eq!(site.get(&path, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        site.get(&path, Some("guess")).await.status,
        StatusCode::NOT_FOUND
    );
    let other = "/applications/00000000000000000000000000000000";
    assert_eq!(
        site.get(other, Some(&wallet.token)).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_is_on_the_disk_does_not_show_the_applicant() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let staff = site.log_in();
    site.pass_checks(&staff, wallet.case).await;
    site.make_offer(&staff, wallet.case).await;
    let mut folders = vec![site.folder.path().join("issuer/data")];
    let canaries = ["山田", "YAMADA", "1990-04-01", "千代田", "会社員"];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for canary in canaries {
                let found = bytes
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes());
                assert!(!found, "{canary} in {}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn neg_p01_other_bodies_are_refused() {
    let site = Site::new(&Registry::Confirms);
    let reply_key = protocol::envelope::hpke::RecipientKey::generate(&mut service::random::os());
    let good = serde_json::to_value(submission(&site, &application(), &reply_key)).unwrap();
    let mut extra = good.clone();
    extra["name"] = "山田".into();
    let mut short = good.clone();
    short["reply_key"] = "AA".into();
    for body in [extra, short, json!({}), json!([])] {
        assert_eq!(
            site.post("/applications", None, &body).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    assert_eq!(
        site.post("/applications", None, &good).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn neg_i22_an_application_with_a_my_number_ends_when_it_is_first_opened() {
    let site = Site::new(&Registry::Confirms);
    let mut with_number = application();
    with_number["form"]["occupation"] = "1234-5678-9018".into();
    let wallet = Wallet::apply_with(&site, &with_number).await;
    let staff = site.log_in();
    let path = format!("/staff/cases/{}", wallet.case);
    let answer = site.get(&path, Some(&staff)).await;
    assert_eq!(answer.problem(), (422, "my_number"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("9018"));
    site.closed(wallet.case).await;
    let status = wallet.status(&site).await;
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("rejected"), &json!("my_number"))
    );
    assert_eq!(site.issuer.evidence.count().unwrap(), 0);
    assert_eq!(site.get(&path, Some(&staff)).await.status, StatusCode::GONE);

    let accepted = Wallet::apply(&site).await;
    assert_eq!(
        site.get(&format!("/staff/cases/{}", accepted.case), Some(&staff))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_offer_is_sealed_to_its_applicant() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, link, _code) = Wallet::with_offer(&site).await;
    let status = wallet.status(&site).await;
    assert_eq!(status["state"], "offer_ready");
    let sealed = serde_json::from_value(status["offer"].clone()).unwrap();
    assert_eq!(
        open_offer(&sealed, &wallet.reply_key, wallet.case)
            .unwrap()
            .as_str(),
        link
    );
}

#[tokio::test]
async fn an_application_survives_a_restart_before_the_registry_confirmed_it() {
    let site = Site::new(&Registry::Silent);
    let wallet = Wallet::apply(&site).await;
    let site = site.restart(&Registry::Silent).await;
    assert_eq!(wallet.status(&site).await["state"], "received");
    site.confirm_all();
    assert_eq!(site.issuer.evidence.count().unwrap(), 1);
}

#[tokio::test]
async fn neg_a30_no_more_cases_than_configured_are_under_way() {
    let site = Site::new(&Registry::Confirms);
    site.configure("cases_open_max", "2");
    let site = site.restart(&Registry::Confirms).await;
    let first = Wallet::apply(&site).await;
    Wallet::apply(&site).await;
    let reply_key = protocol::envelope::hpke::RecipientKey::generate(&mut service::random::os());
    let third = serde_json::to_value(submission(&site, &application(), &reply_key)).unwrap();
    let refused = site.post("/applications", None, &third).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers.contains_key("retry-after"));
    let staff = site.log_in();
    let path = format!("/staff/cases/{}/checks/asf_collation", first.case);
    site.post(&path, Some(&staff), &json!({"result": "failed"}))
        .await;
    site.closed(first.case).await;
    assert_eq!(
        site.post("/applications", None, &third).await.status,
        StatusCode::CREATED
    );
}
