//! Showing what others wrote, so that it is text and nothing else.
//!
//! Names, descriptions and claims come from strangers. A newline, an escape sequence or a direction mark in them could make a consent
//! screen say something else than what is asked for.

use protocol::credential::ClaimPath;
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
