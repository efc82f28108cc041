//! A strict reader for JSON that strangers send (RFC 8259, and what RFC 7515 section 4 asks on top of it).
//!
//! `serde_json` keeps the last of two members of one name, so two readers of one signed text can see two
//! contents. This reader refuses the text, however the name is spelled, and bounds everything that can grow.
//! specs/json.md says the same for other implementations.

mod reader;
mod scan;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a JSON text may cost its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The whole text.
    pub bytes: usize,
    /// Arrays and objects inside one another.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Elements of one array.
    pub elements: usize,
    /// Bytes of one string, after its escapes are resolved.
    pub string: usize,
}

impl Limits {
    /// For messages that have no reason to be larger.
    pub const DEFAULT: Self = Self {
        bytes: 64 * 1024,
        depth: 32,
        members: 256,
        elements: 1_024,
        string: 64 * 1024,
    };

    /// The default with another bound on the whole text.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// The default with another bound on one string.
    #[must_use]
    pub const fn with_string(self, string: usize) -> Self {
        Self { string, ..self }
    }
}

/// Reads one JSON text; nothing but white space may follow it.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.len() > limits.bytes {
        return Err(JsonError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Syntax)?;
    scan::check(text, limits)?;
    reader::read(text, limits)
}

/// Reads one JSON text of a known shape.
pub fn parse_as<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, JsonError> {
    serde_json::from_value(parse(bytes, limits)?).map_err(|_| JsonError::Shape)
}

/// A text was refused. The variants name no content: texts hold personal data, and errors are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is longer than its bound.
    #[error("the JSON text is too large")]
    TooLarge,
    /// Not JSON in UTF-8 without a byte order mark, or more than one JSON value.
    #[error("not one JSON value in UTF-8")]
    Syntax,
    /// An object names a member twice.
    #[error("an object has two members of one name")]
    DuplicateMember,
    /// Nesting beyond the bound.
    #[error("arrays and objects are nested too deeply")]
    TooDeep,
    /// Too many members, too many elements or too long a string.
    #[error("an object, array or string is too long")]
    TooLong,
    /// More than 32 characters, or beyond what a double holds.
    #[error("a number is too long or too large")]
    Number,
    /// A spelling that serde_json keeps for itself, and that would be read as a number.
    #[error("a reserved name")]
    Reserved,
    /// JSON, but not what was asked for.
    #[error("the JSON value has another shape than expected")]
    Shape,
}

#[cfg(test)]
mod tests;
