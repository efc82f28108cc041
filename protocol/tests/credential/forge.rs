//! Hand-made tokens: every part can be anything before it is signed.

use protocol::Timestamp;
use protocol::base64url;
use protocol::credential::{
    CredentialError, IssuerVerification, KeyBindingExpectation, UnverifiedCredential,
    UnverifiedPresentedCredential, VCT_KYC, VerifiedCredential, VerifiedPresentedCredential,
};
use protocol::identity::{Algorithm, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const ISS: &str = "https://issuer.example";
pub(crate) const STATUS_URI: &str = "https://issuer.example/status/1";
pub(crate) const AUDIENCE: &str = "x509_hash:abc";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
/// 2026-11-23T00:00:00Z.
pub(crate) const TODAY: u64 = 1_795_392_000;
pub(crate) const NOW: Timestamp = Timestamp::from_unix(TODAY + 3_600);
pub(crate) const DAY: u64 = 86_400;

/// One key per party, the same in every test.
pub(crate) fn key(algorithm: Algorithm, number: u8) -> SigningKey {
    SigningKey::from_secret(algorithm, &[number; 32]).unwrap()
}

pub(crate) fn issuer_key() -> SigningKey {
    key(Algorithm::EdDsa, 1)
}

pub(crate) fn holder_key() -> SigningKey {
    key(Algorithm::EdDsa, 2)
}

pub(crate) fn jwk(key: &SigningKey, kid: &str) -> Value {
    let mut jwk = key.public_key().to_jwk();
    jwk["kid"] = kid.into();
    jwk
}

/// The issuer as it is trusted: one key, `k1`.
pub(crate) fn issuer() -> IssuerVerification {
    let jwks = json!({"keys": [jwk(&issuer_key(), "k1")]});
    IssuerVerification::by_jwks(ISS, &jwks).unwrap()
}

pub(crate) fn digest(text: &str) -> String {
    base64url::encode(&Sha256::digest(text.as_bytes()))
}

/// A disclosure of this JSON text, whatever it is.
pub(crate) fn disclosure(json: &str) -> String {
    base64url::encode(json.as_bytes())
}

/// Signs any header and any payload.
pub(crate) fn jws(key: &SigningKey, header: &Value, payload: &str) -> String {
    let header = base64url::encode(header.to_string().as_bytes());
    let input = format!("{header}.{}", base64url::encode(payload.as_bytes()));
    let signature = base64url::encode(&key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// A credential before it is signed.
pub(crate) struct Forged {
    pub(crate) key: SigningKey,
    pub(crate) header: Value,
    pub(crate) payload: Value,
    pub(crate) disclosures: Vec<String>,
}

/// A good credential: one plain claim, one concealed claim, one concealed array element, a concealed object with a
/// concealed member, and one decoy.
pub(crate) fn credential() -> Forged {
    let family_name = disclosure(r#"["c2FsdCBvZiAxMjggYml0cw", "family_name", "山田"]"#);
    let nationality = disclosure(r#"["bmF0aW9uYWxpdHkgc2FsdA", "JP"]"#);
    let region = disclosure(r#"["cmVnaW9uIHNhbHQgISEhIQ", "region", "東京都"]"#);
    let address = disclosure(&format!(
        r#"["YWRkcmVzcyBzYWx0ICEhIQ", "address", {{"country": "JP", "_sd": ["{}"]}}]"#,
        digest(&region)
    ));
    Forged {
        key: issuer_key(),
        header: json!({"alg": "EdDSA", "typ": "dc+sd-jwt", "kid": "k1"}),
        payload: json!({
            "iss": ISS,
            "vct": VCT_KYC,
            "iat": TODAY,
            "nbf": TODAY,
            "exp": TODAY + 30 * DAY,
            "cnf": {"jwk": holder_key().public_key().to_jwk()},
            "status": {"status_list": {"idx": 7, "uri": STATUS_URI}},
            "occupation": "engineer",
            "nationalities": [{"...": digest(&nationality)}, {"...": digest("decoy")}],
            "_sd": [digest(&family_name), digest(&address)],
            "_sd_alg": "sha-256",
        }),
        disclosures: vec![family_name, nationality, address, region],
    }
}

impl Forged {
    /// With one more disclosure of this JSON text, whose digest stands in the top-level `_sd`.
    pub(crate) fn disclosing(mut self, json: &str) -> Self {
        let disclosure = disclosure(json);
        let digests = self.payload["_sd"].as_array_mut().unwrap();
        digests.push(digest(&disclosure).into());
        self.disclosures.push(disclosure);
        self
    }

    pub(crate) fn with(mut self, claim: &str, value: Value) -> Self {
        self.payload[claim] = value;
        self
    }

    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.payload.as_object_mut().unwrap().remove(claim).unwrap();
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub(crate) fn jws(&self) -> String {
        jws(&self.key, &self.header, &self.payload.to_string())
    }

    /// The SD-JWT, ending in its last tilde.
    pub(crate) fn text(&self) -> String {
        let mut text = self.jws() + "~";
        for disclosure in &self.disclosures {
            text.push_str(disclosure);
            text.push('~');
        }
        text
    }

    pub(crate) fn verify(&self) -> Result<VerifiedCredential, CredentialError> {
        verify(&self.text())
    }

    /// The presentation of all disclosures with a good Key Binding JWT.
    pub(crate) fn presented(&self) -> Presented {
        let sd_jwt = self.text();
        Presented {
            key: holder_key(),
            header: json!({"alg": "EdDSA", "typ": "kb+jwt"}),
            claims: json!({
                "iat": NOW.as_unix(),
                "aud": AUDIENCE,
                "nonce": NONCE,
                "sd_hash": digest(&sd_jwt),
            }),
            sd_jwt,
        }
    }
}

/// A presentation before the holder signs it.
pub(crate) struct Presented {
    pub(crate) key: SigningKey,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) sd_jwt: String,
}

impl Presented {
    pub(crate) fn with(mut self, claim: &str, value: Value) -> Self {
        self.claims[claim] = value;
        self
    }

    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(claim).unwrap();
        self
    }

    pub(crate) fn text(&self) -> String {
        let key_binding = jws(&self.key, &self.header, &self.claims.to_string());
        format!("{}{key_binding}", self.sd_jwt)
    }

    pub(crate) fn verify(&self) -> Result<VerifiedPresentedCredential, CredentialError> {
        verify_presented(&self.text())
    }
}

/// As a holder checks what it receives.
pub(crate) fn verify(text: &str) -> Result<VerifiedCredential, CredentialError> {
    UnverifiedCredential::parse(text)?.verify(&issuer(), NOW)
}

/// As a verifier checks what it receives.
pub(crate) fn verify_presented(text: &str) -> Result<VerifiedPresentedCredential, CredentialError> {
    let expected = KeyBindingExpectation::new(AUDIENCE, NONCE);
    UnverifiedPresentedCredential::parse(text)?.verify(&issuer(), &expected, NOW)
}

/// The result must be the error of this pattern; anything else is shown.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat $(if $guard:expr)? $(, $hint:expr)?) => {
        match $result {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{:?} {}", other, stringify!($($hint)?)),
        }
    };
}
pub(crate) use assert_refused;
