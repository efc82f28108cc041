//! The protected header.

use serde_json::{Map, Value};

use super::keys::{DecryptionKey, Point};
use super::{ContentEncryption, HEADER_BYTES_MAX, JweError};
use crate::{base64url, json};

const ALG: &str = "ECDH-ES";
/// `apu` and `apv` carry nonces and hashes.
const PARTY_CHARS_MAX: usize = 1_024;
const KID_CHARS_MAX: usize = 1_024;
/// Members that would make a reader decompress, fetch, or honour an extension.
const REFUSED: [&str; 5] = ["zip", "crit", "b64", "jku", "x5u"];

#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) enc: ContentEncryption,
    pub(super) kid: Option<String>,
    pub(super) epk: Point,
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JweError> {
        let value = json::parse(bytes, &json::Limits::DEFAULT.with_bytes(HEADER_BYTES_MAX))
            .map_err(|_| JweError)?;
        let members = value.as_object().ok_or(JweError)?;
        if REFUSED.iter().any(|name| members.contains_key(*name))
            || text(members, "alg")? != Some(ALG)
        {
            return Err(JweError);
        }
        let enc = text(members, "enc")?
            .and_then(ContentEncryption::from_jose)
            .ok_or(JweError)?;
        let epk = members
            .get("epk")
            .and_then(Value::as_object)
            .ok_or(JweError)?;
        let kid = text(members, "kid")?;
        if kid.is_some_and(|kid| kid.len() > KID_CHARS_MAX) {
            return Err(JweError);
        }
        Ok(Self {
            enc,
            kid: kid.map(str::to_owned),
            epk: Point::from_jwk(epk).map_err(|_| JweError)?,
            apu: party(members, "apu")?,
            apv: party(members, "apv")?,
        })
    }

    pub(super) fn write(
        ephemeral: &DecryptionKey,
        kid: Option<&str>,
        enc: ContentEncryption,
        apu: &[u8],
        apv: &[u8],
    ) -> String {
        let mut members = Map::new();
        members.insert("alg".to_owned(), ALG.into());
        members.insert("enc".to_owned(), enc.as_str().into());
        members.insert("epk".to_owned(), ephemeral.public_point().to_jwk());
        if let Some(kid) = kid {
            members.insert("kid".to_owned(), kid.into());
        }
        for (name, party) in [("apu", apu), ("apv", apv)] {
            if !party.is_empty() {
                members.insert(name.to_owned(), base64url::encode(party).into());
            }
        }
        Value::Object(members).to_string()
    }
}

fn party(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JweError> {
    match text(members, name)? {
        None => Ok(Vec::new()),
        Some(text) if text.len() > PARTY_CHARS_MAX => Err(JweError),
        Some(text) => base64url::decode(text).map_err(|_| JweError),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, JweError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JweError),
    }
}
