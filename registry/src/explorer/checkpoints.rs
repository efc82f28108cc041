//! The checkpoints that a quorum signed, and who did.

use super::{
    Site,
    language::Language,
    page::{Page, Section},
    words,
};
use crate::{cosigning::Signed, store::StoreError};
use axum::{extract::State, response::Response};
use maud::{Markup, html};
use protocol::registry::Parties;

pub(super) async fn checkpoints(State(site): State<Site>) -> Response {
    site.show(|site| {
        let recent = site.replica.cosigning().recent();
        let parties = site.replica.parties();
        let content = page(&recent, &parties, site.language);
        let page = Page::of(Section::Checkpoints, site.language, content);
        Ok::<_, StoreError>(Some(page))
    })
    .await
}

fn page(recent: &[Signed], parties: &Parties, language: Language) -> Markup {
    let labels = [
        language.say("記録数", "Records"),
        language.say("ブロックの時刻", "Time of the block"),
        language.say("ブロック", "Block"),
        language.say("署名した組織", "Signed by"),
    ];
    html! {
        h1 { (language.say("合同署名", "Checkpoints")) }
        p.lead {
            (language.say(
                "参加組織は、登録簿が今この内容であることに合同で署名します。必要な数の署名がそろった時点で、それまでの記録はすべて確定し、後から変えることも消すこともできません。",
                "The members sign together that the registry has this content now. With enough signatures all records up to there are final: none can be changed or removed.",
            ))
        }
        @if recent.is_empty() {
            p.empty { (language.say("このノードの起動後の合同署名はまだありません。", "None since this node started.")) }
        } @else {
            table.cards {
                caption.hidden { (language.say("最近の合同署名", "Recent checkpoints")) }
                thead { tr { @for label in labels { th scope="col" { (label) } } } }
                tbody {
                    @for signed in recent { (row(signed, parties, labels, language)) }
                }
            }
            p.small {
                (language.say(
                    "このノードの起動後のもののうち、10秒に一つずつ、最大100件を示します。",
                    "Those since this node started, one in ten seconds, at most 100.",
                ))
            }
        }
        p { a href="/checkpoint" { (language.say("最新の合同署名の原文", "The latest checkpoint as it was signed")) } }
    }
}

fn row(signed: &Signed, parties: &Parties, labels: [&str; 4], language: Language) -> Markup {
    let checkpoint = &signed.checkpoint;
    let [records, time, block, by] = labels;
    let absent = parties.members_in_force();
    let absent: Vec<&str> = absent
        .map(|member| member.name.as_str())
        .filter(|name| !signed.signers.contains_key(*name))
        .collect();
    html! {
        tr {
            th scope="row" data-label=(records) { (language.number(checkpoint.size)) }
            td data-label=(time) {
                @if checkpoint.time.as_unix() > 0 { (language.time(checkpoint.time)) } @else { "—" }
            }
            td data-label=(block) { (language.number(checkpoint.height)) }
            td data-label=(by) {
                div {
                    @for (at, name) in signed.signers.keys().enumerate() {
                        @if at > 0 { (language.say("、", ", ")) }
                        (words::name(name))
                    }
                    @if !absent.is_empty() {
                        br;
                        span.small {
                            (language.say("署名が届いていない: ", "no signature here of: "))
                            @for (at, name) in absent.iter().enumerate() {
                                @if at > 0 { (language.say("、", ", ")) }
                                (words::name(name))
                            }
                        }
                    }
                }
            }
        }
    }
}
