//! Credential offers, by value and by reference (OpenID4VCI section 4.1).

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{GRANT_TYPE_PRE_AUTHORIZED, PreAuthorizedCode};
use crate::json::{self, JsonError, Limits};

/// The scheme that invokes a wallet.
pub const OFFER_SCHEME: &str = "openid-credential-offer";
/// Bytes of a link.
const LINK_BYTES_MAX: usize = 64 * 1024;
/// Configurations in one offer.
const CONFIGURATIONS_MAX: usize = 32;
/// Characters of `tx_code.description`.
const DESCRIPTION_CHARS_MAX: usize = 300;
/// Characters of a transaction code.
const TRANSACTION_CODE_LENGTH_MAX: u64 = 64;

/// An offer of credentials for one person.
#[derive(Debug)]
pub struct CredentialOffer {
    /// Who offers.
    pub credential_issuer: String,
    /// What is offered: names in the issuer's metadata, not empty, each once.
    pub credential_configuration_ids: Vec<String>,
    /// How to redeem it, if by a pre-authorised code. Other grants are not for us.
    pub pre_authorized: Option<PreAuthorizedGrant>,
}

/// The grant `urn:ietf:params:oauth:grant-type:pre-authorized_code`.
#[derive(Debug)]
pub struct PreAuthorizedGrant {
    /// The code.
    pub code: PreAuthorizedCode,
    /// Whether a transaction code must be sent with it.
    pub transaction_code: Option<TransactionCodeRequirement>,
    /// Which authorisation server, where the metadata lists several.
    pub authorization_server: Option<String>,
}

/// `tx_code`: what to ask the user for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionCodeRequirement {
    /// Which characters.
    pub input: TransactionCodeInput,
    /// How many.
    pub length: Option<u64>,
    /// Where the user finds it. It comes from the issuer: show it as text, beside the issuer's host.
    pub description: Option<String>,
}

/// `input_mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionCodeInput {
    /// Digits only.
    #[default]
    Numeric,
    /// Any characters.
    Text,
}

impl TransactionCodeInput {
    const fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Text => "text",
        }
    }
}

/// What a link or QR code holds.
#[derive(Debug)]
pub enum OfferLink {
    /// The offer itself.
    Value(CredentialOffer),
    /// Where to fetch it by GET, as `application/json`.
    Reference(Url),
}

/// Why an offer is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Not a link of a wallet's offer endpoint.
    #[error("the link is not a credential offer")]
    Link,
    /// Both ways, or one of them twice.
    #[error("the link must hold either credential_offer or credential_offer_uri, once")]
    Parameters,
    /// The reference is not a URL that may be fetched.
    #[error("credential_offer_uri is not an http or https URL")]
    Reference,
    /// Not strict JSON.
    #[error("the offer cannot be read")]
    Json(#[source] JsonError),
    /// A member is missing or has a value that it cannot have.
    #[error("the offer is malformed")]
    Malformed,
}

impl OfferLink {
    /// Reads a link. `+` is a space, as in every form.
    pub fn parse(link: &str) -> Result<Self, OfferError> {
        if link.len() > LINK_BYTES_MAX {
            return Err(OfferError::Link);
        }
        let url = Url::parse(link.trim()).map_err(|_| OfferError::Link)?;
        let mut value = None;
        let mut reference = None;
        for (name, content) in url.query_pairs() {
            let slot = match name.as_ref() {
                "credential_offer" => &mut value,
                "credential_offer_uri" => &mut reference,
                _ => continue,
            };
            if slot.replace(content.into_owned()).is_some() {
                return Err(OfferError::Parameters);
            }
        }
        match (value, reference) {
            (Some(json), None) => CredentialOffer::parse(json.as_bytes()).map(Self::Value),
            (None, Some(reference)) => Url::parse(&reference)
                .ok()
                .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
                .map(Self::Reference)
                .ok_or(OfferError::Reference),
            (Some(_), Some(_)) => Err(OfferError::Parameters),
            (None, None) => Err(OfferError::Link),
        }
    }
}

#[derive(Deserialize)]
struct UnverifiedOffer {
    credential_issuer: String,
    credential_configuration_ids: Vec<String>,
    #[serde(default)]
    grants: Map<String, Value>,
}

#[derive(Deserialize)]
struct UnverifiedGrant {
    #[serde(rename = "pre-authorized_code")]
    code: String,
    tx_code: Option<UnverifiedTransactionCode>,
    authorization_server: Option<String>,
}

#[derive(Deserialize)]
struct UnverifiedTransactionCode {
    #[serde(default)]
    input_mode: TransactionCodeInput,
    length: Option<u64>,
    description: Option<String>,
}

impl CredentialOffer {
    /// Reads an offer. Members that the specification does not define are ignored.
    pub fn parse(json: &[u8]) -> Result<Self, OfferError> {
        let offer: UnverifiedOffer =
            json::parse_as(json, &Limits::DEFAULT).map_err(OfferError::Json)?;
        let ids = &offer.credential_configuration_ids;
        let unique = ids
            .iter()
            .enumerate()
            .all(|(index, id)| !ids.iter().skip(index + 1).any(|other| other == id));
        if ids.is_empty() || ids.len() > CONFIGURATIONS_MAX || !unique {
            return Err(OfferError::Malformed);
        }
        let pre_authorized = match offer.grants.get(GRANT_TYPE_PRE_AUTHORIZED) {
            None => None,
            Some(grant) => {
                let grant =
                    serde_json::from_value(grant.clone()).map_err(|_| OfferError::Malformed)?;
                Some(PreAuthorizedGrant::verify(grant)?)
            }
        };
        Ok(Self {
            credential_issuer: offer.credential_issuer,
            credential_configuration_ids: offer.credential_configuration_ids,
            pre_authorized,
        })
    }

    /// The offer as JSON. It holds the code: treat it as a secret.
    pub fn to_json(&self) -> Value {
        let mut grants = Map::new();
        if let Some(grant) = &self.pre_authorized {
            grants.insert(GRANT_TYPE_PRE_AUTHORIZED.to_owned(), grant.to_json());
        }
        json!({
            "credential_issuer": self.credential_issuer,
            "credential_configuration_ids": self.credential_configuration_ids,
            "grants": grants,
        })
    }

    /// A link that hands the offer to a wallet by value.
    pub fn to_link(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("credential_offer", &self.to_json().to_string())
            .finish();
        // Some wallets decode percent escapes but leave `+` as it is.
        format!("{OFFER_SCHEME}://?{}", query.replace('+', "%20"))
    }
}

impl PreAuthorizedGrant {
    fn verify(grant: UnverifiedGrant) -> Result<Self, OfferError> {
        let transaction_code = match grant.tx_code {
            None => None,
            Some(code) => {
                let length_fits = code
                    .length
                    .is_none_or(|length| (1..=TRANSACTION_CODE_LENGTH_MAX).contains(&length));
                let description_fits = code.description.as_ref().is_none_or(|text| {
                    text.chars().take(DESCRIPTION_CHARS_MAX + 1).count() <= DESCRIPTION_CHARS_MAX
                });
                if !length_fits || !description_fits {
                    return Err(OfferError::Malformed);
                }
                Some(TransactionCodeRequirement {
                    input: code.input_mode,
                    length: code.length,
                    description: code.description,
                })
            }
        };
        Ok(Self {
            code: PreAuthorizedCode::new(grant.code).map_err(|_| OfferError::Malformed)?,
            transaction_code,
            authorization_server: grant.authorization_server,
        })
    }

    fn to_json(&self) -> Value {
        let mut grant = Map::new();
        grant.insert("pre-authorized_code".to_owned(), self.code.reveal().into());
        if let Some(requirement) = &self.transaction_code {
            let mut members = Map::new();
            members.insert("input_mode".to_owned(), requirement.input.name().into());
            if let Some(length) = requirement.length {
                members.insert("length".to_owned(), length.into());
            }
            if let Some(description) = &requirement.description {
                members.insert("description".to_owned(), description.as_str().into());
            }
            grant.insert("tx_code".to_owned(), Value::Object(members));
        }
        if let Some(server) = &self.authorization_server {
            grant.insert("authorization_server".to_owned(), server.as_str().into());
        }
        Value::Object(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> CredentialOffer {
        CredentialOffer {
            credential_issuer: "https://consortium.example".to_owned(),
            credential_configuration_ids: vec!["jp_kyc".to_owned()],
            pre_authorized: Some(PreAuthorizedGrant {
                code: PreAuthorizedCode::new("oaKazRN8I0IbtZ0C7JuMn5").unwrap(),
                transaction_code: Some(TransactionCodeRequirement {
                    input: TransactionCodeInput::Numeric,
                    length: Some(6),
                    description: Some("In the letter + envelope".to_owned()),
                }),
                authorization_server: None,
            }),
        }
    }

    fn by_value(link: &str) -> CredentialOffer {
        match OfferLink::parse(link).unwrap() {
            OfferLink::Value(offer) => offer,
            OfferLink::Reference(_) => panic!("expected a value"),
        }
    }

    #[test]
    fn an_offer_by_value_is_read_back_from_its_link() {
        let link = offer().to_link();
        assert!(!link.contains('+'));
        let read = by_value(&link);
        assert_eq!(read.to_json(), offer().to_json());
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let read = by_value(
            "openid-credential-offer://?credential_offer=%7B%22credential_issuer%22:%22https://credential-issuer.example.com%22,\
             %22credential_configuration_ids%22:%5B%22org.iso.18013.5.1.mDL%22%5D,%22grants%22:%7B%22urn:ietf:params:oauth:\
             grant-type:pre-authorized_code%22:%7B%22pre-authorized_code%22:%22oaKazRN8I0IbtZ0C7JuMn5%22,%22tx_code%22:%7B%22\
             input_mode%22:%22text%22,%22description%22:%22Please%20enter+the%20serial%20number%22%7D%7D%7D%7D",
        );
        let grant = read.pre_authorized.unwrap();
        let requirement = grant.transaction_code.unwrap();
        assert_eq!(requirement.input, TransactionCodeInput::Text);
        assert_eq!(
            requirement.description.as_deref(),
            Some("Please enter the serial number")
        );
    }

    #[test]
    fn an_empty_tx_code_object_still_demands_a_code() {
        let json = br#"{"credential_issuer":"https://a.example","credential_configuration_ids":["x"],"extra":1,
            "grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":{"pre-authorized_code":"c","tx_code":{}}}}"#;
        let grant = CredentialOffer::parse(json)
            .unwrap()
            .pre_authorized
            .unwrap();
        assert!(grant.transaction_code.is_some());
    }

    #[test]
    fn an_offer_by_reference_names_its_url() {
        let link = "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fserver%2Eexample%2Ecom%2Foffer%2FGk";
        match OfferLink::parse(link).unwrap() {
            OfferLink::Reference(url) => {
                assert_eq!(url.as_str(), "https://server.example.com/offer/Gk")
            }
            OfferLink::Value(_) => panic!("expected a reference"),
        }
    }

    #[test]
    fn neg_w01_both_ways_or_one_twice_is_refused() {
        for query in [
            "credential_offer=%7B%7D&credential_offer_uri=https%3A%2F%2Fa.example",
            "credential_offer_uri=https%3A%2F%2Fa.example&credential_offer_uri=https%3A%2F%2Fb.example",
            "credential_offer=%7B%7D&credential_offer=%7B%7D",
        ] {
            let refused = OfferLink::parse(&format!("openid-credential-offer://?{query}"));
            assert_eq!(refused.unwrap_err(), OfferError::Parameters, "{query}");
        }
        assert_eq!(
            OfferLink::parse("openid-credential-offer://?x=1").unwrap_err(),
            OfferError::Link
        );
    }

    #[test]
    fn neg_w02_a_reference_to_anything_but_http_is_refused() {
        for reference in ["file:///etc/passwd", "javascript:alert(1)", "data:,x", "x"] {
            let mut link = Url::parse("openid-credential-offer://").unwrap();
            link.query_pairs_mut()
                .append_pair("credential_offer_uri", reference);
            assert_eq!(
                OfferLink::parse(link.as_str()).unwrap_err(),
                OfferError::Reference
            );
        }
    }

    #[test]
    fn neg_p05_malformed_offers_are_refused() {
        let grant = |members: &str| {
            format!(
                r#"{{"credential_issuer":"https://a.example","credential_configuration_ids":["x"],
                "grants":{{"urn:ietf:params:oauth:grant-type:pre-authorized_code":{members}}}}}"#
            )
        };
        let long = "x".repeat(DESCRIPTION_CHARS_MAX + 1);
        for json in [
            r#"{"credential_issuer":"https://a.example","credential_configuration_ids":[]}"#
                .to_owned(),
            r#"{"credential_issuer":"https://a.example","credential_configuration_ids":["x","x"]}"#
                .to_owned(),
            r#"{"credential_issuer":["a"],"credential_configuration_ids":["x"]}"#.to_owned(),
            r#"{"credential_configuration_ids":["x"]}"#.to_owned(),
            grant("{}"),
            grant(r#"{"pre-authorized_code":""}"#),
            grant(r#"{"pre-authorized_code":1}"#),
            grant(r#"{"pre-authorized_code":"c","tx_code":true}"#),
            grant(r#"{"pre-authorized_code":"c","tx_code":{"length":0}}"#),
            grant(&format!(
                r#"{{"pre-authorized_code":"c","tx_code":{{"description":"{long}"}}}}"#
            )),
        ] {
            assert!(CredentialOffer::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
