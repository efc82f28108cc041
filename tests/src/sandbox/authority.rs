//! Development certificate authorities: one for issuers, one for verifiers.

use anyhow::Context;
use protocol::Timestamp;
use protocol::identity::Algorithm;
use protocol::identity::x5c::Role;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
    SanType, SignatureAlgorithm, date_time_ymd,
};

const DAY_SECONDS: u64 = 86_400;
const AUTHORITY_DAYS: u64 = 3_650;
const LEAF_DAYS: u64 = 365;

/// An authority with its key.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A leaf certificate with its key, as PEM.
pub struct Leaf {
    /// The chain without its root: here, the leaf alone.
    pub chain: String,
    /// PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority with a P-256 key.
    pub fn new(name: &str, now: Timestamp) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, AUTHORITY_DAYS)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let issuer =
            CertifiedIssuer::self_signed(params, key).context("making a certificate authority")?;
        Ok(Self { issuer })
    }

    /// Its certificate, as PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for whoever `uri` names, in one role, with a new key.
    pub fn leaf(
        &self,
        name: &str,
        uri: &str,
        role: Role,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> anyhow::Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(arcs(&role.key_purpose())?)];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, LEAF_DAYS)?;
        let key = KeyPair::generate_for(signature_algorithm(algorithm))?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .context("making a certificate")?;
        Ok(Leaf {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn signature_algorithm(algorithm: Algorithm) -> &'static SignatureAlgorithm {
    match algorithm {
        Algorithm::Es256 => &PKCS_ECDSA_P256_SHA256,
        Algorithm::EdDsa => &PKCS_ED25519,
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn set_validity(params: &mut CertificateParams, now: Timestamp, days: u64) -> anyhow::Result<()> {
    let midnight = |moment: Timestamp| {
        let moment = jiff::Timestamp::from_second(i64::try_from(moment.as_unix())?)?;
        let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
        anyhow::Ok(date_time_ymd(
            date.year().into(),
            date.month().try_into()?,
            date.day().try_into()?,
        ))
    };
    params.not_before = midnight(now.minus_seconds(DAY_SECONDS))?;
    params.not_after = midnight(now.plus_seconds(days * DAY_SECONDS))?;
    Ok(())
}

fn arcs(dotted: &str) -> anyhow::Result<Vec<u64>> {
    dotted
        .split('.')
        .map(|arc| arc.parse().context("an object identifier"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::identity::x5c::{CertificateChain, TrustAnchors};

    const URI: &str = "https://a.securities.example";

    fn now() -> Timestamp {
        service::clock::now()
    }

    fn x5c(leaf: &Leaf) -> Vec<String> {
        let certificates = leaf.chain.split("-----BEGIN CERTIFICATE-----").skip(1);
        let strip = |text: &str| {
            text.replace("-----END CERTIFICATE-----", "")
                .split_whitespace()
                .collect::<String>()
        };
        certificates.take(1).map(strip).collect()
    }

    fn anchors(authority: &Authority) -> TrustAnchors {
        TrustAnchors::from_der([authority.issuer.der().as_ref()]).unwrap()
    }

    #[test]
    fn a_leaf_is_verified_in_its_role_under_its_authority() {
        let authority = Authority::new("verifiers", now()).unwrap();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let leaf = authority
                .leaf("A", URI, Role::PresentationVerifier, algorithm, now())
                .unwrap();
            let chain = CertificateChain::parse(&x5c(&leaf)).unwrap();
            let verified = chain
                .verify(&anchors(&authority), now(), Role::PresentationVerifier)
                .unwrap();
            assert_eq!(verified.san_uris(), [URI]);
        }
    }

    #[test]
    fn a_leaf_of_another_role_or_authority_is_refused() {
        let authority = Authority::new("verifiers", now()).unwrap();
        let other = Authority::new("others", now()).unwrap();
        let leaf = authority
            .leaf(
                "A",
                URI,
                Role::PresentationVerifier,
                Algorithm::Es256,
                now(),
            )
            .unwrap();
        let chain = || CertificateChain::parse(&x5c(&leaf)).unwrap();
        assert!(
            chain()
                .verify(&anchors(&authority), now(), Role::CredentialIssuer)
                .is_err()
        );
        assert!(
            chain()
                .verify(&anchors(&other), now(), Role::PresentationVerifier)
                .is_err()
        );
    }
}
