//! Random values that tie a response to its request.

use std::fmt;

use rand_core::CryptoRng;

use crate::base64url;

/// 128 bits need 22 characters of base64url.
const NONCE_CHARS_MIN: usize = 22;
const CHARS_MAX: usize = 512;
const RANDOM_BYTES: usize = 32;

/// A nonce, state or wallet nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too short, too long, or with characters that are not URL-safe")]
pub struct NonceError;

/// The request's `nonce`: fresh, with at least 128 bits, of URL-safe characters only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(String);

/// The request's `state`: URL-safe characters only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State(String);

/// The wallet's own nonce, which the request object must repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WalletNonce(String);

impl Nonce {
    /// A fresh nonce of 256 bits.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(random(rng))
    }

    /// Checks length and alphabet.
    pub fn new(text: &str) -> Result<Self, NonceError> {
        checked(text, NONCE_CHARS_MIN).map(Self)
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl State {
    /// A fresh state of 256 bits.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(random(rng))
    }

    /// Checks length and alphabet.
    pub fn new(text: &str) -> Result<Self, NonceError> {
        checked(text, 1).map(Self)
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WalletNonce {
    /// A fresh wallet nonce of 256 bits.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(random(rng))
    }

    /// Checks length and alphabet; the specification leaves both open, so any printable ASCII is read.
    pub fn new(text: &str) -> Result<Self, NonceError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if printable && !text.is_empty() && text.len() <= CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NonceError)
        }
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; RANDOM_BYTES];
    rng.fill_bytes(&mut bytes);
    base64url::encode(&bytes)
}

fn checked(text: &str, chars_min: usize) -> Result<String, NonceError> {
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if (chars_min..=CHARS_MAX).contains(&text.len()) && text.bytes().all(url_safe) {
        Ok(text.to_owned())
    } else {
        Err(NonceError)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn neg_h07_a_short_or_unsafe_nonce_is_refused() {
        for bad in [
            "",
            "short",
            &"a".repeat(NONCE_CHARS_MIN - 1),
            &"a".repeat(CHARS_MAX + 1),
            &" ".repeat(30),
            &"é".repeat(30),
        ] {
            assert_eq!(Nonce::new(bad), Err(NonceError));
        }
        assert!(Nonce::new(&"a".repeat(NONCE_CHARS_MIN)).is_ok());
        assert!(Nonce::new(&"a".repeat(CHARS_MAX)).is_ok());
    }

    #[test]
    fn a_random_nonce_is_a_good_nonce() {
        let nonce = Nonce::random(&mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(Nonce::new(nonce.as_str()), Ok(nonce));
    }

    #[test]
    fn a_state_of_64_characters_is_accepted() {
        assert!(State::new(&"s".repeat(64)).is_ok());
        assert_eq!(State::new("a b"), Err(NonceError));
    }

    #[test]
    fn neg_r13_a_large_wallet_nonce_is_refused() {
        assert_eq!(WalletNonce::new(&"a".repeat(1 << 20)), Err(NonceError));
        assert_eq!(WalletNonce::new("a\nb"), Err(NonceError));
        assert!(WalletNonce::new("qPmxiNFCR3QTm19POc8u").is_ok());
    }
}
