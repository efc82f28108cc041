//! The keys that cells are sealed to.
//!
//! A member's relay key is the X25519 form of its cosigning key (the birational map of RFC 7748, section 4.1), so that all
//! members seal to the same key, which the ledger's parties name: a node that could hand each member another key would know
//! by the key whose cell it opens.

use ed25519_dalek::VerifyingKey;
use zeroize::Zeroizing;

use crate::envelope::hpke::RecipientKey;
use crate::identity::{Algorithm, SigningKey};

/// The key that opens what is sealed to the member with this cosigning key; none if it is no Ed25519 key.
#[must_use]
pub fn relay_key(cosigning_key: &SigningKey) -> Option<RecipientKey> {
    match cosigning_key.algorithm() {
        Algorithm::EdDsa => {
            let key = ed25519_dalek::SigningKey::from_bytes(&cosigning_key.secret());
            let scalar = Zeroizing::new(key.to_scalar_bytes());
            Some(RecipientKey::from_secret(&scalar))
        }
        Algorithm::Es256 => None,
    }
}

/// The public half for a member's public cosigning key; none if that is not a point of the curve.
#[must_use]
pub fn relay_public_key(cosigning_key: &[u8; 32]) -> Option<[u8; 32]> {
    let key = VerifyingKey::from_bytes(cosigning_key).ok()?;
    Some(key.to_montgomery().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_relay_key_belong_together() {
        for n in 1..20 {
            let cosigning = SigningKey::from_secret(Algorithm::EdDsa, &[n; 32]).unwrap();
            let public = cosigning.public_key().to_bytes().try_into().unwrap();
            assert_eq!(
                relay_key(&cosigning).map(|key| key.public_key()),
                relay_public_key(&public)
            );
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_no_relay_key() {
        let p256 = SigningKey::from_secret(Algorithm::Es256, &[1; 32]).unwrap();
        assert!(relay_key(&p256).is_none());
        assert!(relay_public_key(&[2; 32]).is_none());
    }
}
