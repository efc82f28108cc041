//! Secret bytes as they lie in the vault.

use protocol::base64url;
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// 32 secret bytes: a decryption key or an outcome key. They are serialised for the vault, which encrypts them, and for
/// nothing else.
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(base64url::encode(self.bytes())))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        base64url::decode_array(&text)
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(serde::de::Error::custom)
    }
}

/// 128 random bits for an address that nobody guesses.
pub(crate) fn random_id(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    base64url::encode(&bytes)
}
