//! The link or QR code that starts a presentation: where to fetch the request object, and how
//! ([OpenID4VP 1.0, sections 5 and 10](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#vp_token_request)).

use std::fmt;

use url::Url;

use super::client_id::{ClientId, ClientIdError};
use super::endpoint::{self, EndpointError, LoopbackHttp};
use super::form::{self, Form, FormError};

/// Characters in a link.
const LINK_MAX: usize = 8 * 1024;
/// The schemes that wallets register: OpenID4VP's own and HAIP's.
const SCHEMES: [&str; 2] = ["openid4vp", "haip-vp"];

/// How the request object is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestUriMethod {
    /// With GET.
    Get,
    /// With POST, saying what the wallet can do.
    Post,
}

/// A link to a request object. Any other parameter of the link is ignored: only what is signed counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLink {
    /// The verifier that the signed request must name too.
    pub client_id: ClientId,
    /// Where the request object is.
    pub request_uri: Url,
    /// How it is fetched.
    pub method: RequestUriMethod,
}

/// Why a link is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a link of the scheme `openid4vp` or `haip-vp`, or too long.
    #[error("not a presentation request link")]
    Scheme,
    /// The parameters cannot be read.
    #[error("the parameters of the link cannot be read")]
    Parameters(#[source] FormError),
    /// The client identifier is missing or not acceptable.
    #[error("the link does not name an acceptable client")]
    ClientId(#[source] ClientIdError),
    /// The request is not passed by reference.
    #[error("the link has no request_uri")]
    NoRequestUri,
    /// The request URI is not acceptable.
    #[error("the request_uri is not acceptable")]
    RequestUri(#[source] EndpointError),
    /// `request_uri_method` is neither `get` nor `post`; on the wire `invalid_request_uri_method`.
    #[error("the request_uri_method is neither get nor post")]
    Method,
}

impl RequestLink {
    /// Reads a link.
    pub fn parse(text: &str, loopback_http: LoopbackHttp) -> Result<Self, LinkError> {
        let (scheme, rest) = text.split_once(':').ok_or(LinkError::Scheme)?;
        if text.len() > LINK_MAX || !SCHEMES.contains(&scheme) {
            return Err(LinkError::Scheme);
        }
        let (_authority, query) = rest.split_once('?').ok_or(LinkError::NoRequestUri)?;
        let form = Form::parse(query.as_bytes()).map_err(LinkError::Parameters)?;
        let request_uri = form.get("request_uri").ok_or(LinkError::NoRequestUri)?;
        Ok(Self {
            client_id: form
                .get("client_id")
                .unwrap_or_default()
                .parse()
                .map_err(LinkError::ClientId)?,
            request_uri: endpoint::parse(request_uri, loopback_http)
                .map_err(LinkError::RequestUri)?,
            method: match form.get("request_uri_method") {
                None | Some("get") => RequestUriMethod::Get,
                Some("post") => RequestUriMethod::Post,
                Some(_) => return Err(LinkError::Method),
            },
        })
    }
}

impl fmt::Display for RequestLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client_id = self.client_id.to_string();
        let mut parameters = vec![
            ("client_id", client_id.as_str()),
            ("request_uri", self.request_uri.as_str()),
        ];
        match self.method {
            RequestUriMethod::Get => {}
            RequestUriMethod::Post => parameters.push(("request_uri_method", "post")),
        }
        write!(f, "openid4vp://?{}", form::encode(&parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "openid4vp://?client_id=x509_san_dns%3Aa.example&request_uri=https%3A%2F%2Fa.example%2Fr%2F1";

    fn parse(text: &str) -> Result<RequestLink, LinkError> {
        RequestLink::parse(text, LoopbackHttp::Refused)
    }

    #[test]
    fn a_link_is_read_and_written() {
        let link = parse(&format!("{LINK}&request_uri_method=post")).unwrap();
        assert_eq!(link.method, RequestUriMethod::Post);
        assert_eq!(parse(&link.to_string()), Ok(link));
        assert_eq!(parse(LINK).unwrap().method, RequestUriMethod::Get);
        assert!(parse(&LINK.replace("openid4vp://", "haip-vp://authorize")).is_ok());
    }

    #[test]
    fn neg_h09_another_request_uri_method_is_refused() {
        assert_eq!(
            parse(&format!("{LINK}&request_uri_method=PUT")),
            Err(LinkError::Method)
        );
        assert_eq!(
            parse(&format!("{LINK}&request_uri_method=POST")),
            Err(LinkError::Method)
        );
        let without = "openid4vp://?client_id=x509_san_dns%3Aa.example&request_uri_method=post";
        assert_eq!(parse(without), Err(LinkError::NoRequestUri));
    }

    #[test]
    fn neg_h02_parameters_outside_the_signed_request_are_ignored() {
        let link = parse(&format!(
            "{LINK}&nonce=x&response_uri=https%3A%2F%2Fevil.example&dcql_query=%7B%7D"
        ));
        assert_eq!(link, parse(LINK));
    }

    #[test]
    fn neg_h03_a_link_with_an_unsupported_client_is_refused() {
        let link = LINK.replace("x509_san_dns", "origin");
        assert_eq!(
            parse(&link),
            Err(LinkError::ClientId(ClientIdError::Prefix))
        );
        let none = "openid4vp://?request_uri=https%3A%2F%2Fa.example%2Fr%2F1";
        assert_eq!(
            parse(none),
            Err(LinkError::ClientId(ClientIdError::NotRegistered))
        );
    }

    #[test]
    fn neg_w02_a_request_uri_to_an_unsafe_place_is_refused() {
        for target in [
            "http%3A%2F%2Fa.example",
            "file%3A%2F%2F%2Fetc",
            "http%3A%2F%2F169.254.169.254",
        ] {
            let link =
                format!("openid4vp://?client_id=x509_san_dns%3Aa.example&request_uri={target}");
            assert_eq!(parse(&link), Err(LinkError::RequestUri(EndpointError)));
        }
    }

    #[test]
    fn neg_p02_a_duplicate_parameter_in_a_link_is_refused() {
        let link = format!("{LINK}&client_id=x509_san_dns%3Aevil.example");
        assert_eq!(
            parse(&link),
            Err(LinkError::Parameters(FormError::Duplicate))
        );
    }
}
