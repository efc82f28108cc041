//! What members propose and what they decided: who takes part, who may issue and ask, and by which process.

use super::{
    Site,
    entries::Read,
    language::Language,
    page::{Page, Section},
    records::link,
    words,
};
use crate::store::StoreError;
use axum::{extract::State, response::Response};
use maud::{Markup, html};
use protocol::{
    Timestamp,
    registry::{
        governance::Change,
        record::{Body, Proposal},
    },
};

/// Decisions that the page shows, the newest first.
const DECISIONS_MAX: usize = 200;

/// A proposal that waits.
struct Open {
    index: u64,
    proposal: Proposal,
    approvers: Vec<String>,
}

/// A proposal that a quorum approved.
struct Decided {
    index: u64,
    time: Timestamp,
    effect: u64,
    change: Change,
}

struct Decisions {
    open: Vec<Open>,
    decided: Vec<Decided>,
    quorum: usize,
    height: u64,
}

pub(super) async fn decisions(State(site): State<Site>) -> Response {
    site.show(|site| {
        let decisions = read(site, service::clock::now())?;
        let content = decisions.page(site.language);
        let page = Page::of(Section::Decisions, site.language, content);
        Ok::<_, StoreError>(Some(page))
    })
    .await
}

fn read(site: &Site, now: Timestamp) -> Result<Decisions, StoreError> {
    let parties = site.replica.parties();
    let size = site.size();
    let (open, adopted, height) = site.replica.read_state(|state, height| {
        let open = state
            .proposals()
            .filter(|(_, pending)| pending.index() < size && now < pending.proposal().expires);
        let open = open.map(|(_, pending)| Open {
            index: pending.index(),
            proposal: pending.proposal().clone(),
            approvers: pending
                .approvers(&parties)
                .map(|member| member.name.clone())
                .collect(),
        });
        let adopted = state.adopted().rev().filter(|known| known.index() < size);
        let adopted = adopted.take(DECISIONS_MAX);
        let adopted: Vec<_> = adopted
            .map(|known| (known.index(), known.effect()))
            .collect();
        (open.collect(), adopted, height)
    });
    let mut decided = Vec::new();
    for (index, effect) in adopted {
        let entry = Read::at(&site.replica, index)?;
        let Body::Proposal(proposal) = entry.record.body() else {
            return Err(StoreError::Damaged("entry"));
        };
        decided.push(Decided {
            index,
            time: entry.time,
            effect,
            change: proposal.change.clone(),
        });
    }
    Ok(Decisions {
        open,
        decided,
        quorum: parties.quorum(),
        height,
    })
}

impl Decisions {
    fn page(&self, language: Language) -> Markup {
        html! {
            h1 { (language.say("変更と決定", "Decisions of the members")) }
            p.lead {
                @match language {
                    Language::Japanese => {
                        "参加組織や発行元の入れ替え、手順の変更は、参加組織のうち " (self.quorum) " 組織の賛成で決まり、登録簿に残ります。"
                    }
                    Language::English => {
                        "Who takes part, who may issue and ask, and by which process is decided by " (self.quorum)
                        " of the members, and recorded."
                    }
                }
            }
            h2 { (language.say("賛成を待つ提案", "Proposals that wait")) }
            @if self.open.is_empty() {
                p.empty { (language.say("ありません。", "There are none.")) }
            }
            ul.decisions {
                @for open in &self.open { (self.waiting(open, language)) }
            }
            h2 { (language.say("決まった変更", "Decided")) }
            @if self.decided.is_empty() {
                p.empty { (language.say("創設時から変更はありません。", "Nothing has changed since the start.")) }
            }
            ul.decisions {
                @for decided in &self.decided { (self.adopted(decided, language)) }
            }
        }
    }

    fn waiting(&self, open: &Open, language: Language) -> Markup {
        html! {
            li {
                p.what { (words::change(&open.proposal.change, language)) }
                p {
                    span.badge.weak {
                        (language.say("賛成 ", "approved by ")) (open.approvers.len()) " / " (self.quorum)
                    } " "
                    @for (at, name) in open.approvers.iter().enumerate() {
                        @if at > 0 { (language.say("、", ", ")) }
                        (words::name(name))
                    }
                }
                p.small {
                    (language.say("期限 ", "open until ")) (language.time(open.proposal.expires)) " · "
                    (language.say("記録 ", "record ")) (link(open.index, language))
                }
            }
        }
    }

    fn adopted(&self, decided: &Decided, language: Language) -> Markup {
        html! {
            li {
                p.what { (words::change(&decided.change, language)) }
                p {
                    @if decided.effect <= self.height {
                        span.badge.well { (language.say("実施済み", "in force")) }
                    } @else {
                        span.badge.weak {
                            @match language {
                                Language::Japanese => { "ブロック " (language.number(decided.effect)) " から実施" }
                                Language::English => { "from block " (language.number(decided.effect)) " on" }
                            }
                        }
                    }
                }
                p.small {
                    (language.say("提案 ", "proposed ")) (language.time(decided.time)) " · "
                    (language.say("記録 ", "record ")) (link(decided.index, language))
                }
            }
        }
    }
}
