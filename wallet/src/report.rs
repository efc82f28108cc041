//! The result of a command, for people and for programs.

use serde_json::Value;

/// What a command did.
#[derive(Debug)]
pub struct Report {
    /// Lines for a person.
    pub text: String,
    /// The same for a program (`--json`).
    pub json: Value,
}

impl Report {
    /// A report of some lines.
    #[must_use]
    pub fn new(lines: &[String], json: Value) -> Self {
        Self {
            text: lines.join("\n"),
            json,
        }
    }
}
