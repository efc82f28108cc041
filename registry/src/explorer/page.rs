//! The frame of every page: head, navigation, footer, headers; and the pages that say what went wrong.

use super::{Site, language::Language};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

/// Scripts run on the page that checks receipts, and there only ours.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The hexadecimal digits of an identifier are read by people in groups of this many.
const GROUP_DIGITS: usize = 8;

/// Where a page stands in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Members,
    Records,
    Checkpoints,
    Decisions,
    Check,
    None,
}

impl Section {
    const NAVIGATION: [Self; 6] = [
        Self::Overview,
        Self::Members,
        Self::Records,
        Self::Checkpoints,
        Self::Decisions,
        Self::Check,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Overview | Self::None => "",
            Self::Members => "/members",
            Self::Records => "/records",
            Self::Checkpoints => "/checkpoints",
            Self::Decisions => "/decisions",
            Self::Check => "/check",
        }
    }

    const fn name(self, language: Language) -> &'static str {
        match self {
            Self::Overview | Self::None => language.say("概要", "Overview"),
            Self::Members => language.say("参加組織", "Members"),
            Self::Records => language.say("記録", "Records"),
            Self::Checkpoints => language.say("合同署名", "Checkpoints"),
            Self::Decisions => language.say("変更と決定", "Decisions"),
            Self::Check => language.say("受領証の確認", "Check a receipt"),
        }
    }
}

/// A page that is ready to be framed.
pub(super) struct Page {
    pub(super) section: Section,
    pub(super) title: String,
    /// Its address after the language, with its query.
    pub(super) path: String,
    pub(super) status: StatusCode,
    pub(super) content: Markup,
}

impl Page {
    /// A page of the navigation.
    pub(super) fn of(section: Section, language: Language, content: Markup) -> Self {
        Self {
            section,
            title: section.name(language).to_owned(),
            path: section.path().to_owned(),
            status: StatusCode::OK,
            content,
        }
    }

    /// Puts the frame around it.
    pub(super) fn answer(self, site: &Site) -> Response {
        let policy = if self.section == Section::Check {
            POLICY_WITH_SCRIPT
        } else {
            POLICY
        };
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_LANGUAGE, site.language.code()),
            (header::CONTENT_SECURITY_POLICY, policy),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=()",
            ),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        (self.status, headers, self.framed(site).into_string()).into_response()
    }

    fn framed(&self, site: &Site) -> Markup {
        let language = site.language;
        let network = site.replica.genesis().name();
        html! {
            (DOCTYPE)
            html lang=(language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (self.title) " · " (network) }
                    link rel="icon" href="/explorer/assets/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/explorer/assets/style.css";
                    @if self.section == Section::Check {
                        script type="module" src="/explorer/assets/page.mjs" {}
                    }
                }
                body {
                    a.skip href="#content" { (language.say("本文へ", "Skip to the content")) }
                    header {
                        div.bar {
                            p.brand {
                                a href={ "/explorer/" (language.code()) } { bdi { (network) } }
                                span { (language.say("共同登録簿", "jointly operated registry")) }
                            }
                            (self.other_languages(language))
                        }
                        nav aria-label=(language.say("ページ", "Pages")) {
                            ul {
                                @for section in Section::NAVIGATION {
                                    li { (self.link(section, language)) }
                                }
                            }
                        }
                    }
                    main #content { (self.content) }
                    (footer(site))
                }
            }
        }
    }

    fn link(&self, section: Section, language: Language) -> Markup {
        let href = format!("/explorer/{}{}", language.code(), section.path());
        let name = section.name(language);
        if section == self.section {
            html! { a href=(href) aria-current="page" { (name) } }
        } else {
            html! { a href=(href) { (name) } }
        }
    }

    fn other_languages(&self, language: Language) -> Markup {
        let others = Language::ALL.into_iter().filter(|other| *other != language);
        html! {
            p.languages {
                @for other in others {
                    @let code = other.code();
                    a href={ "/explorer/" (code) (self.path) } lang=(code) hreflang=(code) { (other.name()) }
                }
            }
        }
    }
}

fn footer(site: &Site) -> Markup {
    let language = site.language;
    html! {
        footer {
            p {
                (language.say("このページは ", "This page is what the node of "))
                bdi { (site.member) }
                (language.say(
                    " のノードが示すものです。個人情報は登録簿にありません。時刻は日本時間です。",
                    " shows. The registry holds no personal data. Times are those of Japan (UTC+9).",
                ))
            }
            p.fingerprint-line {
                span { (language.say("登録簿の指紋: ", "Fingerprint of the registry: ")) }
                (digits(&site.replica.genesis().network().to_string()))
            }
        }
    }
}

/// Hexadecimal digits in groups.
pub(super) fn digits(hexadecimal: &str) -> Markup {
    let mut groups = Vec::new();
    let mut rest = hexadecimal;
    while let Some((group, more)) = rest.split_at_checked(GROUP_DIGITS) {
        groups.push(group);
        rest = more;
    }
    groups.push(rest);
    html! {
        code.digits {
            @for group in groups.iter().filter(|group| !group.is_empty()) { span { (group) } " " }
        }
    }
}

/// Why a page cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The address or the query is not one that can exist.
    Malformed,
    /// There is no such thing on the ledger, or no such page.
    NotFound,
    /// The page is read with GET.
    Method,
    /// The node is stopping.
    Unavailable,
    /// The node failed; the log says why.
    Internal,
}

impl Trouble {
    pub(super) fn answer(self, site: &Site) -> Response {
        let language = site.language;
        let (status, title, advice) = self.words(language);
        let content = html! {
            h1 { (title) }
            p.lead { (advice) }
            p {
                a.button href={ "/explorer/" (language.code()) } {
                    (language.say("概要へ戻る", "Back to the overview"))
                }
            }
        };
        let page = Page {
            section: Section::None,
            title: title.to_owned(),
            path: String::new(),
            status,
            content,
        };
        page.answer(site)
    }

    fn words(self, language: Language) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                language.say("この指定は読み取れません", "This cannot be read"),
                language.say(
                    "番号や識別子の書き方をお確かめください。記録の番号は 0 以上の整数、案件や申込みの番号は 32 桁の英数字(0-9, a-f)です。",
                    "Please look at how the number is written. Records have whole numbers from 0; cases and applications have 32 digits (0-9, a-f).",
                ),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                language.say("見つかりません", "Not found"),
                language.say(
                    "このノードが示す登録簿には、該当するものがありません。記録されたばかりのものは、数秒後にもう一度お試しください。",
                    "There is nothing of this kind on the registry as this node shows it. If it was recorded just now, try again in some seconds.",
                ),
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                language.say("このページは閲覧専用です", "This page can only be read"),
                language.say(
                    "ここから登録簿を変えることはできません。",
                    "Nothing on the registry can be changed from here.",
                ),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                language.say("ただいま応答できません", "Not available now"),
                language.say(
                    "このノードは停止の途中です。しばらくしてから、または別の参加組織のノードでお試しください。",
                    "This node is stopping. Try again later, or ask the node of another member.",
                ),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                language.say("ノードに障害が起きました", "The node failed"),
                language.say(
                    "別の参加組織のノードで同じページをご覧ください。原因はこのノードの運用者の記録に残ります。",
                    "Look at the same page at the node of another member. The operator of this node finds the cause in its log.",
                ),
            ),
        }
    }
}
