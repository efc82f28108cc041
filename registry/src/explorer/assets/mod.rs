//! The files that the pages load: all of them ours, and part of the program.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Long enough for the pages of one visit; a new program brings new files.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) async fn asset(Path(file): Path<String>) -> Response {
    let (content_type, body) = match file.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("style.css")),
        "icon.svg" => ("image/svg+xml", include_str!("icon.svg")),
        "check.mjs" => ("text/javascript; charset=utf-8", include_str!("check.mjs")),
        "page.mjs" => ("text/javascript; charset=utf-8", include_str!("page.mjs")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, CACHED),
    ];
    (headers, body).into_response()
}
