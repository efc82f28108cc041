//! Challenges for key proofs: made without a store, used once.
//!
//! A nonce is `expiry ‖ 16 random bytes ‖ 16 bytes of a keyed hash` in base64url. Keys: kind `used-nonce`, id the random
//! part. Atomicity: a nonce is marked used in the transaction that issues. Restart: a used nonce stays used; marks are
//! removed after the nonce has expired.

use protocol::{Timestamp, base64url};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use vault::{Changes, Kind};

use crate::{
    issuer::Issuer,
    secret::{ServiceSecret, Use},
    store::{SCHEMA, StoreError},
};

const USED: Kind = Kind::ordinary("used-nonce");
/// Seconds for which a nonce is good.
pub(super) const LIFETIME_SECONDS: u64 = 300;
const RANDOM_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

/// A nonce that is ours and has not expired. Whether it was used is for the transaction to say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nonce {
    expires: Timestamp,
    random: [u8; RANDOM_BYTES],
}

/// A nonce that is not ours, or has expired.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the nonce is unknown or has expired")]
pub(crate) struct NonceError;

/// A new challenge.
pub(super) fn mint(secret: &ServiceSecret, now: Timestamp, rng: &mut impl CryptoRng) -> String {
    let mut random = [0; RANDOM_BYTES];
    rng.fill_bytes(&mut random);
    let nonce = Nonce {
        expires: now.plus_seconds(LIFETIME_SECONDS),
        random,
    };
    let expires = nonce.expires.as_unix().to_be_bytes();
    base64url::encode(&[&expires[..], &random, &nonce.tag(secret)].concat())
}

/// Recognises a challenge of ours.
pub(super) fn recognise(
    secret: &ServiceSecret,
    text: &str,
    now: Timestamp,
) -> Result<Nonce, NonceError> {
    let bytes = base64url::decode(text).map_err(|_| NonceError)?;
    let (expires, rest) = bytes.split_first_chunk::<8>().ok_or(NonceError)?;
    let (random, tag) = rest.split_first_chunk::<RANDOM_BYTES>().ok_or(NonceError)?;
    let nonce = Nonce {
        expires: Timestamp::from_unix(u64::from_be_bytes(*expires)),
        random: *random,
    };
    if !bool::from(nonce.tag(secret).as_slice().ct_eq(tag)) || nonce.expires <= now {
        return Err(NonceError);
    }
    Ok(nonce)
}

/// Removes the marks of nonces that have expired.
pub(super) fn sweep(issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    let mut changes = Changes::new();
    // The id starts with the expiry, so the list is in order of age.
    for id in issuer.vault.list(USED).into_iter().take(1_024) {
        let expires = id
            .get(..16)
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        if expires.is_some_and(|expires| Timestamp::from_unix(expires) > now) {
            break;
        }
        changes = changes.delete(USED, &id);
    }
    if changes.is_empty() {
        return Ok(());
    }
    issuer.commit(&changes).map(|_| ())
}

impl Nonce {
    /// Marks the nonce used, if it was not.
    pub(super) fn spend(&self, changes: Changes) -> Changes {
        let id = self.id();
        changes
            .only_if_absent(USED, &id)
            .put(USED, &id, SCHEMA, b"")
    }

    /// Whether it was used.
    pub(super) fn is_spent(&self, issuer: &Issuer) -> Result<bool, StoreError> {
        Ok(issuer.vault.get(USED, &self.id())?.is_some())
    }

    fn id(&self) -> String {
        let random: String = self
            .random
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{:016x}{random}", self.expires.as_unix())
    }

    fn tag(&self, secret: &ServiceSecret) -> [u8; TAG_BYTES] {
        let hash = secret.hash(
            Use::Nonce,
            &[&self.expires.as_unix().to_be_bytes(), &self.random],
        );
        let mut tag = [0; TAG_BYTES];
        for (to, from) in tag.iter_mut().zip(hash) {
            *to = from;
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const NOW: Timestamp = Timestamp::from_unix(1_795_000_000);

    fn minted() -> String {
        mint(
            &ServiceSecret::of_seed(1),
            NOW,
            &mut ChaCha20Rng::seed_from_u64(1),
        )
    }

    #[test]
    fn neg_i07_a_nonce_is_recognised_until_it_expires() {
        let secret = ServiceSecret::of_seed(1);
        let last = NOW.plus_seconds(LIFETIME_SECONDS - 1);
        assert!(recognise(&secret, &minted(), last).is_ok());
        assert_eq!(
            recognise(&secret, &minted(), last.plus_seconds(1)),
            Err(NonceError)
        );
    }

    #[test]
    fn neg_i07_a_nonce_of_another_issuer_or_an_altered_one_is_not_recognised() {
        assert_eq!(
            recognise(&ServiceSecret::of_seed(2), &minted(), NOW),
            Err(NonceError)
        );
        let secret = ServiceSecret::of_seed(1);
        let bytes = base64url::decode(&minted()).unwrap();
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1;
            let text = base64url::encode(&altered);
            assert_eq!(recognise(&secret, &text, NOW), Err(NonceError), "{index}");
        }
        for text in ["", "AA", "not base64url!"] {
            assert_eq!(recognise(&secret, text, NOW), Err(NonceError));
        }
    }
}
