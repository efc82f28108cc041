//! Token request and response of the pre-authorised code grant (OpenID4VCI section 6).

use serde_json::{Map, Value};

use super::{AccessToken, PreAuthorizedCode, TokenErrorCode, TransactionCode};
use crate::json::{self, JsonError, Limits};

/// `grant_type` of the pre-authorised code.
pub const GRANT_TYPE_PRE_AUTHORIZED: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
/// Parameters of a form.
const PARAMETERS_MAX: usize = 64;
/// Bytes of a form.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Seconds after which a token is taken to have expired where the answer does not say.
const LIFETIME_SECONDS_DEFAULT: u64 = 300;

/// A request to redeem an offer.
#[derive(Debug)]
pub struct TokenRequest {
    /// The code of the offer.
    pub code: PreAuthorizedCode,
    /// The code from the letter.
    pub transaction_code: Option<TransactionCode>,
}

/// Why a token request is refused before its code is looked at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRequestError {
    /// Not a form, a parameter missing or twice, or with a value that it cannot have.
    #[error("the token request is malformed")]
    Malformed,
    /// Another grant.
    #[error("the grant type is not supported")]
    GrantType,
}

impl TokenRequestError {
    /// The code of the answer.
    pub const fn code(&self) -> TokenErrorCode {
        match self {
            Self::Malformed => TokenErrorCode::InvalidRequest,
            Self::GrantType => TokenErrorCode::UnsupportedGrantType,
        }
    }
}

impl TokenRequest {
    /// Reads an `application/x-www-form-urlencoded` body. Unknown parameters are ignored, but none may stand twice.
    pub fn parse(form: &[u8]) -> Result<Self, TokenRequestError> {
        if form.len() > FORM_BYTES_MAX {
            return Err(TokenRequestError::Malformed);
        }
        let mut parameters = Map::new();
        for (name, value) in url::form_urlencoded::parse(form).take(PARAMETERS_MAX + 1) {
            // The parser replaces what is not UTF-8.
            if name.contains('\u{FFFD}') || value.contains('\u{FFFD}') {
                return Err(TokenRequestError::Malformed);
            }
            if parameters
                .insert(name.into_owned(), value.into_owned().into())
                .is_some()
            {
                return Err(TokenRequestError::Malformed);
            }
        }
        if parameters.len() > PARAMETERS_MAX {
            return Err(TokenRequestError::Malformed);
        }
        let parameter = |name: &str| parameters.get(name).and_then(Value::as_str);
        match parameter("grant_type") {
            Some(GRANT_TYPE_PRE_AUTHORIZED) => {}
            Some(_) => return Err(TokenRequestError::GrantType),
            None => return Err(TokenRequestError::Malformed),
        }
        let code = parameter("pre-authorized_code").ok_or(TokenRequestError::Malformed)?;
        let transaction_code = parameter("tx_code")
            .map(TransactionCode::new)
            .transpose()
            .map_err(|_| TokenRequestError::Malformed)?;
        Ok(Self {
            code: PreAuthorizedCode::new(code).map_err(|_| TokenRequestError::Malformed)?,
            transaction_code,
        })
    }

    /// The body of the request.
    pub fn to_form(&self) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", GRANT_TYPE_PRE_AUTHORIZED);
        form.append_pair("pre-authorized_code", self.code.reveal());
        if let Some(code) = &self.transaction_code {
            form.append_pair("tx_code", code.reveal());
        }
        form.finish()
    }
}

/// The access token for the credential endpoint.
#[derive(Debug)]
pub struct TokenResponse {
    /// The token, of type `Bearer`.
    pub access_token: AccessToken,
    /// Seconds for which it is good.
    pub expires_in: u64,
}

/// Why a token response is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenResponseError {
    /// Not strict JSON.
    #[error("the token response cannot be read")]
    Json(#[source] JsonError),
    /// No token in it, or of a type that the wallet did not ask for.
    #[error("the token response holds no bearer token")]
    NoBearerToken,
}

impl TokenResponse {
    /// Reads a response. Unknown members are ignored; the token type is compared without regard to case.
    pub fn parse(body: &[u8]) -> Result<Self, TokenResponseError> {
        let value = json::parse(body, &Limits::DEFAULT).map_err(TokenResponseError::Json)?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        let access_token = text("access_token")
            .filter(|_| bearer)
            .and_then(|token| AccessToken::new(token).ok())
            .ok_or(TokenResponseError::NoBearerToken)?;
        let expires_in = value
            .get("expires_in")
            .and_then(Value::as_u64)
            .unwrap_or(LIFETIME_SECONDS_DEFAULT);
        Ok(Self {
            access_token,
            expires_in,
        })
    }

    /// The body of the response.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "access_token": self.access_token.reveal(),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";

    #[test]
    fn a_request_is_read_back_from_its_form() {
        let request = TokenRequest {
            code: PreAuthorizedCode::new("SplxlOBeZQQYbYS6WxSbIA").unwrap(),
            transaction_code: Some(TransactionCode::new("493536").unwrap()),
        };
        let read = TokenRequest::parse(request.to_form().as_bytes()).unwrap();
        assert_eq!(read.code.reveal(), request.code.reveal());
        assert_eq!(read.transaction_code.unwrap().reveal(), "493536");
    }

    #[test]
    fn parameters_of_other_implementations_are_ignored() {
        let form = format!(
            "{GRANT}&pre-authorized_code=c&tx_code=1&user_pin=1&resource=https%3A%2F%2Fa.example"
        );
        assert!(TokenRequest::parse(form.as_bytes()).is_ok());
    }

    #[test]
    fn neg_p02_a_parameter_that_stands_twice_is_refused() {
        for twice in [
            "pre-authorized_code=c&pre-authorized_code=c",
            "pre-authorized_code=c&x=1&x=2",
        ] {
            let form = format!("{GRANT}&{twice}");
            assert_eq!(
                TokenRequest::parse(form.as_bytes()).unwrap_err(),
                TokenRequestError::Malformed
            );
        }
    }

    #[test]
    fn neg_a18_a_request_without_code_or_with_another_grant_is_refused() {
        let refused = |form: &str| TokenRequest::parse(form.as_bytes()).unwrap_err().code();
        assert_eq!(refused(GRANT), TokenErrorCode::InvalidRequest);
        assert_eq!(
            refused(&format!("{GRANT}&pre-authorized_code=")),
            TokenErrorCode::InvalidRequest
        );
        assert_eq!(
            refused("pre-authorized_code=c"),
            TokenErrorCode::InvalidRequest
        );
        assert_eq!(
            refused("grant_type=authorization_code&code=c"),
            TokenErrorCode::UnsupportedGrantType
        );
    }

    #[test]
    fn neg_p03_a_form_that_is_not_text_or_has_too_many_parameters_is_refused() {
        let invalid = format!("{GRANT}&pre-authorized_code=%FF");
        assert!(TokenRequest::parse(invalid.as_bytes()).is_err());
        let many: String = (0..PARAMETERS_MAX)
            .map(|index| format!("&p{index}=1"))
            .collect();
        assert!(
            TokenRequest::parse(format!("{GRANT}&pre-authorized_code=c{many}").as_bytes()).is_err()
        );
    }

    #[test]
    fn a_response_is_read_back_and_its_lifetime_may_be_absent() {
        let response = TokenResponse {
            access_token: AccessToken::new("t").unwrap(),
            expires_in: 60,
        };
        let read = TokenResponse::parse(response.to_json().to_string().as_bytes()).unwrap();
        assert_eq!((read.access_token.reveal(), read.expires_in), ("t", 60));
        let read =
            TokenResponse::parse(br#"{"access_token":"t","token_type":"bEARER","scope":"x"}"#)
                .unwrap();
        assert_eq!(read.expires_in, LIFETIME_SECONDS_DEFAULT);
    }

    #[test]
    fn neg_w08_a_token_of_another_type_is_refused() {
        for body in [
            &br#"{"access_token":"t"}"#[..],
            br#"{"access_token":"t","token_type":"DPoP"}"#,
            br#"{"access_token":"","token_type":"Bearer"}"#,
            br#"{"token_type":"Bearer"}"#,
        ] {
            assert_eq!(
                TokenResponse::parse(body).unwrap_err(),
                TokenResponseError::NoBearerToken
            );
        }
        assert!(matches!(
            TokenResponse::parse(b"<html>"),
            Err(TokenResponseError::Json(_))
        ));
    }
}
