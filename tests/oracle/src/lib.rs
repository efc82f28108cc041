//! Three readers of SD-JWTs under one signature: what is disclosed, or why the text is refused. Signatures are left out,
//! because what is compared is how digests and disclosures are put together.

use protocol::credential::sd_jwt::{Disclosure, process};
use sd_jwt_payload::Sha256Hasher;
use serde_json::Value;

/// A reader by name.
pub type Reader = (&'static str, fn(&str) -> Result<Value, String>);

/// All readers, ours first.
pub const READERS: [Reader; 3] = [
    ("tegata", tegata),
    ("ssi", ssi),
    ("sd-jwt-payload", sd_jwt_payload),
];

/// `protocol::credential::sd_jwt`, without the checks of header, signature and time.
pub fn tegata(text: &str) -> Result<Value, String> {
    let (token, disclosures) = text.split_once('~').ok_or("no tilde")?;
    let payload = token.split('.').nth(1).ok_or("no payload")?;
    let payload = protocol::base64url::decode(payload).map_err(show)?;
    let payload =
        protocol::json::parse(&payload, &protocol::json::Limits::DEFAULT).map_err(show)?;
    let disclosures = disclosures.strip_suffix('~').unwrap_or_default().split('~');
    let disclosures = disclosures
        .filter(|one| !one.is_empty())
        .map(Disclosure::parse);
    let disclosures = disclosures.collect::<Result<Vec<_>, _>>().map_err(show)?;
    let processed = process(&payload, &disclosures).map_err(show)?;
    Ok(processed.claims().clone())
}

/// `ssi-sd-jwt`.
pub fn ssi(text: &str) -> Result<Value, String> {
    let sd_jwt = ssi_sd_jwt::SdJwt::new(text).map_err(show)?;
    let revealed = sd_jwt.decode_reveal_any().map_err(show)?;
    serde_json::to_value(revealed.claims()).map_err(show)
}

/// `sd-jwt-payload`, which identity-kit is built on.
pub fn sd_jwt_payload(text: &str) -> Result<Value, String> {
    let sd_jwt = sd_jwt_payload::SdJwt::parse(text).map_err(show)?;
    let object = sd_jwt.into_disclosed_object(&Sha256Hasher::new());
    object.map(Value::Object).map_err(show)
}

fn show(error: impl std::fmt::Display) -> String {
    error.to_string()
}
