//! Who signs: keys, their JWK form, and signatures that say what they are for.
//!
//! P-256 and Ed25519 are both first-class. A signature's algorithm comes from the key that checks it, never from
//! the message; what a signature is for comes from the caller ([`Purpose`]), never from the message either.

mod algorithm;
mod jwk;
pub mod jws;
mod public_key;
mod purpose;
mod signing_key;
pub mod x5c;

pub use algorithm::Algorithm;
pub use public_key::{KeyError, PublicKey, SignatureError};
pub use purpose::Purpose;
pub use signing_key::SigningKey;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wycheproof;
