//! The verifier's metadata in a request: what it reads, and the key that the answer is encrypted to
//! ([OpenID4VP 1.0, sections 5.1, 8.3 and 11](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#client_metadata)).

use serde_json::{Value, json};

use super::dcql::FORMAT_SD_JWT_VC;
use crate::envelope::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, EncryptionKeyError};
use crate::identity::Algorithm;

/// The ciphers that we offer, the preferred one first.
const OFFERED: [ContentEncryption; 2] = ContentEncryption::ALL;
/// Algorithm names in one list.
const LIST_MAX: usize = 64;

/// Checked `client_metadata`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientMetadata {
    jwks: Value,
    key: EncryptionKey,
    encryption: ContentEncryption,
    issuer_algorithms: Option<Vec<Algorithm>>,
    holder_algorithms: Option<Vec<Algorithm>>,
}

/// Why client metadata are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientMetadataError {
    /// Missing, or of the wrong form.
    #[error("the client metadata are malformed")]
    Malformed,
    /// No key that an answer can be encrypted to.
    #[error("the client metadata have no usable encryption key")]
    Key(#[source] EncryptionKeyError),
    /// None of the offered ciphers is supported.
    #[error("the client metadata offer no supported cipher")]
    Encryption,
    /// SD-JWT VC is not among the verifier's formats.
    #[error("the verifier does not read SD-JWT VC")]
    Formats,
}

impl ClientMetadata {
    /// The metadata of a verifier of ours, with the key of this one request.
    #[must_use]
    pub fn for_key(key: &DecryptionKey, kid: &str) -> Self {
        let jwk = key.public_jwk(kid);
        let key = EncryptionKey::from_jwk(&jwk).expect("a key of ours has the form that we read");
        let algorithms = vec![Algorithm::Es256, Algorithm::EdDsa];
        Self {
            jwks: json!({"keys": [jwk]}),
            key,
            encryption: ContentEncryption::A256Gcm,
            issuer_algorithms: Some(algorithms.clone()),
            holder_algorithms: Some(algorithms),
        }
    }

    /// Reads `client_metadata`. Keys of unknown kinds beside a good one are passed over, and so are unknown members.
    pub fn parse(value: &Value) -> Result<Self, ClientMetadataError> {
        let malformed = ClientMetadataError::Malformed;
        let metadata = value.as_object().ok_or(malformed)?;
        let formats = metadata
            .get("vp_formats_supported")
            .and_then(Value::as_object)
            .ok_or(malformed)?;
        let format = formats
            .get(FORMAT_SD_JWT_VC)
            .ok_or(ClientMetadataError::Formats)?;
        let jwks = metadata.get("jwks").ok_or(malformed)?;
        Ok(Self {
            jwks: jwks.clone(),
            key: EncryptionKey::from_jwks(jwks).map_err(ClientMetadataError::Key)?,
            encryption: encryption(metadata.get("encrypted_response_enc_values_supported"))?,
            issuer_algorithms: algorithms(format.get("sd-jwt_alg_values"))?,
            holder_algorithms: algorithms(format.get("kb-jwt_alg_values"))?,
        })
    }

    /// The metadata as they stand in a request of ours.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let algorithms = json!(["ES256", "Ed25519", "EdDSA"]);
        json!({
            "jwks": self.jwks,
            "encrypted_response_enc_values_supported": OFFERED.map(ContentEncryption::as_str),
            "vp_formats_supported": {
                FORMAT_SD_JWT_VC: {"sd-jwt_alg_values": algorithms, "kb-jwt_alg_values": algorithms},
            },
        })
    }

    /// The key to encrypt the answer to.
    #[must_use]
    pub const fn key(&self) -> &EncryptionKey {
        &self.key
    }

    /// The cipher to use, the strongest that the verifier offers.
    #[must_use]
    pub const fn encryption(&self) -> ContentEncryption {
        self.encryption
    }

    /// Whether the verifier reads credentials with this algorithm of the issuer's and of the holder's key.
    #[must_use]
    pub fn reads(&self, issuer: Algorithm, holder: Algorithm) -> bool {
        let allows = |list: &Option<Vec<Algorithm>>, algorithm| {
            list.as_ref().is_none_or(|list| list.contains(&algorithm))
        };
        allows(&self.issuer_algorithms, issuer) && allows(&self.holder_algorithms, holder)
    }
}

fn encryption(offered: Option<&Value>) -> Result<ContentEncryption, ClientMetadataError> {
    let Some(offered) = offered else {
        return Ok(ContentEncryption::A128Gcm);
    };
    let offered = offered
        .as_array()
        .filter(|list| !list.is_empty())
        .ok_or(ClientMetadataError::Malformed)?;
    OFFERED
        .into_iter()
        .find(|ours| {
            offered
                .iter()
                .any(|theirs| theirs.as_str() == Some(ours.as_str()))
        })
        .ok_or(ClientMetadataError::Encryption)
}

/// The known ones of a list of algorithm names; without a list anything goes.
fn algorithms(list: Option<&Value>) -> Result<Option<Vec<Algorithm>>, ClientMetadataError> {
    let Some(list) = list else {
        return Ok(None);
    };
    let list = list
        .as_array()
        .filter(|list| !list.is_empty() && list.len() <= LIST_MAX);
    let names = list.ok_or(ClientMetadataError::Malformed)?;
    let mut known: Vec<Algorithm> = names
        .iter()
        .filter_map(|name| Algorithm::from_jose(name.as_str()?))
        .collect();
    known.dedup();
    Ok(Some(known))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;
    use crate::envelope::jwe::KeyKind;

    fn metadata() -> ClientMetadata {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        ClientMetadata::for_key(&DecryptionKey::generate(KeyKind::P256, &mut rng), "k1")
    }

    #[test]
    fn what_a_verifier_of_ours_writes_is_read() {
        assert_eq!(
            ClientMetadata::parse(&metadata().to_value()),
            Ok(metadata())
        );
        assert!(metadata().reads(Algorithm::Es256, Algorithm::EdDsa));
    }

    #[test]
    fn neg_h16_an_unusable_key_is_refused_and_passed_over_beside_a_good_one() {
        let good = metadata().to_value()["jwks"]["keys"][0].clone();
        let without = |member: &str| {
            let mut key = good.clone();
            key.as_object_mut().unwrap().remove(member);
            key
        };
        let with = |member: &str, value: &str| {
            let mut key = good.clone();
            key[member] = json!(value);
            key
        };
        let rsa = json!({"kty": "RSA", "kid": "r", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"});
        for bad in [
            rsa,
            without("alg"),
            without("kid"),
            with("use", "sig"),
            with("kty", "XX"),
            with("alg", "ECDH-ES+A256KW"),
        ] {
            let mut value = metadata().to_value();
            value["jwks"]["keys"] = json!([bad]);
            assert!(
                matches!(
                    ClientMetadata::parse(&value),
                    Err(ClientMetadataError::Key(_))
                ),
                "{bad}"
            );
            let mut other = good.clone();
            other["kid"] = json!("good");
            value["jwks"]["keys"] = json!([bad, other]);
            assert_eq!(
                ClientMetadata::parse(&value).unwrap().key().kid(),
                Some("good")
            );
        }
        let mut value = metadata().to_value();
        value["jwks"]["keys"] = json!([without("use")]);
        assert!(ClientMetadata::parse(&value).is_ok());
    }

    #[test]
    fn the_strongest_offered_cipher_is_used_and_the_default_is_a128gcm() {
        let mut value = metadata().to_value();
        value["encrypted_response_enc_values_supported"] = json!(["A128GCM", "A256GCM"]);
        assert_eq!(
            ClientMetadata::parse(&value).unwrap().encryption(),
            ContentEncryption::A256Gcm
        );
        value["encrypted_response_enc_values_supported"] = json!(["A128CBC-HS256"]);
        assert_eq!(
            ClientMetadata::parse(&value),
            Err(ClientMetadataError::Encryption)
        );
        value
            .as_object_mut()
            .unwrap()
            .remove("encrypted_response_enc_values_supported");
        assert_eq!(
            ClientMetadata::parse(&value).unwrap().encryption(),
            ContentEncryption::A128Gcm
        );
    }

    #[test]
    fn a_verifier_that_does_not_read_sd_jwt_vc_is_refused() {
        let mut value = metadata().to_value();
        value["vp_formats_supported"] = json!({"mso_mdoc": {}});
        assert_eq!(
            ClientMetadata::parse(&value),
            Err(ClientMetadataError::Formats)
        );
        value["vp_formats_supported"] = json!({"dc+sd-jwt": {"kb-jwt_alg_values": ["ES256"]}});
        let metadata = ClientMetadata::parse(&value).unwrap();
        assert!(metadata.reads(Algorithm::EdDsa, Algorithm::Es256));
        assert!(!metadata.reads(Algorithm::EdDsa, Algorithm::EdDsa));
    }
}
