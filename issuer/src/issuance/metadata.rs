//! The metadata documents. Everything in them comes from the configuration, nothing from a request.

use std::collections::BTreeMap;

use protocol::{
    credential::{ClaimPath, VCT_KYC},
    identity::Algorithm,
    issuance::{AuthorizationServerMetadata, CredentialConfiguration, Display, IssuerMetadata},
};
use serde_json::{Value, json};

use super::{CONFIGURATION_ED25519, CONFIGURATION_ES256};
use crate::issuer::Issuer;

/// Claims that metadata names, below `verified_claims.claims`.
const CLAIMS: [&str; 11] = [
    "family_name",
    "given_name",
    "family_name#ja-Kana-JP",
    "given_name#ja-Kana-JP",
    "family_name#ja-Latn-JP",
    "given_name#ja-Latn-JP",
    "birthdate",
    "address",
    "nationalities",
    "occupation",
    "age_equal_or_over",
];

/// `/.well-known/openid-credential-issuer`
pub(super) fn issuer_metadata(issuer: &Issuer) -> Value {
    let id = issuer.config.id.as_str();
    let endpoint = |path: &str| format!("{}/{path}", id.trim_end_matches('/'));
    IssuerMetadata {
        credential_issuer: id.to_owned(),
        authorization_servers: Vec::new(),
        credential_endpoint: endpoint("credential"),
        nonce_endpoint: Some(endpoint("nonce")),
        notification_endpoint: Some(endpoint("notification")),
        batch_size: Some(issuer.config.batch_size),
        display: vec![Display {
            name: issuer.config.name.clone(),
            locale: Some("ja".to_owned()),
        }],
        configurations: BTreeMap::from([
            (
                CONFIGURATION_ES256.to_owned(),
                configuration(CONFIGURATION_ES256, Algorithm::Es256),
            ),
            (
                CONFIGURATION_ED25519.to_owned(),
                configuration(CONFIGURATION_ED25519, Algorithm::EdDsa),
            ),
        ]),
    }
    .to_json()
}

fn configuration(id: &str, algorithm: Algorithm) -> CredentialConfiguration {
    let display = |name: &str, locale: &str| Display {
        name: name.to_owned(),
        locale: Some(locale.to_owned()),
    };
    let below = ClaimPath::root("verified_claims").name("claims");
    CredentialConfiguration {
        vct: VCT_KYC.to_owned(),
        scope: Some(id.to_owned()),
        signing_algorithms: vec![algorithm],
        proof_algorithms: vec![Algorithm::Es256, Algorithm::EdDsa],
        binding_methods: ["jwk", "did:key", "did:jwk"].map(str::to_owned).to_vec(),
        display: vec![
            display("本人確認", "ja"),
            display("Identity verification", "en"),
        ],
        claims: CLAIMS
            .into_iter()
            .map(|name| below.clone().name(name))
            .collect(),
    }
}

/// `/.well-known/oauth-authorization-server`
pub(super) fn server_metadata(issuer: &Issuer) -> Value {
    let id = issuer.config.id.as_str();
    AuthorizationServerMetadata {
        issuer: id.to_owned(),
        token_endpoint: format!("{}/token", id.trim_end_matches('/')),
    }
    .to_json()
}

/// `/.well-known/jwt-vc-issuer`
pub(super) fn key_metadata(issuer: &Issuer) -> Value {
    json!({"issuer": issuer.config.id.as_str(), "jwks": issuer.credential_keys.jwks()})
}
