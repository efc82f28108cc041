//! The page that checks a receipt in the reader's browser (`assets/check.mjs`), and says in plain words what it found.

use super::{
    Site,
    language::Language,
    page::{Page, Section, Trouble, digits},
};
use axum::{extract::State, response::Response};
use maud::{Markup, html};
use protocol::registry::merkle::TreeError;
use serde::Deserialize;
use service::{extract::Query, refusal::Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckQuery {
    record: Option<String>,
}

/// `?record=N`: with that record's receipt filled in.
pub(super) async fn check(
    State(site): State<Site>,
    query: Result<Query<CheckQuery>, Refusal>,
) -> Response {
    let Ok(Query(query)) = query else {
        return Trouble::Malformed.answer(&site);
    };
    let index = query.record.as_deref().map(super::decimal::<u64>);
    if index == Some(None) {
        return Trouble::Malformed.answer(&site);
    }
    let index = index.flatten();
    site.show(move |site| {
        let receipt = index.map(|index| site.replica.proof(index)).transpose()?;
        if receipt == Some(None) {
            return Ok::<_, TreeError>(None);
        }
        let content = page(site, receipt.flatten().as_deref().unwrap_or_default());
        let mut page = Page::of(Section::Check, site.language, content);
        if let Some(index) = index {
            page.path = format!("/check?record={index}");
        }
        Ok(Some(page))
    })
    .await
}

fn page(site: &Site, receipt: &str) -> Markup {
    let language = site.language;
    html! {
        h1 { (language.say("受領証の確認", "Check a receipt")) }
        p.lead {
            (language.say(
                "受領証が本物かどうかを、このブラウザの中で計算して確かめます。受領証はどこにも送られません。",
                "Whether a receipt is genuine is calculated in this browser. The receipt is sent nowhere.",
            ))
        }
        noscript {
            p.verdict.weak {
                (language.say(
                    "この確認だけはスクリプトを使います。使えない場合は、仕様書に付属する検証プログラム（Python）で同じ確認ができます。",
                    "This check alone needs scripts. Without them the verifier in Python that comes with the specification does the same.",
                ))
            }
        }
        form #check hidden autocomplete="off" {
            (fields(site, receipt))
            p.actions {
                button type="submit" { (language.say("確認する", "Check")) }
                button.second type="reset" { (language.say("消去", "Clear")) }
            }
        }
        section #result aria-live="polite" hidden {
            div #verdict.verdict {
                span.mark aria-hidden="true" {}
                div { p.title tabindex="-1" {} p.detail {} }
            }
            ol #steps {
                @for (step, title) in steps(language) {
                    li data-step=(step) {
                        span.mark aria-hidden="true" {}
                        div { p.title { (title) } p.detail {} }
                    }
                }
            }
        }
        dl #sentences hidden {
            @for (code, sentence) in sentences(language) {
                div { dt { (code) } dd { (sentence) } }
            }
        }
    }
}

fn fields(site: &Site, receipt: &str) -> Markup {
    let language = site.language;
    let network = site.replica.genesis().network().to_string();
    html! {
        div.field {
            label for="receipt" { (language.say("受領証", "Receipt")) }
            p.small #receipt-help {
                (language.say(
                    "「c2sp.org/tlog-proof@v1」で始まる文を、最初から最後まで貼り付けるか、ファイルを選びます。",
                    "Paste the text that begins with “c2sp.org/tlog-proof@v1”, all of it, or choose the file.",
                ))
            }
            textarea #receipt rows="8" spellcheck="false" aria-describedby="receipt-help" { (receipt) }
            label.small for="receipt-file" { (language.say("受領証のファイル", "File with the receipt")) }
            input #receipt-file type="file";
        }
        div.field {
            label for="record-file" { (language.say("記録のファイル（なくてもよい）", "File with the record (optional)")) }
            p.small #record-help {
                (language.say(
                    "受領証と一緒に受け取った記録があれば選びます。なければ、受領証が示す番号の記録をこのノードから取り寄せ、その内容を下に示します。",
                    "If you were given the record with the receipt, choose it. Otherwise the record of the receipt's number is fetched from this node, and what it says is shown below.",
                ))
            }
            input #record-file type="file" aria-describedby="record-help";
        }
        div.field {
            label for="fingerprint-known" { (language.say("お手元の登録簿の指紋（なくてもよい）", "Fingerprint that you have on paper (optional)")) }
            p.small #fingerprint-help {
                (language.say("このノードが示す指紋: ", "The fingerprint that this node shows: "))
                (digits(&network))
            }
            input #fingerprint-known type="text" maxlength="120" spellcheck="false" autocapitalize="off"
                aria-describedby="fingerprint-help";
        }
    }
}

/// What is checked, in this order.
const fn steps(language: Language) -> [(&'static str, &'static str); 6] {
    [
        ("form", language.say("受領証の形", "The receipt's form")),
        (
            "network",
            language.say("どの登録簿のものか", "Which registry it is of"),
        ),
        ("members", language.say("署名すべき組織", "Who has to sign")),
        ("signatures", language.say("合同署名", "Their signatures")),
        (
            "inclusion",
            language.say("記録が登録簿にあること", "The record is on the registry"),
        ),
        (
            "record",
            language.say("記録した者の署名", "The author's signature"),
        ),
    ]
}

/// What `check.mjs` finds, in words. In braces stands what it fills in.
#[rustfmt::skip]
pub(super) const fn sentences(language: Language) -> [(&'static str, &'static str); 36] {
    [
        ("genuine", language.say("本物です", "The receipt is genuine")),
        ("genuine_detail", language.say(
            "記録 {index} は、{time}（日本時間）までに確定し、登録簿にあります。",
            "Record {index} is on the registry and was final by {time} (Japan).")),
        ("false", language.say("この受領証は信用できません", "Do not rely on this receipt")),
        ("unknown", language.say("確認できませんでした", "It could not be checked")),
        ("working", language.say("確認しています…", "Checking…")),
        ("form_passed", language.say("読み取れました。記録 {index} についての受領証です。", "Readable. It speaks of record {index}.")),
        ("network_passed", language.say("この登録簿のものです（指紋 {fingerprint}）。", "It is of this registry (fingerprint {fingerprint}).")),
        ("network_compared", language.say("お手元の指紋と一致する、この登録簿のものです。", "It is of this registry, whose fingerprint is the one that you gave.")),
        ("members_passed", language.say("創設時の文書から、その後の入れ替え {changes} 回をたどりました。ブロック {height} では {members} 組織のうち {quorum} 組織の署名が必要です。",
            "Followed from the founding document through {changes} changes of members. At block {height}, {quorum} of {members} members have to sign.")),
        ("signatures_passed", language.say("{count} 組織が署名しています: {names}", "Signed by {count} members: {names}")),
        ("inclusion_passed", language.say("この記録は、{size} 件の記録のうち番号 {index} として、署名された登録簿に含まれています。",
            "The record stands at number {index} of {size} in what was signed.")),
        ("record_passed", language.say("記録は作成者の鍵で署名されています。種類: {kind}", "The record is signed with its author's key. Kind: {kind}")),
        ("receipt_malformed", language.say("受領証として読み取れません。途中で切れているか、書き換えられているおそれがあります。",
            "It cannot be read as a receipt. It may be cut short or altered.")),
        ("receipt_empty", language.say("受領証を貼り付けるか、ファイルを選んでください。", "Paste a receipt, or choose a file.")),
        ("genesis", language.say("創設時の文書がこのノードの示す指紋と合いません。このページを信用しないでください。",
            "The founding document does not have the fingerprint that this node shows. Do not trust this page.")),
        ("fingerprint", language.say("このノードの登録簿は、お手元の指紋の登録簿ではありません。", "The registry of this node is not the one of your fingerprint.")),
        ("network_other", language.say("別の登録簿（指紋 {other}）の受領証です。", "This is a receipt of another registry (fingerprint {other}).")),
        ("handover", language.say("参加組織の入れ替えをたどれません。このノードが誤った文書を示しています。別の参加組織のノードでお試しください。",
            "The changes of members cannot be followed: this node shows a wrong document. Try the node of another member.")),
        ("signature_wrong", language.say("組織の署名が、署名された内容と合いません。受領証が書き換えられています。",
            "A member's signature does not fit what was signed. The receipt was altered.")),
        ("quorum", language.say("署名が足りません（{count} / {quorum}）。受領証が書き換えられたか、途中で切れています。",
            "Too few signatures ({count} of {quorum}). The receipt was altered or cut short.")),
        ("path", language.say("この記録は、受領証が示す場所にありません。受領証か記録が書き換えられています。",
            "The record does not stand where the receipt says. The receipt or the record was altered.")),
        ("record_missing", language.say("受領証の番号の記録をこのノードから取り寄せられません。記録のファイルを選ぶか、別の参加組織のノードでお試しください。",
            "This node does not give the record of the receipt's number. Choose the file with the record, or try the node of another member.")),
        ("record_malformed", language.say("記録として読み取れません。", "The record cannot be read as one.")),
        ("record_network", language.say("別の登録簿の記録です。", "The record is of another registry.")),
        ("record_signature", language.say("記録が作成者の鍵で署名されていません。", "The record is not signed with its author's key.")),
        ("browser", language.say("このブラウザは必要な計算（Ed25519）ができません。新しいブラウザでお試しください。",
            "This browser cannot do the calculation (Ed25519). Try a newer one.")),
        ("unreachable", language.say("このノードに接続できません。しばらくしてからお試しください。", "This node cannot be reached. Try again later.")),
        ("kind_1", language.say("本人確認証の登録", "credentials anchored")),
        ("kind_2", language.say("失効リストの更新", "revocation list updated")),
        ("kind_3", language.say("本人確認の手続き", "identity check")),
        ("kind_4", language.say("提供への同意", "consent")),
        ("kind_5", language.say("口座申込みへの回答", "answer to an application")),
        ("kind_6", language.say("証拠資料の消去", "evidence erased")),
        ("kind_7", language.say("変更の提案", "change proposed")),
        ("kind_8", language.say("提案への賛成", "proposal approved")),
        ("kind_9", language.say("本人確認の手続き（一括）", "identity checks together")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes in a script: `refuse("step", "code"` and `say("code"`.
    fn codes(script: &str) -> Vec<&str> {
        let quoted = script.split('"').skip(1).step_by(2);
        quoted.collect()
    }

    #[test]
    fn every_sentence_is_used_by_the_scripts_and_has_its_places_in_both_languages() {
        let scripts = [
            include_str!("assets/check.mjs"),
            include_str!("assets/page.mjs"),
        ];
        let used: Vec<&str> = scripts.iter().flat_map(|script| codes(script)).collect();
        let japanese = sentences(Language::Japanese);
        for ((code, ja), (_, en)) in japanese.iter().zip(sentences(Language::English)) {
            let built = code.starts_with("kind_") || code.ends_with("_passed");
            assert!(built || used.contains(code), "{code} is not used");
            let places = |text: &str| {
                let mut places: Vec<_> = text.split('{').skip(1).map(str::to_owned).collect();
                for place in &mut places {
                    place.truncate(place.find('}').unwrap());
                }
                places.sort();
                places
            };
            assert_eq!(places(ja), places(en), "{code}");
        }
        // Whatever the check refuses with, the last text of its line, has its words.
        let refusing = scripts[0].lines().filter(|line| {
            (line.contains("check(") || line.contains("Refused(")) && !line.ends_with("code);")
        });
        for code in refusing.filter_map(|line| codes(line).pop()) {
            let known = japanese.iter().any(|(known, _)| *known == code);
            assert!(known, "{code} has no words");
        }
    }
}
