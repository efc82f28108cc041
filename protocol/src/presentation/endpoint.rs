//! URLs that a request names: https, or http on this machine where a development setting allows it.

use url::{Host, Url};

/// Characters in a URL.
const URL_MAX: usize = 2_048;

/// Whether plain http to a loopback address is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopbackHttp {
    /// Only https.
    Refused,
    /// Development: http is accepted where the host is this machine.
    Allowed,
}

/// A URL is not one that a message may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute https URL without user information and fragment")]
pub struct EndpointError;

/// Reads a URL that a message is sent to.
pub fn parse(text: &str, loopback_http: LoopbackHttp) -> Result<Url, EndpointError> {
    if text.len() > URL_MAX {
        return Err(EndpointError);
    }
    let url = Url::parse(text).map_err(|_invalid| EndpointError)?;
    let plain_allowed = loopback_http == LoopbackHttp::Allowed && is_loopback(&url);
    let scheme_allowed = url.scheme() == "https" || (url.scheme() == "http" && plain_allowed);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if scheme_allowed && bare && url.host().is_some() {
        Ok(url)
    } else {
        Err(EndpointError)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_accepted_outside_development() {
        assert!(parse("https://a.example/x?y", LoopbackHttp::Refused).is_ok());
        for bad in [
            "http://a.example/",
            "http://127.0.0.1/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user@a.example/",
            "https://a.example/#f",
            "/relative",
            "",
        ] {
            assert_eq!(
                parse(bad, LoopbackHttp::Refused),
                Err(EndpointError),
                "{bad}"
            );
        }
    }

    #[test]
    fn http_is_accepted_on_loopback_in_development() {
        for good in [
            "http://127.0.0.1:7000/",
            "http://localhost/",
            "http://[::1]:1/",
        ] {
            assert!(parse(good, LoopbackHttp::Allowed).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "http://169.254.169.254/",
            "http://localhost.example/",
        ] {
            assert_eq!(
                parse(bad, LoopbackHttp::Allowed),
                Err(EndpointError),
                "{bad}"
            );
        }
    }
}
