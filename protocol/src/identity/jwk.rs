//! Reading a public key from its JWK (RFC 7517, RFC 7518 section 6.2, RFC 8037).

use serde_json::{Map, Value};

use super::{Algorithm, KeyError, PublicKey};
use crate::base64url;

/// Members of private and symmetric keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const KID_BYTES_MAX: usize = 1_024;

pub(super) fn read(jwk: &Value) -> Result<PublicKey, KeyError> {
    let jwk = jwk.as_object().ok_or(KeyError::Kind)?;
    if SECRET_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
        return Err(KeyError::Secret);
    }
    let key = match (text(jwk, "kty")?, text(jwk, "crv")?) {
        (Some("EC"), Some("P-256")) => {
            let mut sec1 = vec![0x04];
            sec1.extend(coordinate(jwk, "x")?);
            sec1.extend(coordinate(jwk, "y")?);
            PublicKey::from_bytes(Algorithm::Es256, &sec1)?
        }
        (Some("OKP"), Some("Ed25519")) if !jwk.contains_key("y") => {
            PublicKey::from_bytes(Algorithm::EdDsa, &coordinate(jwk, "x")?)?
        }
        _ => return Err(KeyError::Kind),
    };
    check_declared_use(jwk, key.algorithm())?;
    Ok(key)
}

/// `use`, `key_ops`, `alg` and `kid` are optional, but whoever writes them means them.
fn check_declared_use(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<(), KeyError> {
    if text(jwk, "use")?.is_some_and(|value| value != "sig") {
        return Err(KeyError::Use);
    }
    if text(jwk, "alg")?.is_some_and(|name| Algorithm::from_jose(name) != Some(algorithm)) {
        return Err(KeyError::Use);
    }
    if text(jwk, "kid")?.is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
        return Err(KeyError::Length);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|operation| operation == "verify") =>
        {
            Ok(())
        }
        Some(_) => Err(KeyError::Use),
    }
}

fn coordinate(jwk: &Map<String, Value>, name: &str) -> Result<[u8; 32], KeyError> {
    let text = text(jwk, name)?.ok_or(KeyError::Kind)?;
    base64url::decode_array(text).map_err(|_| KeyError::Length)
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::Kind),
    }
}
