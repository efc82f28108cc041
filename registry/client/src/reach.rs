//! Which addresses may be asked.

use url::{Host, Url};

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https` only.
    HttpsOnly,
    /// `https`, and plain `http` to a loopback address: for one machine only.
    DevelopmentLoopbackHttp,
}

impl Reach {
    /// Whether an address may be asked: it carries no credentials, and its scheme fits.
    #[must_use]
    pub fn allows(self, url: &Url) -> bool {
        let bare = url.username().is_empty() && url.password().is_none();
        let scheme_fits = match url.scheme() {
            "https" => url.host().is_some(),
            "http" => self == Self::DevelopmentLoopbackHttp && is_loopback(url),
            _ => false,
        };
        bare && scheme_fits
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(reach: Reach, url: &str) -> bool {
        reach.allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn plain_http_is_allowed_on_loopback_in_development_only() {
        for loopback in [
            "http://127.0.0.1:1/",
            "http://[::1]:1/",
            "http://localhost/",
        ] {
            assert!(allows(Reach::DevelopmentLoopbackHttp, loopback));
            assert!(!allows(Reach::HttpsOnly, loopback));
        }
        for elsewhere in [
            "http://10.0.0.1/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "ftp://127.0.0.1/",
            "https://user:password@node.example/",
        ] {
            assert!(!allows(Reach::DevelopmentLoopbackHttp, elsewhere));
        }
        assert!(allows(Reach::HttpsOnly, "https://node.example/"));
    }
}
