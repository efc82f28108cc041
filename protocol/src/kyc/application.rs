//! The plaintext of a sealed application: the form and the document images.

use serde::{Deserialize, Serialize};

use super::{
    DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, Document, DocumentError, Form, FormError,
    UnverifiedDocument, UnverifiedForm,
};
use crate::{
    Timestamp,
    json::{self, JsonError, Limits},
    registry::ContentDigest,
};

/// Bytes of the plaintext of an application.
pub const APPLICATION_BYTES_MAX: usize = 9 << 20;

/// An application as a wallet seals it to the reviewers' key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedApplication {
    /// What the applicant states.
    pub form: UnverifiedForm,
    /// Images of the identity document.
    pub documents: Vec<UnverifiedDocument>,
}

/// An application that keeps every rule of form and documents.
#[derive(Clone, Debug)]
pub struct Application {
    form: Form,
    documents: Vec<Document>,
}

/// Why an application is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// Not the JSON of an application.
    #[error("the application cannot be read")]
    Json(#[source] JsonError),
    /// A rule of the form.
    #[error("the form is refused")]
    Form(#[source] FormError),
    /// A rule of the images.
    #[error("a document is refused")]
    Document(#[source] DocumentError),
    /// No image, too many, or an image of another document than the form names.
    #[error("the documents are not one to four images of the document that the form names")]
    Documents,
}

impl ApplicationError {
    /// Whether the reason is a My Number: then nothing of the application may be kept.
    pub fn is_my_number(&self) -> bool {
        matches!(
            self,
            Self::Form(FormError::MyNumber) | Self::Document(DocumentError::MyNumber)
        )
    }
}

impl UnverifiedApplication {
    /// Reads the plaintext.
    pub fn parse(plaintext: &[u8]) -> Result<Self, ApplicationError> {
        let limits = Limits {
            bytes: APPLICATION_BYTES_MAX,
            string: DOCUMENT_BYTES_MAX.div_ceil(3) * 4,
            ..Limits::DEFAULT
        };
        json::parse_as(plaintext, &limits).map_err(ApplicationError::Json)
    }

    /// Checks every rule: the only way to an [`Application`]. Wallets call it before sealing, issuers after opening.
    pub fn verify(self, now: Timestamp) -> Result<Application, ApplicationError> {
        let form = self.form.verify(now).map_err(ApplicationError::Form)?;
        if !(1..=DOCUMENTS_MAX).contains(&self.documents.len()) {
            return Err(ApplicationError::Documents);
        }
        let documents = self
            .documents
            .into_iter()
            .map(UnverifiedDocument::verify)
            .collect::<Result<Vec<_>, _>>()
            .map_err(ApplicationError::Document)?;
        let kind = form.identity_document().kind();
        if documents.iter().any(|document| document.kind() != kind) {
            return Err(ApplicationError::Documents);
        }
        Ok(Application { form, documents })
    }
}

impl Application {
    /// What the applicant states.
    pub const fn form(&self) -> &Form {
        &self.form
    }

    /// The images.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The digests of the images, in order.
    pub fn document_digests(&self) -> Vec<ContentDigest> {
        self.documents.iter().map(Document::digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-23T03:00:00Z").unwrap()
    }

    fn json() -> Value {
        let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        image.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        json!({
            "form": {
                "family_name": "山田", "given_name": "太郎",
                "family_name#ja-Kana-JP": "ヤマダ", "given_name#ja-Kana-JP": "タロウ",
                "family_name#ja-Latn-JP": "YAMADA", "given_name#ja-Latn-JP": "TARO",
                "birthdate": "1990-04-01",
                "address": {
                    "country": "JP", "postal_code": "100-0001", "region": "東京都",
                    "locality": "千代田区", "street_address": "千代田1-1"
                },
                "nationalities": ["JP"], "occupation": "会社員",
                "identity_document": {"type": "driving_permit", "date_of_expiry": "2029-04-01"}
            },
            "documents": [
                {"kind": "driving_permit", "media_type": "image/png", "data": base64url::encode(&image)}
            ]
        })
    }

    fn read(json: &Value) -> Result<Application, ApplicationError> {
        UnverifiedApplication::parse(&serde_json::to_vec(json).unwrap())?.verify(now())
    }

    #[test]
    fn an_application_that_keeps_every_rule_is_accepted() {
        let application = read(&json()).unwrap();
        assert_eq!(application.documents().len(), 1);
        assert_eq!(application.form().stated().given_name, "太郎");
    }

    #[test]
    fn neg_i22_a_my_number_in_form_or_image_is_refused() {
        let mut in_form = json();
        in_form["form"]["occupation"] = "1234-5678-9018".into();
        assert!(read(&in_form).unwrap_err().is_my_number());

        let mut in_image = json();
        let mut data =
            base64url::decode(in_image["documents"][0]["data"].as_str().unwrap()).unwrap();
        data.extend(b"tEXt\x00123456789018\0");
        in_image["documents"][0]["data"] = base64url::encode(&data).into();
        assert!(read(&in_image).unwrap_err().is_my_number());

        let mut as_member = json();
        as_member["form"]["my_number"] = "123456789018".into();
        assert!(matches!(read(&as_member), Err(ApplicationError::Json(_))));
    }

    #[test]
    fn images_must_be_of_the_document_that_the_form_names() {
        let mut other = json();
        other["documents"][0]["kind"] = "passport".into();
        assert!(matches!(read(&other), Err(ApplicationError::Documents)));

        let mut none = json();
        none["documents"] = json!([]);
        assert!(matches!(read(&none), Err(ApplicationError::Documents)));

        let mut many = json();
        let image = many["documents"][0].clone();
        many["documents"] = vec![image; DOCUMENTS_MAX + 1].into();
        assert!(matches!(read(&many), Err(ApplicationError::Documents)));
    }

    #[test]
    fn neg_p01_a_member_that_stands_twice_is_refused() {
        let text = json().to_string().replacen('{', r#"{"form":null,"#, 1);
        assert!(matches!(
            UnverifiedApplication::parse(text.as_bytes()),
            Err(ApplicationError::Json(_))
        ));
    }
}
