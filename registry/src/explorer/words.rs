//! What stands on the ledger, in words that a clerk knows.
//!
//! Names come from the members' decisions and may hold any printable character: they are escaped like everything, and
//! isolated (`bdi`) so that they cannot turn around the text beside them.

use super::language::Language;
use maud::{Markup, html};
use protocol::registry::{
    KeyBytes, Member, MemberRole, Parties,
    governance::Change,
    record::{Author, Body, CaseEvent},
};

/// A name that somebody chose.
pub(super) fn name(name: &str) -> Markup {
    html! { bdi { (name) } }
}

/// What a member is in the consortium.
pub(super) const fn role(role: MemberRole, language: Language) -> &'static str {
    match role {
        MemberRole::Consortium => language.say("コンソーシアム（本人確認の発行元）", "Consortium"),
        MemberRole::Company => language.say("証券会社", "Securities company"),
        MemberRole::Notary => language.say("公証人", "Notary"),
    }
}

/// The names under which a member's services are registered: what people call it.
pub(super) fn services_of<'p>(member: &Member, parties: &'p Parties) -> Vec<&'p str> {
    let issuers = parties.issuers().iter();
    let issuers = issuers.filter(|issuer| issuer.member == member.name);
    let verifiers = parties.verifiers().iter();
    let verifiers = verifiers.filter(|verifier| verifier.member == member.name);
    let names = issuers.map(|issuer| issuer.name.as_str());
    names
        .chain(verifiers.map(|verifier| verifier.name.as_str()))
        .collect()
}

/// The kind of a record.
pub(super) const fn kind(body: &Body, language: Language) -> &'static str {
    match body {
        Body::CredentialBatch(_) => language.say("本人確認証の登録", "Credentials anchored"),
        Body::StatusListVersion(_) => language.say("失効リストの更新", "Revocation list updated"),
        Body::CaseEvent(_) => language.say("本人確認の手続き", "Identity check"),
        Body::Designation(_) => language.say("提供への同意", "Consent"),
        Body::Outcome(_) => language.say("口座申込みへの回答", "Answer to an application"),
        Body::Erasure(_) => language.say("証拠資料の消去", "Evidence erased"),
        Body::Proposal(_) => language.say("変更の提案", "Change proposed"),
        Body::Approval(_) => language.say("提案への賛成", "Proposal approved"),
        Body::CaseEventGroup(_) => {
            language.say("本人確認の手続き（一括）", "Identity checks together")
        }
    }
}

/// What a record says, in a sentence.
pub(super) fn sentence(body: &Body, parties: &Parties, language: Language) -> Markup {
    match body {
        Body::CredentialBatch(batch) => {
            let places = language.number(1_u64.checked_shl(batch.depth.into()).unwrap_or(0));
            match language {
                Language::Japanese => html! {
                    "本人確認証の目印をまとめて登録しました（最大 " (places) " 件。実際の件数は分からないように埋めてあります）"
                },
                Language::English => html! {
                    "Anchored a batch of up to " (places) " credentials, filled up so that the true number does not show"
                },
            }
        }
        Body::StatusListVersion(version) => {
            let number = language.number(version.sequence.saturating_add(1));
            match language {
                Language::Japanese => html! { "失効リストの第 " (number) " 版を公開しました" },
                Language::English => {
                    html! { "Published version " (number) " of a revocation list" }
                }
            }
        }
        Body::CaseEvent(event) => step(event, parties, language),
        Body::Designation(_) => html! {
            (language.say(
                "ある人が、自分の情報を一社に提供することに同意しました。会社名は記録されません",
                "A person agreed to show their data to one company, which is not named",
            ))
        },
        Body::Outcome(outcome) => html! { (outcome_word(outcome.code, language)) },
        Body::Erasure(_) => html! {
            (language.say(
                "終了した案件の証拠資料を消去しました",
                "Destroyed the evidence of a closed case",
            ))
        },
        Body::Proposal(proposal) => change(&proposal.change, language),
        Body::Approval(_) => html! {
            (language.say("変更の提案に賛成しました", "Agreed to a proposed change"))
        },
        Body::CaseEventGroup(group) => {
            let count = language.number(group.events().len() as u64);
            match language {
                Language::Japanese => html! { "手続き " (count) " 件をまとめて記録しました" },
                Language::English => html! { "Recorded " (count) " steps of cases together" },
            }
        }
    }
}

/// What a company answered.
pub(super) const fn outcome_word(code: u8, language: Language) -> &'static str {
    match code {
        1 => language.say(
            "会社が申込みを受け付けました",
            "The company received the application",
        ),
        2 => language.say(
            "会社が審査の結論を出しました。内容は当事者だけが知ります",
            "The company decided. What it decided is known to the parties alone",
        ),
        _ => language.say("会社が回答しました", "The company answered"),
    }
}

/// A step of a case.
pub(super) fn step(event: &CaseEvent, parties: &Parties, language: Language) -> Markup {
    let mut definitions = parties.process_definitions().iter();
    let definition = definitions.find(|definition| definition.version == event.definition);
    match definition.and_then(|definition| definition.step(event.code)) {
        Some(step) => step_named(&step.name, language),
        None => html! { (language.say("手続き ", "Step ")) (event.code) },
    }
}

fn step_named(known: &str, language: Language) -> Markup {
    let words = match known {
        "opened" => language.say("案件を開始しました", "Case opened"),
        "identity_document" => {
            language.say("本人確認書類を確認しました", "Identity document checked")
        }
        "name_identification" => language.say("名寄せを行いました", "Names matched"),
        "asf_collation" => language.say(
            "反社会的勢力との照合を行いました",
            "Checked against lists of anti-social forces",
        ),
        "residence" => language.say("住所を確認しました", "Residence confirmed"),
        "closed" => language.say("案件を終了しました", "Case closed"),
        other => return html! { (language.say("手続き ", "Step ")) (name(other)) },
    };
    html! { (words) }
}

/// Who made a record.
pub(super) fn author(
    body: &Body,
    author: &Author,
    parties: &Parties,
    language: Language,
) -> Markup {
    match body {
        Body::Designation(_) => html! {
            (language.say("本人（一回限りの鍵）", "A person (one-time key)"))
        },
        Body::Outcome(_) => html! {
            (language.say("ある会社（一回限りの鍵）", "A company (one-time key)"))
        },
        Body::Proposal(_) | Body::Approval(_) => match governing(author, parties) {
            Some(member) => name(&member.name),
            None => html! { (language.say("かつての参加組織", "A former member or key")) },
        },
        Body::CredentialBatch(_)
        | Body::StatusListVersion(_)
        | Body::CaseEvent(_)
        | Body::Erasure(_)
        | Body::CaseEventGroup(_) => {
            let mut issuers = parties.issuers().iter();
            match issuers.find(|issuer| issuer.is_author(author)) {
                Some(issuer) => name(&issuer.name),
                None => html! { (language.say("かつての発行元", "A former issuer")) },
            }
        }
    }
}

fn governing<'p>(author: &Author, parties: &'p Parties) -> Option<&'p Member> {
    let Author::Ed25519(key) = author else {
        return None;
    };
    let key = KeyBytes::from_bytes(*key);
    let mut members = parties.members().iter();
    members.find(|member| member.governance_key == key)
}

/// A change of the parties.
pub(super) fn change(change: &Change, language: Language) -> Markup {
    let (japanese_before, what, japanese_after, english) = match change {
        Change::AdmitMember { member } => (
            "",
            &member.name,
            " を参加組織に加える",
            "Admit as a member: ",
        ),
        Change::RemoveMember { name } => ("", name, " を参加組織から外す", "Remove the member "),
        Change::SuspendMember { name } => ("", name, " の参加を停止する", "Suspend the member "),
        Change::ReinstateMember { name } => {
            ("", name, " の参加停止を解く", "Reinstate the member ")
        }
        Change::UpdateMember { member } => (
            "",
            &member.name,
            " の鍵・役割・所在などを改める",
            "Change keys, role or addresses of the member ",
        ),
        Change::RegisterIssuer { issuer } => (
            "本人確認の発行元として ",
            &issuer.name,
            " を登録する",
            "Register the issuer ",
        ),
        Change::RetireIssuer { id } => ("発行元 ", id, " の登録を終える", "Retire the issuer "),
        Change::RegisterVerifier { verifier } => (
            "利用会社として ",
            &verifier.name,
            " を登録する",
            "Register the company ",
        ),
        Change::RetireVerifier { id } => {
            ("利用会社 ", id, " の登録を終える", "Retire the company ")
        }
        Change::PublishDefinition { definition } => {
            let version = definition.version;
            return match language {
                Language::Japanese => html! { "本人確認の手順（第 " (version) " 版）を定める" },
                Language::English => {
                    html! { "Publish version " (version) " of the process of identity checks" }
                }
            };
        }
    };
    match language {
        Language::Japanese => html! { (japanese_before) (name(what)) (japanese_after) },
        Language::English => html! { (english) (name(what)) },
    }
}
