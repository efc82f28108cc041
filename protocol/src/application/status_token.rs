//! The token with which a holder asks how an application stands.
//!
//! The wallet draws it and sends it inside the encrypted response, so that it has its access before the company answers: an
//! answer that is lost loses nothing.

use rand_core::CryptoRng;

use crate::base64url;

/// 256 random bits in base64url. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusToken(String);

impl StatusToken {
    /// A new token from the caller's randomness.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(base64url::encode(&bytes))
    }

    /// Reads a token; none if it is not of 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_array::<32>(text).ok()?;
        Some(Self(text.to_owned()))
    }

    /// The value to send.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for StatusToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StatusToken")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_shown_by_nothing_else() {
        let token = StatusToken::random(&mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(StatusToken::parse(token.reveal()), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "StatusToken");
    }

    #[test]
    fn a_token_of_another_length_is_none() {
        let token = StatusToken::random(&mut ChaCha20Rng::seed_from_u64(1));
        for bad in [
            "",
            "abc",
            &token.reveal()[1..],
            &format!("{}A", token.reveal()),
        ] {
            assert_eq!(StatusToken::parse(bad), None, "{bad}");
        }
    }
}
