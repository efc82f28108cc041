//! H01 to H10: who asks, and in which form. Until the company is authenticated, nothing leaves the wallet; and whatever is
//! refused spends no instance.

use serde_json::{Value, json};
use wallet::consent::Consent;
use wallet::failure::Failure;
use wallet::present::{PresentRequest, present};
use wallet::session::Session;
use wallet::terminal::Terminal;

use super::server::Reply;
use super::world::{World, list};

const REQUEST: &str = "POST /requests";

pub async fn answer(session: &mut Session, link: &str, answers: &[&str]) -> Result<Value, Failure> {
    let consent = if answers.is_empty() {
        Consent::Given
    } else {
        Consent::Ask
    };
    session.terminal = Terminal::scripted(answers);
    let request = PresentRequest {
        request: link,
        consent,
        declaration: None,
    };
    Ok(present(session, request).await?.json)
}

pub fn unspent(session: &mut Session) -> Value {
    list(session)["credentials"][0]["unspent"].clone()
}

/// The company's next request object is changed before it is signed; the wallet must refuse it.
pub async fn refuses(spoil: impl Fn(&mut Value) + Send + Sync + 'static) -> (World, Failure) {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let link = world.company.request(None);
    world.company.spoil(spoil);
    let failure = answer(&mut session, &link, &[]).await.unwrap_err();
    assert_eq!(unspent(&mut session), 4, "{}", failure.what());
    assert!(world.company.received.lock().unwrap().is_empty());
    assert_eq!(world.wire.count("POST /records"), 0);
    // The same request without the defect is answered.
    world.company.spoil(|_| {});
    let answered = answer(&mut session, &link, &[]).await;
    assert!(answered.is_ok(), "{:?}", answered.err());
    (world, failure)
}

/// The same for requests of somebody who is not authenticated: not even an error may be sent.
async fn sends_nothing(spoil: impl Fn(&mut Value) + Send + Sync + 'static) {
    let (world, failure) = refuses(spoil).await;
    assert!(
        failure.what().contains("not authentic"),
        "{}",
        failure.what()
    );
    // The one response is the honest answer at the end.
    assert_eq!(world.wire.count("POST /responses"), 1);
}

#[tokio::test]
async fn neg_h01_a_request_object_with_a_broken_signature_or_without_one_is_refused() {
    let spoils: [fn(&str) -> String; 3] = [
        |compact| format!("{}AAAA", &compact[..compact.len() - 4]),
        |compact| {
            let payload = compact.split('.').nth(1).unwrap();
            let header =
                protocol::base64url::encode(br#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#);
            format!("{header}.{payload}.")
        },
        |compact| compact.replacen('e', "f", 1),
    ];
    for spoil in spoils {
        let world = World::new().await;
        let mut session = world.wallet_with_credential().await;
        world.wire.corrupt(REQUEST, move |mut reply| {
            reply.body = spoil(&String::from_utf8(reply.body).unwrap()).into_bytes();
            reply
        });
        let link = world.company.request(None);
        let failure = answer(&mut session, &link, &[]).await.unwrap_err();
        assert!(
            failure.what().contains("not authentic"),
            "{}",
            failure.what()
        );
        assert_eq!(world.wire.count("POST /responses"), 0);
        world.wire.repent();
        assert!(answer(&mut session, &link, &[]).await.is_ok());
    }
}

#[tokio::test]
async fn neg_h02_a_request_that_names_another_client_than_its_link_is_refused() {
    sends_nothing(|request| request["client_id"] = json!("x509_hash:AAAA")).await;
}

#[tokio::test]
async fn neg_h03_links_with_unknown_or_missing_prefixes_cause_no_request() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let before = world.wire.count("");
    let link = world.company.request(None);
    let client_id =
        url::form_urlencoded::byte_serialize(world.company.client_id().to_string().as_bytes())
            .collect::<String>();
    for other in [
        "origin%3Ahttps%3A%2F%2Fa.example",
        "a.securities.example",
        "x509_hash%3AAAAA",
        "",
    ] {
        answer(&mut session, &link.replace(&client_id, other), &[])
            .await
            .unwrap_err();
    }
    assert_eq!(world.wire.count(""), before);
    assert!(answer(&mut session, &link, &[]).await.is_ok());
}

#[tokio::test]
async fn neg_h04_a_certificate_that_is_not_the_one_of_the_client_id_is_refused() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let link = world.company.request(None);
    let own = world.company.client_id().to_string();
    let other = protocol::presentation::ClientId::of_certificate(b"another").to_string();
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    world.company.spoil({
        let other = other.clone();
        move |request| request["client_id"] = json!(other)
    });
    let link = link.replace(&encode(&own), &encode(&other));
    let failure = answer(&mut session, &link, &[]).await.unwrap_err();
    assert!(failure.what().contains("not authentic"));
    assert_eq!(world.wire.count("POST /responses"), 0);
}

#[tokio::test]
async fn neg_h04_links_to_strangers_cause_no_request() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let before = world.wire.count("");
    let link = world.company.request(None);
    let own = url::form_urlencoded::byte_serialize(
        world
            .company
            .url()
            .as_str()
            .trim_end_matches('/')
            .as_bytes(),
    )
    .collect::<String>();
    for host in [
        "http%3A%2F%2F127.0.0.1%3A1",
        "https%3A%2F%2Fevil.example",
        "file%3A%2F%2F%2Fetc",
        "http%3A%2F%2F169.254.169.254",
    ] {
        answer(&mut session, &link.replace(&own, host), &[])
            .await
            .unwrap_err();
    }
    assert_eq!(world.wire.count(""), before);
}

#[tokio::test]
async fn neg_h05_a_response_uri_that_is_not_the_companys_is_refused() {
    for address in [
        "https://evil.example/responses/0",
        "http://127.0.0.1:9/responses/0",
        "http://10.0.0.1/",
        "javascript:alert(1)",
    ] {
        sends_nothing(move |request| request["response_uri"] = json!(address)).await;
    }
}

#[tokio::test]
async fn neg_h05_a_redirect_on_the_response_is_not_followed() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    world.wire.corrupt("POST /responses", |_| {
        Reply::redirect("https://evil.example/")
    });
    let link = world.company.request(None);
    let failure = answer(&mut session, &link, &[]).await.unwrap_err();
    assert!(failure.what().contains("redirects"));
}

#[tokio::test]
async fn neg_h06_a_redirect_uri_beside_the_response_uri_is_refused() {
    refuses(|request| request["redirect_uri"] = json!("https://a.securities.example/")).await;
}

#[tokio::test]
async fn neg_h07_missing_short_and_strange_nonces_are_refused() {
    for nonce in [
        Value::Null,
        json!("short"),
        json!("with spaces and more than 22 characters"),
    ] {
        refuses(move |request| request["nonce"] = nonce.clone()).await;
    }
}

#[tokio::test]
async fn neg_h08_old_requests_other_audiences_and_foreign_nonces_are_refused() {
    let now = super::world::NOW.as_unix();
    refuses(move |request| request["exp"] = json!(now - 100)).await;
    refuses(move |request| request["iat"] = json!(now - 10_000)).await;
    refuses(|request| request["aud"] = json!("https://other.example")).await;
    sends_nothing(|request| request["wallet_nonce"] = json!("another-wallet-nonce")).await;
}

#[tokio::test]
async fn neg_h08_a_request_is_answered_once() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let link = world.company.request(None);
    answer(&mut session, &link, &[]).await.unwrap();
    let failure = answer(&mut session, &link, &[]).await.unwrap_err();
    assert!(failure.what().contains("answered before"));
    assert_eq!(unspent(&mut session), 3);
    assert_eq!(world.company.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn neg_h09_other_request_methods_cause_no_request() {
    let world = World::new().await;
    let mut session = world.wallet_with_credential().await;
    let before = world.wire.count("");
    let link = world
        .company
        .request(None)
        .replace("method=post", "method=put");
    answer(&mut session, &link, &[]).await.unwrap_err();
    assert_eq!(world.wire.count(""), before);
}

#[tokio::test]
async fn neg_h10_malformed_queries_are_refused() {
    refuses(|request| request["scope"] = json!("kyc")).await;
    refuses(|request| request["dcql_query"] = json!({"credentials": []})).await;
    refuses(|request| request["dcql_query"]["credentials"][0]["claims"] = json!([{"path": [-1]}]))
        .await;
}
