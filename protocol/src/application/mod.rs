//! Application: Tegata's own part of a presentation at a company (specs/application.md).
//!
//! A company's signed request carries a [`DesignationOffer`] and, for an account, a [`CrsDeclaration`]. The holder records a
//! designation on the registry before any data leaves, and sends its receipt and opening with the credential's anchor in
//! a [`ResponseExtension`]. The company checks them with [`UnverifiedConsent::verify`], the consortium's past checks with
//! [`verify_history`], and answers with records that [`OutcomeOpening`]s open for the holder alone.
//!
//! A wallet that knows nothing of this ignores it, and its presentation is one without a consent receipt.

mod account;
mod consent;
mod designation;
mod document;
mod exchange;
mod extension;
mod history;
mod outcome;
mod status_token;
#[cfg(test)]
mod tests;

pub use account::{
    AccountType, Country, CountryError, CrsDeclaration, DeclarationError, PURPOSE_ACCOUNT_OPENING,
    PURPOSE_IDENTIFICATION, TRANSACTION_DATA_TYPES, can_declare,
};
pub use consent::{ConsentError, ConsentExpectation, VerifiedConsent};
pub use designation::{DesignationOffer, DesignationOfferError, DesignationOpening};
pub use document::{DisclosedDocument, DocumentsError, check_documents};
pub use exchange::{
    ApplicationAccess, ApplicationState, ApplicationStatus, ResponseAnswer, StartAnswer,
    StartRequest,
};
pub use extension::{ResponseExtension, ResponseExtensionError, UnverifiedConsent};
pub use history::{HistoryError, VerifiedHistory, VerifiedStep, verify_history};
pub use outcome::{OutcomeOpening, OutcomeOpeningError};
pub use status_token::StatusToken;
