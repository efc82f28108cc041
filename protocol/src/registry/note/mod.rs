//! Signed notes as in [C2SP signed-note](https://c2sp.org/signed-note): text, an empty line, signature lines.

mod key;

#[cfg(test)]
mod tests;

pub use key::{KeyKind, NoteKey};

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// No note is longer.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// No note carries more signatures.
pub const SIGNATURES_MAX: usize = 128;

const SIGNATURE_LINE: &str = "\u{2014} ";

/// Why bytes are not a note that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`], or more than [`SIGNATURES_MAX`] signatures.
    #[error("the note is too large")]
    TooLarge,
    /// Not text, an empty line and signature lines.
    #[error("the note is malformed")]
    Malformed,
    /// A known key is named, but the signature is not its own.
    #[error("a signature of a known key does not verify")]
    Signature,
    /// No known key signed.
    #[error("no known key signed the note")]
    Unsigned,
}

/// A signature line: who claims to have signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    signature: Vec<u8>,
}

impl NoteSignature {
    /// Reads one signature line without its newline.
    ///
    /// # Errors
    ///
    /// Fails unless it is a dash, a space, a key name, a space and base64 of at least five bytes.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let line = line
            .strip_prefix(SIGNATURE_LINE)
            .ok_or(NoteError::Malformed)?;
        let (name, encoded) = line.split_once(' ').ok_or(NoteError::Malformed)?;
        let bytes = BASE64_STANDARD
            .decode(encoded)
            .map_err(|_cause| NoteError::Malformed)?;
        match bytes.split_first_chunk() {
            Some((key_id, signature)) if is_key_name(name) && !signature.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_id: u32::from_be_bytes(*key_id),
                signature: signature.to_vec(),
            }),
            Some(_) | None => Err(NoteError::Malformed),
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key; with the name it says which key and which kind of signature.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }
}

impl std::fmt::Display for NoteSignature {
    /// The signature line with its newline.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [&self.key_id.to_be_bytes(), self.signature.as_slice()].concat();
        let encoded = BASE64_STANDARD.encode(bytes);
        writeln!(f, "{SIGNATURE_LINE}{} {encoded}", self.name)
    }
}

/// A key name is not empty and has neither spaces nor plus signs.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// A note as it came: its text says nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl UnverifiedNote {
    /// Reads a note.
    ///
    /// # Errors
    ///
    /// Fails unless it has the form of a signed note within the bounds.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let note = str::from_utf8(bytes).map_err(|_cause| NoteError::Malformed)?;
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::Malformed);
        }
        let separator = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, rest) = note.split_at(separator + 1);
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Malformed)?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::TooLarge);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures: lines
                .split('\n')
                .map(NoteSignature::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The text, which nobody vouches for yet.
    #[must_use]
    pub fn dangerous_text(&self) -> &str {
        &self.text
    }

    /// Checks the signatures of the known keys and ignores all others.
    ///
    /// # Errors
    ///
    /// Fails if a known key's signature is wrong or no known key signed.
    pub fn verify<'k>(self, keys: &'k [NoteKey]) -> Result<VerifiedNote<'k>, NoteError> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.is_of(signature)) else {
                continue;
            };
            let time = key.verify(&self.text, signature)?;
            signers.push(Signer { key, time });
        }
        if signers.is_empty() {
            return Err(NoteError::Unsigned);
        }
        Ok(VerifiedNote {
            text: self.text,
            signers,
        })
    }
}

/// A note that at least one known key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedNote<'k> {
    text: String,
    signers: Vec<Signer<'k>>,
}

/// A known key that signed a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer<'k> {
    /// The key.
    pub key: &'k NoteKey,
    /// When, as the key's holder says; a plain signature says nothing of it.
    pub time: Option<crate::Timestamp>,
}

impl<'k> VerifiedNote<'k> {
    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// One entry per valid signature of a known key; a key may have signed twice.
    #[must_use]
    pub fn signers(&self) -> &[Signer<'k>] {
        &self.signers
    }
}

/// Writes a note.
///
/// # Errors
///
/// Fails if the text does not end in a newline, has control characters, or nobody signed.
pub fn write_note(text: &str, signatures: &[NoteSignature]) -> Result<String, NoteError> {
    let lines: String = signatures.iter().map(ToString::to_string).collect();
    let note = format!("{text}\n{lines}");
    let parsed = UnverifiedNote::parse(note.as_bytes())?;
    // A text with its own signature-like tail must not come apart elsewhere than we put it together.
    if parsed.text != text || parsed.signatures != signatures {
        return Err(NoteError::Malformed);
    }
    Ok(note)
}
