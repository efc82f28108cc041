//! From a number that somebody has to its page.

use super::{Site, page::Trouble};
use crate::store::StoreError;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use protocol::registry::{ApplicationId, CaseId, RecordId};
use serde::Deserialize;
use service::{extract::Query, refusal::Refusal};

/// More cannot be a number of anything.
const CHARACTERS_MAX: usize = 120;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindQuery {
    q: String,
}

/// Numbers are copied from letters and other pages: spaces, commas and capitals in them mean nothing.
fn tidied(query: &str) -> Option<String> {
    if query.chars().count() > CHARACTERS_MAX {
        return None;
    }
    let kept = query.chars().filter(|c| !c.is_whitespace() && *c != ',');
    let text: String = kept.collect::<String>().to_ascii_lowercase();
    text.chars()
        .all(|c| c.is_ascii_hexdigit())
        .then_some(text)
        .filter(|text| !text.is_empty())
}

pub(super) async fn find(
    State(site): State<Site>,
    query: Result<Query<FindQuery>, Refusal>,
) -> Response {
    let wanted = query.ok().and_then(|Query(query)| tidied(&query.q));
    let Some(wanted) = wanted else {
        return Trouble::Malformed.answer(&site);
    };
    let path = site.read(move |site| path_of(site, &wanted)).await;
    match path {
        Ok(Some(path)) => {
            let language = site.language.code();
            Redirect::to(&format!("/explorer/{language}{path}")).into_response()
        }
        Ok(None) => Trouble::NotFound.answer(&site),
        Err(trouble) => trouble.answer(&site),
    }
}

/// A case, an application, a record by its id, or a record by its index.
fn path_of(site: &Site, wanted: &str) -> Result<Option<String>, StoreError> {
    if let Ok(case) = wanted.parse::<CaseId>()
        && !site.replica.case(&case)?.is_empty()
    {
        return Ok(Some(format!("/cases/{case}")));
    }
    if let Ok(application) = wanted.parse::<ApplicationId>()
        && !site.replica.application(&application)?.is_empty()
    {
        return Ok(Some(format!("/applications/{application}")));
    }
    if let Ok(id) = wanted.parse::<RecordId>() {
        let index = site.replica.read_state(|state, _| state.index_of(&id));
        let index =
            index.map_err(|_unreadable| StoreError::Damaged("an entry that cannot be read"))?;
        return Ok(index.map(|index| format!("/records/{index}")));
    }
    let index = super::decimal::<u64>(wanted).filter(|index| *index < site.size());
    Ok(index.map(|index| format!("/records/{index}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_as_people_copy_them() {
        assert_eq!(tidied(" 1,024\n").as_deref(), Some("1024"));
        assert_eq!(tidied("0A0B 0c0d").as_deref(), Some("0a0b0c0d"));
        for nothing in ["", "  ", "../etc", "12 OR 1=1", "<b>", "一"] {
            assert_eq!(tidied(nothing), None, "{nothing}");
        }
        assert_eq!(tidied(&"0".repeat(120)).map(|text| text.len()), Some(120));
        assert_eq!(tidied(&"0".repeat(121)), None);
    }
}
