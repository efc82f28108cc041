//! How things look on a terminal.

use protocol::registry::{ContentDigest, KeyBytes};
use std::fmt;

/// Characters of a fingerprint: 128 bits of SHA-256.
const CHARACTERS: usize = 32;
const GROUP: usize = 4;
const COLUMNS: usize = 96;

/// A public key as people compare it: the first half of its SHA-256, in groups of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<'k>(pub &'k KeyBytes);

impl fmt::Display for Fingerprint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = ContentDigest::of(self.0.as_bytes()).to_string();
        for (place, digit) in digest.chars().take(CHARACTERS).enumerate() {
            if place > 0 && place % GROUP == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A text that somebody else wrote, on one line and without anything that a terminal would act on: neither control characters
/// nor those that turn the direction of writing could pretend that a proposal says something else.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if c.is_control() || unseen {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Lines of a page.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref().trim_end());
        self.0.push('\n');
    }

    pub(super) fn gap(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    /// A sentence behind a mark, broken between words.
    pub(super) fn bullet(&mut self, mark: &str, text: &str) {
        let mut line = if mark.is_empty() {
            "  ".to_owned()
        } else {
            format!("  {mark} ")
        };
        let indent = " ".repeat(line.chars().count());
        let mut empty = true;
        for word in text.split(' ') {
            let width = line.chars().count() + 1 + word.chars().count();
            if !empty && width > COLUMNS {
                self.line(&line);
                line.clone_from(&indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(line);
    }

    pub(super) fn row(&mut self, name: &str, value: impl fmt::Display) {
        self.line(format!("  {name:<22}{value}"));
    }

    pub(super) fn compared(&mut self, name: &str, now: impl fmt::Display, then: impl fmt::Display) {
        self.line(format!("  {name:<38}{now:<10}{then}"));
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A number with its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// Names with commas between them.
pub(super) fn list(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| plain(name.as_ref())).collect();
    names.join(", ")
}
