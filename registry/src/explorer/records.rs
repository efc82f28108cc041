//! The records, the newest first, and one record with all that it says.

use super::{
    Named, Site,
    entries::Read,
    language::Language,
    page::{Page, Section, Trouble, digits},
    words,
};
use crate::store::StoreError;
use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, Render, html};
use protocol::registry::{Parties, record::Body};
use serde::Deserialize;
use service::{extract::Query, refusal::Refusal};

/// Records on a page.
const PAGE_RECORDS: u64 = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordsQuery {
    before: Option<String>,
}

/// `?before=N`: the records below index N.
pub(super) async fn records(
    State(site): State<Site>,
    query: Result<Query<RecordsQuery>, Refusal>,
) -> Response {
    let Ok(Query(query)) = query else {
        return Trouble::Malformed.answer(&site);
    };
    let before = query.before.as_deref().map(super::decimal::<u64>);
    if before == Some(None) {
        return Trouble::Malformed.answer(&site);
    }
    let before = before.flatten();
    site.show(move |site| {
        let size = site.size();
        let end = before.unwrap_or(size);
        if end > size || before == Some(0) {
            return Ok::<_, StoreError>(None);
        }
        let mut entries = Vec::new();
        for index in (end.saturating_sub(PAGE_RECORDS)..end).rev() {
            entries.push(Read::at(&site.replica, index)?);
        }
        let parties = site.replica.parties();
        let content = list(&entries, end, size, &parties, site.language);
        let mut page = Page::of(Section::Records, site.language, content);
        if before.is_some() {
            page.path = format!("/records?before={end}");
        }
        Ok(Some(page))
    })
    .await
}

fn list(entries: &[Read], end: u64, size: u64, parties: &Parties, language: Language) -> Markup {
    html! {
        h1 { (language.say("記録", "Records")) }
        p.lead {
            @match language {
                Language::Japanese => { "確定した記録は " (language.number(size)) " 件です。新しい順に示します。" }
                Language::English => { (language.number(size)) " records are final. The newest come first." }
            }
        }
        @if entries.is_empty() {
            p.empty { (language.say("まだ記録がありません。", "There are no records yet.")) }
        } @else {
            (table(entries, parties, language))
            (pages(end, size, language))
        }
    }
}

/// Records as a table that becomes cards where the screen is narrow.
pub(super) fn table(entries: &[Read], parties: &Parties, language: Language) -> Markup {
    let labels = [
        language.say("番号", "Number"),
        language.say("時刻", "Time"),
        language.say("種類", "Kind"),
        language.say("内容", "What it says"),
        language.say("記録した者", "By"),
    ];
    let [number, time, kind, says, by] = labels;
    html! {
        table.cards.records {
            caption.hidden { (language.say("記録の一覧", "Records")) }
            thead { tr { @for label in labels { th scope="col" { (label) } } } }
            tbody {
                @for entry in entries {
                    @let body = entry.record.body();
                    tr {
                        th scope="row" data-label=(number) { (link(entry.index, language)) }
                        td data-label=(time) { (language.time(entry.time)) }
                        td data-label=(kind) { span.kind { (words::kind(body, language)) } }
                        td data-label=(says) { div { (words::sentence(body, parties, language)) } }
                        td data-label=(by) {
                            div { (words::author(body, entry.record.author(), parties, language)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn link(index: u64, language: Language) -> Markup {
    html! {
        a href={ "/explorer/" (language.code()) "/records/" (index) } { (language.number(index)) }
    }
}

fn pages(end: u64, size: u64, language: Language) -> Markup {
    let address = |before: u64| format!("/explorer/{}/records?before={before}", language.code());
    let older = end.saturating_sub(PAGE_RECORDS);
    html! {
        nav.pages aria-label=(language.say("記録のページ", "Pages of records")) {
            @if end < size {
                a.button href=(address(end.saturating_add(PAGE_RECORDS).min(size))) rel="prev" {
                    (language.say("← 新しい記録", "← Newer"))
                }
            }
            @if older > 0 {
                a.button href=(address(older)) rel="next" { (language.say("古い記録 →", "Older →")) }
            }
        }
    }
}

pub(super) async fn record(State(site): State<Site>, name: Named) -> Response {
    let index = name
        .ok()
        .and_then(|Path(name)| super::decimal::<u64>(&name));
    let Some(index) = index else {
        return Trouble::Malformed.answer(&site);
    };
    site.show(move |site| {
        if index >= site.size() {
            return Ok::<_, StoreError>(None);
        }
        let entry = Read::at(&site.replica, index)?;
        let parties = site.replica.parties();
        let language = site.language;
        let mut page = Page::of(Section::Records, language, one(&entry, &parties, language));
        page.title = match language {
            Language::Japanese => format!("記録 {index}"),
            Language::English => format!("Record {index}"),
        };
        page.path = format!("/records/{index}");
        Ok(Some(page))
    })
    .await
}

fn one(entry: &Read, parties: &Parties, language: Language) -> Markup {
    let body = entry.record.body();
    let index = entry.index;
    html! {
        p.crumb { a href={ "/explorer/" (language.code()) "/records" } { (language.say("記録", "Records")) } }
        h1 {
            @match language {
                Language::Japanese => { "記録 " (language.number(index)) }
                Language::English => { "Record " (language.number(index)) }
            }
        }
        p.lead { span.kind { (words::kind(body, language)) } " " (words::sentence(body, parties, language)) }
        dl.facts {
            (fact(language.say("時刻", "Time"), language.time(entry.time)))
            (fact(language.say("ブロック", "Block"), html! { (language.number(entry.height)) }))
            (fact(
                language.say("記録した者", "By"),
                words::author(body, entry.record.author(), parties, language),
            ))
            (subject(body, language))
        }
        @if let Body::CaseEventGroup(group) = body {
            h2 { (language.say("含まれる手続き", "Steps in this record")) }
            ul.plain {
                @for event in group.events() {
                    li { (words::step(event, parties, language)) " · " (case_link(&event.case.to_string(), language)) }
                }
            }
        }
        h2 { (language.say("受領証", "Receipt")) }
        p {
            (language.say(
                "受領証は、この記録が登録簿にあることを、誰にも尋ねずに示せる証明です。",
                "A receipt shows that this record is on the registry, without anyone's word for it.",
            ))
        }
        p.actions {
            a.button href={ "/explorer/" (language.code()) "/check?record=" (index) } {
                (language.say("受領証を確認する", "Check the receipt"))
            }
            a.button.second href={ "/proofs/" (index) } download={ "receipt-" (index) ".txt" } {
                (language.say("受領証を保存", "Save the receipt"))
            }
            a.button.second href={ "/entries/" (index) } download={ "record-" (index) ".cbor" } {
                (language.say("記録を保存", "Save the record"))
            }
        }
        (technical(entry, language))
    }
}

pub(super) fn fact(name: &str, value: impl Render) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// What the record is about, with its own page.
fn subject(body: &Body, language: Language) -> Markup {
    let application = |id: String| {
        let href = format!("/explorer/{}/applications/{id}", language.code());
        let name = language.say("申込み", "Application");
        fact(name, html! { a href=(href) { (digits(&id)) } })
    };
    match body {
        Body::CaseEvent(event) => {
            let case = case_link(&event.case.to_string(), language);
            fact(language.say("案件", "Case"), case)
        }
        Body::Erasure(erasure) => {
            let case = case_link(&erasure.case.to_string(), language);
            fact(language.say("案件", "Case"), case)
        }
        Body::Designation(designation) => html! {
            (application(designation.application.to_string()))
            (fact(language.say("期限", "Valid until"), language.time(designation.expires)))
        },
        Body::Outcome(outcome) => application(outcome.application.to_string()),
        Body::Proposal(proposal) => html! {
            (fact(language.say("賛成の期限", "Open until"), language.time(proposal.expires)))
            (fact(
                language.say("決定の状況", "What became of it"),
                html! { a href={ "/explorer/" (language.code()) "/decisions" } {
                    (language.say("変更と決定", "Decisions"))
                } },
            ))
        },
        Body::Approval(approval) => fact(
            language.say("提案", "Proposal"),
            html! { (digits(&approval.proposal.to_string())) },
        ),
        Body::CredentialBatch(_) | Body::StatusListVersion(_) | Body::CaseEventGroup(_) => {
            html! {}
        }
    }
}

pub(super) fn case_link(case: &str, language: Language) -> Markup {
    html! { a href={ "/explorer/" (language.code()) "/cases/" (case) } { (digits(case)) } }
}

fn technical(entry: &Read, language: Language) -> Markup {
    let body = entry.record.body();
    let commitment = match body {
        Body::CaseEvent(event) => Some(event.commitment),
        Body::Designation(designation) => Some(designation.commitment),
        Body::Outcome(outcome) => Some(outcome.commitment),
        Body::Erasure(erasure) => Some(erasure.commitment),
        Body::CredentialBatch(_)
        | Body::StatusListVersion(_)
        | Body::Proposal(_)
        | Body::Approval(_)
        | Body::CaseEventGroup(_) => None,
    };
    html! {
        details {
            summary { (language.say("技術的な内容", "Technical details")) }
            dl.facts {
                (fact(language.say("記録の識別子", "Record id"), digits(&entry.record.id().to_string())))
                (fact(language.say("種別番号", "Kind number"), html! { (body.kind()) }))
                (fact(
                    language.say("大きさ", "Size"),
                    html! { (language.number(entry.record.as_bytes().len() as u64)) " B" },
                ))
                @if let Some(commitment) = commitment {
                    (fact(language.say("内容の指紋", "Commitment to the content"), digits(&hexadecimal(commitment.as_bytes()))))
                }
                @if let Body::Proposal(proposal) = body {
                    (fact(
                        language.say("提案の全文", "Text of the change"),
                        html! { pre tabindex="0" { (proposal.change.to_json()) } },
                    ))
                }
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
