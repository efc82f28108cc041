//! Status List Tokens: a status list signed by its issuer
//! ([Token Status List](https://datatracker.ietf.org/doc/draft-ietf-oauth-status-list/), "Status List Token").

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::list::{Status, StatusBits, StatusList, StatusListError};
use crate::Timestamp;
use crate::credential::{IssuerKeyError, IssuerVerification, ValidityError, validity};
use crate::identity::jws::{self, HeaderExtras, JwsError, JwsLimits, UnverifiedJws};
use crate::identity::{Purpose, SigningKey};
use crate::json;

/// Bytes of a Status List Token.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a token is served as.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// Bounds of the time between two fetches, whatever the token asks for.
pub const REFRESH_SECONDS: std::ops::RangeInclusive<u64> = 60..=24 * 3_600;
/// Age of a token, unless the verifier asks for less.
const AGE_SECONDS_MAX: u64 = 7 * 24 * 3_600;
/// A list with fewer entries says too much about who is looked up.
const ENTRIES_MIN: u64 = 10_000;

const LIMITS: JwsLimits = JwsLimits {
    compact: TOKEN_BYTES_MAX,
    header: JwsLimits::DEFAULT.header,
    payload: json::Limits::DEFAULT
        .with_bytes(TOKEN_BYTES_MAX)
        .with_string(TOKEN_BYTES_MAX),
};

/// What a token says beside the list.
#[derive(Debug, Clone)]
pub struct StatusListClaims {
    /// Where the list is found, and by what credentials refer to it.
    pub uri: String,
    /// When the list stood like this.
    pub issued_at: Timestamp,
    /// When it must not be used any more.
    pub expires: Timestamp,
    /// After how many seconds a newer one may be there.
    pub ttl_seconds: u64,
}

/// What a verifier knows about a list before it reads a token.
#[derive(Debug, Clone)]
pub struct StatusListExpectation {
    /// The `uri` of the credential.
    pub uri: String,
    /// The token accepted last, if any.
    pub seen: Option<SeenStatusList>,
    /// Age of the token.
    pub age_seconds_max: u64,
    /// Least number of entries.
    pub entries_min: u64,
}

/// What to remember of a token, so that an older one is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenStatusList {
    /// `iat` of the token.
    pub issued_at: Timestamp,
    /// `bits` of the list; with other bits, the same index means another credential.
    pub bits: StatusBits,
}

/// A token whose form is right and whose signature nobody has checked.
#[derive(Clone)]
pub struct UnverifiedStatusListToken {
    jws: UnverifiedJws,
    digest: [u8; 32],
}

/// A status list as its issuer signed it, current when it was checked.
#[derive(Clone)]
pub struct VerifiedStatusList {
    uri: String,
    list: StatusList,
    issued_at: Timestamp,
    expires: Option<Timestamp>,
    refresh_seconds: u64,
    digest: [u8; 32],
}

/// Why a token is refused. Nothing can then be said about any credential.
#[derive(Debug, thiserror::Error)]
pub enum StatusListTokenError {
    /// Not a JWS of type `statuslist+jwt` signed with the issuer's key.
    #[error("the status list token is not acceptable")]
    Jws(#[source] JwsError),
    /// No key of the issuer signed it.
    #[error("the status list token is not signed with a key of the issuer")]
    IssuerKey(#[source] IssuerKeyError),
    /// A required claim is missing, or of another type or range.
    #[error("the claim {0} is missing or of another form")]
    Claim(&'static str),
    /// `sub` is another list.
    #[error("the token is of another status list")]
    OtherList,
    /// Expired, from the future, or malformed times.
    #[error("the token is not valid at this time")]
    Validity(#[source] ValidityError),
    /// Older than the verifier accepts, or without any time limit.
    #[error("the token is too old, or has no time limit")]
    Stale,
    /// Older than one that was seen.
    #[error("the token is older than one seen before")]
    Rollback,
    /// The number of bits differs from what was seen.
    #[error("the list has another number of bits than before")]
    BitsChanged,
    /// Too few entries.
    #[error("the list is too short")]
    TooShort,
    /// The list cannot be read.
    #[error("the list cannot be read")]
    List(#[source] StatusListError),
}

impl StatusListExpectation {
    /// For a credential's list, with the default bounds and nothing seen.
    pub fn new(uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            seen: None,
            age_seconds_max: AGE_SECONDS_MAX,
            entries_min: ENTRIES_MIN,
        }
    }

    /// After this token was accepted.
    #[must_use]
    pub fn after(mut self, seen: SeenStatusList) -> Self {
        self.seen = Some(seen);
        self
    }
}

impl StatusList {
    /// Signs the list as it stands.
    pub fn to_token(
        &self,
        claims: &StatusListClaims,
        key: &SigningKey,
        extras: &HeaderExtras,
    ) -> String {
        let payload = json!({
            "sub": claims.uri,
            "iat": claims.issued_at.as_unix(),
            "exp": claims.expires.as_unix(),
            "ttl": claims.ttl_seconds,
            "status_list": {"bits": self.bits().number(), "lst": self.compress()},
        });
        jws::sign(key, Purpose::StatusList, extras, &payload)
    }
}

/// SHA-256 of a token's text: by this, a version of a list stands on the registry and is found at its mirrors.
pub fn token_digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl UnverifiedStatusListToken {
    /// Reads a token as it was fetched.
    pub fn parse(token: &str) -> Result<Self, StatusListTokenError> {
        Ok(Self {
            jws: UnverifiedJws::parse(token, &LIMITS).map_err(StatusListTokenError::Jws)?,
            digest: token_digest(token),
        })
    }

    /// SHA-256 of the token's text; see [`token_digest`].
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Checks that the issuer signed this list for this `uri`, that it is current, and that it is no older than seen.
    pub fn verify(
        self,
        issuer: &IssuerVerification,
        expected: &StatusListExpectation,
        now: Timestamp,
    ) -> Result<VerifiedStatusList, StatusListTokenError> {
        let key = issuer.status_list_key(&self.jws, now);
        let key = key.map_err(StatusListTokenError::IssuerKey)?;
        let verified = self.jws.verify(Purpose::StatusList, &key);
        let verified = verified.map_err(StatusListTokenError::Jws)?;
        let claims = verified.payload();

        if text(claims, "sub")? != expected.uri {
            return Err(StatusListTokenError::OtherList);
        }
        validity::check(claims, now).map_err(StatusListTokenError::Validity)?;
        let time = |name| validity::time_claim(claims, name);
        let issued_at = time("iat").map_err(StatusListTokenError::Validity)?;
        let issued_at = issued_at.ok_or(StatusListTokenError::Claim("iat"))?;
        let expires = time("exp").map_err(StatusListTokenError::Validity)?;
        let ttl_seconds = ttl(claims)?;
        let unlimited = expires.is_none() && ttl_seconds.is_none();
        if unlimited || issued_at < now.minus_seconds(expected.age_seconds_max) {
            return Err(StatusListTokenError::Stale);
        }
        let (bits, lst) = status_list(claims)?;
        if let Some(seen) = expected.seen {
            if issued_at < seen.issued_at {
                return Err(StatusListTokenError::Rollback);
            }
            if bits != seen.bits {
                return Err(StatusListTokenError::BitsChanged);
            }
        }
        let list = StatusList::decompress(bits, lst).map_err(StatusListTokenError::List)?;
        if list.entries() < expected.entries_min {
            return Err(StatusListTokenError::TooShort);
        }
        Ok(VerifiedStatusList {
            uri: expected.uri.clone(),
            list,
            issued_at,
            expires,
            refresh_seconds: refresh_seconds(ttl_seconds, expires, now),
            digest: self.digest,
        })
    }
}

impl VerifiedStatusList {
    /// The status of one credential of this list.
    pub fn status(&self, idx: u64) -> Result<Status, StatusListError> {
        self.list.get(idx)
    }

    /// The list's identifier: `uri` in credentials, `sub` in tokens.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When the list stood like this.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When the list must not be used any more, if the issuer says so.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// After how many seconds to ask for a newer one: what the issuer wishes, within [`REFRESH_SECONDS`].
    pub fn refresh_seconds(&self) -> u64 {
        self.refresh_seconds
    }

    /// Whether the list speaks for this moment (for questions about the past: "Historical Resolution").
    pub fn covers(&self, moment: Timestamp) -> bool {
        self.issued_at <= moment && self.expires.is_some_and(|expires| moment < expires)
    }

    /// SHA-256 of the token's text; see [`token_digest`].
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What to remember, so that an older token is recognised.
    pub fn seen(&self) -> SeenStatusList {
        SeenStatusList {
            issued_at: self.issued_at,
            bits: self.list.bits(),
        }
    }
}

fn status_list(claims: &Value) -> Result<(StatusBits, &str), StatusListTokenError> {
    let list = claims.get("status_list").unwrap_or(&Value::Null);
    let bits = list.get("bits").and_then(Value::as_u64);
    let bits = bits.and_then(StatusBits::from_number);
    Ok((
        bits.ok_or(StatusListTokenError::Claim("bits"))?,
        text(list, "lst")?,
    ))
}

fn text<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, StatusListTokenError> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or(StatusListTokenError::Claim(name))
}

/// `ttl` in whole seconds; zero, negative and huge ones count as what they are, and are clamped afterwards.
fn ttl(claims: &Value) -> Result<Option<u64>, StatusListTokenError> {
    let Some(value) = claims.get("ttl") else {
        return Ok(None);
    };
    let number = value
        .as_number()
        .ok_or(StatusListTokenError::Claim("ttl"))?;
    if let Some(seconds) = number.as_u64() {
        return Ok(Some(seconds));
    }
    let negative = number.to_string().starts_with('-');
    Ok(Some(if negative { 0 } else { u64::MAX }))
}

fn refresh_seconds(ttl: Option<u64>, expires: Option<Timestamp>, now: Timestamp) -> u64 {
    let left = expires.map(|expires| expires.as_unix().saturating_sub(now.as_unix()));
    let wished = ttl.or(left).unwrap_or(*REFRESH_SECONDS.start());
    wished.clamp(*REFRESH_SECONDS.start(), *REFRESH_SECONDS.end())
}

impl fmt::Debug for UnverifiedStatusListToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedStatusListToken(..)")
    }
}

impl fmt::Debug for VerifiedStatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedStatusList({:?})", self.list)
    }
}
