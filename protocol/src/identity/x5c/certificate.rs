//! One certificate: what webpki leaves to its callers.

use std::fmt;

use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

use super::{Role, X5cError};
use crate::identity::{Algorithm, PublicKey};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const SUBJECT_NAME_CHARS_MAX: usize = 100;

/// A certificate and its DER.
#[derive(Clone)]
pub(super) struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
    alternative_names: Vec<GeneralName>,
}

impl Certificate {
    pub(super) fn parse(der: Vec<u8>) -> Result<Self, X5cError> {
        let parsed = x509_cert::Certificate::from_der(&der).map_err(|_| X5cError::Certificate)?;
        // DER has one encoding per content; a reader that took another would let a hash of the certificate vary.
        if parsed.to_der().ok().as_deref() != Some(der.as_slice()) {
            return Err(X5cError::Certificate);
        }
        let alternative_names = parsed
            .tbs_certificate()
            .get_extension::<SubjectAltName>()
            .map_err(|_| X5cError::Certificate)?
            .map(|(_, SubjectAltName(names))| names)
            .unwrap_or_default();
        Ok(Self {
            der,
            parsed,
            alternative_names,
        })
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn is_issued_by(&self, issuer: &Self) -> bool {
        self.parsed.tbs_certificate().issuer() == issuer.parsed.tbs_certificate().subject()
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.is_issued_by(self)
    }

    /// A leaf signs, and carries the extended key usage of its role.
    pub(super) fn check_leaf_usage(&self, role: Role) -> Result<(), X5cError> {
        let certificate = self.parsed.tbs_certificate();
        let usage = certificate
            .get_extension::<KeyUsage>()
            .map_err(|_| X5cError::Certificate)?;
        let purposes = certificate
            .get_extension::<ExtendedKeyUsage>()
            .map_err(|_| X5cError::Certificate)?;
        let signs = usage.is_some_and(|(_, usage)| usage.digital_signature());
        let in_role = purposes
            .is_some_and(|(_, ExtendedKeyUsage(named))| named.iter().any(|oid| role.allows(oid)));
        if signs && in_role {
            Ok(())
        } else {
            Err(X5cError::Usage)
        }
    }

    /// An authority whose key usage is stated may sign certificates.
    pub(super) fn check_issuer_usage(&self) -> Result<(), X5cError> {
        let usage = self
            .parsed
            .tbs_certificate()
            .get_extension::<KeyUsage>()
            .map_err(|_| X5cError::Certificate)?;
        match usage {
            Some((_, usage)) if !usage.key_cert_sign() => Err(X5cError::Usage),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn public_key(&self) -> Result<PublicKey, X5cError> {
        let spki = self.parsed.tbs_certificate().subject_public_key_info();
        let bytes = spki
            .subject_public_key
            .as_bytes()
            .ok_or(X5cError::Certificate)?;
        let algorithm = match spki.algorithm.oid {
            EC_PUBLIC_KEY => {
                let curve = spki
                    .algorithm
                    .parameters
                    .as_ref()
                    .map(Any::decode_as::<ObjectIdentifier>);
                if !matches!(curve, Some(Ok(P256))) {
                    return Err(X5cError::Certificate);
                }
                Algorithm::Es256
            }
            ED25519 => Algorithm::EdDsa,
            _ => return Err(X5cError::Certificate),
        };
        PublicKey::from_bytes(algorithm, bytes).map_err(|_| X5cError::Certificate)
    }

    pub(super) fn san_uris(&self) -> Vec<&str> {
        let mut uris = Vec::new();
        for name in &self.alternative_names {
            if let GeneralName::UniformResourceIdentifier(uri) = name {
                uris.push(uri.as_str());
            }
        }
        uris
    }

    pub(super) fn san_dns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in &self.alternative_names {
            if let GeneralName::DnsName(dns) = name {
                names.push(dns.as_str());
            }
        }
        names
    }

    /// A terminal shows it, so control characters and overlong names do not leave this function.
    pub(super) fn subject_name(&self) -> String {
        let subject = self.parsed.tbs_certificate().subject();
        let organization = subject.organization().ok().flatten();
        let name = organization.or_else(|| subject.common_name().ok().flatten());
        let text = name.as_ref().map(|name| name.value()).unwrap_or_default();
        text.chars()
            .filter(|c| !is_invisible(*c))
            .take(SUBJECT_NAME_CHARS_MAX)
            .collect()
    }
}

/// Control characters, and those that turn the direction of the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der.len())
    }
}
