//! `GET /status/{list}`

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use protocol::status::MEDIA_TYPE;
use service::refusal::Refusal;

use crate::{
    api::{blocking, fault},
    issuer::Issuer,
};

/// Routes of status lists.
pub(crate) fn router() -> Router<Arc<Issuer>> {
    Router::new().route("/status/{list}", get(show))
}

async fn show(
    State(issuer): State<Arc<Issuer>>,
    Path(list): Path<String>,
) -> Result<Response, Refusal> {
    let list: u16 = list.parse().map_err(|_| Refusal::not_found())?;
    if list >= issuer.config.status_lists {
        return Err(Refusal::not_found());
    }
    let published = blocking(&issuer, move |issuer| super::published(issuer, list)).await?;
    let version = published
        .map_err(|error| fault(&error))?
        .ok_or_else(Refusal::unavailable)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=60"),
        ),
    ];
    Ok((headers, version.token).into_response())
}
