use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::*;
use crate::identity::{Algorithm, SigningKey};

const ISSUER_ID: &str = "https://consortium.example";

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap()
}

/// A party of a test and its certificate.
struct Party {
    key: SigningKey,
    params: CertificateParams,
    certificate: Certificate,
}

impl Party {
    fn base64(&self) -> String {
        STANDARD.encode(self.certificate.der())
    }

    fn issuer(&self) -> Issuer<'_, KeyPair> {
        Issuer::from_params(&self.params, key_pair(&self.key))
    }
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
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf_params(role: Role) -> CertificateParams {
    let mut params = params("leaf");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "共同\u{202e}KYC\u{1b}[31m");
    params.subject_alt_names = vec![
        SanType::URI(ISSUER_ID.try_into().unwrap()),
        SanType::DnsName("consortium.example".try_into().unwrap()),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose(role)];
    params
}

fn purpose(role: Role) -> ExtendedKeyUsagePurpose {
    let arc: Vec<u64> = role
        .key_purpose()
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    ExtendedKeyUsagePurpose::Other(arc)
}

/// Keys differ by seed, and are the same in every run.
fn key(algorithm: Algorithm, seed: u64) -> SigningKey {
    SigningKey::generate(algorithm, &mut ChaCha20Rng::seed_from_u64(seed))
}

fn root(seed: u64) -> Party {
    let (key, params) = (key(Algorithm::Es256, seed), authority_params("root"));
    let certificate = params.self_signed(&key_pair(&key)).unwrap();
    Party {
        key,
        params,
        certificate,
    }
}

fn issued(params: CertificateParams, algorithm: Algorithm, seed: u64, issuer: &Party) -> Party {
    let key = key(algorithm, seed);
    let certificate = params.signed_by(&key_pair(&key), &issuer.issuer()).unwrap();
    Party {
        key,
        params,
        certificate,
    }
}

fn leaf(params: CertificateParams, issuer: &Party) -> Party {
    issued(params, Algorithm::Es256, 30, issuer)
}

fn anchors(party: &Party) -> TrustAnchors {
    TrustAnchors::from_base64(&[party.base64()]).unwrap()
}

fn verify(x5c: &[String], root: &Party, role: Role) -> Result<VerifiedChain, X5cError> {
    CertificateChain::parse(x5c)?.verify(&anchors(root), now(), role)
}

/// Verifies root > intermediate > leaf with these parameters of the latter two.
fn verify_three(
    intermediate: CertificateParams,
    leaf_params: CertificateParams,
) -> Result<VerifiedChain, X5cError> {
    let root = root(1);
    let intermediate = issued(intermediate, Algorithm::EdDsa, 2, &root);
    let leaf = leaf(leaf_params, &intermediate);
    verify(
        &[leaf.base64(), intermediate.base64()],
        &root,
        Role::CredentialIssuer,
    )
}

#[test]
fn a_chain_to_an_anchor_of_the_role_is_accepted() {
    let root = root(1);
    for algorithm in Algorithm::ALL {
        let leaf = issued(leaf_params(Role::CredentialIssuer), algorithm, 3, &root);
        let chain = CertificateChain::parse(&[leaf.base64()]).unwrap();
        assert_eq!(chain.claimed_san_uris(), [ISSUER_ID]);
        let verified = chain
            .verify(&anchors(&root), now(), Role::CredentialIssuer)
            .unwrap();
        assert_eq!(verified.leaf_key(), leaf.key.public_key());
        assert_eq!(
            verified.leaf_sha256(),
            <[u8; 32]>::from(Sha256::digest(leaf.certificate.der()))
        );
        assert_eq!(verified.san_uris(), [ISSUER_ID]);
        assert_eq!(verified.san_dns(), ["consortium.example"]);
    }
    verify_three(
        authority_params("intermediate"),
        leaf_params(Role::CredentialIssuer),
    )
    .unwrap();
}

#[test]
fn neg_v10_the_subject_name_keeps_no_character_that_moves_a_terminal() {
    let verified = verify_three(
        authority_params("intermediate"),
        leaf_params(Role::CredentialIssuer),
    )
    .unwrap();
    assert_eq!(verified.subject_name(), "共同KYC[31m");
}

#[test]
fn neg_p19_another_root_is_refused_even_of_the_same_name() {
    let (root, stranger) = (root(1), root(9));
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &root);
    verify(&[leaf.base64()], &root, Role::CredentialIssuer).unwrap();
    let result = verify(&[leaf.base64()], &stranger, Role::CredentialIssuer);
    assert_eq!(result.unwrap_err(), X5cError::Path);
    let none = CertificateChain::parse(&[leaf.base64()]).unwrap().verify(
        &TrustAnchors::default(),
        now(),
        Role::CredentialIssuer,
    );
    assert_eq!(none.unwrap_err(), X5cError::Path);
}

#[test]
fn neg_p19_a_certificate_outside_its_time_is_refused() {
    let root = root(1);
    let chain =
        CertificateChain::parse(&[leaf(leaf_params(Role::CredentialIssuer), &root).base64()])
            .unwrap();
    for (time, valid) in [
        ("2025-12-31T23:59:59Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2027-01-01T00:00:00Z", true),
        ("2027-01-01T00:00:01Z", false),
    ] {
        let time = Timestamp::parse_rfc3339(time).unwrap();
        let result = chain.verify(&anchors(&root), time, Role::CredentialIssuer);
        assert_eq!(
            result.err(),
            (!valid).then_some(X5cError::Validity),
            "{time}"
        );
    }
    let mut expired = authority_params("intermediate");
    expired.not_after = rcgen::date_time_ymd(2026, 6, 1);
    let result = verify_three(expired, leaf_params(Role::CredentialIssuer));
    assert_eq!(result.unwrap_err(), X5cError::Validity);
}

#[test]
fn neg_p19_an_intermediate_that_is_no_authority_is_refused() {
    let mut not_ca = authority_params("intermediate");
    not_ca.is_ca = IsCa::ExplicitNoCa;
    assert_eq!(
        verify_three(not_ca, leaf_params(Role::CredentialIssuer)).unwrap_err(),
        X5cError::Path
    );
    let mut no_statement = authority_params("intermediate");
    no_statement.is_ca = IsCa::NoCa;
    assert_eq!(
        verify_three(no_statement, leaf_params(Role::CredentialIssuer)).unwrap_err(),
        X5cError::Path
    );
    let mut no_signing = authority_params("intermediate");
    no_signing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    assert_eq!(
        verify_three(no_signing, leaf_params(Role::CredentialIssuer)).unwrap_err(),
        X5cError::Usage
    );
}

#[test]
fn neg_p19_a_leaf_of_another_usage_is_refused() {
    let refused = |change: fn(&mut CertificateParams)| {
        let mut params = leaf_params(Role::CredentialIssuer);
        change(&mut params);
        verify_three(authority_params("intermediate"), params).unwrap_err()
    };
    assert_eq!(refused(|leaf| leaf.key_usages.clear()), X5cError::Usage);
    assert_eq!(
        refused(|leaf| leaf.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        X5cError::Usage
    );
    assert_eq!(
        refused(|leaf| leaf.extended_key_usages.clear()),
        X5cError::Usage
    );
    assert_eq!(
        refused(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        X5cError::Usage
    );
    assert_eq!(
        refused(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]),
        X5cError::Usage
    );
    assert_eq!(
        refused(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        X5cError::Path
    );
}

#[test]
fn neg_p19_the_root_in_the_header_is_refused() {
    let root = root(1);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &root);
    for x5c in [vec![leaf.base64(), root.base64()], vec![root.base64()]] {
        assert_eq!(
            verify(&x5c, &root, Role::CredentialIssuer).unwrap_err(),
            X5cError::Order
        );
    }
}

#[test]
fn neg_p19_an_anchor_that_another_issued_has_no_place_in_the_header_either() {
    let root = root(1);
    let intermediate = issued(authority_params("intermediate"), Algorithm::Es256, 2, &root);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &intermediate);
    verify(&[leaf.base64()], &intermediate, Role::CredentialIssuer).unwrap();
    let result = verify(
        &[leaf.base64(), intermediate.base64()],
        &intermediate,
        Role::CredentialIssuer,
    );
    assert_eq!(result.unwrap_err(), X5cError::Order);
    let result = verify(&[leaf.base64()], &leaf, Role::CredentialIssuer);
    assert_eq!(result.unwrap_err(), X5cError::Path);
}

#[test]
fn neg_p19_an_authority_that_the_path_goes_around_is_refused() {
    // The same authority twice: trusted itself, and certified by somebody whom nobody trusts.
    let stranger = root(9);
    let crossed = issued(
        authority_params("intermediate"),
        Algorithm::Es256,
        2,
        &stranger,
    );
    let trusted = authority_params("intermediate")
        .self_signed(&key_pair(&crossed.key))
        .unwrap();
    let trusted = TrustAnchors::from_der([trusted.der().as_ref()]).unwrap();
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &crossed);
    let verify = |x5c: &[String]| {
        CertificateChain::parse(x5c)
            .unwrap()
            .verify(&trusted, now(), Role::CredentialIssuer)
    };
    verify(&[leaf.base64()]).unwrap();
    let result = verify(&[leaf.base64(), crossed.base64()]);
    assert_eq!(result.unwrap_err(), X5cError::Order);
}

#[test]
fn neg_p19_an_authority_that_issued_to_its_own_name_is_refused() {
    let root = root(1);
    let renewed = issued(authority_params("root"), Algorithm::Es256, 2, &root);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &renewed);
    let result = verify(
        &[leaf.base64(), renewed.base64()],
        &root,
        Role::CredentialIssuer,
    );
    assert_eq!(result.unwrap_err(), X5cError::Order);
}

#[test]
fn neg_p19_a_self_signed_leaf_is_refused_even_as_an_anchor() {
    let (key, params) = (
        key(Algorithm::Es256, 3),
        leaf_params(Role::CredentialIssuer),
    );
    let certificate = params.self_signed(&key_pair(&key)).unwrap();
    let party = Party {
        key,
        params,
        certificate,
    };
    let result = verify(&[party.base64()], &party, Role::CredentialIssuer);
    assert_eq!(result.unwrap_err(), X5cError::Order);
}

#[test]
fn neg_p19_certificates_in_another_order_or_beyond_the_path_are_refused() {
    let root = root(1);
    let intermediate = issued(authority_params("intermediate"), Algorithm::Es256, 2, &root);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &intermediate);
    let second = issued(
        leaf_params(Role::CredentialIssuer),
        Algorithm::Es256,
        4,
        &intermediate,
    );
    let other = issued(authority_params("other"), Algorithm::Es256, 5, &root);
    let [leaf, second, intermediate, other] =
        [leaf, second, intermediate, other].map(|party| party.base64());
    verify(
        &[leaf.clone(), intermediate.clone()],
        &root,
        Role::CredentialIssuer,
    )
    .unwrap();
    for x5c in [
        vec![intermediate.clone(), leaf.clone()],
        vec![leaf.clone(), second.clone()],
        vec![leaf.clone(), second, intermediate.clone()],
        vec![leaf.clone(), other.clone()],
        vec![leaf.clone(), intermediate.clone(), other],
        vec![leaf.clone(), intermediate.clone(), intermediate],
    ] {
        assert_eq!(
            verify(&x5c, &root, Role::CredentialIssuer).unwrap_err(),
            X5cError::Order
        );
    }
    // The intermediate is missing.
    assert_eq!(
        verify(&[leaf], &root, Role::CredentialIssuer).unwrap_err(),
        X5cError::Path
    );
}

#[test]
fn neg_p19_a_breach_of_name_constraints_is_refused() {
    let constrained = |subtree: &str| {
        let mut params = authority_params("intermediate");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(subtree.to_owned())],
            excluded_subtrees: vec![],
        });
        verify_three(params, leaf_params(Role::CredentialIssuer))
    };
    constrained("consortium.example").unwrap();
    assert_eq!(constrained("other.example").unwrap_err(), X5cError::Path);
}

#[test]
fn neg_p19_a_chain_longer_than_an_authority_allows_is_refused() {
    let mut short = authority_params("intermediate");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = root(1);
    let first = issued(short, Algorithm::Es256, 2, &root);
    let second = issued(authority_params("second"), Algorithm::Es256, 5, &first);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &second);
    let x5c = [leaf.base64(), second.base64(), first.base64()];
    assert_eq!(
        verify(&x5c, &root, Role::CredentialIssuer).unwrap_err(),
        X5cError::Path
    );
}

#[test]
fn neg_p19_an_authority_that_is_limited_to_another_role_is_refused() {
    let limited = |role| {
        let mut params = authority_params("intermediate");
        params.extended_key_usages = vec![purpose(role)];
        verify_three(params, leaf_params(Role::CredentialIssuer))
    };
    limited(Role::CredentialIssuer).unwrap();
    assert_eq!(
        limited(Role::PresentationVerifier).unwrap_err(),
        X5cError::Usage
    );
}

#[test]
fn neg_p19_text_that_is_not_base64_of_der_is_refused() {
    let root = root(1);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &root);
    let good = leaf.base64();
    verify(std::slice::from_ref(&good), &root, Role::CredentialIssuer).unwrap();
    let der = leaf.certificate.der().to_vec();
    let trailing = STANDARD.encode([&der[..], &[0]].concat());
    let truncated = STANDARD.encode(&der[..der.len() - 1]);
    for (text, error) in [
        (leaf.certificate.pem(), X5cError::Certificate),
        (
            good.trim_end_matches('=').to_owned() + "===",
            X5cError::Certificate,
        ),
        (format!("{good}\n"), X5cError::Certificate),
        (good.replace(['+', '/'], "-"), X5cError::Certificate),
        (trailing, X5cError::Certificate),
        (truncated, X5cError::Certificate),
        (String::new(), X5cError::Certificate),
        ("A".repeat(20_000), X5cError::TooLong),
    ] {
        if text != good {
            assert_eq!(CertificateChain::parse(&[text]).unwrap_err(), error);
        }
    }
    assert_eq!(CertificateChain::parse(&[]).unwrap_err(), X5cError::Empty);
    assert_eq!(
        CertificateChain::parse(&vec![good; 5]).unwrap_err(),
        X5cError::TooLong
    );
}

#[test]
fn neg_p19_every_flipped_byte_of_a_leaf_is_refused() {
    let root = root(1);
    let leaf = leaf(leaf_params(Role::CredentialIssuer), &root);
    let der = leaf.certificate.der().to_vec();
    for position in 0..der.len() {
        let mut bad = der.clone();
        bad[position] ^= 1;
        assert!(
            verify(&[STANDARD.encode(bad)], &root, Role::CredentialIssuer).is_err(),
            "{position}"
        );
    }
}

#[test]
fn neg_p20_a_valid_chain_of_another_role_is_refused() {
    let (issuers, verifiers, status) = (root(1), root(2), root(3));
    let roles = [
        (Role::CredentialIssuer, &issuers),
        (Role::PresentationVerifier, &verifiers),
        (Role::StatusListIssuer, &status),
    ];
    for (made_for, root) in roles {
        let x5c = [leaf(leaf_params(made_for), root).base64()];
        for (used_for, anchors) in roles {
            // Under the anchors of the other role there is no path, and under its own anchors the usage is wrong.
            let across = verify(&x5c, anchors, used_for);
            assert_eq!(
                across.is_ok(),
                made_for == used_for,
                "{made_for:?} {used_for:?}"
            );
            let may = made_for == used_for
                || (made_for, used_for) == (Role::CredentialIssuer, Role::StatusListIssuer);
            assert_eq!(
                verify(&x5c, root, used_for).err(),
                (!may).then_some(X5cError::Usage)
            );
        }
    }
}
