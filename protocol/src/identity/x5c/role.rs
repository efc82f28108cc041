//! What a leaf certificate was made for.

use webpki::{
    Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage,
    RequiredEkuNotFoundContext,
};
use x509_cert::der::asn1::ObjectIdentifier;

static CREDENTIAL_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1.1");
static PRESENTATION_VERIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1.2");
/// The drafts of Token Status List have not been given the number of `id-kp-oauthStatusSigning` yet.
static STATUS_LIST_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1.3");
static ROLE_PURPOSES: [&ObjectIdentifier; 3] = [
    &CREDENTIAL_ISSUER,
    &PRESENTATION_VERIFIER,
    &STATUS_LIST_ISSUER,
];

/// What a key may sign, as its certificate has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Signs credentials.
    CredentialIssuer,
    /// Signs requests for presentations.
    PresentationVerifier,
    /// Signs status lists; a credential issuer may do that too.
    StatusListIssuer,
}

impl Role {
    /// The extended key usage that a leaf of this role carries, in dotted form.
    #[must_use]
    pub fn key_purpose(self) -> String {
        self.oid().to_string()
    }

    const fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::CredentialIssuer => &CREDENTIAL_ISSUER,
            Self::PresentationVerifier => &PRESENTATION_VERIFIER,
            Self::StatusListIssuer => &STATUS_LIST_ISSUER,
        }
    }

    /// Whether a certificate with this extended key usage may act in this role.
    pub(super) fn allows(self, purpose: &ObjectIdentifier) -> bool {
        purpose == self.oid() || (self == Self::StatusListIssuer && *purpose == CREDENTIAL_ISSUER)
    }
}

/// An authority without extended key usage may issue for any role; one with it, only for those it names.
impl ExtendedKeyUsageValidator for Role {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?;
            if ROLE_PURPOSES
                .iter()
                .any(|oid| self.allows(oid) && KeyPurposeId::new(oid.as_bytes()) == purpose)
            {
                return Ok(());
            }
            present.push(purpose.to_decoded_oid());
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = KeyUsage::required(self.oid().as_bytes());
        Err(Error::RequiredEkuNotFoundContext(
            RequiredEkuNotFoundContext { required, present },
        ))
    }
}
