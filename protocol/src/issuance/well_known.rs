//! Where metadata is: the well-known string goes between the host and the path of an identifier.

use url::Url;

/// Metadata documents of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WellKnown {
    /// Credential issuer metadata (OpenID4VCI section 12.2.2).
    CredentialIssuer,
    /// Authorisation server metadata (RFC 8414 section 3).
    AuthorizationServer,
    /// Keys of an issuer of SD-JWT VCs (SD-JWT VC, "JWT VC Issuer Metadata").
    JwtVcIssuer,
}

/// An identifier that metadata cannot be located from.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is identified by a URL with a host and without query, fragment or credentials")]
pub struct WellKnownError;

impl WellKnown {
    /// The string that is inserted.
    pub const fn path(self) -> &'static str {
        match self {
            Self::CredentialIssuer => "/.well-known/openid-credential-issuer",
            Self::AuthorizationServer => "/.well-known/oauth-authorization-server",
            Self::JwtVcIssuer => "/.well-known/jwt-vc-issuer",
        }
    }

    /// The address of the document of an issuer. A slash at the end of the identifier is not part of it.
    pub fn url(self, identifier: &str) -> Result<Url, WellKnownError> {
        let mut url = Url::parse(identifier).map_err(|_| WellKnownError)?;
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !bare
            || url.password().is_some()
            || !url.has_host()
            || !matches!(url.scheme(), "https" | "http")
        {
            return Err(WellKnownError);
        }
        let path = format!("{}{}", self.path(), url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_goes_between_host_and_path() {
        let url = |identifier| {
            WellKnown::CredentialIssuer
                .url(identifier)
                .unwrap()
                .to_string()
        };
        assert_eq!(
            url("https://issuer.example.com/tenant"),
            "https://issuer.example.com/.well-known/openid-credential-issuer/tenant"
        );
        assert_eq!(
            url("https://tenant.issuer.example.com"),
            "https://tenant.issuer.example.com/.well-known/openid-credential-issuer"
        );
        assert_eq!(
            url("http://127.0.0.1:7301"),
            "http://127.0.0.1:7301/.well-known/openid-credential-issuer"
        );
    }

    #[test]
    fn neg_w02_other_identifiers_are_refused() {
        for identifier in [
            "https://issuer.example.com?x",
            "https://issuer.example.com/#x",
            "https://user@issuer.example.com",
            "file:///etc/passwd",
            "issuer.example.com",
        ] {
            assert_eq!(
                WellKnown::AuthorizationServer.url(identifier),
                Err(WellKnownError),
                "{identifier}"
            );
        }
    }
}
