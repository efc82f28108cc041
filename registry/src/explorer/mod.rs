//! The explorer: pages for people who want to know who runs the registry, whether it is well, and what stands on it.
//!
//! | path | page |
//! | --- | --- |
//! | GET /explorer | to the page in the browser's language |
//! | GET /explorer/{ja,en}?span= | overview: `hour`, `day` or `month` |
//! | GET /explorer/{ja,en}/members | who takes part, who signed lately |
//! | GET /explorer/{ja,en}/records?before=N | fifty records below index N |
//! | GET /explorer/{ja,en}/records/{index} | one record |
//! | GET /explorer/{ja,en}/cases/{case} | the steps of a case |
//! | GET /explorer/{ja,en}/applications/{application} | the answers to an application |
//! | GET /explorer/{ja,en}/checkpoints | what a quorum signed, and who did |
//! | GET /explorer/{ja,en}/decisions | what members propose and decided |
//! | GET /explorer/{ja,en}/check?record=N | checks a receipt in the browser |
//! | GET /explorer/{ja,en}/find?q= | to the case, application or record with this number |
//! | GET /explorer/assets/{file} | style, icon, and the check's scripts |
//!
//! The pages are made here, need no script but the check, load nothing from elsewhere, and only read. What they show is what
//! this node says; the check shows what the members signed. No page holds anything that is not on the ledger, and what
//! members wrote there is escaped by `maud`.

mod assets;
mod cases;
mod chart;
mod check;
mod checkpoints;
mod decisions;
mod entries;
mod find;
mod health;
mod language;
mod members;
mod overview;
mod page;
mod records;
#[cfg(test)]
mod tests;
mod words;

use crate::{operations::NodeOperations, replica::Replica};
use axum::{
    Router,
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use language::Language;
use page::{Page, Trouble};
use std::{str::FromStr, sync::Arc};

/// What the pages are made from.
#[derive(Clone)]
struct Site {
    replica: Arc<Replica>,
    operations: Arc<NodeOperations>,
    /// The member that this node belongs to.
    member: Arc<str>,
    language: Language,
}

impl Site {
    /// How many records readers may see.
    fn size(&self) -> u64 {
        let latest = self.replica.latest();
        latest.map_or(0, |latest| latest.checkpoint.size())
    }

    /// Reads where it may wait for the disk.
    async fn read<T: Send + 'static, E: std::error::Error + Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Trouble> {
        let site = self.clone();
        match tokio::task::spawn_blocking(move || read(&site)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "a page could not be made");
                Err(Trouble::Internal)
            }
            Err(_cancelled) => Err(Trouble::Unavailable),
        }
    }

    /// Answers with a page; none if there is no such thing.
    async fn show<E: std::error::Error + Send + 'static>(
        self,
        make: impl FnOnce(&Self) -> Result<Option<Page>, E> + Send + 'static,
    ) -> Response {
        match self.read(make).await {
            Ok(Some(page)) => page.answer(&self),
            Ok(None) => Trouble::NotFound.answer(&self),
            Err(trouble) => trouble.answer(&self),
        }
    }
}

/// The pages of a node.
pub(crate) fn router(
    replica: &Arc<Replica>,
    operations: &Arc<NodeOperations>,
    member: &str,
) -> Router {
    let site = |language| Site {
        replica: Arc::clone(replica),
        operations: Arc::clone(operations),
        member: member.into(),
        language,
    };
    let mut router = Router::new().route("/explorer/assets/{file}", get(assets::asset));
    for language in Language::ALL {
        let below = format!("/explorer/{}", language.code());
        router = router.nest(&below, pages(site(language)));
    }
    let lost = site(Language::Japanese);
    let elsewhere = async move |uri: Uri, headers: HeaderMap| {
        let language = Language::of_path(uri.path()).unwrap_or(Language::wanted(&headers));
        Trouble::NotFound.answer(&Site { language, ..lost })
    };
    router
        .route("/explorer", get(front))
        .route("/explorer/", get(front))
        .route("/explorer/{*rest}", any(elsewhere))
}

fn pages(site: Site) -> Router {
    let read_only = site.clone();
    Router::new()
        .route("/", get(overview::overview))
        .route("/members", get(members::members))
        .route("/records", get(records::records))
        .route("/records/{index}", get(records::record))
        .route("/cases/{case}", get(cases::case))
        .route("/applications/{application}", get(cases::application))
        .route("/checkpoints", get(checkpoints::checkpoints))
        .route("/decisions", get(decisions::decisions))
        .route("/check", get(check::check))
        .route("/find", get(find::find))
        .method_not_allowed_fallback(async move || Trouble::Method.answer(&read_only))
        .with_state(site)
}

/// Sends a visitor to the pages in their language.
async fn front(headers: HeaderMap) -> Response {
    let language = Language::wanted(&headers);
    let there = Redirect::to(&format!("/explorer/{}", language.code()));
    let varies = [(header::VARY, HeaderValue::from_static("accept-language"))];
    (varies, there).into_response()
}

/// A name in a path, which may not even be text.
type Named = Result<Path<String>, PathRejection>;

/// A number in its one spelling.
fn decimal<T: FromStr + ToString>(text: &str) -> Option<T> {
    let number = text.parse::<T>().ok();
    number.filter(|number| number.to_string() == text)
}
