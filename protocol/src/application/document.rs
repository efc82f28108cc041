//! Images of the identity document, which travel with a presentation and are held against the digests in the credential.

use std::fmt;

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::base64url;
use crate::kyc::{DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, MediaType};
use crate::registry::ContentDigest;

/// An image as the holder sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct DisclosedDocument {
    /// The type that it is said to be.
    pub media_type: MediaType,
    /// Its bytes; never decoded here.
    pub data: Vec<u8>,
}

/// The images are not those that the credential names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document images are not those of the credential")]
pub struct DocumentsError;

impl DisclosedDocument {
    pub(super) fn to_value(&self) -> Value {
        json!({"media_type": self.media_type, "data": base64url::encode(&self.data)})
    }

    pub(super) fn list_from_value(value: Option<&Value>) -> Option<Vec<Self>> {
        let Some(value) = value else {
            return Some(Vec::new());
        };
        let list = value
            .as_array()
            .filter(|list| list.len() <= DOCUMENTS_MAX)?;
        list.iter().map(Self::from_value).collect()
    }

    fn from_value(value: &Value) -> Option<Self> {
        let media_type = MediaType::deserialize(value.get("media_type")?).ok()?;
        let data = base64url::decode(value.get("data")?.as_str()?).ok()?;
        (data.len() <= DOCUMENT_BYTES_MAX).then_some(Self { media_type, data })
    }
}

/// Accepts no image at all, or exactly the images of these digests in their order.
pub fn check_documents(
    documents: &[DisclosedDocument],
    digests: &[ContentDigest],
) -> Result<(), DocumentsError> {
    let found: Vec<ContentDigest> = documents
        .iter()
        .map(|document| ContentDigest::of(&document.data))
        .collect();
    if found.is_empty() || found == digests {
        Ok(())
    } else {
        Err(DocumentsError)
    }
}

impl fmt::Debug for DisclosedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisclosedDocument")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(data: &[u8]) -> DisclosedDocument {
        DisclosedDocument {
            media_type: MediaType::Png,
            data: data.to_vec(),
        }
    }

    #[test]
    fn neg_r17_an_altered_missing_or_exchanged_image_is_refused() {
        let images = [document(b"front"), document(b"back")];
        let digests = [ContentDigest::of(b"front"), ContentDigest::of(b"back")];
        assert_eq!(check_documents(&images, &digests), Ok(()));
        assert_eq!(check_documents(&[], &digests), Ok(()));
        for altered in [
            vec![document(b"front"), document(b"bacK")],
            vec![document(b"back"), document(b"front")],
            vec![document(b"front")],
            vec![document(b"front"), document(b"back"), document(b"")],
        ] {
            assert_eq!(check_documents(&altered, &digests), Err(DocumentsError));
        }
        assert_eq!(check_documents(&images, &[]), Err(DocumentsError));
    }

    #[test]
    fn images_are_read_back() {
        let value = json!([document(b"front").to_value()]);
        assert_eq!(
            DisclosedDocument::list_from_value(Some(&value)),
            Some(vec![document(b"front")])
        );
        assert_eq!(DisclosedDocument::list_from_value(None), Some(Vec::new()));
        let many = json!(vec![document(b"x").to_value(); DOCUMENTS_MAX + 1]);
        assert_eq!(DisclosedDocument::list_from_value(Some(&many)), None);
    }
}
