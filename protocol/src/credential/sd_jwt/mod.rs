//! SD-JWT and SD-JWT+KB without any profile ([RFC 9901](https://www.rfc-editor.org/rfc/rfc9901), compact serialization only).
//!
//! Parsing checks the form, every limit and the whole structure of digests and disclosures; nothing of that needs a
//! key. A signature is checked only for what passed. [`UnverifiedSdJwt`] and [`UnverifiedSdJwtKb`] become
//! [`VerifiedSdJwt`] and [`VerifiedSdJwtKb`] through `verify` alone.

mod concealer;
mod disclosure;
mod key_binding;
mod reader;

use std::fmt;

use serde_json::Value;

pub use concealer::{ConcealError, ConcealedClaims, Decoys, conceal};
pub use disclosure::{DisclosedClaim, Disclosure, DisclosureError};
pub use key_binding::{
    KEY_BINDING_AGE_SECONDS_MAX, KeyBindingError, KeyBindingExpectation, transaction_data_hash,
};
pub use reader::{DISCLOSURES_MAX, ProcessError, ProcessedPayload, RECURSION_MAX, process};

use super::path::{ClaimPath, ClaimPathError};
use super::validity::{self, ValidityError};
use crate::Timestamp;
use crate::identity::jws::{self, Header, JwsError, JwsLimits, UnverifiedJws};
use crate::identity::{PublicKey, Purpose, SigningKey};
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

/// An SD-JWT whose signature, structure and times were checked.
#[derive(Clone)]
pub struct VerifiedSdJwt {
    text: String,
    signed: Value,
    disclosures: Vec<Disclosure>,
    processed: ProcessedPayload,
    signing_input_hash: [u8; 32],
}

/// An SD-JWT+KB that its holder made for one audience and one nonce.
#[derive(Clone)]
pub struct VerifiedSdJwtKb {
    sd_jwt: VerifiedSdJwt,
    holder: PublicKey,
    presented_at: Timestamp,
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

/// Why a holder cannot make a presentation.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// A path that shall be disclosed leads to no claim.
    #[error("a claim to disclose does not exist")]
    NoSuchClaim(#[source] ClaimPathError),
    /// The key is not the one in `cnf`.
    #[error("the SD-JWT is bound to another key")]
    OtherHolderKey,
    /// There is no usable key in `cnf`.
    #[error("the SD-JWT is bound to no key")]
    NoHolderKey(#[source] KeyBindingError),
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

    pub(super) fn jws(&self) -> &UnverifiedJws {
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

impl VerifiedSdJwt {
    /// The Processed SD-JWT Payload.
    pub fn claims(&self) -> &Value {
        self.processed.claims()
    }

    /// The payload as the issuer signed it, digests included.
    pub(super) fn signed(&self) -> &Value {
        &self.signed
    }

    /// The disclosures, in the order in which they came.
    pub fn disclosures(&self) -> &[Disclosure] {
        &self.disclosures
    }

    /// Where each disclosure belongs, in the same order.
    pub fn disclosed_paths(&self) -> impl Iterator<Item = &ClaimPath> {
        self.processed.paths()
    }

    /// SHA-256 of the signing input: the identity of this SD-JWT, whatever is disclosed of it.
    pub fn signing_input_hash(&self) -> [u8; 32] {
        self.signing_input_hash
    }

    /// The SD-JWT as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The holder's key: `cnf.jwk` of the signed payload.
    pub fn holder_key(&self) -> Result<PublicKey, KeyBindingError> {
        key_binding::holder_key(&self.signed)
    }

    /// What a verifier would see if the claims at `paths` were disclosed.
    pub fn preview(&self, paths: &[ClaimPath]) -> Result<Value, PresentError> {
        let disclosed = self.select(paths)?;
        let shown = process(
            &self.signed,
            &disclosed.into_iter().cloned().collect::<Vec<_>>(),
        );
        Ok(shown
            .expect("a subset that is closed under parents is processed like the whole")
            .claims()
            .clone())
    }

    /// Discloses the claims at `paths`, all that lies inside them, and what they lie inside of; binds that to one
    /// audience and one nonce.
    pub fn present(
        &self,
        paths: &[ClaimPath],
        audience: &str,
        nonce: &str,
        transaction_data: &[String],
        holder: &SigningKey,
        now: Timestamp,
    ) -> Result<String, PresentError> {
        let bound = self.holder_key().map_err(PresentError::NoHolderKey)?;
        if bound != *holder.public_key() {
            return Err(PresentError::OtherHolderKey);
        }
        let mut text = self.text.split('~').next().unwrap_or_default().to_owned();
        text.push('~');
        for disclosure in self.select(paths)? {
            text.push_str(disclosure.encoded());
            text.push('~');
        }
        let claims = key_binding::claims(&text, audience, nonce, transaction_data, now);
        let extras = jws::HeaderExtras::default();
        text.push_str(&jws::sign(holder, Purpose::KeyBinding, &extras, &claims));
        Ok(text)
    }

    fn select(&self, paths: &[ClaimPath]) -> Result<Vec<&Disclosure>, PresentError> {
        let mut wanted = Vec::new();
        for path in paths {
            let selected = path.select(self.claims());
            wanted.extend(selected.map_err(PresentError::NoSuchClaim)?);
        }
        let placements = self.processed.placements();
        let chosen = placements.iter().map(|placement| {
            wanted
                .iter()
                .any(|path| path.covers(&placement.path) || placement.path.covers(path))
        });
        Ok(self
            .disclosures
            .iter()
            .zip(chosen)
            .filter_map(|(disclosure, chosen)| chosen.then_some(disclosure))
            .collect())
    }
}

impl VerifiedSdJwtKb {
    /// The SD-JWT that was presented.
    pub fn sd_jwt(&self) -> &VerifiedSdJwt {
        &self.sd_jwt
    }

    /// The key that presented it.
    pub fn holder_key(&self) -> &PublicKey {
        &self.holder
    }

    /// When the holder says to have made the presentation.
    pub fn presented_at(&self) -> Timestamp {
        self.presented_at
    }

    pub(super) fn into_sd_jwt(self) -> VerifiedSdJwt {
        self.sd_jwt
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

macro_rules! debug_without_content {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

debug_without_content!(
    UnverifiedSdJwt,
    UnverifiedSdJwtKb,
    VerifiedSdJwt,
    VerifiedSdJwtKb,
    ProcessedPayload
);
