//! KYC: the application, the common checks, and the claims that come of them ([specification](../../../specs/kyc.md)).
//!
//! An [`UnverifiedApplication`] is what a wallet sealed and a reviewer opened; [`UnverifiedApplication::verify`] is the
//! only way to an [`Application`]. With the [`Check`]s it becomes the claims of a credential ([`claims`]).
//!
//! ```
//! use protocol::kyc::text_contains_my_number;
//!
//! assert!(text_contains_my_number("1234-5678-9018"));
//! assert!(!text_contains_my_number("100-0001"));
//! ```

mod application;
mod check;
pub mod claims;
mod document;
mod form;
mod my_number;
mod step;
mod submission;

pub use application::{
    APPLICATION_BYTES_MAX, Application, ApplicationError, UnverifiedApplication,
};
pub use check::{Check, OpeningError, evidence_of};
pub use document::{
    DOCUMENT_BYTES_MAX, DOCUMENTS_MAX, Document, DocumentError, DocumentKind, MediaType,
    UnverifiedDocument,
};
pub use form::{
    Field, Form, FormError, IdentityDocument, PostalAddress, UnverifiedForm,
    UnverifiedIdentityDocument,
};
pub use my_number::{
    MY_NUMBER_DIGITS, bytes_contain_my_number, has_valid_check_digit, text_contains_my_number,
};
pub use step::{CLOSED, Judgement, OPENED, Process, UnknownProcess};
pub use submission::{
    APPLICATION_INFO, CaseState, CaseStatus, CheckState, CheckStatus, OFFER_INFO, Submission,
    SubmissionReceipt, open_application, open_offer, seal_application, seal_offer,
};
