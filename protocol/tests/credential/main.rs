//! Credentials and status lists through the public interface: the catalogue of what must be refused, each row beside
//! its twin that is accepted; vectors; and properties over arbitrary input.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot build its input has failed"
)]

mod authority;
mod disclosures;
mod forge;
mod key_binding;
mod profile;
mod properties;
mod sd_jwt;
mod status;
mod unlinkable;
mod vectors;
