use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use serde::Deserialize;
use tower::ServiceExt;

use super::{Form, Json, Query};
use crate::limits::{BODY_BYTES, DIRECT_POST_BYTES, body_limit};
use crate::serve::shell;

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

fn router() -> Router {
    shell(
        Router::new()
            .route(
                "/json",
                post(async |Json(greeting): Json<Greeting>| greeting.name),
            )
            .route(
                "/form",
                post(async |Form(greeting): Form<Greeting>| greeting.name),
            )
            .route(
                "/query",
                get(async |Query(greeting): Query<Greeting>| greeting.name),
            )
            .route(
                "/long",
                post(async |super::RawBody(body): super::RawBody| body.len().to_string())
                    .layer(body_limit(DIRECT_POST_BYTES)),
            ),
    )
}

async fn status(method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(CONTENT_TYPE, content_type);
    router()
        .oneshot(request.body(body.into()).unwrap())
        .await
        .unwrap()
        .status()
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_json_body_is_read() {
    assert_eq!(
        status("POST", "/json", JSON, r#"{"name":"佐藤"}"#).await,
        StatusCode::OK
    );
    assert_eq!(
        status(
            "POST",
            "/json",
            "application/json; charset=UTF-8",
            r#"{"name":"a"}"#
        )
        .await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn neg_e05_another_content_type_is_refused() {
    for other in [
        "text/plain",
        "application/json; charset=utf-7",
        "application/jsonp",
        "",
        "multipart/form-data",
    ] {
        assert_eq!(
            status("POST", "/json", other, r#"{"name":"a"}"#).await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{other}"
        );
    }
}

#[tokio::test]
async fn neg_p01_a_json_body_with_a_duplicate_member_is_refused() {
    let duplicate = r#"{"name":"a","\u006eame":"b"}"#;
    assert_eq!(
        status("POST", "/json", JSON, duplicate).await,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn neg_p02_a_form_with_a_duplicate_name_is_refused() {
    assert_eq!(
        status("POST", "/form", FORM, "name=a&other=b").await,
        StatusCode::OK
    );
    assert_eq!(
        status("POST", "/form", FORM, "name=a&n%61me=b").await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        status("GET", "/query?name=a", FORM, "").await,
        StatusCode::OK
    );
    assert_eq!(
        status("GET", "/query?name=a&name=a", FORM, "").await,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn neg_p03_a_form_with_broken_escapes_is_refused() {
    assert_eq!(
        status("POST", "/form", FORM, "name=%E4%BD%90").await,
        StatusCode::OK
    );
    for broken in ["name=%E4%BD", "name=%", "name=%4", "name=%zz", "name=%ff"] {
        assert_eq!(
            status("POST", "/form", FORM, broken).await,
            StatusCode::BAD_REQUEST,
            "{broken}"
        );
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_routes_limit() {
    let json_of = |bytes: usize| format!("{{\"name\":\"a\"}}{}", " ".repeat(bytes - 12));
    assert_eq!(
        status("POST", "/json", JSON, json_of(BODY_BYTES)).await,
        StatusCode::OK
    );
    assert_eq!(
        status("POST", "/json", JSON, json_of(BODY_BYTES + 1)).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        status("POST", "/long", JSON, vec![0; DIRECT_POST_BYTES]).await,
        StatusCode::OK
    );
    assert_eq!(
        status("POST", "/long", JSON, vec![0; DIRECT_POST_BYTES + 1]).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}
