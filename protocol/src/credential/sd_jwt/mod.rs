//! SD-JWT and SD-JWT+KB without any profile ([RFC 9901](https://www.rfc-editor.org/rfc/rfc9901), compact serialization only).
//!
//! Parsing checks the form, every limit and the whole structure of digests and disclosures; nothing of that needs a
//! key. A signature is checked only for what passed. [`UnverifiedSdJwt`] and [`UnverifiedSdJwtKb`] become
//! [`VerifiedSdJwt`] and [`VerifiedSdJwtKb`] through `verify` alone.

mod concealer;
mod disclosure;
mod key_binding;
mod reader;
mod unverified;
mod verified;

pub use concealer::{ConcealError, ConcealedClaims, Decoys, conceal};
pub use disclosure::{DisclosedClaim, Disclosure, DisclosureError};
pub use key_binding::{
    KEY_BINDING_AGE_SECONDS_MAX, KeyBindingError, KeyBindingExpectation, transaction_data_hash,
};
pub use reader::{DISCLOSURES_MAX, ProcessError, ProcessedPayload, RECURSION_MAX, process};
pub use unverified::{SD_JWT_BYTES_MAX, SdJwtError, UnverifiedSdJwt, UnverifiedSdJwtKb};
pub use verified::{PresentError, VerifiedSdJwt, VerifiedSdJwtKb};
