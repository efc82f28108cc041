//! Who runs the registry, who votes, who signed lately; and who may issue and ask.

use super::{
    Site,
    health::{Attendance, Health, Seat},
    language::Language,
    page::{Page, Section},
    words,
};
use crate::{replica::Replica, store::StoreError};
use axum::{extract::State, response::Response};
use maud::{Markup, html};
use protocol::{
    Timestamp,
    registry::{Committee, Parties},
};

pub(super) async fn members(State(site): State<Site>) -> Response {
    site.show(|site| {
        let now = service::clock::now();
        let health = Health::of(&site.replica, site.operations.readiness(), now);
        let scheduled = scheduled(&site.replica);
        let content = page(&health, &scheduled, site, now);
        let page = Page::of(Section::Members, site.language, content);
        Ok::<_, StoreError>(Some(page))
    })
    .await
}

/// The committees that are decided and not in force.
fn scheduled(replica: &Replica) -> Vec<Committee> {
    replica.read_state(|state, height| state.scheduled(height))
}

fn page(health: &Health, scheduled: &[Committee], site: &Site, now: Timestamp) -> Markup {
    let language = site.language;
    let labels = [
        language.say("組織", "Organisation"),
        language.say("役割", "Role"),
        language.say("権限", "Takes part by"),
        language.say("状態", "State"),
        language.say("最後の署名", "Signed last"),
    ];
    html! {
        h1 { (language.say("参加組織", "Members")) }
        p.lead { (rule(health, language)) }
        table.cards {
            caption.hidden { (language.say("参加組織とその状態", "Members and how they do")) }
            thead { tr { @for label in labels { th scope="col" { (label) } } } }
            tbody {
                @for seat in &health.seats { (row(seat, health, site, now, labels)) }
            }
        }
        p.small {
            (language.say(
                "状態は、このノードに届いた署名から判断しています。どの組織も少なくとも5分に一度は署名します。",
                "How they do is judged by the signatures that reached this node. Every member signs at least every five minutes.",
            ))
        }
        (coming(scheduled, language))
        (registered(&health.parties, language))
    }
}

fn rule(health: &Health, language: Language) -> String {
    let members = health.taking_part();
    let quorum = health.quorum;
    let spare = members.saturating_sub(quorum);
    match language {
        Language::Japanese => format!(
            "{members} 組織のうち {quorum} 組織の署名がそろうと記録が確定します。同時に {spare} 組織までなら、停止しても、不正をしても、登録簿は正しく動き続けます。"
        ),
        Language::English => format!(
            "A record is final when {quorum} of {members} members have signed. The registry stays right and goes on while no more than {spare} of them are down or lie."
        ),
    }
}

fn row(seat: &Seat, health: &Health, site: &Site, now: Timestamp, labels: [&str; 5]) -> Markup {
    let language = site.language;
    let member = &seat.member;
    let [organisation, role, part, state, signed] = labels;
    html! {
        tr {
            th scope="row" data-label=(organisation) {
                div {
                    (words::name(&member.name))
                    @for service in words::services_of(member, &health.parties) {
                        br; span.service { (words::name(service)) }
                    }
                    @if *member.name == *site.member {
                        br; span.small { (language.say("このノード", "this node")) }
                    }
                }
            }
            td data-label=(role) { (words::role(member.role, language)) }
            td data-label=(part) {
                @if member.validator {
                    (language.say("投票と署名", "voting and signing"))
                } @else {
                    (language.say("立会い（署名のみ）", "witnessing (signs, does not vote)"))
                }
            }
            td data-label=(state) { (badge(seat.attendance, language)) }
            td data-label=(signed) {
                div {
                    @match seat.last {
                        Some(last) => {
                            (language.time(last.at))
                            br; span.small {
                                (language.ago(last.at, now)) " · "
                                (language.say("記録数 ", "records: ")) (language.number(last.size))
                            }
                        }
                        None => span.small {
                            (language.say("このノードの起動後に届いていません", "not heard since this node started"))
                        },
                    }
                }
            }
        }
    }
}

/// How a member does, in a word that does not need its colour.
pub(super) fn badge(attendance: Attendance, language: Language) -> Markup {
    match attendance {
        Attendance::Signing => html! { span.badge.well { (language.say("署名中", "signing")) } },
        Attendance::Behind { records } => html! {
            span.badge.weak {
                @match language {
                    Language::Japanese => { (language.number(records)) " 件遅れ" }
                    Language::English => { (language.number(records)) " records behind" }
                }
            }
        },
        Attendance::Silent => html! { span.badge.ill { (language.say("応答なし", "silent")) } },
        Attendance::Suspended => {
            html! { span.badge.off { (language.say("参加停止", "suspended")) } }
        }
    }
}

fn coming(scheduled: &[Committee], language: Language) -> Markup {
    html! {
        @if !scheduled.is_empty() {
            h2 { (language.say("決まっている変更", "Decided for later")) }
            @for committee in scheduled {
                p {
                    @match language {
                        Language::Japanese => {
                            "ブロック " (language.number(committee.height)) " からの参加組織: "
                        }
                        Language::English => {
                            "Members from block " (language.number(committee.height)) " on: "
                        }
                    }
                    @for (at, member) in committee.members.iter().enumerate() {
                        @if at > 0 { (language.say("、", ", ")) }
                        (words::name(&member.name))
                        @if member.suspended { " (" (language.say("参加停止", "suspended")) ")" }
                    }
                }
            }
        }
    }
}

fn registered(parties: &Parties, language: Language) -> Markup {
    html! {
        h2 { (language.say("本人確認の発行元", "Issuers of identity checks")) }
        @if parties.issuers().is_empty() {
            p { (language.say("登録はありません。", "None is registered.")) }
        }
        ul.plain {
            @for issuer in parties.issuers() {
                li {
                    b { (words::name(&issuer.name)) } " "
                    span.small { (words::name(issuer.id.as_str())) " · " (words::name(&issuer.member)) }
                    @if issuer.retired { " " span.badge.off { (language.say("登録終了", "retired")) } }
                }
            }
        }
        h2 { (language.say("情報の提供を求められる会社", "Companies that may ask for data")) }
        @if parties.verifiers().is_empty() {
            p { (language.say("登録はありません。", "None is registered.")) }
        }
        ul.plain {
            @for verifier in parties.verifiers() {
                li {
                    b { (words::name(&verifier.name)) } " "
                    span.small { (words::name(verifier.id.as_str())) " · " (words::name(&verifier.member)) }
                    @for purpose in &verifier.purposes {
                        @let text = purpose.text.get(language.code()).unwrap_or(&purpose.id);
                        br; span.small {
                            (language.say("目的: ", "Purpose: ")) (words::name(text)) " · "
                            @match language {
                                Language::Japanese => { "求められる項目 " (purpose.claims.len()) }
                                Language::English => { (purpose.claims.len()) " kinds of data" }
                            }
                        }
                    }
                }
            }
        }
    }
}
