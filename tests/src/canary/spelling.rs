//! How a secret may look on a disk.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// A needle shorter than this could be there by chance.
const NEEDLE_BYTES_MIN: usize = 5;
/// How much of a picture makes a needle, and how many needles one picture gives.
const PIECE_BYTES: usize = 48;
const PIECES: usize = 8;

/// How a secret was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As it is.
    Plain,
    /// UTF-16, either byte order.
    Utf16,
    /// JSON with `\u` escapes.
    JsonEscapes,
    /// Percent escapes.
    UrlEscapes,
    /// Base64 or base64url, in one of the three alignments.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// MD5, SHA-1, SHA-256 or SHA-512 without salt: bytes, hex or base64.
    UnsaltedHash,
}

/// All spellings of a text.
pub(super) fn spell_text(text: &str) -> Vec<(Spelling, Vec<u8>)> {
    let mut spellings = spell(text.as_bytes());
    spellings.push((
        Spelling::Utf16,
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ));
    spellings.push((
        Spelling::Utf16,
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ));
    spellings.extend(hashed(text.as_bytes()));
    spellings.extend(hashed(format!("\"{text}\"").as_bytes()));
    if !text.is_ascii() {
        spellings.push((Spelling::JsonEscapes, json_escaped(text).into_bytes()));
        spellings.push((Spelling::UrlEscapes, url_escaped(text).into_bytes()));
    }
    spellings
}

/// All spellings of pieces of a picture, and its hash.
pub(super) fn spell_bytes(bytes: &[u8]) -> Vec<(Spelling, Vec<u8>)> {
    let step = (bytes.len() / PIECES).max(PIECE_BYTES);
    let pieces = bytes
        .chunks(step)
        .filter_map(|chunk| chunk.get(..PIECE_BYTES));
    // The first pieces of all pictures of one format look alike.
    let mut spellings: Vec<_> = pieces.skip(1).flat_map(spell).collect();
    spellings.extend(hashed(bytes));
    spellings
}

fn spell(bytes: &[u8]) -> Vec<(Spelling, Vec<u8>)> {
    let mut spellings = vec![
        (Spelling::Plain, bytes.to_vec()),
        (Spelling::Hex, hex(bytes).into_bytes()),
        (Spelling::Hex, hex(bytes).to_uppercase().into_bytes()),
    ];
    for before in 0..3 {
        let (standard, url_safe) = base64_inside(bytes, before);
        spellings.push((Spelling::Base64, standard));
        spellings.push((Spelling::Base64, url_safe));
    }
    spellings.retain(|(_, needle)| needle.len() >= NEEDLE_BYTES_MIN);
    spellings
}

fn hashed(bytes: &[u8]) -> Vec<(Spelling, Vec<u8>)> {
    let hashes = [
        Md5::digest(bytes).to_vec(),
        Sha1::digest(bytes).to_vec(),
        Sha256::digest(bytes).to_vec(),
        Sha512::digest(bytes).to_vec(),
    ];
    let written = hashes.into_iter().flat_map(|hash| {
        [
            hex(&hash).into_bytes(),
            hex(&hash).to_uppercase().into_bytes(),
            URL_SAFE_NO_PAD.encode(&hash).into_bytes(),
            STANDARD.encode(&hash).into_bytes(),
            hash,
        ]
    });
    written
        .map(|needle| (Spelling::UnsaltedHash, needle))
        .collect()
}

/// The characters of base64 that depend on `bytes` alone when `before` other bytes stand in front of them.
fn base64_inside(bytes: &[u8], before: usize) -> (Vec<u8>, Vec<u8>) {
    let padded = [vec![0; before], bytes.to_vec()].concat();
    let first = (before * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    let inside = |encoded: String| {
        encoded
            .into_bytes()
            .get(first..last)
            .unwrap_or_default()
            .to_vec()
    };
    (
        inside(STANDARD.encode(&padded)),
        inside(URL_SAFE_NO_PAD.encode(&padded)),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn json_escaped(text: &str) -> String {
    text.encode_utf16()
        .fold(String::new(), |mut escaped, unit| {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
                Ok(_) | Err(_) => {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            escaped
        })
}

fn url_escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
