//! `application/x-www-form-urlencoded` parameters, read strictly.
//!
//! The usual decoders replace invalid UTF-8 and keep one of two parameters of the same name; what is signed over or
//! compared afterwards would then not be what was sent.

use std::fmt::Write as _;

/// Parameters in one form.
pub const PARAMETERS_MAX: usize = 64;

/// Named parameters, each name once.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Why a form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A parameter stands twice (RFC 6749, section 3.1).
    #[error("a parameter stands twice")]
    Duplicate,
    /// A broken percent escape, or bytes that are not UTF-8.
    #[error("a parameter is not correctly encoded")]
    Encoding,
    /// More than [`PARAMETERS_MAX`] parameters.
    #[error("too many parameters")]
    TooMany,
}

impl Form {
    /// Reads a form body or the query of a URL.
    pub fn parse(encoded: &[u8]) -> Result<Self, FormError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in encoded
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Duplicate);
            }
            if parameters.len() == PARAMETERS_MAX {
                return Err(FormError::TooMany);
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Takes the value of a parameter out, for large ones.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(position).1)
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form of {} parameters", self.0.len())
    }
}

/// Encodes parameters as a form body or the query of a URL.
#[must_use]
pub fn encode(parameters: &[(&str, &str)]) -> String {
    let mut encoded = String::new();
    for (name, value) in parameters {
        if !encoded.is_empty() {
            encoded.push('&');
        }
        encode_into(name, &mut encoded);
        encoded.push('=');
        encode_into(value, &mut encoded);
    }
    encoded
}

fn encode_into(text: &str, encoded: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
}

fn decode(encoded: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(nibble).ok_or(FormError::Encoding)?;
                let low = rest.next().and_then(nibble).ok_or(FormError::Encoding)?;
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_invalid| FormError::Encoding)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neg_p02_a_duplicate_parameter_is_refused() {
        assert_eq!(
            Form::parse(b"state=a&response=b&state=a"),
            Err(FormError::Duplicate)
        );
        assert_eq!(Form::parse(b"state=a&st%61te=b"), Err(FormError::Duplicate));
        assert_eq!(
            Form::parse(b"state=a&response=b").unwrap().get("response"),
            Some("b")
        );
    }

    #[test]
    fn neg_p03_invalid_utf8_is_refused() {
        for bad in [
            &b"state=%ff"[..],
            b"state=\xff",
            b"state=%4",
            b"state=%zz",
            b"%c3=1",
        ] {
            assert_eq!(Form::parse(bad), Err(FormError::Encoding));
        }
        assert_eq!(
            Form::parse(b"state=%E5%B1%B1+x").unwrap().get("state"),
            Some("山 x")
        );
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        let form = |count: usize| {
            (0..count)
                .map(|n| format!("p{n}="))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(Form::parse(form(PARAMETERS_MAX).as_bytes()).is_ok());
        assert_eq!(
            Form::parse(form(PARAMETERS_MAX + 1).as_bytes()),
            Err(FormError::TooMany)
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(name in ".{1,20}", value in ".{0,40}") {
            let form = Form::parse(encode(&[(&name, &value), ("", "x")]).as_bytes()).unwrap();
            prop_assert_eq!(form.get(&name), Some(value.as_str()));
        }

        #[test]
        fn parsing_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Form::parse(&bytes);
        }
    }
}
