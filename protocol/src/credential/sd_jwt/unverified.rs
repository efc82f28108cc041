//! SD-JWTs as they come, and the only way to verified ones.

use std::fmt;

use serde_json::Value;

use super::disclosure::{Disclosure, DisclosureError};
use super::key_binding::{self, KeyBindingError, KeyBindingExpectation};
use super::reader::{DISCLOSURES_MAX, ProcessError, ProcessedPayload, process};
use super::verified::{VerifiedSdJwt, VerifiedSdJwtKb};
use crate::Timestamp;
use crate::credential::validity::{self, ValidityError};
use crate::identity::PublicKey;
use crate::identity::jws::{Header, JwsError, JwsLimits, UnverifiedJws};
use crate::json::{self, JsonError};

/// Bytes of a whole SD-JWT or SD-JWT+KB.
pub const SD_JWT_BYTES_MAX: usize = 512 * 1024;

/// An SD-JWT whose form is right and whose signature nobody has checked.
#[derive(Clone)]
pub struct UnverifiedSdJwt {
    text: String,
    jws: UnverifiedJws,
    signed: Value,
    disclosures: Vec<Disclosure>,
    processed: ProcessedPayload,
}

/// An SD-JWT with a Key Binding JWT, both unchecked.
#[derive(Clone)]
pub struct UnverifiedSdJwtKb {
    sd_jwt: UnverifiedSdJwt,
    key_binding: UnverifiedJws,
}

/// Why an SD-JWT is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdJwtError {
    /// Longer than [`SD_JWT_BYTES_MAX`].
    #[error("the SD-JWT is too large")]
    TooLarge,
    /// Not `<JWT>~<disclosure>~…~`: no tilde at the end, nothing between two tildes, or another serialization.
    #[error("not a compact SD-JWT")]
    Form,
    /// A Key Binding JWT where none belongs: an issuer does not present.
    #[error("an SD-JWT with a Key Binding JWT where one without belongs")]
    UnexpectedKeyBinding,
    /// No Key Binding JWT where one is required.
    #[error("the Key Binding JWT is missing")]
    MissingKeyBinding,
    /// The issuer-signed JWT was refused.
    #[error("the issuer-signed JWT is not acceptable")]
    Jws(#[source] JwsError),
    /// The issuer-signed payload is not acceptable JSON.
    #[error("the issuer-signed payload is not acceptable JSON")]
    Payload(#[source] JsonError),
    /// A disclosure was refused.
    #[error("a disclosure is not acceptable")]
    Disclosure(#[source] DisclosureError),
    /// Payload and disclosures do not fit together.
    #[error("payload and disclosures do not fit together")]
    Process(#[source] ProcessError),
    /// `exp`, `nbf` or `iat` forbid the use now.
    #[error("the SD-JWT is not valid at this time")]
    Validity(#[source] ValidityError),
    /// The Key Binding JWT was refused.
    #[error("the Key Binding JWT is not acceptable")]
    KeyBinding(#[source] KeyBindingError),
}

impl UnverifiedSdJwt {
    /// Reads an SD-JWT without Key Binding, as an issuer sends it.
    pub fn parse(text: &str) -> Result<Self, SdJwtError> {
        let (sd_jwt, key_binding) = split(text)?;
        if !key_binding.is_empty() {
            return Err(SdJwtError::UnexpectedKeyBinding);
        }
        Self::read(sd_jwt)
    }

    /// `text` ends in a tilde.
    fn read(text: &str) -> Result<Self, SdJwtError> {
        let mut parts = text.strip_suffix('~').unwrap_or(text).split('~');
        let compact = parts.next().ok_or(SdJwtError::Form)?;
        if parts.clone().take(DISCLOSURES_MAX + 1).count() > DISCLOSURES_MAX {
            return Err(SdJwtError::Process(ProcessError::TooMany));
        }
        if compact.is_empty() || parts.clone().any(str::is_empty) {
            return Err(SdJwtError::Form);
        }
        let jws = UnverifiedJws::parse(compact, &JwsLimits::DEFAULT).map_err(SdJwtError::Jws)?;
        let signed = json::parse(jws.payload_bytes(), &JwsLimits::DEFAULT.payload)
            .map_err(SdJwtError::Payload)?;
        let disclosures = parts
            .map(Disclosure::parse)
            .collect::<Result<Vec<_>, _>>()
            .map_err(SdJwtError::Disclosure)?;
        let processed = process(&signed, &disclosures).map_err(SdJwtError::Process)?;
        Ok(Self {
            text: text.to_owned(),
            jws,
            signed,
            disclosures,
            processed,
        })
    }

    /// The JOSE header, to find the key with.
    pub fn header(&self) -> &Header {
        self.jws.header()
    }

    pub(in crate::credential) fn jws(&self) -> &UnverifiedJws {
        &self.jws
    }

    /// A claim that is not selectively disclosable, as the sender claims it: to choose the issuer's entry with.
    pub fn claimed(&self, name: &str) -> Option<&str> {
        self.signed.get(name).and_then(Value::as_str)
    }

    /// Checks that `key` signed this as a token of type `typ`, and that it is valid now.
    pub fn verify(
        self,
        typ: &str,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<VerifiedSdJwt, SdJwtError> {
        let verified = self.jws.verify_typed(typ, key).map_err(SdJwtError::Jws)?;
        validity::check(self.processed.claims(), now).map_err(SdJwtError::Validity)?;
        Ok(VerifiedSdJwt {
            text: self.text,
            signed: self.signed,
            disclosures: self.disclosures,
            processed: self.processed,
            signing_input_hash: verified.signing_input_hash(),
        })
    }
}

impl UnverifiedSdJwtKb {
    /// Reads an SD-JWT with Key Binding, as a holder presents it.
    pub fn parse(text: &str) -> Result<Self, SdJwtError> {
        let (sd_jwt, key_binding) = split(text)?;
        if key_binding.is_empty() {
            return Err(SdJwtError::MissingKeyBinding);
        }
        let key_binding = key_binding::parse(key_binding).map_err(SdJwtError::KeyBinding)?;
        Ok(Self {
            sd_jwt: UnverifiedSdJwt::read(sd_jwt)?,
            key_binding,
        })
    }

    /// The SD-JWT before the Key Binding JWT.
    pub fn sd_jwt(&self) -> &UnverifiedSdJwt {
        &self.sd_jwt
    }

    /// Checks the SD-JWT as [`UnverifiedSdJwt::verify`] does, then that its holder presents it here and now.
    pub fn verify(
        self,
        typ: &str,
        key: &PublicKey,
        expected: &KeyBindingExpectation,
        now: Timestamp,
    ) -> Result<VerifiedSdJwtKb, SdJwtError> {
        let sd_jwt = self.sd_jwt.verify(typ, key, now)?;
        let holder = sd_jwt.holder_key().map_err(SdJwtError::KeyBinding)?;
        let presented_at =
            key_binding::verify(self.key_binding, &holder, &sd_jwt.text, expected, now)
                .map_err(SdJwtError::KeyBinding)?;
        Ok(VerifiedSdJwtKb {
            sd_jwt,
            holder,
            presented_at,
        })
    }
}

/// The SD-JWT up to and with its last tilde, and what follows.
fn split(text: &str) -> Result<(&str, &str), SdJwtError> {
    if text.len() > SD_JWT_BYTES_MAX {
        return Err(SdJwtError::TooLarge);
    }
    let last = text.rfind('~').ok_or(SdJwtError::Form)?;
    text.split_at_checked(last + 1).ok_or(SdJwtError::Form)
}

impl fmt::Debug for UnverifiedSdJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedSdJwt(..)")
    }
}

impl fmt::Debug for UnverifiedSdJwtKb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedSdJwtKb(..)")
    }
}
