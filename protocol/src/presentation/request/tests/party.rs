//! A verifier that signs requests, with its own certificate authority.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::super::*;
use super::{NOW, VERIFIER};
use crate::envelope::jwe::{DecryptionKey, KeyKind};
use crate::identity::Algorithm;
use crate::identity::x5c::{CertificateChain, Role, TrustAnchors};

/// A verifier with its own certificate authority.
pub(super) struct Party {
    pub(super) id: String,
    pub(super) url: Url,
    pub(super) anchors: TrustAnchors,
    pub(super) key: SigningKey,
    pub(super) x5c: Vec<String>,
}

impl Party {
    pub(super) fn new(id: &str, role: Role, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let pair = |key: &SigningKey| KeyPair::try_from(key.to_pkcs8_der().as_slice()).unwrap();
        let authority_key = pair(&SigningKey::generate(Algorithm::Es256, &mut rng));
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);

        let key = SigningKey::generate(Algorithm::Es256, &mut rng);
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = rcgen::DistinguishedName::new();
        leaf.distinguished_name
            .push(DnType::OrganizationName, "A Securities");
        leaf.subject_alt_names = vec![
            SanType::URI(id.try_into().unwrap()),
            SanType::DnsName("a.securities.example".try_into().unwrap()),
        ];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = role
            .key_purpose()
            .split('.')
            .map(|arc| arc.parse().unwrap())
            .collect();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(purpose)];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&pair(&key), &issuer).unwrap();
        Self {
            id: id.to_owned(),
            url: id.parse().unwrap(),
            anchors: TrustAnchors::from_der([root.der().as_ref()]).unwrap(),
            key,
            x5c: vec![base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                leaf.der(),
            )],
        }
    }

    pub(super) fn verifier() -> Self {
        Self::new(VERIFIER, Role::PresentationVerifier, 1)
    }

    pub(super) fn client(&self) -> RegisteredClient<'_> {
        RegisteredClient {
            id: &self.id,
            url: &self.url,
            anchors: &self.anchors,
        }
    }

    pub(super) fn client_id(&self) -> ClientId {
        ClientId::X509Hash(CertificateChain::parse(&self.x5c).unwrap().leaf_sha256())
    }

    pub(super) fn request(&self) -> RequestParameters {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let query = json!({"credentials": [{"id": "kyc", "format": "dc+sd-jwt", "meta": {}, "claims": [{"path": ["a"]}]}]});
        RequestParameters {
            client_id: self.client_id(),
            response_uri: self.url.join("/responses/1").unwrap(),
            nonce: Nonce::random(&mut rng),
            state: Some(State::random(&mut rng)),
            query: Query::parse(&query).unwrap(),
            client_metadata: ClientMetadata::for_key(
                &DecryptionKey::generate(KeyKind::P256, &mut rng),
                "k",
            ),
            transaction_data: vec![TransactionData::new("declaration", &["kyc"], Map::new())],
            verifier_info: vec![VerifierInfo {
                format: "x".to_owned(),
                data: json!({"a": 1}),
            }],
            wallet_nonce: Some(WalletNonce::new("wallet-nonce").unwrap()),
            issued_at: Some(NOW),
            expires_at: Some(NOW.plus_seconds(300)),
        }
    }

    /// Signs any payload with the party's key and certificates.
    pub(super) fn sign(&self, payload: &Value) -> String {
        let extras = HeaderExtras {
            x5c: self.x5c.clone(),
            ..HeaderExtras::default()
        };
        jws::sign(&self.key, Purpose::RequestObject, &extras, payload)
    }
}
