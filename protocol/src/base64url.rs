//! Strict base64url without padding (RFC 4648, section 5).
//!
//! One text per byte string: padding, the other alphabet, white space and non-zero trailing bits are refused.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// Bytes as base64url text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The bytes that a base64url text stands for.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    ENGINE.decode(text).map_err(|_| Base64Error::NotBase64url)
}

/// The bytes that a base64url text stands for, if there are exactly `N`.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base64Error> {
    <[u8; N]>::try_from(decode(text)?).map_err(|_| Base64Error::WrongLength)
}

/// A text is not the base64url of what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// Not base64url without padding, or not the one spelling of its bytes.
    #[error("not base64url without padding")]
    NotBase64url,
    /// Base64url of more or fewer bytes.
    #[error("base64url of the wrong number of bytes")]
    WrongLength,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_are_met_without_their_padding() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
        ] {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), plain.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn neg_p06_any_other_base64_is_refused() {
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for text in [
            "Zg==", "Zg=", "+/8", "Zm 9v", "Zm9v\n", " Zm9v", "Zh", "Zm9", "-_9", "Z", "Zm9vZ",
            "Ｚg", "Zg\0",
        ] {
            assert_eq!(decode(text), Err(Base64Error::NotBase64url), "{text:?}");
        }
    }

    #[test]
    fn an_array_of_another_length_is_refused() {
        assert_eq!(decode_array::<3>("Zm9v").unwrap(), *b"foo");
        assert_eq!(decode_array::<2>("Zm9v"), Err(Base64Error::WrongLength));
        assert_eq!(decode_array::<4>("Zm9v"), Err(Base64Error::WrongLength));
    }
}
