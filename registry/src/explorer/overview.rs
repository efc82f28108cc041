//! The first page: is the registry well, who runs it, how much happens.

use super::{
    Site,
    chart::{Chart, Span},
    health::{Health, Verdict},
    language::Language,
    page::{Page, Section, Trouble, digits},
    words,
};
use crate::store::StoreError;
use axum::{extract::State, response::Response};
use maud::{Markup, html};
use protocol::Timestamp;
use serde::Deserialize;
use service::{extract::Query, refusal::Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverviewQuery {
    span: Option<String>,
}

struct Overview {
    health: Health,
    chart: Chart,
    span: Span,
    now: Timestamp,
}

pub(super) async fn overview(
    State(site): State<Site>,
    query: Result<Query<OverviewQuery>, Refusal>,
) -> Response {
    let Ok(Query(query)) = query else {
        return Trouble::Malformed.answer(&site);
    };
    let span = query.span.as_deref().map_or(Some(Span::Hour), Span::of);
    let Some(span) = span else {
        return Trouble::Malformed.answer(&site);
    };
    site.show(move |site| {
        let now = service::clock::now();
        let overview = Overview {
            health: Health::of(&site.replica, site.operations.readiness(), now),
            chart: Chart::of(&site.replica, span, now)?,
            span,
            now,
        };
        let mut page = Page::of(Section::Overview, site.language, overview.page(site));
        if span != Span::Hour {
            page.path = format!("?span={}", span.code());
        }
        Ok::<_, StoreError>(Some(page))
    })
    .await
}

impl Overview {
    fn page(&self, site: &Site) -> Markup {
        let language = site.language;
        html! {
            h1.quiet { (language.say("登録簿の概要", "The registry at a glance")) }
            (verdict(&self.health, language, self.now))
            dl.figures {
                (figure(language.say("記録", "Records"), &language.number(self.health.size)))
                (figure(
                    language.say("署名中の参加組織", "Members signing"),
                    &format!("{} / {}", self.health.signing(), self.health.taking_part()),
                ))
                (figure(
                    language.say("必要な署名数", "Signatures needed"),
                    &self.health.quorum.to_string(),
                ))
                (figure(
                    language.say("最後の合同署名", "Last signed together"),
                    &self.health.cosigned_at.map_or_else(
                        || "—".to_owned(),
                        |at| language.ago(at, self.now),
                    ),
                ))
            }
            (self.search(language))
            section aria-labelledby="throughput" {
                h2 #throughput { (language.say("記録の件数", "Records over time")) }
                p.choices {
                    @for span in Span::ALL {
                        @let href = format!("/explorer/{}?span={}", language.code(), span.code());
                        @if span == self.span {
                            a href=(href) aria-current="true" { (span.name(language)) }
                        } @else {
                            a href=(href) { (span.name(language)) }
                        }
                    }
                }
                (self.chart.draw(language))
            }
            (who(&self.health, language))
            (fingerprint(site))
        }
    }

    fn search(&self, language: Language) -> Markup {
        html! {
            form.search action={ "/explorer/" (language.code()) "/find" } method="get" role="search" {
                label for="q" { (language.say("案件・申込み・記録を番号で探す", "Find a case, an application or a record by its number")) }
                div.field {
                    input #q type="text" name="q" required maxlength="80" autocomplete="off" spellcheck="false"
                        autocapitalize="off" placeholder=(language.say("例: 1024", "e.g. 1024"));
                    button type="submit" { (language.say("探す", "Find")) }
                }
            }
        }
    }
}

fn figure(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn verdict(health: &Health, language: Language, now: Timestamp) -> Markup {
    let signing = health.signing();
    let members = health.taking_part();
    let (class, mark, title) = match health.verdict {
        Verdict::Well => (
            "well",
            "✓",
            language.say("正常に動いています", "The registry works normally"),
        ),
        Verdict::Weak => (
            "weak",
            "!",
            language.say(
                "動いていますが、応答のない参加組織があります",
                "The registry works, but not all members take part",
            ),
        ),
        Verdict::Ill => (
            "ill",
            "×",
            language.say(
                "このノードは最新の状態を示せません",
                "This node cannot show the present state",
            ),
        ),
        Verdict::Starting => (
            "weak",
            "…",
            language.say("開始を待っています", "Waiting for the start"),
        ),
    };
    let detail = match (health.verdict, language) {
        (Verdict::Well | Verdict::Weak, Language::Japanese) => format!(
            "参加 {members} 組織のうち {signing} 組織が直近15分に署名しました。{} 組織の署名で記録は確定します。",
            health.quorum
        ),
        (Verdict::Well | Verdict::Weak, Language::English) => format!(
            "{signing} of {members} members signed within the last 15 minutes; {} are needed for a record to be final.",
            health.quorum
        ),
        (Verdict::Ill, _) => ill(health.word, language).to_owned(),
        (Verdict::Starting, _) => language
            .say(
                "必要な数の参加組織がまだ署名していません。",
                "Not enough members have signed yet.",
            )
            .to_owned(),
    };
    html! {
        div.verdict.(class) role="status" {
            span.mark aria-hidden="true" { (mark) }
            div {
                p.title { (title) }
                p { (detail) }
                @if let Some(at) = health.cosigned_at {
                    p.small {
                        (language.say("最後の合同署名: ", "Last signed together: "))
                        (language.time(at)) " (" (language.ago(at, now)) ")"
                    }
                }
            }
        }
    }
}

const fn ill(word: Option<&'static str>, language: Language) -> &'static str {
    match word {
        Some(word) if matches!(word.as_bytes(), b"behind") => language.say(
            "このノードは他のノードより遅れており、追いつくところです。",
            "This node lacks blocks that the others have, and is fetching them.",
        ),
        Some(_) | None => language.say(
            "必要な数の参加組織が互いに連絡できていません。確定した記録は失われませんが、新しい記録は待たされます。",
            "Fewer members than needed reach one another. No final record is lost, but new ones have to wait.",
        ),
    }
}

fn who(health: &Health, language: Language) -> Markup {
    html! {
        section aria-labelledby="who" {
            h2 #who { (language.say("誰が運営しているか", "Who runs it")) }
            p {
                (language.say(
                    "次の組織が、それぞれ自分のノードで同じ記録を保管し、互いに検証しています。",
                    "These organisations each keep the same records on a node of their own, and check one another.",
                ))
            }
            ul.members {
                @for seat in &health.seats {
                    li {
                        (super::members::badge(seat.attendance, language))
                        span {
                            b { (words::name(&seat.member.name)) }
                            @for service in words::services_of(&seat.member, &health.parties) {
                                " " span.service { (words::name(service)) }
                            }
                            br;
                            span.small { (words::role(seat.member.role, language)) }
                        }
                    }
                }
            }
            p { a href={ "/explorer/" (language.code()) "/members" } {
                (language.say("参加組織の詳細", "More about the members"))
            } }
        }
    }
}

fn fingerprint(site: &Site) -> Markup {
    let language = site.language;
    html! {
        section aria-labelledby="fingerprint" {
            h2 #fingerprint { (language.say("登録簿の指紋", "Fingerprint of the registry")) }
            p {
                (language.say(
                    "この登録簿がどの組織と鍵から始まったかは、一つの指紋で決まります。お手元の書類にある指紋と一桁も違わないことをお確かめください。違えば、別の登録簿です。",
                    "Which organisations and keys this registry began with is fixed by one fingerprint. Compare every digit with the one that you have on paper: if it differs, this is another registry.",
                ))
            }
            p.fingerprint { (digits(&site.replica.genesis().network().to_string())) }
        }
    }
}
