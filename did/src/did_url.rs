//! The name of one verification method.

use std::fmt;

use protocol::identity::PublicKey;
use ssi::dids::{DIDURL, DIDURLBuf};
use url::Url;

use crate::{DidError, Relationship, document, self_contained, web};

const CHARS_MAX: usize = 1_024;

/// A DID URL with a fragment, of one of the methods that we know.
#[derive(Clone, PartialEq, Eq)]
pub struct DidUrl {
    url: DIDURLBuf,
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Jwk,
    Key,
    Web,
}

impl DidUrl {
    /// Reads a DID URL. A path or a query has no meaning for our methods and is refused (`ssi` would panic on some
    /// queries); so are characters that a DID URL has no use for.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        if text.len() > CHARS_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DidError::Form);
        }
        let url = DIDURLBuf::from_string(text.to_owned()).map_err(|_| DidError::Form)?;
        let has_fragment = url.fragment().is_some_and(|fragment| {
            !fragment.as_str().is_empty() && !fragment.as_str().contains('#')
        });
        if !url.path().as_str().is_empty() || url.query().is_some() || !has_fragment {
            return Err(DidError::Form);
        }
        let method = match url.did().method_name() {
            "jwk" => Method::Jwk,
            "key" => Method::Key,
            "web" => Method::Web,
            _ => return Err(DidError::Method),
        };
        Ok(Self { url, method })
    }

    /// The did:jwk of a key.
    #[must_use]
    pub fn of_jwk(key: &PublicKey) -> Self {
        Self {
            url: self_contained::jwk_url(key),
            method: Method::Jwk,
        }
    }

    /// The did:key of a key.
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        Self {
            url: self_contained::key_url(key),
            method: Method::Key,
        }
    }

    /// The whole DID URL, as a `kid` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The DID without the fragment.
    #[must_use]
    pub fn did(&self) -> &str {
        self.url.did().as_str()
    }

    /// The key of a did:jwk or did:key, which is in the name itself.
    pub fn key(&self) -> Result<PublicKey, DidError> {
        match self.method {
            Method::Jwk => self_contained::key_of_jwk(&self.url),
            Method::Key => self_contained::key_of_key(&self.url),
            Method::Web => Err(DidError::NeedsDocument),
        }
    }

    /// Where the document of a did:web is, always https. None for the methods that need no document.
    ///
    /// Whoever fetches it bounds the fetch: no redirects, no private addresses after name resolution, a size, a time.
    pub fn document_location(&self) -> Result<Option<Url>, DidError> {
        match self.method {
            Method::Jwk | Method::Key => Ok(None),
            Method::Web => web::location(self.url.did().method_specific_id()).map(Some),
        }
    }

    /// The key that this DID's document has under this name and for this relationship.
    pub fn key_in_document(
        &self,
        document: &[u8],
        relationship: Relationship,
    ) -> Result<PublicKey, DidError> {
        document::key(self.as_did_url(), document, relationship)
    }

    fn as_did_url(&self) -> &DIDURL {
        self.url.as_did_url()
    }
}

impl fmt::Debug for DidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DidUrl({})", self.as_str())
    }
}

impl fmt::Display for DidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
