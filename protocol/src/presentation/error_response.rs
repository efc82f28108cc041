//! Error responses
//! ([OpenID4VP 1.0, section 8.5](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#error-response)).

use super::form::{self, Form};

/// Why a wallet does not answer a request with presentations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request is malformed.
    InvalidRequest,
    /// The client's metadata are not acceptable.
    InvalidClient,
    /// No credential fits, or the holder declined; the two are not told apart.
    AccessDenied,
    /// None of the asked formats is known.
    VpFormatsNotSupported,
    /// `request_uri_method` is neither `get` nor `post`.
    InvalidRequestUriMethod,
    /// Transaction data of an unknown type, or not of its type's form.
    InvalidTransactionData,
    /// The wallet cannot answer now.
    WalletUnavailable,
    /// Any code that is not defined here; its text is not kept.
    Other,
}

impl ErrorCode {
    const NAMED: [(&'static str, Self); 7] = [
        ("invalid_request", Self::InvalidRequest),
        ("invalid_client", Self::InvalidClient),
        ("access_denied", Self::AccessDenied),
        ("vp_formats_not_supported", Self::VpFormatsNotSupported),
        ("invalid_request_uri_method", Self::InvalidRequestUriMethod),
        ("invalid_transaction_data", Self::InvalidTransactionData),
        ("wallet_unavailable", Self::WalletUnavailable),
    ];

    /// The code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMED
            .iter()
            .find(|(_, code)| *code == self)
            .map_or("other", |(name, _)| name)
    }

    fn from_wire(text: &str) -> Self {
        Self::NAMED
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(Self::Other, |(_, code)| *code)
    }
}

/// An error response as the wallet posts it. Its description is for people and is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    /// What went wrong.
    pub code: ErrorCode,
    /// The request's `state`.
    pub state: Option<String>,
}

impl ErrorResponse {
    /// The form body to post to the response URI.
    #[must_use]
    pub fn to_form(&self) -> String {
        let mut parameters = vec![("error", self.code.as_str())];
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        form::encode(&parameters)
    }

    pub(super) fn from_form(form: &Form) -> Option<Self> {
        let code = ErrorCode::from_wire(form.get("error")?);
        Some(Self {
            code,
            state: form.get("state").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neg_r09_an_unknown_code_and_its_text_are_not_kept() {
        let body = form::encode(&[
            ("error", "<script>alert(1)</script>"),
            ("error_description", "<b>"),
            ("state", "s"),
        ]);
        let form = Form::parse(body.as_bytes()).unwrap();
        let response = ErrorResponse::from_form(&form).unwrap();
        assert_eq!(
            response,
            ErrorResponse {
                code: ErrorCode::Other,
                state: Some("s".to_owned())
            }
        );
        assert_eq!(response.code.as_str(), "other");
    }

    #[test]
    fn every_named_code_is_read_back() {
        for (name, code) in ErrorCode::NAMED {
            let response = ErrorResponse { code, state: None };
            assert_eq!(response.to_form(), format!("error={name}"));
            assert_eq!(
                ErrorResponse::from_form(&Form::parse(response.to_form().as_bytes()).unwrap()),
                Some(response)
            );
        }
    }
}
