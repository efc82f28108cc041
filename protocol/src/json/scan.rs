//! The look over the raw text before it is parsed: what serde_json would hide or spend time on.

use super::{JsonError, Limits};

/// Longest spelling of a number. A double needs 24 characters, a 64-bit integer 20.
const NUMBER_CHARS_MAX: usize = 32;
/// serde_json with `arbitrary_precision` hands numbers over as an object with a key that starts so.
const RESERVED: &str = "$serde_json::private";

/// Refuses byte order marks, deep nesting, long numbers and the reserved name.
pub(super) fn check(text: &str, limits: &Limits) -> Result<(), JsonError> {
    if text.starts_with('\u{feff}') {
        return Err(JsonError::Syntax);
    }
    if text.contains(RESERVED) {
        return Err(JsonError::Reserved);
    }
    let mut depth = 0_usize;
    let mut number_chars = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
            number_chars += 1;
            if number_chars > NUMBER_CHARS_MAX {
                return Err(JsonError::Number);
            }
            continue;
        }
        number_chars = 0;
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                if depth > limits.depth {
                    return Err(JsonError::TooDeep);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Leaves `bytes` behind the closing quote; a missing one is for the parser to find.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}
