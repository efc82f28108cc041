use axum::http::StatusCode;
use protocol::issuance::{TokenErrorCode, TokenRequest};

use super::{
    Registry, Site, form_request,
    wallet::{Wallet, token_form},
};
use crate::issuance::redeem;

/// Another code of six digits.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn an_offer_is_redeemed_once_and_that_confirms_the_residence() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, link, code) = Wallet::with_offer(&site).await;
    let answer = site
        .post_form("/token", token_form(&link, Some(&code)))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json["token_type"], "Bearer");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let checks = wallet.status(&site).await["checks"].clone();
    assert!(
        checks
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["state"] == "completed")
    );

    let again = site
        .post_form("/token", token_form(&link, Some(&code)))
        .await;
    assert_eq!(again.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn neg_a18_and_a22_a_wrong_code_is_refused_like_an_unknown_one() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, link, code) = Wallet::with_offer(&site).await;
    let unknown =
        token_form(&link, Some(&code)).replacen("pre-authorized_code=", "pre-authorized_code=A", 1);
    // The grant type holds the same words; the parameter comes after it.
    let unknown = unknown.replacen(
        "grant-type%3Apre-authorized_code=A",
        "grant-type%3Apre-authorized_code=",
        1,
    );
    let answer = site.post_form("/token", unknown).await;
    let mistyped = site
        .post_form("/token", token_form(&link, Some(&wrong(&code))))
        .await;
    assert_eq!(answer.error(), (400, "invalid_grant"));
    assert_eq!(mistyped.body, answer.body);
    assert_eq!(
        site.post_form("/token", token_form(&link, Some(&code)))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_a18_an_expired_offer_is_refused() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, link, code) = Wallet::with_offer(&site).await;
    let request = TokenRequest::parse(token_form(&link, Some(&code)).as_bytes()).unwrap();
    let ends = service::clock::now().plus_seconds(site.issuer.config.offer_lifetime_s);
    let late = redeem(&site.issuer, &request, ends.plus_seconds(1))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(late.code(), Some(TokenErrorCode::InvalidGrant));
    assert!(redeem(&site.issuer, &request, ends.minus_seconds(60)).is_ok());
}

#[tokio::test]
async fn neg_a19_a_missing_transaction_code_is_refused_and_not_counted() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, link, code) = Wallet::with_offer(&site).await;
    for _ in 0..6 {
        let answer = site.post_form("/token", token_form(&link, None)).await;
        assert_eq!(answer.error(), (400, "invalid_request"));
    }
    assert_eq!(
        site.post_form("/token", token_form(&link, Some(&code)))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_a20_after_five_wrong_transaction_codes_the_right_one_is_refused_also_after_a_restart()
{
    let site = Site::new(&Registry::Confirms);
    let (wallet, link, code) = Wallet::with_offer(&site).await;
    let mut site = site;
    for round in 0..5 {
        let answer = site
            .post_form("/token", token_form(&link, Some(&wrong(&code))))
            .await;
        assert_eq!(answer.error(), (400, "invalid_grant"));
        if round == 2 {
            site = site.restart(&Registry::Silent).await;
        }
    }
    let right = site
        .post_form("/token", token_form(&link, Some(&code)))
        .await;
    assert_eq!(right.error(), (400, "invalid_grant"));

    let site = site.restart(&Registry::Confirms).await;
    let staff = site.log_in();
    let (link, code) = site.make_offer(&staff, wallet.case).await;
    assert_eq!(
        site.post_form("/token", token_form(&link, Some(&code)))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_a20_a_hundred_parallel_guesses_count_as_five() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, link, code) = Wallet::with_offer(&site).await;
    let first: u32 = code.parse().unwrap();
    let guesses = (1..=100_u32).map(|offset| {
        let guess = format!("{:06}", (first + offset) % 1_000_000);
        form_request("/token", token_form(&link, Some(&guess)))
    });
    for answer in site.send_all(guesses.collect()).await {
        assert_eq!(answer.error(), (400, "invalid_grant"));
    }
    let right = site
        .post_form("/token", token_form(&link, Some(&code)))
        .await;
    assert_eq!(right.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_new_offer_takes_the_place_of_the_one_before() {
    let site = Site::new(&Registry::Confirms);
    let (wallet, old_link, old_code) = Wallet::with_offer(&site).await;
    let staff = site.log_in();
    let (link, code) = site.make_offer(&staff, wallet.case).await;
    let old = site
        .post_form("/token", token_form(&old_link, Some(&old_code)))
        .await;
    assert_eq!(old.error(), (400, "invalid_grant"));
    assert_eq!(
        site.post_form("/token", token_form(&link, Some(&code)))
            .await
            .status,
        StatusCode::OK
    );
}
