//! An encrypted, tamper-evident record store on [sled](https://docs.rs/sled).
//!
//! A [`Vault`] is a directory. Records are addressed by a [`Kind`] and an id, carry a schema number, and are changed in
//! transactions that are durable before they are reported. What is on the disk shows the number of records and their padded sizes, and
//! nothing else; a record that was altered, exchanged, replayed, lost or brought back is an error, never a silent difference.
//!
//! ```
//! use rand_core::SeedableRng;
//! use vault::{Changes, KdfCost, Kind, NewSlot, Passphrase, Unlock, Vault};
//!
//! const NOTE: Kind = Kind::ordinary("note");
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let parent = tempfile::tempdir()?;
//! # let directory = parent.path().join("vault");
//! # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! let passphrase = Passphrase::new("correct horse battery")?;
//! let slot = NewSlot::Passphrase(&passphrase, KdfCost::FLOOR);
//! let vault = Vault::create(&directory, &[slot], &mut rng)?;
//! vault.commit(&Changes::new().put(NOTE, "first", 1, b"kept"), &mut rng)?;
//! drop(vault);
//!
//! let vault = Vault::open(&directory, &Unlock::Passphrase(&passphrase))?;
//! let record = vault.get(NOTE, "first")?.ok_or("missing")?;
//! assert_eq!(record.body(), b"kept");
//! # Ok(())
//! # }
//! ```
//!
//! The format is specified in `specs/vault.md`; `README.md` says what is trusted and what is not.

mod changes;
mod directory;
mod engine;
mod header;
mod kdf;
mod keys;
mod lock;
mod manifest;
mod opening;
mod reader;
mod record;
mod recovery;
mod sensitive;
mod store;
mod unlock;
mod watermark;

pub use changes::{Changes, CommitError};
pub use directory::PermissionError;
pub use engine::{Damage, EngineError};
pub use header::HeaderError;
pub use kdf::{KdfCost, KdfCostError};
pub use opening::{CreateError, OpenError};
pub use record::{ID_BYTES_MAX, KIND_BYTES_MAX, Kind, Record};
pub use recovery::{RecoveryCode, RecoveryCodeError};
pub use sensitive::Sensitive;
pub use store::{ReadError, Vault};
pub use unlock::{
    KeyFile, KeyFileError, NewSlot, PASSPHRASE_CHARS_MIN, Passphrase, PassphraseError, Unlock,
};
