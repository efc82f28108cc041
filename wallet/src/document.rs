//! Document images in the vault: sensitive records under the digest that stands in the credential.

use protocol::application::DisclosedDocument;
use protocol::kyc::{Document, UnverifiedDocument};
use protocol::registry::ContentDigest;
use serde::{Deserialize, Serialize};
use vault::{Changes, Kind, Sensitive, Vault};

use crate::session::SessionError;

const DOCUMENT: Kind = Kind::sensitive("document");
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    document: UnverifiedDocument,
}

/// Adds an image to what a transaction writes.
pub(crate) fn put(
    changes: Changes,
    document: &UnverifiedDocument,
    digest: ContentDigest,
) -> Result<Changes, SessionError> {
    let stored = Stored {
        document: document.clone(),
    };
    Ok(changes.put_json(DOCUMENT, &digest.to_string(), SCHEMA, &stored)?)
}

/// Whether all of these images are in the vault; that can be told without unlocking them.
pub(crate) fn are_kept(vault: &Vault, digests: &[ContentDigest]) -> bool {
    let kept = vault.list(DOCUMENT);
    digests
        .iter()
        .all(|digest| kept.contains(&digest.to_string()))
}

/// Reads the image of this digest. What is stored is checked against it again.
pub(crate) fn get(
    sensitive: &Sensitive<'_>,
    digest: ContentDigest,
) -> Result<Option<DisclosedDocument>, SessionError> {
    let Some(record) = sensitive.get(DOCUMENT, &digest.to_string())? else {
        return Ok(None);
    };
    let stored: Stored = record.json()?;
    let verified: Option<Document> = stored.document.verify().ok();
    Ok(verified
        .filter(|document| document.digest() == digest)
        .map(|document| DisclosedDocument {
            media_type: document.media_type(),
            data: document.data().to_vec(),
        }))
}
