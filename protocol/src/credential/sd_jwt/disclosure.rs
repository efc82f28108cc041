//! One disclosure: a salted claim and the digest that stands for it
//! ([RFC 9901, section 4.2](https://www.rfc-editor.org/rfc/rfc9901#section-4.2)).

use std::fmt;

use rand_core::CryptoRng;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::base64url::{self, Base64Error};
use crate::json::{self, JsonError};

/// Bytes of randomness in a salt that we make, and the least that we emit (RFC 9901, section 9.3).
pub(super) const SALT_BYTES: usize = 16;

/// Claim names that carry digests and can therefore never be disclosed as claims.
pub(super) const RESERVED_NAMES: [&str; 3] = [DIGESTS, ELEMENT_DIGEST, HASH_ALGORITHM];
/// The member that lists the digests of an object's disclosures.
pub(super) const DIGESTS: &str = "_sd";
/// The only member of the object that stands for a concealed array element.
pub(super) const ELEMENT_DIGEST: &str = "...";
/// The top-level member that names the hash algorithm.
pub(super) const HASH_ALGORITHM: &str = "_sd_alg";

/// A disclosure that is well-formed; whether a signed digest stands for it, only [`process`](super::process) says.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    encoded: String,
    digest: String,
    salt: String,
    claim: DisclosedClaim,
}

/// What a disclosure reveals.
#[derive(Clone, PartialEq, Eq)]
pub enum DisclosedClaim {
    /// A member of an object.
    Property {
        /// The claim's name.
        name: String,
        /// The claim's value; may hold digests of further disclosures.
        value: Value,
    },
    /// An element of an array.
    Element {
        /// The element; may hold digests of further disclosures.
        value: Value,
    },
}

/// Why a text is no disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// The text is not base64url without padding.
    #[error("a disclosure is not base64url")]
    Encoding(#[source] Base64Error),
    /// The decoded bytes are not acceptable JSON.
    #[error("a disclosure is not JSON")]
    Json(#[source] JsonError),
    /// Not an array of salt and value, or of salt, name and value.
    #[error("a disclosure is not an array of a salt, a name (in objects) and a value")]
    Shape,
    /// The claim name is one of those that carry digests.
    #[error("a disclosure is named like a digest")]
    ReservedName,
}

impl Disclosure {
    /// Reads one disclosure as it stands between two tildes.
    pub fn parse(encoded: &str) -> Result<Self, DisclosureError> {
        let bytes = base64url::decode(encoded).map_err(DisclosureError::Encoding)?;
        let value = json::parse(&bytes, &json::Limits::DEFAULT).map_err(DisclosureError::Json)?;
        let Value::Array(elements) = value else {
            return Err(DisclosureError::Shape);
        };
        let mut elements = elements.into_iter();
        let parts = (
            elements.next(),
            elements.next(),
            elements.next(),
            elements.next(),
        );
        let (salt, claim) = match parts {
            (Some(Value::String(salt)), Some(value), None, None) => {
                (salt, DisclosedClaim::Element { value })
            }
            (Some(Value::String(salt)), Some(Value::String(name)), Some(value), None) => {
                (salt, DisclosedClaim::Property { name, value })
            }
            _ => return Err(DisclosureError::Shape),
        };
        if matches!(&claim, DisclosedClaim::Property { name, .. } if RESERVED_NAMES.contains(&name.as_str()))
        {
            return Err(DisclosureError::ReservedName);
        }
        Ok(Self {
            digest: digest(encoded),
            encoded: encoded.to_owned(),
            salt,
            claim,
        })
    }

    /// A fresh disclosure of an object member. The caller has checked the name.
    pub(super) fn property(salt: String, name: String, value: Value) -> Self {
        let array = Value::from(vec![
            Value::from(salt.as_str()),
            Value::from(name.as_str()),
            value.clone(),
        ]);
        Self::fresh(salt, &array, DisclosedClaim::Property { name, value })
    }

    /// A fresh disclosure of an array element.
    pub(super) fn element(salt: String, value: Value) -> Self {
        let array = Value::from(vec![Value::from(salt.as_str()), value.clone()]);
        Self::fresh(salt, &array, DisclosedClaim::Element { value })
    }

    fn fresh(salt: String, array: &Value, claim: DisclosedClaim) -> Self {
        let encoded = base64url::encode(array.to_string().as_bytes());
        Self {
            digest: digest(&encoded),
            encoded,
            salt,
            claim,
        }
    }

    /// The disclosure as it travels. It is never serialised anew: the digest is over these characters.
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The digest that stands for this disclosure in the signed payload or in another disclosure.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The salt, as text.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// What is disclosed.
    pub fn claim(&self) -> &DisclosedClaim {
        &self.claim
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disclosure(..)")
    }
}

impl fmt::Debug for DisclosedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisclosedClaim(..)")
    }
}

/// The base64url-encoded SHA-256 of a text: of a disclosure, or of a whole SD-JWT (`sd_hash`).
pub(super) fn digest(text: &str) -> String {
    base64url::encode(&Sha256::digest(text.as_bytes()))
}

/// A salt of 128 bits.
pub(super) fn fresh_salt(rng: &mut impl CryptoRng) -> String {
    let mut salt = [0_u8; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    base64url::encode(&salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        base64url::encode(text.as_bytes())
    }

    #[test]
    fn the_disclosures_of_the_rfc_are_read() {
        let family_name = Disclosure::parse(
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
        )
        .unwrap();
        assert_eq!(
            family_name.digest(),
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
        );
        assert_eq!(family_name.salt(), "_26bc4LT-ac6q2KI6cBW5es");
        let Disclosure {
            claim: DisclosedClaim::Property { name, value },
            ..
        } = family_name
        else {
            panic!("not a property");
        };
        assert_eq!(
            (name.as_str(), value),
            ("family_name", Value::from("Möbius"))
        );

        let nationality = Disclosure::parse("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0").unwrap();
        assert_eq!(
            nationality.digest(),
            "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"
        );
        assert!(matches!(nationality.claim(), DisclosedClaim::Element { value } if value == "FR"));
    }

    #[test]
    fn what_we_make_is_what_we_read() {
        let made = Disclosure::property(
            "salt".into(),
            "山田".into(),
            serde_json::json!({"a": [1, null]}),
        );
        assert_eq!(Disclosure::parse(made.encoded()).unwrap(), made);
        let made = Disclosure::element("salt".into(), Value::Null);
        assert_eq!(Disclosure::parse(made.encoded()).unwrap(), made);
    }

    #[test]
    fn debug_shows_nothing_of_the_claim() {
        let made = Disclosure::property("salt".into(), "family_name".into(), Value::from("山田"));
        assert_eq!(
            format!("{made:?} {:?}", made.claim()),
            "Disclosure(..) DisclosedClaim(..)"
        );
    }

    #[test]
    fn neg_s04_a_disclosure_of_another_shape_is_refused() {
        for good in [r#"["s","n",1]"#, r#"["s",1]"#, "[\n\"s\" ,  null ]"] {
            assert!(Disclosure::parse(&encode(good)).is_ok(), "{good}");
        }
        for bad in [
            r#"["s"]"#,
            r#"["s","n",1,2]"#,
            r#"[]"#,
            r#"{"0":"s","1":"n","2":1}"#,
            r#""s""#,
            r#"[1,"n",1]"#,
            r#"["s",1,1]"#,
            r#"["s",null,1]"#,
            r#"["s","n",1"#,
            r#"["s","n",{"a":1,"a":2}]"#,
            r#"["s","n",1] "x""#,
            "",
        ] {
            assert!(Disclosure::parse(&encode(bad)).is_err(), "{bad}");
        }
        for bad in [
            "WyJzIiwxXQ==",
            "WyJzIiwxXR",
            "WyJz IiwxXQ",
            "WyJ+IiwxXQ",
            "*",
        ] {
            assert!(
                matches!(Disclosure::parse(bad), Err(DisclosureError::Encoding(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn neg_s05_a_disclosure_named_like_a_digest_is_refused() {
        for reserved in ["_sd", "...", "_sd_alg"] {
            let text = format!(r#"["salt","{reserved}",1]"#);
            assert!(matches!(
                Disclosure::parse(&encode(&text)),
                Err(DisclosureError::ReservedName)
            ));
        }
        let escaped = r#"["salt","\u005fsd",1]"#;
        assert!(matches!(
            Disclosure::parse(&encode(escaped)),
            Err(DisclosureError::ReservedName)
        ));
        assert!(Disclosure::parse(&encode(r#"["salt","_sd_",1]"#)).is_ok());
    }
}
