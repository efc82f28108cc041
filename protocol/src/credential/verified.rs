//! Credentials: SD-JWT VC as issuers sign them and holders keep them
//! ([SD-JWT VC](https://datatracker.ietf.org/doc/draft-ietf-oauth-sd-jwt-vc/), HAIP 1.0 section 6.1).

use serde_json::Value;

use super::issuer_verification::{IssuerKeyError, IssuerVerification};
use super::path::{ClaimPath, ClaimPathElement};
use super::sd_jwt::{
    Disclosure, KeyBindingError, PresentError, SdJwtError, UnverifiedSdJwt, VerifiedSdJwt,
};
use super::validity::{self, ValidityError};
use crate::Timestamp;
use crate::identity::{PublicKey, Purpose, SigningKey};
use crate::status::{StatusReference, StatusReferenceError};

/// Claims that are for everyone who sees the credential (SD-JWT VC, "Registered JWT Claims"), with all that is in them.
pub(super) const NEVER_DISCLOSABLE: [&str; 8] = [
    "iss",
    "nbf",
    "exp",
    "cnf",
    "vct",
    "vct#integrity",
    "aka_vcts",
    "status",
];

/// A credential whose form is right and whose signature nobody has checked.
#[derive(Debug, Clone)]
pub struct UnverifiedCredential(UnverifiedSdJwt);

/// A credential of a trusted issuer, valid when it was checked.
#[derive(Debug, Clone)]
pub struct VerifiedCredential {
    sd_jwt: VerifiedSdJwt,
    registered: RegisteredClaims,
}

/// The claims that the profile gives a meaning to.
#[derive(Debug, Clone)]
struct RegisteredClaims {
    iss: String,
    vct: String,
    expires: Timestamp,
    holder: PublicKey,
    status: StatusReference,
}

/// Why a credential is refused.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Not an acceptable SD-JWT.
    #[error("the credential is not an acceptable SD-JWT")]
    SdJwt(#[source] SdJwtError),
    /// `iss` is not the issuer that is trusted here.
    #[error("the credential is of another issuer")]
    OtherIssuer,
    /// No key of the issuer signed it.
    #[error("the credential is not signed with a key of the issuer")]
    IssuerKey(#[source] IssuerKeyError),
    /// `vct` is not a type that the issuer is trusted for.
    #[error("the issuer is not trusted for this type of credential")]
    OtherType,
    /// A required claim is missing, or of another type.
    #[error("the claim {0} is missing or of another type")]
    Claim(&'static str),
    /// A claim that everyone must see came in a disclosure.
    #[error("a claim that must not be selectively disclosable is")]
    SelectivelyDisclosable,
    /// A time claim has another form.
    #[error("a time claim is malformed")]
    Validity(#[source] ValidityError),
    /// The credential is bound to no key, or to an unacceptable one.
    #[error("the credential is not bound to a key")]
    HolderKey(#[source] KeyBindingError),
    /// `status` is not a reference to a status list.
    #[error("the reference to a status list is not acceptable")]
    Status(#[source] StatusReferenceError),
}

impl UnverifiedCredential {
    /// Reads a credential as an issuer sends it; a presentation is refused.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        UnverifiedSdJwt::parse(text)
            .map(Self)
            .map_err(CredentialError::SdJwt)
    }

    /// The issuer that the sender claims: to choose an [`IssuerVerification`] with.
    pub fn claimed_iss(&self) -> Option<&str> {
        self.0.claimed("iss")
    }

    /// Checks the credential as its holder does: no presentation, no status.
    pub fn verify(
        self,
        issuer: &IssuerVerification,
        now: Timestamp,
    ) -> Result<VerifiedCredential, CredentialError> {
        let key = issuer_key(&self.0, issuer, now)?;
        let sd_jwt = self
            .0
            .verify(Purpose::Credential.typ(), &key, now)
            .map_err(CredentialError::SdJwt)?;
        VerifiedCredential::new(sd_jwt, issuer)
    }
}

/// The key that must have signed, found by the trusted issuer's own method.
pub(super) fn issuer_key(
    sd_jwt: &UnverifiedSdJwt,
    issuer: &IssuerVerification,
    now: Timestamp,
) -> Result<PublicKey, CredentialError> {
    if sd_jwt.claimed("iss") != Some(issuer.iss()) {
        return Err(CredentialError::OtherIssuer);
    }
    issuer
        .credential_key(sd_jwt.jws(), now)
        .map_err(CredentialError::IssuerKey)
}

impl VerifiedCredential {
    /// Applies the rules of the profile to an SD-JWT whose signature was checked with the issuer's key.
    pub(super) fn new(
        sd_jwt: VerifiedSdJwt,
        issuer: &IssuerVerification,
    ) -> Result<Self, CredentialError> {
        if sd_jwt.disclosed_paths().any(is_never_disclosable) {
            return Err(CredentialError::SelectivelyDisclosable);
        }
        let claims = sd_jwt.claims();
        let vct = text(claims, "vct")?;
        if !issuer.issues(vct) {
            return Err(CredentialError::OtherType);
        }
        // A credential is for whoever its holder shows it to; an audience would be meant for someone else.
        if claims.get("aud").is_some() {
            return Err(CredentialError::Claim("aud"));
        }
        let expires = validity::time_claim(claims, "exp").map_err(CredentialError::Validity)?;
        let status = claims
            .get("status")
            .ok_or(CredentialError::Claim("status"))?;
        let registered = RegisteredClaims {
            iss: text(claims, "iss")?.to_owned(),
            vct: vct.to_owned(),
            expires: expires.ok_or(CredentialError::Claim("exp"))?,
            holder: sd_jwt.holder_key().map_err(CredentialError::HolderKey)?,
            status: StatusReference::from_claim(status).map_err(CredentialError::Status)?,
        };
        Ok(Self { sd_jwt, registered })
    }

    /// The processed payload: what is disclosed of the credential, or all of it for its holder.
    pub fn claims(&self) -> &Value {
        self.sd_jwt.claims()
    }

    /// The payload as the issuer signed it, digests included.
    pub(super) fn signed(&self) -> &Value {
        self.sd_jwt.signed()
    }

    /// The issuer's identifier.
    pub fn iss(&self) -> &str {
        &self.registered.iss
    }

    /// The type of the credential.
    pub fn vct(&self) -> &str {
        &self.registered.vct
    }

    /// When the credential ceases to be valid.
    pub fn expires(&self) -> Timestamp {
        self.registered.expires
    }

    /// The key that the credential is bound to.
    pub fn holder_key(&self) -> &PublicKey {
        &self.registered.holder
    }

    /// Where the credential's status is found.
    pub fn status(&self) -> &StatusReference {
        &self.registered.status
    }

    /// SHA-256 of the signing input: the identity of this instance, in the wallet and in its anchor.
    pub fn signing_input_hash(&self) -> [u8; 32] {
        self.sd_jwt.signing_input_hash()
    }

    /// The disclosures that came with the credential.
    pub fn disclosures(&self) -> &[Disclosure] {
        self.sd_jwt.disclosures()
    }

    /// The claims that are selectively disclosable and here, in the order of [`Self::disclosures`].
    pub fn disclosed_paths(&self) -> impl Iterator<Item = &ClaimPath> {
        self.sd_jwt.disclosed_paths()
    }

    /// The credential as it came, for keeping.
    pub fn as_str(&self) -> &str {
        self.sd_jwt.as_str()
    }

    /// The claims that a verifier would see if those at `paths` were disclosed: for the holder's consent.
    pub fn preview(&self, paths: &[ClaimPath]) -> Result<Value, PresentError> {
        self.sd_jwt.preview(paths)
    }

    /// An SD-JWT+KB for one audience and one nonce that discloses the claims at `paths`, all that lies inside them, and
    /// what they lie inside of.
    pub fn present(
        &self,
        paths: &[ClaimPath],
        audience: &str,
        nonce: &str,
        transaction_data: &[String],
        holder: &SigningKey,
        now: Timestamp,
    ) -> Result<String, PresentError> {
        self.sd_jwt
            .present(paths, audience, nonce, transaction_data, holder, now)
    }
}

/// Whether a path leads to or into a claim that everyone must see.
pub(super) fn is_never_disclosable(path: &ClaimPath) -> bool {
    matches!(path.elements().first(), Some(ClaimPathElement::Name(name)) if NEVER_DISCLOSABLE.contains(&name.as_str()))
}

fn text<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, CredentialError> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or(CredentialError::Claim(name))
}
