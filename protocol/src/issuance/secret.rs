//! Values that admit whoever holds them. They are read and revealed where a message is; elsewhere only hashes are kept.

use secrecy::{ExposeSecret, SecretString};

/// Bytes of a secret in a message.
pub const SECRET_BYTES_MAX: usize = 512;

/// A text that cannot be a secret of a message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is empty, too long, or not printable ASCII")]
pub struct SecretError;

macro_rules! secret_text {
    ($($(#[$documentation:meta])* $name:ident;)+) => {$(
        $(#[$documentation])*
        pub struct $name(SecretString);

        impl $name {
            /// Takes a text that arrived in a message or was just made.
            pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
                let text = text.into();
                let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                if text.is_empty() || text.len() > SECRET_BYTES_MAX || !printable {
                    return Err(SecretError);
                }
                Ok(Self(text.into()))
            }

            /// The text, to be put into a message or a hash.
            pub fn reveal(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(stringify!($name))
            }
        }
    )+};
}

secret_text! {
    /// `pre-authorized_code`: the issuer's authorisation for a wallet, single use.
    PreAuthorizedCode;
    /// `tx_code`: the code that reaches the user by letter.
    TransactionCode;
    /// `access_token`: authorises credential requests for a few minutes.
    AccessToken;
    /// `notification_id`: names one issuance towards the issuer.
    NotificationId;
}

impl TransactionCode {
    /// Digits of the codes that Tegata makes.
    pub const DIGITS: usize = 6;

    /// A code of random digits.
    pub fn generate(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut digits = String::with_capacity(Self::DIGITS);
        while digits.len() < Self::DIGITS {
            let mut byte = [0];
            rng.fill_bytes(&mut byte);
            let [byte] = byte;
            // 250 is the largest multiple of ten below 256: taking more would make low digits likelier.
            if byte < 250 {
                digits.push(char::from(b'0' + byte % 10));
            }
        }
        Self(digits.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    #[test]
    fn neg_e09_a_secret_prints_nothing_of_itself() {
        let code = PreAuthorizedCode::new("oaKazRN8I0IbtZ0C7JuMn5").unwrap();
        assert_eq!(format!("{code:?}"), "PreAuthorizedCode");
    }

    #[test]
    fn neg_p03_a_secret_that_is_empty_long_or_not_printable_is_refused() {
        let long = "a".repeat(SECRET_BYTES_MAX + 1);
        for text in ["", "a\0", "a\n", "é", &long] {
            assert!(AccessToken::new(text).is_err());
        }
        assert!(AccessToken::new("a".repeat(SECRET_BYTES_MAX)).is_ok());
    }

    #[test]
    fn transaction_codes_are_six_digits_and_differ() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (one, two) = (
            TransactionCode::generate(&mut rng),
            TransactionCode::generate(&mut rng),
        );
        assert_eq!(one.reveal().len(), TransactionCode::DIGITS);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_digit()));
        assert_ne!(one.reveal(), two.reveal());
    }
}
