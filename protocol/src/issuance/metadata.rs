//! Metadata of the issuer and of its authorisation server (OpenID4VCI section 12.2.4, RFC 8414).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::GRANT_TYPE_PRE_AUTHORIZED;
use crate::{
    credential::ClaimPath,
    identity::Algorithm,
    json::{self, JsonError, Limits},
};

/// The credential format.
pub const FORMAT: &str = "dc+sd-jwt";
/// Bytes of a metadata document.
const DOCUMENT_BYTES_MAX: usize = 512 * 1024;

/// A name for people, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// The name.
    pub name: String,
    /// BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// One kind of credential that an issuer can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialConfiguration {
    /// The type of the credential.
    pub vct: String,
    /// The OAuth scope that stands for it.
    pub scope: Option<String>,
    /// Algorithms of the issuer's signature.
    pub signing_algorithms: Vec<Algorithm>,
    /// Algorithms of key proofs, the preferred one first.
    pub proof_algorithms: Vec<Algorithm>,
    /// How a proof may name its key: `jwk`, `did:key`, …
    pub binding_methods: Vec<String>,
    /// Names for people.
    pub display: Vec<Display>,
    /// The claims that such a credential holds.
    pub claims: Vec<ClaimPath>,
}

/// Metadata of a credential issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerMetadata {
    /// The issuer's identifier.
    pub credential_issuer: String,
    /// Authorisation servers, if others than the issuer.
    pub authorization_servers: Vec<String>,
    /// Where credentials are requested.
    pub credential_endpoint: String,
    /// Where nonces are requested.
    pub nonce_endpoint: Option<String>,
    /// Where notifications go.
    pub notification_endpoint: Option<String>,
    /// Most proofs in one request, where more than one is allowed.
    pub batch_size: Option<usize>,
    /// Names for people.
    pub display: Vec<Display>,
    /// What can be issued, in format `dc+sd-jwt`. Other formats are not for us.
    pub configurations: BTreeMap<String, CredentialConfiguration>,
}

/// Metadata of an authorisation server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServerMetadata {
    /// The server's identifier.
    pub issuer: String,
    /// Where tokens are requested.
    pub token_endpoint: String,
}

/// Why metadata is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not strict JSON.
    #[error("the metadata cannot be read")]
    Json(#[source] JsonError),
    /// A member is missing or of another type.
    #[error("the metadata is malformed")]
    Malformed,
    /// It is about another issuer than asked for.
    #[error("the metadata is about another issuer")]
    OtherIssuer,
    /// The server does not take pre-authorised codes from wallets without a client identifier.
    #[error("the authorisation server does not take pre-authorised codes from this wallet")]
    GrantType,
}

impl IssuerMetadata {
    /// Reads the metadata of `issuer`. Its identifier is compared byte for byte; unknown members are ignored.
    pub fn parse(document: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let value = parse_document(document)?;
        if text(&value, "credential_issuer")? != issuer {
            return Err(MetadataError::OtherIssuer);
        }
        let configurations = value
            .get("credential_configurations_supported")
            .and_then(Value::as_object)
            .ok_or(MetadataError::Malformed)?
            .iter()
            .filter(|(_, configuration)| {
                configuration.get("format").and_then(Value::as_str) == Some(FORMAT)
            })
            .map(|(id, configuration)| {
                Ok((id.clone(), CredentialConfiguration::read(configuration)?))
            })
            .collect::<Result<_, MetadataError>>()?;
        Ok(Self {
            credential_issuer: issuer.to_owned(),
            authorization_servers: texts(value.get("authorization_servers")),
            credential_endpoint: text(&value, "credential_endpoint")?.to_owned(),
            nonce_endpoint: optional_text(&value, "nonce_endpoint"),
            notification_endpoint: optional_text(&value, "notification_endpoint"),
            batch_size: value
                .pointer("/batch_credential_issuance/batch_size")
                .and_then(Value::as_u64)
                .and_then(|size| usize::try_from(size).ok()),
            display: displays(value.get("display")),
            configurations,
        })
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let configurations: Map<String, Value> = self
            .configurations
            .iter()
            .map(|(id, configuration)| (id.clone(), configuration.to_json()))
            .collect();
        let mut document = Map::new();
        document.insert(
            "credential_issuer".to_owned(),
            self.credential_issuer.as_str().into(),
        );
        if !self.authorization_servers.is_empty() {
            document.insert(
                "authorization_servers".to_owned(),
                self.authorization_servers.clone().into(),
            );
        }
        document.insert(
            "credential_endpoint".to_owned(),
            self.credential_endpoint.as_str().into(),
        );
        for (name, endpoint) in [
            ("nonce_endpoint", &self.nonce_endpoint),
            ("notification_endpoint", &self.notification_endpoint),
        ] {
            if let Some(endpoint) = endpoint {
                document.insert(name.to_owned(), endpoint.as_str().into());
            }
        }
        if let Some(size) = self.batch_size {
            document.insert(
                "batch_credential_issuance".to_owned(),
                json!({"batch_size": size}),
            );
        }
        if !self.display.is_empty() {
            document.insert("display".to_owned(), json!(self.display));
        }
        document.insert(
            "credential_configurations_supported".to_owned(),
            Value::Object(configurations),
        );
        Value::Object(document)
    }
}

impl CredentialConfiguration {
    fn read(value: &Value) -> Result<Self, MetadataError> {
        let claims = value
            .pointer("/credential_metadata/claims")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|claim| serde_json::from_value(claim.get("path")?.clone()).ok())
            .collect();
        Ok(Self {
            vct: text(value, "vct")?.to_owned(),
            scope: optional_text(value, "scope"),
            signing_algorithms: algorithms(value.get("credential_signing_alg_values_supported")),
            proof_algorithms: algorithms(
                value.pointer("/proof_types_supported/jwt/proof_signing_alg_values_supported"),
            ),
            binding_methods: texts(value.get("cryptographic_binding_methods_supported")),
            display: displays(value.pointer("/credential_metadata/display")),
            claims,
        })
    }

    fn to_json(&self) -> Value {
        let names = |algorithms: &[Algorithm]| -> Vec<&'static str> {
            algorithms
                .iter()
                .map(|algorithm| algorithm.as_str())
                .collect()
        };
        let claims: Vec<Value> = self
            .claims
            .iter()
            .map(|path| json!({"path": path}))
            .collect();
        let mut configuration = json!({
            "format": FORMAT,
            "vct": self.vct,
            "cryptographic_binding_methods_supported": self.binding_methods,
            "credential_signing_alg_values_supported": names(&self.signing_algorithms),
            "proof_types_supported": {
                "jwt": {"proof_signing_alg_values_supported": names(&self.proof_algorithms)}
            },
            "credential_metadata": {"display": self.display, "claims": claims},
        });
        if let (Some(scope), Value::Object(members)) = (&self.scope, &mut configuration) {
            members.insert("scope".to_owned(), scope.as_str().into());
        }
        configuration
    }
}

impl AuthorizationServerMetadata {
    /// Reads the metadata of `issuer`, which must take pre-authorised codes from anonymous clients.
    pub fn parse(document: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let value = parse_document(document)?;
        if text(&value, "issuer")? != issuer {
            return Err(MetadataError::OtherIssuer);
        }
        // Without the list, RFC 8414 says that a server knows only the grants of RFC 6749.
        let granted = texts(value.get("grant_types_supported"))
            .iter()
            .any(|grant| grant == GRANT_TYPE_PRE_AUTHORIZED);
        let anonymous = value
            .get("pre-authorized_grant_anonymous_access_supported")
            .and_then(Value::as_bool);
        if !granted || anonymous != Some(true) {
            return Err(MetadataError::GrantType);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            token_endpoint: text(&value, "token_endpoint")?.to_owned(),
        })
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "token_endpoint": self.token_endpoint,
            "grant_types_supported": [GRANT_TYPE_PRE_AUTHORIZED],
            "pre-authorized_grant_anonymous_access_supported": true,
            "token_endpoint_auth_methods_supported": ["none"],
            "response_types_supported": [],
        })
    }
}

fn parse_document(document: &[u8]) -> Result<Value, MetadataError> {
    json::parse(document, &Limits::DEFAULT.with_bytes(DOCUMENT_BYTES_MAX))
        .map_err(MetadataError::Json)
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, MetadataError> {
    value
        .get(name)
        .and_then(Value::as_str)
        .ok_or(MetadataError::Malformed)
}

fn optional_text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let elements = value.and_then(Value::as_array).into_iter().flatten();
    elements
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The algorithms that we know, in the issuer's order.
fn algorithms(value: Option<&Value>) -> Vec<Algorithm> {
    texts(value)
        .iter()
        .filter_map(|name| Algorithm::from_jose(name))
        .collect()
}

fn displays(value: Option<&Value>) -> Vec<Display> {
    let elements = value.and_then(Value::as_array).into_iter().flatten();
    elements
        .filter_map(|element| serde_json::from_value(element.clone()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://consortium.example";

    fn metadata() -> IssuerMetadata {
        let configuration = CredentialConfiguration {
            vct: "https://tegata.example/kyc/jp/1".to_owned(),
            scope: Some("jp_kyc".to_owned()),
            signing_algorithms: vec![Algorithm::Es256],
            proof_algorithms: vec![Algorithm::Es256, Algorithm::EdDsa],
            binding_methods: vec!["jwk".to_owned(), "did:key".to_owned()],
            display: vec![Display {
                name: "KYC".to_owned(),
                locale: Some("en".to_owned()),
            }],
            claims: vec![
                ClaimPath::root("verified_claims")
                    .name("claims")
                    .name("birthdate"),
            ],
        };
        IssuerMetadata {
            credential_issuer: ISSUER.to_owned(),
            authorization_servers: Vec::new(),
            credential_endpoint: format!("{ISSUER}/credential"),
            nonce_endpoint: Some(format!("{ISSUER}/nonce")),
            notification_endpoint: Some(format!("{ISSUER}/notification")),
            batch_size: Some(10),
            display: Vec::new(),
            configurations: BTreeMap::from([("jp_kyc".to_owned(), configuration)]),
        }
    }

    #[test]
    fn metadata_is_read_back() {
        let document = metadata().to_json().to_string();
        assert_eq!(
            IssuerMetadata::parse(document.as_bytes(), ISSUER),
            Ok(metadata())
        );
    }

    #[test]
    fn unknown_members_formats_and_algorithms_are_passed_over() {
        let mut document = metadata().to_json();
        document["deferred_credential_endpoint"] = "https://consortium.example/deferred".into();
        let configurations = &mut document["credential_configurations_supported"];
        configurations["mdl"] = json!({"format": "mso_mdoc", "doctype": "org.iso.18013.5.1.mDL"});
        configurations["jp_kyc"]["proof_types_supported"]["jwt"]["proof_signing_alg_values_supported"] =
            json!(["ES384", "ES256", "Ed25519"]);
        let read = IssuerMetadata::parse(document.to_string().as_bytes(), ISSUER).unwrap();
        assert_eq!(read.configurations.len(), 1);
        assert_eq!(
            read.configurations["jp_kyc"].proof_algorithms,
            [Algorithm::Es256, Algorithm::EdDsa]
        );
    }

    #[test]
    fn neg_w03_metadata_of_another_issuer_is_refused() {
        let document = metadata().to_json().to_string();
        for issuer in [
            "https://consortium.example/",
            "https://CONSORTIUM.example",
            "https://other.example",
        ] {
            assert_eq!(
                IssuerMetadata::parse(document.as_bytes(), issuer),
                Err(MetadataError::OtherIssuer)
            );
        }
    }

    #[test]
    fn neg_w03_a_server_for_others_or_without_our_grant_is_refused() {
        let server = AuthorizationServerMetadata {
            issuer: ISSUER.to_owned(),
            token_endpoint: format!("{ISSUER}/token"),
        };
        let document = server.to_json();
        let parse = |document: &Value, issuer| {
            AuthorizationServerMetadata::parse(document.to_string().as_bytes(), issuer)
        };
        assert_eq!(parse(&document, ISSUER), Ok(server));
        assert_eq!(
            parse(&document, "https://other.example"),
            Err(MetadataError::OtherIssuer)
        );
        for (name, value) in [
            ("grant_types_supported", json!(["authorization_code"])),
            (
                "pre-authorized_grant_anonymous_access_supported",
                json!(false),
            ),
        ] {
            let mut document = document.clone();
            document[name] = value;
            assert_eq!(
                parse(&document, ISSUER),
                Err(MetadataError::GrantType),
                "{name}"
            );
        }
    }
}
