//! Bearer tokens: 256 random bits in the caller's hands, a hash in ours.
//!
//! A store keeps [`BearerHash`] only, so that reading a store gives nobody a token.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// Longest bearer value that is looked at.
const BEARER_BYTES_MAX: usize = 512;

/// A bearer token as its owner holds it. `Debug` shows nothing of it.
pub struct Bearer(String);

impl Bearer {
    /// A new token of 256 bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0u8; 32];
        rng.fill_bytes(&mut bytes);
        Self(protocol::base64url::encode(&bytes))
    }

    /// A token that came in by another way than the `Authorization` header.
    #[must_use]
    pub fn from_received(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// The value to send to its owner, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What may be stored.
    #[must_use]
    pub fn hash(&self) -> BearerHash {
        let mut hasher = Sha256::new();
        hasher.update(b"tegata/bearer/v1\0");
        hasher.update(self.0.as_bytes());
        BearerHash(hasher.finalize().into())
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bearer")
    }
}

/// Reads `Authorization: Bearer …`; anything else is 401.
impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refusal::unauthorized());
        };
        let value = value.to_str().map_err(|_| Refusal::unauthorized())?;
        let (scheme, token) = value.split_once(' ').ok_or_else(Refusal::unauthorized)?;
        let known = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        if !known
            || token.len() > BEARER_BYTES_MAX
            || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Refusal::unauthorized());
        }
        Ok(Self(token.to_owned()))
    }
}

/// The hash of a bearer token, as stores keep it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BearerHash([u8; 32]);

impl BearerHash {
    /// From a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `bearer` is the token that was hashed, in constant time.
    #[must_use]
    pub fn matches(&self, bearer: &Bearer) -> bool {
        self.0.ct_eq(&bearer.hash().0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn extract(header: Option<&str>) -> Result<Bearer, Refusal> {
        let mut request = Request::builder();
        if let Some(value) = header {
            request = request.header(AUTHORIZATION, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Bearer::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_bearer_header_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!(extract(Some("Bearer abc")).await.unwrap().reveal(), "abc");
        assert_eq!(extract(Some("bearer abc")).await.unwrap().reveal(), "abc");
    }

    #[tokio::test]
    async fn other_schemes_and_shapes_are_refused() {
        for header in [
            None,
            Some("Basic abc"),
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer a b"),
        ] {
            assert!(extract(header).await.is_err(), "{header:?}");
        }
        let long = format!("Bearer {}", "a".repeat(BEARER_BYTES_MAX + 1));
        assert!(extract(Some(&long)).await.is_err());
    }

    #[test]
    fn a_hash_matches_its_token_and_no_other() {
        let mut rng = crate::random::os();
        let (mine, other) = (Bearer::generate(&mut rng), Bearer::generate(&mut rng));
        assert!(mine.hash().matches(&mine));
        assert!(!mine.hash().matches(&other));
    }

    #[test]
    fn debug_shows_nothing_of_a_token() {
        assert_eq!(format!("{:?}", Bearer::from_received("secret")), "Bearer");
    }
}
