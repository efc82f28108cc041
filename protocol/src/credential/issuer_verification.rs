//! Which key may sign for an issuer: one method per issuer, fixed by whoever trusts it, never chosen by the token
//! ([SD-JWT VC, "Issuer Verification Key Discovery and Validation"](https://datatracker.ietf.org/doc/draft-ietf-oauth-sd-jwt-vc/)).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::VCT_KYC;
use crate::Timestamp;
use crate::identity::jws::UnverifiedJws;
use crate::identity::x5c::{CertificateChain, Role, TrustAnchors, X5cError};
use crate::identity::{KeyError, PublicKey};
use crate::registry::{CertificateDer, Issuer};

/// Keys in one issuer's metadata.
const KEYS_MAX: usize = 16;

/// An issuer that is trusted, by what it is recognised, and for which types of credential.
#[derive(Debug, Clone)]
pub struct IssuerVerification {
    iss: String,
    method: IssuerKeys,
    vcts: Vec<String>,
}

/// How the issuer's key is found.
#[derive(Debug, Clone)]
enum IssuerKeys {
    /// The leaf of the token's `x5c`, under these anchors and with the issuer's identifier among its URI names.
    X5c(TrustAnchors),
    /// The key of this name in the issuer's metadata, whatever certificates the token carries.
    Named(BTreeMap<String, PublicKey>),
}

/// Why no key of the issuer signed a token.
#[derive(Debug, thiserror::Error)]
pub enum IssuerKeyError {
    /// The issuer is known by certificates, and the token has none.
    #[error("the token has no certificates")]
    MissingX5c,
    /// The certificates are not acceptable.
    #[error("the certificates of the token are not acceptable")]
    X5c(#[source] X5cError),
    /// The certificate is another issuer's.
    #[error("the certificate does not name the issuer")]
    OtherSubject,
    /// The issuer is known by key names, and the token names none of them.
    #[error("the token names no key of the issuer")]
    UnknownKey,
}

/// Why a JWK Set cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerJwksError {
    /// Not `{"keys": […]}` with at least one key and not too many.
    #[error("not a JWK Set of 1 to {KEYS_MAX} keys")]
    Shape,
    /// A key has no name, or that of another key.
    #[error("a key has no kid of its own")]
    Kid,
    /// A key is not acceptable.
    #[error("a key is not acceptable")]
    Key(#[source] KeyError),
}

/// Why an issuer's entry in the trusted parties document gives no way to check its credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisteredIssuerError {
    /// An anchor is no certificate that we understand.
    #[error("an anchor of the issuer is not acceptable")]
    Anchor(#[source] X5cError),
    /// There are no anchors, and the keys are not acceptable.
    #[error("the keys of the issuer are not acceptable")]
    Keys(#[source] IssuerJwksError),
}

impl IssuerVerification {
    /// An issuer as the registry has it: recognised by certificates if it has anchors, by its keys if it has none.
    pub fn registered(issuer: &Issuer) -> Result<Self, RegisteredIssuerError> {
        let iss = issuer.id.as_str();
        if issuer.trust_anchors.is_empty() {
            let jwks = json!({"keys": issuer.jwks.keys});
            return Self::by_jwks(iss, &jwks).map_err(RegisteredIssuerError::Keys);
        }
        let anchors = issuer.trust_anchors.iter().map(CertificateDer::as_der);
        let anchors = TrustAnchors::from_der(anchors).map_err(RegisteredIssuerError::Anchor)?;
        Ok(Self::by_certificates(iss, anchors))
    }

    /// An issuer whose tokens carry certificates under these anchors.
    pub fn by_certificates(iss: &str, anchors: TrustAnchors) -> Self {
        Self::new(iss, IssuerKeys::X5c(anchors))
    }

    /// An issuer whose keys are those of a JWK Set that was fetched from a trusted place; tokens name them by `kid`.
    pub fn by_jwks(iss: &str, jwks: &Value) -> Result<Self, IssuerJwksError> {
        let keys = jwks.get("keys").and_then(Value::as_array);
        let keys = keys
            .filter(|keys| !keys.is_empty() && keys.len() <= KEYS_MAX)
            .ok_or(IssuerJwksError::Shape)?;
        let mut named = BTreeMap::new();
        for jwk in keys {
            let kid = jwk.get("kid").and_then(Value::as_str);
            let kid = kid.ok_or(IssuerJwksError::Kid)?.to_owned();
            let key = PublicKey::from_jwk(jwk).map_err(IssuerJwksError::Key)?;
            if named.insert(kid, key).is_some() {
                return Err(IssuerJwksError::Kid);
            }
        }
        Ok(Self::new(iss, IssuerKeys::Named(named)))
    }

    fn new(iss: &str, method: IssuerKeys) -> Self {
        Self {
            iss: iss.to_owned(),
            method,
            vcts: vec![VCT_KYC.to_owned()],
        }
    }

    /// Trusted for these types of credential instead of [`VCT_KYC`].
    #[must_use]
    pub fn for_types(mut self, vcts: &[&str]) -> Self {
        self.vcts = vcts.iter().map(|vct| (*vct).to_owned()).collect();
        self
    }

    /// The issuer's identifier.
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// Whether the issuer may issue credentials of this type; byte-exact.
    pub(super) fn issues(&self, vct: &str) -> bool {
        self.vcts.iter().any(|trusted| trusted == vct)
    }

    /// The key that a credential must be signed with.
    pub(super) fn credential_key(
        &self,
        jws: &UnverifiedJws,
        now: Timestamp,
    ) -> Result<PublicKey, IssuerKeyError> {
        self.key(jws, Role::CredentialIssuer, now)
    }

    /// The key that a status list must be signed with: that of the issuer, or of a certificate for status lists.
    pub(crate) fn status_list_key(
        &self,
        jws: &UnverifiedJws,
        now: Timestamp,
    ) -> Result<PublicKey, IssuerKeyError> {
        self.key(jws, Role::StatusListIssuer, now)
    }

    fn key(
        &self,
        jws: &UnverifiedJws,
        role: Role,
        now: Timestamp,
    ) -> Result<PublicKey, IssuerKeyError> {
        match &self.method {
            IssuerKeys::Named(keys) => {
                let key = jws.kid().and_then(|kid| keys.get(kid));
                key.cloned().ok_or(IssuerKeyError::UnknownKey)
            }
            IssuerKeys::X5c(anchors) => {
                let x5c = jws.x5c().ok_or(IssuerKeyError::MissingX5c)?;
                let chain = CertificateChain::parse(x5c).map_err(IssuerKeyError::X5c)?;
                let chain = chain
                    .verify(anchors, now, role)
                    .map_err(IssuerKeyError::X5c)?;
                if !chain.san_uris().contains(&self.iss) {
                    return Err(IssuerKeyError::OtherSubject);
                }
                Ok(chain.leaf_key().clone())
            }
        }
    }
}
