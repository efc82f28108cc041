//! What happened in a case, or to an application, in its order.

use super::{
    Named, Site,
    entries::Read,
    language::Language,
    page::{Page, Section, Trouble, digits},
    records::link,
    words,
};
use crate::store::StoreError;
use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use protocol::registry::{ApplicationId, CaseId, Parties, record::Body};

/// Records of a case or an application that a page shows: more than either can have under any process definition.
const TIMELINE_MAX: usize = 200;

pub(super) async fn case(State(site): State<Site>, name: Named) -> Response {
    let case = name.ok().and_then(|Path(name)| name.parse::<CaseId>().ok());
    let Some(case) = case else {
        return Trouble::Malformed.answer(&site);
    };
    site.show(move |site| {
        let indexes = site.replica.case(&case)?;
        let Some(entries) = read(site, &indexes)? else {
            return Ok::<_, StoreError>(None);
        };
        let parties = site.replica.parties();
        let content = case_page(&case, &entries, &parties, site.language);
        let path = format!("/cases/{case}");
        let title = site.language.say("案件の経過", "A case");
        Ok(Some(page(title, path, site.language, content)))
    })
    .await
}

pub(super) async fn application(State(site): State<Site>, name: Named) -> Response {
    let application = name
        .ok()
        .and_then(|Path(name)| name.parse::<ApplicationId>().ok());
    let Some(application) = application else {
        return Trouble::Malformed.answer(&site);
    };
    site.show(move |site| {
        let indexes = site.replica.application(&application)?;
        let Some(entries) = read(site, &indexes)? else {
            return Ok::<_, StoreError>(None);
        };
        let parties = site.replica.parties();
        let content = application_page(&application, &entries, &parties, site.language);
        let path = format!("/applications/{application}");
        let title = site.language.say("申込みの経過", "An application");
        Ok(Some(page(title, path, site.language, content)))
    })
    .await
}

fn read(site: &Site, indexes: &[u64]) -> Result<Option<Vec<Read>>, StoreError> {
    let entries = indexes.iter().take(TIMELINE_MAX);
    let entries = entries.map(|index| Read::at(&site.replica, *index));
    let entries: Vec<Read> = entries.collect::<Result<_, _>>()?;
    Ok((!entries.is_empty()).then_some(entries))
}

fn page(title: &str, path: String, language: Language, content: Markup) -> Page {
    let mut page = Page::of(Section::Records, language, content);
    page.title = title.to_owned();
    page.path = path;
    page
}

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
    Erased,
}

fn stage(case: &CaseId, entries: &[Read], parties: &Parties) -> Stage {
    let definitions = parties.process_definitions();
    let mut stage = Stage::Open;
    for entry in entries {
        if matches!(entry.record.body(), Body::Erasure(_)) {
            stage = Stage::Erased;
        }
        let events = entry.record.body().case_events().iter();
        for event in events.filter(|event| event.case == *case) {
            let definition = definitions
                .iter()
                .find(|definition| definition.version == event.definition);
            let step = definition.and_then(|definition| definition.step(event.code));
            if step.is_some_and(|step| step.terminal) && stage == Stage::Open {
                stage = Stage::Closed;
            }
        }
    }
    stage
}

fn case_page(case: &CaseId, entries: &[Read], parties: &Parties, language: Language) -> Markup {
    let (class, word) = match stage(case, entries, parties) {
        Stage::Open => ("weak", language.say("進行中", "in progress")),
        Stage::Closed => ("well", language.say("終了", "closed")),
        Stage::Erased => (
            "well",
            language.say("終了・証拠資料は消去済み", "closed, evidence erased"),
        ),
    };
    html! {
        h1 { (language.say("案件の経過", "A case and its steps")) }
        p.lead { (digits(&case.to_string())) " " span.badge.(class) { (word) } }
        p {
            (language.say(
                "案件とは、ある人の本人確認の一連の手続きです。誰の案件かは登録簿からは分かりません。",
                "A case is the identity checks of one person. Whose case it is cannot be told from the registry.",
            ))
        }
        ol.timeline {
            @for entry in entries {
                @let body = entry.record.body();
                @for event in body.case_events().iter().filter(|event| event.case == *case) {
                    (moment(entry, &words::step(event, parties, language), parties, language))
                }
                @if matches!(body, Body::Erasure(_)) {
                    (moment(entry, &words::sentence(body, parties, language), parties, language))
                }
            }
        }
    }
}

fn application_page(
    application: &ApplicationId,
    entries: &[Read],
    parties: &Parties,
    language: Language,
) -> Markup {
    html! {
        h1 { (language.say("申込みの経過", "An application and its answers")) }
        p.lead { (digits(&application.to_string())) }
        p {
            (language.say(
                "ある人が一社への情報提供に同意し、その会社が回答した経過です。誰が、どの会社に申し込んだかは登録簿からは分かりません。",
                "A person agreed to show data to one company, and that company answered. Who applied where cannot be told from the registry.",
            ))
        }
        ol.timeline {
            @for entry in entries {
                (moment(entry, &words::sentence(entry.record.body(), parties, language), parties, language))
            }
        }
    }
}

fn moment(entry: &Read, what: &Markup, parties: &Parties, language: Language) -> Markup {
    let (body, author) = (entry.record.body(), entry.record.author());
    html! {
        li {
            p.when { (language.time(entry.time)) }
            p.what { (what) }
            p.small {
                (words::author(body, author, parties, language)) " · "
                (language.say("記録 ", "record ")) (link(entry.index, language))
            }
        }
    }
}
