//! Certificate chains in a JOSE header (RFC 7515, section 4.1.6), checked against the anchors of one role.
//!
//! A chain is read without trust ([`CertificateChain`]) and becomes a [`VerifiedChain`] only against anchors, a role and
//! a moment. Roles are apart twice: by the anchors that the caller passes, and by the extended key usage of the leaf.

mod certificate;
mod role;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::EndEntityCert;
use webpki::aws_lc_rs::{ECDSA_P256_SHA256, ED25519};

use certificate::Certificate;
pub use role::Role;

use super::PublicKey;
use crate::Timestamp;

const CERTIFICATES_MAX: usize = 4;
const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

/// The algorithms that our keys use, for certificates too.
static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 2] = [ECDSA_P256_SHA256, ED25519];

/// Certificates that may end a path. Keep one set per role.
#[derive(Clone, Default)]
pub struct TrustAnchors {
    anchors: Vec<TrustAnchor<'static>>,
}

impl TrustAnchors {
    /// From the DER of certificate authorities.
    pub fn from_der<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, X5cError> {
        let mut trusted = Self::default();
        for der in certificates {
            let der = CertificateDer::from(der.to_vec());
            let anchor =
                webpki::anchor_from_trusted_cert(&der).map_err(|_| X5cError::Certificate)?;
            trusted.anchors.push(anchor.to_owned());
        }
        Ok(trusted)
    }

    /// From base64 of DER, as the genesis document has it.
    pub fn from_base64(certificates: &[String]) -> Result<Self, X5cError> {
        let decoded: Result<Vec<Vec<u8>>, X5cError> =
            certificates.iter().map(|text| decode(text)).collect();
        Self::from_der(decoded?.iter().map(Vec::as_slice))
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.anchors.len())
    }
}

/// Well-formed certificates, leaf first, that nobody has checked.
#[derive(Debug, Clone)]
pub struct CertificateChain {
    leaf: Certificate,
    intermediates: Vec<Certificate>,
}

impl CertificateChain {
    /// Reads one to four certificates from the base64 of their DER. Each must have issued the one before it; one that
    /// issued itself has no place in a header.
    pub fn parse(x5c: &[String]) -> Result<Self, X5cError> {
        if x5c.len() > CERTIFICATES_MAX {
            return Err(X5cError::TooLong);
        }
        let mut certificates = Vec::with_capacity(x5c.len());
        for text in x5c {
            certificates.push(Certificate::parse(decode(text)?)?);
        }
        let issued_in_order = certificates
            .iter()
            .zip(certificates.iter().skip(1))
            .all(|(subject, issuer)| subject.is_issued_by(issuer));
        if !issued_in_order || certificates.iter().any(Certificate::is_self_issued) {
            return Err(X5cError::Order);
        }
        let mut certificates = certificates.into_iter();
        let leaf = certificates.next().ok_or(X5cError::Empty)?;
        Ok(Self {
            leaf,
            intermediates: certificates.collect(),
        })
    }

    /// SHA-256 of the leaf's DER: what `x509_hash` client identifiers name (OpenID4VP 1.0, section 5.9.3).
    #[must_use]
    pub fn leaf_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.leaf.der()).into()
    }

    /// URIs that the leaf claims, to find the anchors of its owner. Nothing is known to be true yet.
    #[must_use]
    pub fn claimed_san_uris(&self) -> Vec<&str> {
        self.leaf.san_uris()
    }

    /// Checks the path to one of `anchors` at the moment `now`, and that the leaf was made for `role`.
    pub fn verify(
        &self,
        anchors: &TrustAnchors,
        now: Timestamp,
        role: Role,
    ) -> Result<VerifiedChain, X5cError> {
        self.leaf.check_leaf_usage(role)?;
        self.intermediates
            .iter()
            .try_for_each(Certificate::check_issuer_usage)?;
        self.check_path(anchors, now, role)?;
        Ok(VerifiedChain {
            leaf_key: self.leaf.public_key()?,
            leaf_sha256: self.leaf_sha256(),
            san_uris: self
                .leaf
                .san_uris()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            san_dns: self.leaf.san_dns().into_iter().map(str::to_owned).collect(),
            subject_name: self.leaf.subject_name(),
        })
    }

    fn check_path(
        &self,
        anchors: &TrustAnchors,
        now: Timestamp,
        role: Role,
    ) -> Result<(), X5cError> {
        let leaf_der = CertificateDer::from(self.leaf.der());
        let leaf = EndEntityCert::try_from(&leaf_der).map_err(|_| X5cError::Certificate)?;
        let intermediates: Vec<CertificateDer<'_>> = self
            .intermediates
            .iter()
            .map(|certificate| CertificateDer::from(certificate.der()))
            .collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now.as_unix()));
        let path = leaf
            .verify_for_usage(
                &ALGORITHMS,
                &anchors.anchors,
                &intermediates,
                time,
                role,
                None,
                None,
            )
            .map_err(|error| path_error(&error))?;
        // A certificate that the path does not need has no reason to be there; the anchor itself is one.
        if path.intermediate_certificates().count() == intermediates.len() {
            Ok(())
        } else {
            Err(X5cError::Order)
        }
    }
}

/// What a path says once it was checked.
#[derive(Debug, Clone)]
pub struct VerifiedChain {
    leaf_key: PublicKey,
    leaf_sha256: [u8; 32],
    san_uris: Vec<String>,
    san_dns: Vec<String>,
    subject_name: String,
}

impl VerifiedChain {
    /// The leaf's key.
    #[must_use]
    pub const fn leaf_key(&self) -> &PublicKey {
        &self.leaf_key
    }

    /// SHA-256 of the leaf's DER.
    #[must_use]
    pub const fn leaf_sha256(&self) -> [u8; 32] {
        self.leaf_sha256
    }

    /// URIs of the leaf's subject alternative name. Compare byte for byte.
    #[must_use]
    pub fn san_uris(&self) -> &[String] {
        &self.san_uris
    }

    /// DNS names of the leaf's subject alternative name.
    #[must_use]
    pub fn san_dns(&self) -> &[String] {
        &self.san_dns
    }

    /// The leaf's organisation, else its common name, else nothing: for people, without control characters.
    #[must_use]
    pub fn subject_name(&self) -> &str {
        &self.subject_name
    }
}

fn decode(text: &str) -> Result<Vec<u8>, X5cError> {
    if text.len() > CERTIFICATE_BYTES_MAX.div_ceil(3) * 4 {
        return Err(X5cError::TooLong);
    }
    STANDARD.decode(text).map_err(|_| X5cError::Certificate)
}

fn path_error(error: &webpki::Error) -> X5cError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "webpki's errors are many, and all others mean: no path"
    )]
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            X5cError::Validity
        }
        webpki::Error::RequiredEkuNotFoundContext(_) => X5cError::Usage,
        _ => X5cError::Path,
    }
}

/// A chain was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum X5cError {
    /// No certificate at all.
    #[error("no certificate")]
    Empty,
    /// More than four certificates, or a very large one.
    #[error("too many or too large certificates")]
    TooLong,
    /// Not base64 of the DER of a certificate that we understand.
    #[error("not a certificate")]
    Certificate,
    /// Not leaf first with each the issuer of the one before, or a self-issued one or the anchor itself among them.
    #[error("the certificates do not form a chain without its root")]
    Order,
    /// Expired or not yet valid.
    #[error("a certificate is not valid at this time")]
    Validity,
    /// Key usage or extended key usage do not allow this role.
    #[error("a certificate is made for another use")]
    Usage,
    /// No valid path to an anchor of this role.
    #[error("no valid path to a trust anchor of this role")]
    Path,
}

#[cfg(test)]
mod tests;
