//! DIDs as names of keys: did:jwk, did:key and did:web.
//!
//! The one place that knows `ssi`; none of its types leaves this crate. What it hands out are keys of
//! [`protocol::identity`], which were checked by the rules there.
//!
//! ```
//! # use protocol::identity::{Algorithm, SigningKey};
//! # let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
//! let key = SigningKey::generate(Algorithm::Es256, &mut rng);
//! let name = did::DidUrl::of_key(key.public_key());
//! assert!(name.as_str().starts_with("did:key:zDn"));
//!
//! let received = did::DidUrl::parse(name.as_str())?;
//! assert_eq!(&received.key()?, key.public_key());
//! # Ok::<(), did::DidError>(())
//! ```
//!
//! Trusted: nothing that a DID says about its owner. did:jwk and did:key say only which key they mean; did:web moves the
//! question to whoever answers for the host name. This crate opens no connection: for did:web its caller fetches
//! [`DidUrl::document_location`] within its own bounds and hands over the bytes.

mod did_url;
mod document;
mod self_contained;
mod web;

pub use did_url::DidUrl;
pub use document::Relationship;

/// A DID URL or document was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// Not a DID URL of one verification method: too long, or with a path or a query, or without a fragment.
    #[error("not the DID URL of a verification method")]
    Form,
    /// A DID method other than did:jwk, did:key and did:web.
    #[error("the DID method is not supported")]
    Method,
    /// The key is in a document that has to be fetched first.
    #[error("the DID is resolved by its document")]
    NeedsDocument,
    /// A did:web that would be fetched from an address, from this machine, or without TLS.
    #[error("the DID does not name a public host")]
    Host,
    /// Not the DID document of this DID.
    #[error("the document is not that of the DID")]
    Document,
    /// The document has no such verification method, or not for this relationship.
    #[error("the DID has no such verification method")]
    VerificationMethod,
    /// The key is of an unsupported kind, badly encoded, or not safe.
    #[error("the key of the DID is not acceptable")]
    Key,
}

#[cfg(test)]
mod tests;
