//! Document images: opaque bytes of a declared type, hashed, never decoded.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::bytes_contain_my_number;
use crate::{base64url, registry::ContentDigest};

/// Images of one application.
pub const DOCUMENTS_MAX: usize = 4;
/// Bytes of one image.
pub const DOCUMENT_BYTES_MAX: usize = 8 << 20;
/// Pixels of one side of an image.
const SIDE_PIXELS_MAX: u32 = 12_000;

/// Kinds of identity document, named as in OpenID Connect for Identity Assurance. A My Number card is none of them:
/// its back bears the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Driving licence.
    DrivingPermit,
    /// Passport.
    Passport,
}

/// Media types of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaType {
    /// Portable Network Graphics.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
}

impl MediaType {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    const fn signature(self) -> &'static [u8] {
        match self {
            Self::Png => b"\x89PNG\r\n\x1a\n",
            Self::Jpeg => b"\xff\xd8\xff",
        }
    }
}

/// An image as it stands in a sealed application.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedDocument {
    /// What it is an image of.
    pub kind: DocumentKind,
    /// What the bytes are said to be.
    pub media_type: MediaType,
    /// The bytes.
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "deserialize_bytes"
    )]
    pub data: Vec<u8>,
}

/// An image of the declared type within the limits.
#[derive(Clone)]
pub struct Document {
    kind: DocumentKind,
    media_type: MediaType,
    data: Vec<u8>,
}

/// Why an image is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Empty or over the limit.
    #[error("an image is empty or larger than 8 MiB")]
    Size,
    /// The bytes are not of the declared type.
    #[error("an image is not of the type it is said to be")]
    MediaType,
    /// More pixels than a reviewer's screen should be asked to decode.
    #[error("an image has a side of more than 12000 pixels")]
    Dimensions,
    /// A My Number stands in the metadata of the image.
    #[error(
        "an image holds a My Number: the consortium may not receive it; remove it and apply again"
    )]
    MyNumber,
}

impl UnverifiedDocument {
    /// Checks type, size and metadata.
    pub fn verify(self) -> Result<Document, DocumentError> {
        if self.data.is_empty() || self.data.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::Size);
        }
        if !self.data.starts_with(self.media_type.signature()) {
            return Err(DocumentError::MediaType);
        }
        if self.media_type == MediaType::Png {
            verify_png_dimensions(&self.data)?;
        }
        if bytes_contain_my_number(&self.data) {
            return Err(DocumentError::MyNumber);
        }
        Ok(Document {
            kind: self.kind,
            media_type: self.media_type,
            data: self.data,
        })
    }
}

impl Document {
    /// What it is an image of.
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The type of the bytes.
    pub const fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// What stands for the image in the credential and in the commitment.
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of(&self.data)
    }
}

/// The first chunk of a PNG is IHDR, which starts with width and height.
fn verify_png_dimensions(data: &[u8]) -> Result<(), DocumentError> {
    let header = data.get(12..24).ok_or(DocumentError::MediaType)?;
    let Some((b"IHDR", sides)) = header.split_first_chunk::<4>() else {
        return Err(DocumentError::MediaType);
    };
    let (sides, _) = sides.as_chunks::<4>();
    if sides
        .iter()
        .all(|side| (1..=SIDE_PIXELS_MAX).contains(&u32::from_be_bytes(*side)))
    {
        Ok(())
    } else {
        Err(DocumentError::Dimensions)
    }
}

fn serialize_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64url::encode(bytes))
}

fn deserialize_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64url::decode(&text).map_err(D::Error::custom)
}

impl std::fmt::Debug for UnverifiedDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnverifiedDocument")
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Document")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> UnverifiedDocument {
        let mut data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        data.extend(width.to_be_bytes());
        data.extend(height.to_be_bytes());
        UnverifiedDocument {
            kind: DocumentKind::DrivingPermit,
            media_type: MediaType::Png,
            data,
        }
    }

    #[test]
    fn an_image_of_its_type_is_accepted() {
        assert!(png(856, 540).verify().is_ok());
        assert!(png(12_000, 12_000).verify().is_ok());
    }

    #[test]
    fn neg_i20_an_image_of_another_type_is_refused() {
        for data in [
            &b"<svg onload=alert(1)>"[..],
            b"%PDF-1.7",
            b"GIF89a",
            b"\x89PNG\r\n\x1a\n",
        ] {
            let document = UnverifiedDocument {
                data: data.to_vec(),
                ..png(1, 1)
            };
            assert_eq!(document.verify().unwrap_err(), DocumentError::MediaType);
        }
    }

    #[test]
    fn neg_i20_an_image_with_too_many_pixels_or_bytes_is_refused() {
        for (width, height) in [(50_000, 50_000), (12_001, 1), (0, 1)] {
            assert_eq!(
                png(width, height).verify().unwrap_err(),
                DocumentError::Dimensions
            );
        }
        let mut large = png(1, 1);
        large.data.resize(DOCUMENT_BYTES_MAX + 1, 0);
        assert_eq!(large.verify().unwrap_err(), DocumentError::Size);
    }

    #[test]
    fn neg_i22_an_image_with_a_my_number_in_its_metadata_is_refused() {
        let mut document = png(1, 1);
        document.data.extend(b"tEXtComment\x00123456789018\0");
        assert_eq!(document.verify().unwrap_err(), DocumentError::MyNumber);
    }

    #[test]
    fn neg_p06_padded_base64_is_refused() {
        let json = r#"{"kind":"passport","media_type":"image/png","data":"AA=="}"#;
        assert!(serde_json::from_str::<UnverifiedDocument>(json).is_err());
    }
}
