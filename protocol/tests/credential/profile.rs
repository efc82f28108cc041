//! SD-JWT VC and HAIP: rows V01 to V09, and P19 and P20 for certificates of issuers.

use protocol::base64url;
use protocol::credential::CredentialError::{self, SdJwt};
use protocol::credential::sd_jwt::{KeyBindingError, SdJwtError};
use protocol::credential::{
    IssuerJwksError, IssuerKeyError, IssuerVerification, RegisteredIssuerError,
    UnverifiedCredential, VCT_KYC,
};
use protocol::identity::jws::JwsError;
use protocol::identity::x5c::Role;
use protocol::identity::{Algorithm, KeyError, SigningKey};
use protocol::registry::Issuer;
use protocol::status::StatusReferenceError;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::forge::{
    Forged, ISS, NOW, STATUS_URI, assert_refused, credential, holder_key, jwk, key,
};

#[test]
fn neg_v01_another_type_of_sd_jwt_is_refused() {
    assert!(credential().verify().is_ok());
    for typ in ["vc+sd-jwt", "JWT", "sd-jwt", "example+sd-jwt"] {
        let forged = credential().with_header("typ", typ.into());
        assert_refused!(forged.verify(), SdJwt(SdJwtError::Jws(JwsError::Type)), typ);
    }
}

#[test]
fn neg_v02_another_type_of_credential_is_refused() {
    assert_eq!(credential().verify().unwrap().vct(), VCT_KYC);
    for vct in [
        "https://tegata.example/kyc/jp/2",
        "https://tegata.example/KYC/jp/1",
        "https://tegata.example/kyc/jp/1/",
        "",
    ] {
        assert_refused!(
            credential().with("vct", vct.into()).verify(),
            CredentialError::OtherType,
            vct
        );
    }
    assert_refused!(
        credential().without("vct").verify(),
        CredentialError::Claim("vct")
    );
    assert_refused!(
        credential().with("vct", json!([VCT_KYC])).verify(),
        CredentialError::Claim("vct")
    );
    let hidden = credential()
        .without("vct")
        .disclosing(&format!(r#"["salt", "vct", "{VCT_KYC}"]"#));
    assert_refused!(hidden.verify(), CredentialError::SelectivelyDisclosable);
}

#[test]
fn neg_v03_what_everyone_must_see_is_not_selectively_disclosable() {
    assert!(
        credential()
            .disclosing(r#"["salt", "iat_", 1]"#)
            .verify()
            .is_ok()
    );
    for name in ["nbf", "vct#integrity", "aka_vcts"] {
        let mut forged = credential();
        forged.payload.as_object_mut().unwrap().remove(name);
        let forged = forged.disclosing(&format!(r#"["salt", "{name}", 1]"#));
        assert_refused!(
            forged.verify(),
            CredentialError::SelectivelyDisclosable,
            name
        );
    }
    for name in ["exp", "cnf", "status"] {
        let value = credential().payload[name].clone();
        let forged = credential()
            .without(name)
            .disclosing(&format!(r#"["salt", "{name}", {value}]"#));
        assert_refused!(
            forged.verify(),
            CredentialError::SelectivelyDisclosable,
            name
        );
    }
    for (outer, inner) in [("cnf", "jwk"), ("status", "status_list")] {
        let mut forged = credential();
        let value = forged.payload[outer]
            .as_object_mut()
            .unwrap()
            .remove(inner)
            .unwrap();
        let hidden = crate::forge::disclosure(&format!(r#"["salt", "{inner}", {value}]"#));
        forged.payload[outer]["_sd"] = json!([crate::forge::digest(&hidden)]);
        forged.disclosures.push(hidden);
        assert_refused!(
            forged.verify(),
            CredentialError::SelectivelyDisclosable,
            inner
        );
    }
    let hidden = credential()
        .without("iss")
        .disclosing(&format!(r#"["salt", "iss", "{ISS}"]"#));
    assert_refused!(hidden.verify(), CredentialError::OtherIssuer);
}

#[test]
fn neg_v04_a_type_that_the_issuer_only_claims_to_extend_is_refused() {
    let foreign = credential().with("vct", "https://other.example/diploma".into());
    assert_refused!(foreign.verify(), CredentialError::OtherType);
    let also = foreign_with_aka();
    assert_refused!(also.verify(), CredentialError::OtherType);
    let trusted = crate::forge::issuer().for_types(&["https://other.example/diploma"]);
    let read = UnverifiedCredential::parse(&foreign_with_aka().text()).unwrap();
    assert!(read.verify(&trusted, NOW).is_ok());
}

fn foreign_with_aka() -> Forged {
    credential()
        .with("vct", "https://other.example/diploma".into())
        .with("aka_vcts", json!([VCT_KYC]))
}

#[test]
fn neg_v06_the_method_of_finding_the_key_is_the_verifiers() {
    let authority = Authority::new(40);
    let leaf_key = key(Algorithm::Es256, 7);
    let mut forged = credential().with_header("alg", "ES256".into());
    forged.header["x5c"] = json!([authority.leaf(&leaf_key, ISS, Role::CredentialIssuer)]);
    forged.key = leaf_key;
    let verify = |issuer: &IssuerVerification, forged: &Forged| {
        UnverifiedCredential::parse(&forged.text())?.verify(issuer, NOW)
    };
    let by_certificates = IssuerVerification::by_certificates(ISS, authority.anchors());
    assert!(verify(&by_certificates, &forged).is_ok());

    // A good certificate does not help where keys are named, nor a good name where certificates are asked for.
    assert_refused!(
        verify(&crate::forge::issuer(), &forged),
        SdJwt(SdJwtError::Jws(_))
    );
    forged.header["kid"] = "k9".into();
    let refused = verify(&crate::forge::issuer(), &forged);
    assert_refused!(
        refused,
        CredentialError::IssuerKey(IssuerKeyError::UnknownKey)
    );
    let refused = verify(&by_certificates, &credential());
    assert_refused!(
        refused,
        CredentialError::IssuerKey(IssuerKeyError::MissingX5c)
    );
}

#[test]
fn a_registered_issuer_is_recognised_by_certificates_if_it_has_anchors() {
    let authority = Authority::new(40);
    let leaf_key = key(Algorithm::Es256, 7);
    let registered = |anchors: Value, keys: Value| {
        let issuer = serde_json::from_value::<Issuer>(json!({
            "id": ISS, "name": "Consortium", "member": "consortium.example",
            "record_key": base64url::encode(&[1; 32]), "application_key": base64url::encode(&[2; 32]),
            "trust_anchors": anchors, "jwks": {"keys": keys},
        }));
        IssuerVerification::registered(&issuer.unwrap())
    };
    let named = json!([jwk(&crate::forge::issuer_key(), "k1")]);
    let mut by_certificate = credential().with_header("alg", "ES256".into());
    by_certificate.header["x5c"] = json!([authority.leaf(&leaf_key, ISS, Role::CredentialIssuer)]);
    by_certificate.key = leaf_key;
    let accepts = |issuer: &IssuerVerification, forged: &Forged| {
        let unverified = UnverifiedCredential::parse(&forged.text()).unwrap();
        unverified.verify(issuer, NOW).is_ok()
    };

    let with_both = registered(json!([authority.root()]), named.clone()).unwrap();
    assert!(accepts(&with_both, &by_certificate));
    assert!(
        !accepts(&with_both, &credential()),
        "its keys are not a second way"
    );
    let with_keys = registered(json!([]), named).unwrap();
    assert!(accepts(&with_keys, &credential()));
    assert!(!accepts(&with_keys, &by_certificate));
    assert!(matches!(
        registered(json!([]), json!([])),
        Err(RegisteredIssuerError::Keys(IssuerJwksError::Shape))
    ));
    assert!(matches!(
        registered(json!(["AAAA"]), json!([])),
        Err(RegisteredIssuerError::Anchor(_))
    ));
}

#[test]
fn neg_p20_a_certificate_of_another_role_or_issuer_is_refused() {
    let authority = Authority::new(40);
    let leaf_key = key(Algorithm::Es256, 7);
    let verify = |x5c: Vec<String>, key: &SigningKey| {
        let mut forged = credential().with_header("alg", "ES256".into());
        forged.header["x5c"] = json!(x5c);
        forged.key = SigningKey::from_secret(key.algorithm(), &key.secret()).unwrap();
        let issuer = IssuerVerification::by_certificates(ISS, authority.anchors());
        UnverifiedCredential::parse(&forged.text())?.verify(&issuer, NOW)
    };
    let good = authority.leaf(&leaf_key, ISS, Role::CredentialIssuer);
    assert!(verify(vec![good.clone()], &leaf_key).is_ok());
    for role in [Role::PresentationVerifier, Role::StatusListIssuer] {
        let leaf = authority.leaf(&leaf_key, ISS, role);
        let refused = verify(vec![leaf], &leaf_key);
        assert_refused!(refused, CredentialError::IssuerKey(IssuerKeyError::X5c(_)));
    }
    for other in [
        "https://other.example",
        "https://issuer.example/",
        "HTTPS://issuer.example",
    ] {
        let leaf = authority.leaf(&leaf_key, other, Role::CredentialIssuer);
        let refused = verify(vec![leaf], &leaf_key);
        assert_refused!(
            refused,
            CredentialError::IssuerKey(IssuerKeyError::OtherSubject),
            other
        );
    }
    let stranger = Authority::new(41).leaf(&leaf_key, ISS, Role::CredentialIssuer);
    let refused = verify(vec![stranger], &leaf_key);
    assert_refused!(refused, CredentialError::IssuerKey(IssuerKeyError::X5c(_)));
    let refused = verify(vec![good.clone(), authority.root()], &leaf_key);
    assert_refused!(refused, CredentialError::IssuerKey(IssuerKeyError::X5c(_)));
    let refused = verify(vec![good], &key(Algorithm::Es256, 8));
    assert_refused!(refused, SdJwt(SdJwtError::Jws(JwsError::Signature)));
}

#[test]
fn neg_p13_a_key_set_with_unclear_names_is_not_trusted() {
    let (one, two) = (key(Algorithm::EdDsa, 1), key(Algorithm::EdDsa, 2));
    let read = |keys: Value| IssuerVerification::by_jwks(ISS, &json!({"keys": keys})).map(|_| ());
    assert_eq!(read(json!([jwk(&one, "a"), jwk(&two, "b")])), Ok(()));
    assert_eq!(
        read(json!([jwk(&one, "a"), jwk(&two, "a")])),
        Err(IssuerJwksError::Kid)
    );
    assert_eq!(
        read(json!([one.public_key().to_jwk()])),
        Err(IssuerJwksError::Kid)
    );
    assert_eq!(read(json!([])), Err(IssuerJwksError::Shape));
    let many: Vec<Value> = (0..17).map(|n| jwk(&one, &n.to_string())).collect();
    assert_eq!(read(json!(many)), Err(IssuerJwksError::Shape));
    let mut private = jwk(&one, "a");
    private["d"] = "AAAA".into();
    assert_eq!(
        read(json!([private])),
        Err(IssuerJwksError::Key(KeyError::Secret))
    );
    for kid in [
        "../k1",
        "k1\u{0}",
        "K1",
        "k1 ",
        "' OR 1=1 --",
        "https://issuer.example/k1",
    ] {
        assert!(
            credential()
                .with_header("kid", kid.into())
                .verify()
                .is_err(),
            "{kid}"
        );
    }
}

#[test]
fn neg_v08_a_credential_that_is_not_bound_to_one_key_is_refused() {
    assert!(credential().verify().is_ok());
    let holder = holder_key().public_key().to_jwk();
    let mut private = holder.clone();
    private["d"] = "AAAA".into();
    let refused = credential().with("cnf", json!({"jwk": private})).verify();
    assert_refused!(
        refused,
        CredentialError::HolderKey(KeyBindingError::HolderKey(KeyError::Secret))
    );
    for cnf in [
        json!({"kid": "holder"}),
        json!({"jwk": holder, "kid": "holder"}),
        json!({"jwk": holder, "jwks": [holder]}),
        json!({"jkt": "x"}),
        json!({}),
        json!([{"jwk": holder}]),
        json!("holder"),
        Value::Null,
    ] {
        let refused = credential().with("cnf", cnf).verify();
        assert_refused!(
            refused,
            CredentialError::HolderKey(KeyBindingError::Confirmation)
        );
    }
    for jwk in [
        json!([holder]),
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed25519"}),
    ] {
        let refused = credential().with("cnf", json!({"jwk": jwk})).verify();
        assert_refused!(
            refused,
            CredentialError::HolderKey(KeyBindingError::HolderKey(_))
        );
    }
    let refused = credential().without("cnf").verify();
    assert_refused!(
        refused,
        CredentialError::HolderKey(KeyBindingError::Confirmation)
    );
}

#[test]
fn neg_v09_a_status_without_a_list_is_refused() {
    let verified = credential().verify().unwrap();
    assert_eq!(
        (verified.status().uri(), verified.status().idx()),
        (STATUS_URI, 7)
    );
    assert_refused!(
        credential().without("status").verify(),
        CredentialError::Claim("status")
    );
    for status in [
        json!({}),
        json!({"status_list": {}}),
        json!({"status_list": {"idx": 7}}),
        json!({"status_list": {"uri": STATUS_URI}}),
        json!({"status_list": {"idx": "7", "uri": STATUS_URI}}),
        json!({"status_list": {"idx": 7, "uri": STATUS_URI}, "other": {}}),
    ] {
        let refused = credential().with("status", status).verify();
        assert_refused!(
            refused,
            CredentialError::Status(StatusReferenceError::Shape)
        );
    }
}
