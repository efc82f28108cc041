//! Showing what others wrote, so that it is text and nothing else.
//!
//! Names, descriptions and claims come from strangers. A newline, an escape sequence or a direction mark in them could make a consent
//! screen say something else than what is asked for.

use protocol::credential::ClaimPath;
use protocol::kyc::{Check, Judgement};
use serde_json::Value;

/// Characters of a name or a value on one line.
const LINE_CHARS_MAX: usize = 200;
/// Lines of claims on one screen.
const LINES_MAX: usize = 200;

/// The text without anything that moves the cursor, changes direction or is invisible, on one line, and not too long.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .filter(|character| !is_active(*character))
        .take(LINE_CHARS_MAX)
        .collect();
    if text.chars().count() > LINE_CHARS_MAX {
        shown.push('…');
    }
    shown
}

fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00AD}' | '\u{061C}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Each leaf of some claims on a line of its own: `path: value`.
#[must_use]
pub fn claim_lines(claims: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    leaves(claims, "", &mut lines);
    lines.truncate(LINES_MAX);
    lines
}

/// What a KYC credential says, for a person: all of it, with checks and evidence in a line each where they have the usual form.
#[must_use]
pub fn statement_lines(claims: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = claims.clone();
    let checks = take(&mut rest, "/verified_claims/verification", "checks");
    let evidence = take(&mut rest, "/verified_claims/verification", "evidence");
    if let Some(person) = take(&mut rest, "/verified_claims", "claims") {
        leaves(&person, "", &mut lines);
    }
    for check in elements(checks) {
        match serde_json::from_value::<Check>(check.clone()) {
            Ok(check) => lines.push(check_line(&check)),
            Err(_) => leaves(&check, "check", &mut lines),
        }
    }
    for piece in elements(evidence) {
        match evidence_line(&piece) {
            Some(line) => lines.push(line),
            None => leaves(&piece, "evidence", &mut lines),
        }
    }
    leaves(&rest, "", &mut lines);
    lines.truncate(LINES_MAX);
    lines
}

fn take(value: &mut Value, at: &str, name: &str) -> Option<Value> {
    value.pointer_mut(at)?.as_object_mut()?.remove(name)
}

fn elements(list: Option<Value>) -> Vec<Value> {
    match list {
        Some(Value::Array(elements)) => elements,
        Some(other) => vec![other],
        None => Vec::new(),
    }
}

fn check_line(check: &Check) -> String {
    let result = match check.result {
        Judgement::Passed => "passed",
        Judgement::Failed => "failed",
    };
    format!(
        "check {}: {result} on {} (reviewer {}, with what opens its record in case {} on the registry)",
        check.process.name(),
        check.completed_at,
        inert(&check.reviewer),
        check.case
    )
}

/// `{"type":"document","document_details":{"type",…,"date_of_expiry"},"digests":[…]}` and nothing else.
fn evidence_line(piece: &Value) -> Option<String> {
    let members = piece.as_object().filter(|members| members.len() == 3)?;
    let details = members.get("document_details")?.as_object()?;
    let digests = members.get("digests")?.as_array()?;
    (members.get("type")? == "document" && details.len() == 2).then_some(())?;
    Some(format!(
        "identity document: {}, valid until {} (with the digests of its images: {})",
        inert(details.get("type")?.as_str()?),
        inert(details.get("date_of_expiry")?.as_str()?),
        digests.len()
    ))
}

fn leaves(value: &Value, at: &str, lines: &mut Vec<String>) {
    let below = |step: &str| {
        if at.is_empty() {
            step.to_owned()
        } else {
            format!("{at} / {step}")
        }
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, &below(&inert(name)), lines);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                leaves(element, &below(&(position + 1).to_string()), lines);
            }
        }
        Value::String(text) => lines.push(format!("{at}: {}", inert(text))),
        Value::Null | Value::Bool(_) | Value::Number(_) => lines.push(format!("{at}: {value}")),
    }
}

/// A claims path as a person reads it.
#[must_use]
pub fn path_words(path: &ClaimPath) -> String {
    let elements: Vec<String> = Vec::<Value>::from(path.clone())
        .iter()
        .map(|element| match element {
            Value::String(name) => inert(name),
            Value::Null => "*".to_owned(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                element.to_string()
            }
        })
        .collect();
    elements.join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn neg_h20_a_name_with_control_characters_is_rendered_inert() {
        let hostile = "A証券\u{1b}[2J\u{202e}moc.live\n\r株式会社\u{200b}\u{7}";
        assert_eq!(inert(hostile), "A証券[2Jmoc.live株式会社");
        assert_eq!(inert("A証券株式会社"), "A証券株式会社");
    }

    #[test]
    fn neg_h20_a_name_of_ten_kilobytes_is_cut() {
        assert_eq!(
            inert(&"長".repeat(10_000)).chars().count(),
            LINE_CHARS_MAX + 1
        );
    }

    #[test]
    fn a_statement_hides_nothing_that_it_does_not_know() {
        let claims = json!({"verified_claims": {
            "claims": {"family_name": "山田"},
            "verification": {
                "time": "2026-11-23T00:00:00Z",
                "evidence": [
                    {"type": "document", "document_details": {"type": "passport", "date_of_expiry": "2029-05-01"}, "digests": [1]},
                    {"type": "vouch", "by": "neighbour"},
                ],
                "checks": [{"process": "guess"}],
            },
        }});
        assert_eq!(
            statement_lines(&claims),
            [
                "family_name: 山田",
                "check / process: guess",
                "identity document: passport, valid until 2029-05-01 (with the digests of its images: 1)",
                "evidence / by: neighbour",
                "evidence / type: vouch",
                "verified_claims / verification / time: 2026-11-23T00:00:00Z",
            ]
        );
    }

    #[test]
    fn claims_are_shown_leaf_by_leaf() {
        let claims =
            json!({"address": {"country": "JP\n"}, "nationalities": ["JP"], "age": {"20": true}});
        assert_eq!(
            claim_lines(&claims),
            [
                "address / country: JP",
                "age / 20: true",
                "nationalities / 1: JP"
            ]
        );
    }
}
