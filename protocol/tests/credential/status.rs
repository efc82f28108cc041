//! Token Status List: rows T01 to T16 as far as they need no network, and the vectors of the draft.

use std::path::Path;

use protocol::Timestamp;
use protocol::credential::{IssuerKeyError, IssuerVerification, ValidityError};
use protocol::identity::jws::{HeaderExtras, JwsError};
use protocol::identity::x5c::Role;
use protocol::identity::{Algorithm, SigningKey};
use protocol::status::{
    REFRESH_SECONDS, SeenStatusList, Status, StatusBits, StatusList, StatusListClaims,
    StatusListError, StatusListExpectation, StatusListTokenError, UnverifiedStatusListToken,
    VerifiedStatusList, token_digest,
};
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::forge::{
    DAY, ISS, NOW, STATUS_URI, assert_refused, credential, issuer, issuer_key, jws, key,
};

/// A status list token before it is signed.
struct ForgedList {
    key: SigningKey,
    header: Value,
    payload: Value,
}

fn list() -> StatusList {
    let mut list = StatusList::new(StatusBits::Two, 1 << 17).unwrap();
    list.set(7, Status::Suspended).unwrap();
    list.set(8, Status::Invalid).unwrap();
    list.set(9, Status::ApplicationSpecific(3)).unwrap();
    list
}

fn token() -> ForgedList {
    ForgedList {
        key: issuer_key(),
        header: json!({"alg": "EdDSA", "typ": "statuslist+jwt", "kid": "k1"}),
        payload: json!({
            "sub": STATUS_URI,
            "iat": NOW.as_unix() - 600,
            "exp": NOW.as_unix() + DAY,
            "ttl": 3_600,
            "status_list": {"bits": 2, "lst": list().compress()},
        }),
    }
}

impl ForgedList {
    fn with(mut self, claim: &str, value: Value) -> Self {
        self.payload[claim] = value;
        self
    }

    fn without(mut self, claim: &str) -> Self {
        self.payload.as_object_mut().unwrap().remove(claim).unwrap();
        self
    }

    fn with_list(mut self, member: &str, value: Value) -> Self {
        self.payload["status_list"][member] = value;
        self
    }

    fn text(&self) -> String {
        jws(&self.key, &self.header, &self.payload.to_string())
    }

    fn verify_as(
        &self,
        issuer: &IssuerVerification,
        expected: &StatusListExpectation,
    ) -> Result<VerifiedStatusList, StatusListTokenError> {
        UnverifiedStatusListToken::parse(&self.text())?.verify(issuer, expected, NOW)
    }

    fn verify(&self) -> Result<VerifiedStatusList, StatusListTokenError> {
        self.verify_as(&issuer(), &StatusListExpectation::new(STATUS_URI))
    }
}

#[test]
fn a_list_that_we_sign_is_read_back_by_its_digest() {
    let claims = StatusListClaims {
        uri: STATUS_URI.to_owned(),
        issued_at: NOW,
        expires: NOW.plus_seconds(DAY),
        ttl_seconds: 900,
    };
    let extras = HeaderExtras {
        kid: Some("k1".to_owned()),
        ..HeaderExtras::default()
    };
    let text = list().to_token(&claims, &issuer_key(), &extras);
    let unverified = UnverifiedStatusListToken::parse(&text).unwrap();
    assert_eq!(unverified.digest(), token_digest(&text));
    let expected = StatusListExpectation::new(STATUS_URI);
    let verified = unverified.verify(&issuer(), &expected, NOW).unwrap();
    assert_eq!(verified.digest(), token_digest(&text));
    assert_eq!(verified.issued_at(), NOW);
    assert_eq!(verified.expires(), Some(NOW.plus_seconds(DAY)));
    assert_eq!(verified.refresh_seconds(), 900);
    let reference = credential().verify().unwrap().status().clone();
    assert_eq!(verified.uri(), reference.uri());
    assert_eq!(verified.status(reference.idx()), Ok(Status::Suspended));
}

#[test]
fn neg_t01_another_type_of_token_is_refused() {
    assert!(token().verify().is_ok());
    for typ in [
        "statuslist+cwt",
        "JWT",
        "application/statuslist+jwt",
        "dc+sd-jwt",
        "kb+jwt",
    ] {
        let mut forged = token();
        forged.header["typ"] = typ.into();
        assert_refused!(
            forged.verify(),
            StatusListTokenError::Jws(JwsError::Type),
            typ
        );
    }
    let credential_as_list = UnverifiedStatusListToken::parse(&credential().jws()).unwrap();
    let expected = StatusListExpectation::new(STATUS_URI);
    assert!(
        credential_as_list
            .verify(&issuer(), &expected, NOW)
            .is_err()
    );
    let list_as_credential = crate::forge::verify(&format!("{}~", token().text()));
    assert!(list_as_credential.is_err());
}

#[test]
fn neg_t02_another_list_of_the_same_issuer_is_refused() {
    assert!(token().verify().is_ok());
    for uri in [
        "https://issuer.example/status/2",
        "https://issuer.example/status/1/",
        "https://ISSUER.example/status/1",
    ] {
        assert_refused!(
            token().with("sub", uri.into()).verify(),
            StatusListTokenError::OtherList,
            uri
        );
    }
    assert_refused!(
        token().without("sub").verify(),
        StatusListTokenError::Claim("sub")
    );
    let listed = token().with("sub", json!([STATUS_URI]));
    assert_refused!(listed.verify(), StatusListTokenError::Claim("sub"));
}

#[test]
fn neg_t03_a_token_out_of_its_time_is_refused() {
    let now = NOW.as_unix();
    assert!(token().verify().is_ok());
    let expired = token().with("exp", (now - 60).into());
    assert_refused!(
        expired.verify(),
        StatusListTokenError::Validity(ValidityError::Expired)
    );
    let early = token().with("iat", (now + 61).into());
    assert_refused!(
        early.verify(),
        StatusListTokenError::Validity(ValidityError::NotYetValid)
    );
    assert!(token().with("iat", (now - 7 * DAY).into()).verify().is_ok());
    let old = token().with("iat", (now - 7 * DAY - 1).into());
    assert_refused!(old.verify(), StatusListTokenError::Stale);
    assert_refused!(
        token().without("iat").verify(),
        StatusListTokenError::Claim("iat")
    );
    let textual = token().with("iat", now.to_string().into());
    assert_refused!(
        textual.verify(),
        StatusListTokenError::Validity(ValidityError::Malformed)
    );

    assert!(token().without("exp").verify().is_ok());
    assert!(token().without("ttl").verify().is_ok());
    assert_refused!(
        token().without("exp").without("ttl").verify(),
        StatusListTokenError::Stale
    );
}

#[test]
fn neg_t04_wishes_about_fetching_are_clamped() {
    let refresh = |token: ForgedList| token.verify().unwrap().refresh_seconds();
    let (least, most) = (*REFRESH_SECONDS.start(), *REFRESH_SECONDS.end());
    assert_eq!(refresh(token()), 3_600);
    for (ttl, clamped) in [
        ("0", least),
        ("-5", least),
        ("59", least),
        ("61", 61),
        ("1000000000", most),
        ("1e9", most),
        ("18446744073709551616", most),
    ] {
        let ttl: Value = serde_json::from_str(ttl).unwrap();
        assert_eq!(refresh(token().with("ttl", ttl.clone())), clamped, "{ttl}");
    }
    let year_9999 = token()
        .without("ttl")
        .with("exp", 253_402_300_799_u64.into());
    assert_eq!(refresh(year_9999), most);
    let soon = token()
        .without("ttl")
        .with("exp", (NOW.as_unix() + 5).into());
    assert_eq!(refresh(soon), least);
    let textual = token().with("ttl", "3600".into());
    assert_refused!(textual.verify(), StatusListTokenError::Claim("ttl"));
}

#[test]
fn neg_t05_a_token_that_the_issuer_did_not_sign_is_refused() {
    assert!(token().verify().is_ok());
    let mut stranger = token();
    stranger.key = key(Algorithm::EdDsa, 9);
    assert_refused!(
        stranger.verify(),
        StatusListTokenError::Jws(JwsError::Signature)
    );
    stranger.header["jwk"] = stranger.key.public_key().to_jwk();
    assert_refused!(
        stranger.verify(),
        StatusListTokenError::Jws(JwsError::Header)
    );
    let mut other_name = token();
    other_name.header["kid"] = "k2".into();
    assert_refused!(
        other_name.verify(),
        StatusListTokenError::IssuerKey(IssuerKeyError::UnknownKey)
    );
    let mut symmetric = token();
    symmetric.header["alg"] = "HS256".into();
    assert_refused!(
        symmetric.verify(),
        StatusListTokenError::Jws(JwsError::Algorithm)
    );
}

#[test]
fn neg_t05_a_certificate_for_something_else_is_refused() {
    let authority = Authority::new(40);
    let leaf_key = || key(Algorithm::Es256, 7);
    let verify = |leaf: String| {
        let mut forged = token();
        forged.header = json!({"alg": "ES256", "typ": "statuslist+jwt", "x5c": [leaf]});
        forged.key = leaf_key();
        let issuer = IssuerVerification::by_certificates(ISS, authority.anchors());
        forged.verify_as(&issuer, &StatusListExpectation::new(STATUS_URI))
    };
    for role in [Role::StatusListIssuer, Role::CredentialIssuer] {
        assert!(verify(authority.leaf(&leaf_key(), ISS, role)).is_ok());
    }
    let verifier = verify(authority.leaf(&leaf_key(), ISS, Role::PresentationVerifier));
    assert_refused!(
        verifier,
        StatusListTokenError::IssuerKey(IssuerKeyError::X5c(_))
    );
    let other =
        verify(authority.leaf(&leaf_key(), "https://other.example", Role::StatusListIssuer));
    assert_refused!(
        other,
        StatusListTokenError::IssuerKey(IssuerKeyError::OtherSubject)
    );
}

#[test]
fn neg_t06_an_index_beyond_the_list_says_nothing() {
    let verified = token().verify().unwrap();
    assert_eq!(verified.status((1 << 17) - 1), Ok(Status::Valid));
    for idx in [1 << 17, 1 << 32, u64::MAX] {
        assert_eq!(verified.status(idx), Err(StatusListError::OutOfRange));
    }
}

#[test]
fn neg_t07_another_number_of_bits_is_refused() {
    assert!(token().verify().is_ok());
    for bits in [
        json!(0),
        json!(3),
        json!(16),
        json!("2"),
        json!(-2),
        json!(2.5),
        Value::Null,
    ] {
        let forged = token().with_list("bits", bits);
        assert_refused!(forged.verify(), StatusListTokenError::Claim("bits"));
    }
    let seen = token().verify().unwrap().seen();
    let expected = StatusListExpectation::new(STATUS_URI).after(seen);
    assert!(token().verify_as(&issuer(), &expected).is_ok());
    let changed = token().with_list("bits", 1.into());
    assert_refused!(
        changed.verify_as(&issuer(), &expected),
        StatusListTokenError::BitsChanged
    );
    let missing = token().without("status_list");
    assert_refused!(missing.verify(), StatusListTokenError::Claim("bits"));
}

#[test]
fn neg_t08_a_list_that_is_not_zlib_is_refused() {
    assert!(token().verify().is_ok());
    for lst in [
        "",
        "AAAA",
        "H4sIAAAAAAAA_wMAAAAAAAAAAAA",
        "eNrbuRgAAhcBX",
        "eNrbuRgAAhcBXQAA",
        "eNrbuRgAAhcBXQ==",
    ] {
        let forged = token().with_list("lst", lst.into());
        assert_refused!(forged.verify(), StatusListTokenError::List(_), lst);
    }
    assert_refused!(
        token().with_list("lst", json!([1])).verify(),
        StatusListTokenError::Claim("lst")
    );
}

#[test]
fn neg_t09_each_status_means_what_the_draft_says() {
    let verified = token().verify().unwrap();
    assert_eq!(verified.status(6), Ok(Status::Valid));
    assert_eq!(verified.status(7), Ok(Status::Suspended));
    assert_eq!(verified.status(8), Ok(Status::Invalid));
    assert_eq!(verified.status(9), Ok(Status::ApplicationSpecific(3)));
    for number in 0..=u8::MAX {
        let status = Status::from_number(number);
        assert_eq!(status.number(), number);
        assert_eq!(status == Status::Valid, number == 0);
        let reserved = !matches!(number, 0..=3 | 0x0C..=0x0F);
        assert_eq!(status == Status::Reserved(number), reserved, "{number:#x}");
    }
}

#[test]
fn neg_t10_the_vectors_of_the_draft_are_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors/status");
    let mut met = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let vector: Value = serde_json::from_str(&text).unwrap();
        let bits = StatusBits::from_number(vector["bits"].as_u64().unwrap()).unwrap();
        let list = StatusList::decompress(bits, vector["lst"].as_str().unwrap()).unwrap();
        let entries = vector["entries"].as_u64().unwrap();
        assert_eq!(list.entries(), entries);
        let mut rebuilt = StatusList::new(bits, entries).unwrap();
        for pair in vector["statuses"].as_array().unwrap() {
            let (idx, number) = (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
            let status = Status::from_number(u8::try_from(number).unwrap());
            assert_eq!(list.get(idx), Ok(status), "{bits:?} {idx}");
            rebuilt.set(idx, status).unwrap();
        }
        assert_eq!(rebuilt, list, "all others are valid");
        met += 1;
    }
    assert_eq!(met, 6);
}

#[test]
fn neg_t12_a_token_older_than_one_seen_is_refused() {
    let at = |issued_at: u64| SeenStatusList {
        issued_at: Timestamp::from_unix(issued_at),
        bits: StatusBits::Two,
    };
    let iat = NOW.as_unix() - 600;
    let after = |seen| {
        token().verify_as(
            &issuer(),
            &StatusListExpectation::new(STATUS_URI).after(seen),
        )
    };
    assert!(after(at(iat)).is_ok(), "the same token again");
    assert!(after(at(iat - 1)).is_ok());
    assert_refused!(after(at(iat + 1)), StatusListTokenError::Rollback);
}

#[test]
fn neg_t13_an_expired_credential_has_no_status_to_ask_for() {
    // The reference to the list is only on the verified type: nothing is fetched for what is refused already.
    let expired = credential().with("exp", (NOW.as_unix() - 60).into());
    assert!(
        credential()
            .verify()
            .is_ok_and(|held| held.status().idx() == 7)
    );
    assert!(expired.verify().is_err());
}

#[test]
fn neg_t14_a_short_list_is_refused() {
    let of = |entries| {
        let list = StatusList::new(StatusBits::Two, entries).unwrap();
        token().with_list("lst", list.compress().into())
    };
    assert!(of(10_000).verify().is_ok());
    assert_refused!(of(9_996).verify(), StatusListTokenError::TooShort);
}

#[test]
fn neg_t16_a_list_speaks_for_its_own_time_only() {
    let verified = token().verify().unwrap();
    let (issued_at, expires) = (verified.issued_at(), verified.expires().unwrap());
    assert!(verified.covers(issued_at));
    assert!(!verified.covers(issued_at.minus_seconds(1)));
    assert!(!verified.covers(expires));
    assert!(!token().without("exp").verify().unwrap().covers(NOW));
}
