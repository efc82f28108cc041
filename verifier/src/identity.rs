//! The company as the signer of requests: its key, its certificates, its client identifier.

use anyhow::{Context, ensure};
use protocol::Timestamp;
use protocol::identity::SigningKey;
use protocol::identity::x5c::{CertificateChain, Role, TrustAnchors};
use protocol::presentation::{ClientId, RequestParameters};
use protocol::registry::Verifier as Registration;
use service::config::read_certificates;

use crate::config::SigningConfig;

/// Certificates of a chain, the root not counted.
const CERTIFICATES_MAX: usize = 4;

/// What signs requests.
pub(crate) struct Signer {
    key: SigningKey,
    x5c: Vec<String>,
    client_id: ClientId,
}

impl Signer {
    /// Reads key and certificates, and checks that wallets will accept them for this registration.
    pub(crate) fn load(
        config: &SigningConfig,
        registration: &Registration,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let pem = config.key.read()?;
        let pem = std::str::from_utf8(&pem).context("the signing key is not PEM")?;
        let key = SigningKey::from_pkcs8_pem(pem).context("reading the signing key")?;
        let certificates = read_certificates(&config.certificates)?;
        let anchors: Vec<&[u8]> = registration
            .trust_anchors
            .iter()
            .map(|anchor| anchor.as_der())
            .collect();
        let chain = certificates
            .iter()
            .map(AsRef::as_ref)
            .filter(|der: &&[u8]| !anchors.contains(der));
        let x5c: Vec<String> = chain.take(CERTIFICATES_MAX).map(base64_of).collect();
        Self::new(key, x5c, &anchors, registration.id.as_str(), now)
    }

    fn new(
        key: SigningKey,
        x5c: Vec<String>,
        anchors: &[&[u8]],
        id: &str,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let anchors = TrustAnchors::from_der(anchors.iter().copied())
            .context("reading the registered authorities")?;
        let chain = CertificateChain::parse(&x5c).context("reading the certificates")?;
        let verified = chain
            .verify(&anchors, now, Role::PresentationVerifier)
            .context("wallets would refuse the certificates")?;
        ensure!(
            verified.leaf_key() == key.public_key(),
            "the certificate is not that of the signing key"
        );
        ensure!(
            verified.san_uris().iter().any(|uri| uri == id),
            "the certificate does not name the company's id"
        );
        Ok(Self {
            key,
            x5c,
            client_id: ClientId::X509Hash(verified.leaf_sha256()),
        })
    }

    /// Who asks.
    pub(crate) const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Signs a request.
    pub(crate) fn sign(&self, request: &RequestParameters) -> String {
        request.sign(&self.key, &self.x5c)
    }
}

fn base64_of(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}
