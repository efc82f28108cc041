//! The JOSE header.

use serde_json::{Map, Value};

use super::JwsError;
use crate::identity::{Algorithm, PublicKey};
use crate::json;

const KID_CHARS_MAX: usize = 1_024;
const X5C_CERTIFICATES_MAX: usize = 4;

/// Members that would make a reader fetch, decompress, or check something else than it sees. `crit` names extensions,
/// and there is none here that a header may demand.
const REFUSED: [&str; 5] = ["crit", "b64", "jku", "x5u", "zip"];

/// The header of a JWS. Members not named here are ignored, as RFC 7515 section 4 asks.
#[derive(Debug, Clone)]
pub struct Header {
    alg: Algorithm,
    typ: Option<String>,
    kid: Option<String>,
    kid_is_text: bool,
    x5c: Option<Vec<String>>,
    jwk: Option<PublicKey>,
    members: Map<String, Value>,
}

impl Header {
    pub(super) fn parse(bytes: &[u8], bytes_max: usize) -> Result<Self, JwsError> {
        let limits = json::Limits::DEFAULT.with_bytes(bytes_max);
        let value = json::parse(bytes, &limits).map_err(|_| JwsError::Header)?;
        let Value::Object(members) = value else {
            return Err(JwsError::Header);
        };
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return Err(JwsError::Header);
        }
        let alg = text(&members, "alg")?
            .and_then(Algorithm::from_jose)
            .ok_or(JwsError::Algorithm)?;
        let kid = members.get("kid").and_then(Value::as_str);
        if kid.is_some_and(|kid| {
            kid.len() > KID_CHARS_MAX || !kid.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            return Err(JwsError::Header);
        }
        let jwk = members
            .get("jwk")
            .map(PublicKey::from_jwk)
            .transpose()
            .map_err(|_| JwsError::Header)?;
        Ok(Self {
            alg,
            typ: text(&members, "typ")?.map(str::to_owned),
            kid: kid.map(str::to_owned),
            kid_is_text: kid.is_some() || !members.contains_key("kid"),
            x5c: members.get("x5c").map(certificates).transpose()?,
            jwk,
            members,
        })
    }

    /// `alg`.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.alg
    }

    /// `typ`.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether `kid` is absent or the text that RFC 7515 section 4.1.4 asks for.
    pub(super) const fn kid_is_text(&self) -> bool {
        self.kid_is_text
    }

    /// `x5c`.
    #[must_use]
    pub fn x5c(&self) -> Option<&[String]> {
        self.x5c.as_deref()
    }

    /// `jwk`.
    #[must_use]
    pub const fn jwk(&self) -> Option<&PublicKey> {
        self.jwk.as_ref()
    }

    /// Any other member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, JwsError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwsError::Header),
    }
}

fn certificates(value: &Value) -> Result<Vec<String>, JwsError> {
    let list = value.as_array().ok_or(JwsError::Header)?;
    if list.is_empty() || list.len() > X5C_CERTIFICATES_MAX {
        return Err(JwsError::Header);
    }
    list.iter()
        .map(|one| one.as_str().map(str::to_owned).ok_or(JwsError::Header))
        .collect()
}
