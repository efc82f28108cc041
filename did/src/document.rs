//! DID documents, through `ssi`.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use protocol::identity::PublicKey;
use protocol::json;
use serde_json::Value;
use ssi::dids::document::representation::MediaType;
use ssi::dids::document::resource::ResourceRef;
use ssi::dids::document::{DIDVerificationMethod, Document};
use ssi::dids::resolution::{Error, Options, Output, Parameters};
use ssi::dids::{DID, DIDResolver, DIDURL, DIDURLBuf};
use ssi::verification_methods::ProofPurpose;

use crate::{DidError, self_contained};

/// A document of a person or company; much larger ones have another purpose.
const DOCUMENT_LIMITS: json::Limits = json::Limits::DEFAULT;

/// What a key may be used for, as its owner's document has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relationship {
    /// To prove control over the DID: key proofs and presentations.
    Authentication,
    /// To make statements: credentials and requests.
    AssertionMethod,
}

impl Relationship {
    const fn purpose(self) -> ProofPurpose {
        match self {
            Self::Authentication => ProofPurpose::Authentication,
            Self::AssertionMethod => ProofPurpose::Assertion,
        }
    }
}

/// The key in a fetched document.
pub(crate) fn key(
    url: &DIDURL,
    bytes: &[u8],
    relationship: Relationship,
) -> Result<PublicKey, DidError> {
    // ssi keeps the last of two members of one name.
    json::parse(bytes, &DOCUMENT_LIMITS).map_err(|_| DidError::Document)?;
    let document = resolve(&Fetched(bytes), url.did())?;
    key_in(&document, url, relationship)
}

pub(crate) fn key_in(
    document: &Document,
    url: &DIDURL,
    relationship: Relationship,
) -> Result<PublicKey, DidError> {
    let related = document.verification_relationships.contains(
        &document.id,
        url,
        relationship.purpose().into(),
    );
    match document.find_resource(url) {
        Some(ResourceRef::VerificationMethod(method))
            if related && *method.controller == document.id =>
        {
            key_of_method(method)
        }
        Some(_) | None => Err(DidError::VerificationMethod),
    }
}

/// Resolves, and checks what `ssi` does not: that the document is about the DID that was asked for.
pub(crate) fn resolve<R: DIDResolver>(resolver: &R, did: &DID) -> Result<Document, DidError> {
    let options = Options {
        accept: Some(MediaType::Json),
        parameters: Parameters {
            public_key_format: Some("JsonWebKey2020".to_owned()),
            ..Parameters::default()
        },
    };
    let resolution = ready(resolver.resolve_with(did, options)).ok_or(DidError::Document)?;
    let document = resolution
        .map_err(|_| DidError::Document)?
        .document
        .into_document();
    if *document.id == *did {
        Ok(document)
    } else {
        Err(DidError::Document)
    }
}

/// One key in one form; a method with two could mean either.
fn key_of_method(method: &DIDVerificationMethod) -> Result<PublicKey, DidError> {
    match (
        method.properties.get("publicKeyJwk"),
        method.properties.get("publicKeyMultibase"),
    ) {
        (Some(jwk), None) => PublicKey::from_jwk(jwk).map_err(|_| DidError::Key),
        (None, Some(Value::String(multibase))) => {
            let url = format!("did:key:{multibase}#{multibase}");
            let url = DIDURLBuf::from_string(url).map_err(|_| DidError::Key)?;
            self_contained::key_of_key(url.as_did_url())
        }
        _ => Err(DidError::Key),
    }
}

/// A resolver that has its answer already.
struct Fetched<'a>(&'a [u8]);

impl DIDResolver for Fetched<'_> {
    async fn resolve_representation<'a>(
        &'a self,
        _did: &'a DID,
        _options: Options,
    ) -> Result<Output<Vec<u8>>, Error> {
        Ok(Output::from_content(
            self.0.to_vec(),
            Some(MediaType::Json.to_string()),
        ))
    }
}

/// The value of a future that waits for nothing: `ssi` makes resolution async for the methods that fetch, and those are
/// not used here.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
