//! Identifiers and digests of fixed size: the only things a record is made of.

mod hex;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

/// Text that is not the lower-case hexadecimal form of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of {bytes} bytes in lower-case hexadecimal")]
pub struct IdError {
    /// How many bytes the identifier has.
    pub bytes: usize,
}

/// Declares a byte string of fixed length, written in lower-case hexadecimal wherever text is needed.
macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* $name:ident, $length:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// How many bytes it has.
            pub const LENGTH: usize = $length;

            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                hex::write(f, &self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                hex::read(text).map(Self).ok_or(IdError { bytes: $length })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

fixed_bytes! {
    /// A network: the SHA-256 of the bytes of its genesis file.
    NetworkId, 32;
    /// A record without its signature: the same statement by the same author has the same id, however it was signed.
    RecordId, 32;
    /// A SHA-256 digest of content that the registry does not hold.
    ContentDigest, 32;
    /// A digest of the heights and times of all blocks with records, and of where they begin.
    BlocksDigest, 32;
    /// A KYC case. Random; says nothing of the person.
    CaseId, 16;
    /// An application for an account. Random; says nothing of the person or the company.
    ApplicationId, 16;
    /// A status list: the first 16 bytes of the SHA-256 of its URI.
    ListId, 16;
}

impl NetworkId {
    /// The network that a genesis file describes.
    #[must_use]
    pub fn of_genesis(file: &[u8]) -> Self {
        Self(Sha256::digest(file).into())
    }
}

impl ContentDigest {
    /// The digest of some content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl CaseId {
    /// A new case.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl ApplicationId {
    /// A new application.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl ListId {
    /// The list that a status list URI names.
    #[must_use]
    pub fn of_uri(uri: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(uri.as_bytes()).into();
        let mut bytes = [0; Self::LENGTH];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_what_it_writes() {
        let case = CaseId::from_bytes(*b"0123456789abcdef");
        assert_eq!(case.to_string(), "30313233343536373839616263646566");
        assert_eq!(case.to_string().parse(), Ok(case));
    }

    #[test]
    fn upper_case_other_lengths_and_other_characters_are_refused() {
        for text in [
            "",
            "30",
            "3031323334353637383961626364656",
            "3031323334353637383961626364656G",
            "3031323334353637383961626364656F",
            "3031323334353637383961626364656é",
            "303132333435363738396162636465660",
            "+0313233343536373839616263646566",
        ] {
            assert_eq!(text.parse::<CaseId>(), Err(IdError { bytes: 16 }), "{text}");
        }
    }
}
