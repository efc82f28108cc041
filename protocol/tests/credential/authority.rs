//! Certificate authorities for issuers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::identity::x5c::{Role, TrustAnchors};
use protocol::identity::{Algorithm, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::forge::key;

/// A root that signs leaves itself.
pub(crate) struct Authority {
    key: SigningKey,
    params: CertificateParams,
}

fn key_pair(key: &SigningKey) -> KeyPair {
    let der = key.to_pkcs8_der();
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(der.as_slice())).unwrap()
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2028, 1, 1);
    params
}

impl Authority {
    pub(crate) fn new(number: u8) -> Self {
        let mut params = params(&format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self {
            key: key(Algorithm::Es256, number),
            params,
        }
    }

    /// Base64 of the root's own certificate.
    pub(crate) fn root(&self) -> String {
        let certificate = self.params.self_signed(&key_pair(&self.key)).unwrap();
        STANDARD.encode(certificate.der())
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_base64(&[self.root()]).unwrap()
    }

    /// Base64 of a certificate for this key, subject and role.
    pub(crate) fn leaf(&self, key: &SigningKey, uri: &str, role: Role) -> String {
        let mut params = params("leaf");
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let arc = role.key_purpose();
        let arc = arc.split('.').map(|part| part.parse().unwrap()).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(arc)];
        let issuer = Issuer::from_params(&self.params, key_pair(&self.key));
        let certificate = params.signed_by(&key_pair(key), &issuer).unwrap();
        STANDARD.encode(certificate.der())
    }
}
