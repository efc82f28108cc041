//! did:jwk and did:key: the name is the key.

use protocol::identity::PublicKey;
use protocol::{base64url, json};
use ssi::JWK;
use ssi::dids::{DIDJWK, DIDKey, DIDResolver, DIDURL, DIDURLBuf};

use crate::{DidError, Relationship, document};

/// The fragment of the one key of a did:jwk.
const JWK_FRAGMENT: &str = "0";

pub(crate) fn jwk_url(key: &PublicKey) -> DIDURLBuf {
    DIDJWK::generate_url(&ssi_jwk(key))
}

pub(crate) fn key_url(key: &PublicKey) -> DIDURLBuf {
    DIDKey::generate_url(&ssi_jwk(key)).expect("ssi knows the multicodec of P-256 and Ed25519")
}

/// `ssi` reads the JWK too, but lets duplicate members and odd base64 pass; so both readers must agree.
pub(crate) fn key_of_jwk(url: &DIDURL) -> Result<PublicKey, DidError> {
    if url.fragment().map(|fragment| fragment.as_str()) != Some(JWK_FRAGMENT) {
        return Err(DidError::VerificationMethod);
    }
    let bytes = base64url::decode(url.did().method_specific_id()).map_err(|_| DidError::Key)?;
    let jwk = json::parse(&bytes, &json::Limits::DEFAULT).map_err(|_| DidError::Key)?;
    let key = PublicKey::from_jwk(&jwk).map_err(|_| DidError::Key)?;
    if resolved(&DIDJWK, url)? == key {
        Ok(key)
    } else {
        Err(DidError::Key)
    }
}

/// The name of a did:key is the one encoding of its key, in base58 and compressed; any other is refused.
pub(crate) fn key_of_key(url: &DIDURL) -> Result<PublicKey, DidError> {
    if url.fragment().map(|fragment| fragment.as_str()) != Some(url.did().method_specific_id()) {
        return Err(DidError::VerificationMethod);
    }
    let key = resolved(&DIDKey, url)?;
    if key_url(&key).as_did_url() == url {
        Ok(key)
    } else {
        Err(DidError::Key)
    }
}

fn resolved<R: DIDResolver>(resolver: &R, url: &DIDURL) -> Result<PublicKey, DidError> {
    let document = document::resolve(resolver, url.did())?;
    document::key_in(&document, url, Relationship::Authentication)
}

fn ssi_jwk(key: &PublicKey) -> JWK {
    serde_json::from_value(key.to_jwk()).expect("ssi reads every JWK that we write")
}
