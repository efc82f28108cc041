use axum::http::StatusCode;
use serde_json::json;

use super::{
    Registry, Site,
    wallet::{Wallet, application},
};

#[tokio::test]
async fn a_reviewer_reads_an_application_and_its_images() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let staff = site.log_in();
    let cases = site.get("/staff/cases", Some(&staff)).await;
    assert_eq!(cases.json["cases"][0]["case"], json!(wallet.case));
    let shown = site
        .get(&format!("/staff/cases/{}", wallet.case), Some(&staff))
        .await;
    assert_eq!(shown.json["application"]["form"]["family_name"], "山田");
    assert_eq!(
        shown.json["application"]["documents"][0]["media_type"],
        "image/png"
    );
    let image = site
        .get(
            &format!("/staff/cases/{}/documents/0", wallet.case),
            Some(&staff),
        )
        .await;
    assert!(image.body.starts_with(b"\x89PNG"));
    assert_eq!(image.headers["content-disposition"], "attachment");
    let missing = site
        .get(
            &format!("/staff/cases/{}/documents/1", wallet.case),
            Some(&staff),
        )
        .await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn neg_c01_without_a_session_nothing_of_the_staff_answers() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let case = format!("/staff/cases/{}", wallet.case);
    for token in [None, Some("guess"), Some(wallet.token.as_str())] {
        for path in ["/staff/cases", &case, &format!("{case}/documents/0")] {
            assert_eq!(
                site.get(path, token).await.status,
                StatusCode::UNAUTHORIZED,
                "{path}"
            );
        }
        for path in ["/checks/residence", "/offer", "/revoke"] {
            let answer = site
                .post(
                    &format!("{case}{path}"),
                    token,
                    &json!({"result": "passed"}),
                )
                .await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    let staff = site.log_in();
    let request = super::request("DELETE", "/staff/sessions", Some(&staff));
    let ended = site
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(
        site.get("/staff/cases", Some(&staff)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn neg_i23_checks_out_of_order_twice_or_not_for_staff_are_refused() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let staff = site.log_in();
    let check = |process| site.pass_check(&staff, wallet.case, process);
    assert_eq!(check("residence").await.problem(), (403, "not_by_staff"));
    assert_eq!(check("astrology").await.status, StatusCode::NOT_FOUND);
    let offer = format!("/staff/cases/{}/offer", wallet.case);
    let early = site.post(&offer, Some(&staff), &json!({})).await;
    assert_eq!(early.problem(), (409, "checks_not_passed"));
    assert_eq!(
        check("identity_document").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        check("identity_document").await.problem(),
        (409, "step_repeated")
    );
    let unknown = "/staff/cases/00000000000000000000000000000000/checks/identity_document";
    let answer = site
        .post(unknown, Some(&staff), &json!({"result": "passed"}))
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn neg_i23_a_failed_check_ends_the_case_and_its_evidence() {
    let site = Site::new(&Registry::Confirms);
    let wallet = Wallet::apply(&site).await;
    let staff = site.log_in();
    let path = format!("/staff/cases/{}/checks/asf_collation", wallet.case);
    let failed = site
        .post(&path, Some(&staff), &json!({"result": "failed"}))
        .await;
    assert_eq!(failed.status, StatusCode::NO_CONTENT);
    site.closed(wallet.case).await;
    assert_eq!(wallet.status(&site).await["state"], "rejected");
    assert_eq!(site.issuer.evidence.count().unwrap(), 0);
    let late = site
        .pass_check(&staff, wallet.case, "identity_document")
        .await;
    assert_eq!(late.problem(), (409, "case_over"));
    let read = site
        .get(&format!("/staff/cases/{}", wallet.case), Some(&staff))
        .await;
    assert_eq!(read.status, StatusCode::GONE);
}

#[tokio::test]
async fn an_application_that_breaks_a_rule_can_only_be_failed() {
    let site = Site::new(&Registry::Confirms);
    let mut young = application();
    young["form"]["birthdate"] = "2015-01-01".into();
    let wallet = Wallet::apply_with(&site, &young).await;
    let staff = site.log_in();
    let passed = site
        .pass_check(&staff, wallet.case, "identity_document")
        .await;
    assert_eq!(passed.problem(), (422, "application_breaks_a_rule"));
    let path = format!("/staff/cases/{}/checks/identity_document", wallet.case);
    let failed = site
        .post(&path, Some(&staff), &json!({"result": "failed"}))
        .await;
    assert_eq!(failed.status, StatusCode::NO_CONTENT);
    assert_eq!(wallet.status(&site).await["state"], "rejected");
}

#[tokio::test]
async fn neg_c08_a_name_waits_after_five_wrong_passphrases() {
    let site = Site::new(&Registry::Confirms);
    let attempt = |passphrase: &str| {
        let body = json!({"name": "sato", "passphrase": passphrase});
        let site = &site;
        async move { site.post("/staff/sessions", None, &body).await.status }
    };
    assert_eq!(attempt(super::PASSPHRASE).await, StatusCode::CREATED);
    for _ in 0..5 {
        assert_eq!(
            attempt("wrong horse battery").await,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        attempt(super::PASSPHRASE).await,
        StatusCode::TOO_MANY_REQUESTS
    );
}
